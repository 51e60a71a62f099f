import { hostServiceAccount, managedBy, managedByLabel, roleLabel } from "../../crds/names.ts";
import type { ContainerStatus, Pod } from "../../kube/objects.ts";
import type { OwnerReference } from "../../kube/types.ts";
import { plain } from "../host/pod-outcome.ts";
import type { WantedImage } from "./names.ts";

/** Value of the role label of pods that only look for images. */
export const imageRole = "image-check";

export interface ImageCheck {
  name: string;
  namespace: string;
  nodeName: string;
  images: readonly WantedImage[];
  /** Its end is the pod's end. */
  owner: OwnerReference;
  /** Seconds the node may take to pull them all. */
  deadlineSeconds: number;
}

/** No image has it: a container that cannot start for want of it had its image. */
const missingCommand = "/cni-migrate/only-looks-for-the-image";

/**
 * A pod that has its node pull images and starts nothing of them: the command is not there. On the node's network, so that it
 * takes no address and waits for no CNI plugin; without a token, a volume or a right.
 */
export function imagePod(check: ImageCheck): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: check.name,
      namespace: check.namespace,
      labels: { [managedByLabel]: managedBy, [roleLabel]: imageRole },
      ownerReferences: [check.owner],
    },
    spec: {
      nodeName: check.nodeName,
      hostNetwork: true,
      dnsPolicy: "Default",
      serviceAccountName: hostServiceAccount,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      priorityClassName: "system-node-critical",
      restartPolicy: "Never",
      terminationGracePeriodSeconds: 1,
      activeDeadlineSeconds: check.deadlineSeconds,
      tolerations: [{ operator: "Exists" }],
      securityContext: { runAsNonRoot: true, runAsUser: 65_534, seccompProfile: { type: "RuntimeDefault" } },
      containers: check.images.map(({ image, imagePullPolicy }, index) => ({
        name: `image-${index}`,
        image,
        ...(imagePullPolicy === undefined ? {} : { imagePullPolicy }),
        command: [missingCommand],
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        },
      })),
    },
  };
}

/** What a node made of one image. `said`: the kubelet's words. */
export type ImageState =
  | { state: "there" | "waiting"; image: string }
  /** It could not be had. `asksForLogin`: a registry says so without one, whether it has the image or not. */
  | { state: "missing"; image: string; said: string; asksForLogin: boolean };

/** Reasons of the kubelet that come before a container is made: the image is not there. */
const pullReasons = new Set([
  "ErrImagePull",
  "ImagePullBackOff",
  "ErrImageNeverPull",
  "InvalidImageName",
  "ImageInspectError",
  "RegistryUnavailable",
  "SignatureValidationFailed",
]);

/** Reasons that come after: the container could not be made or started, as is meant. */
const startReasons = new Set([
  "CreateContainerConfigError",
  "CreateContainerError",
  "PreCreateHookError",
  "PreStartHookError",
  "RunContainerError",
  "CrashLoopBackOff",
]);

/** What the kubelet says of a container it knows nothing of any more. */
const lostReasons = new Set(["Unknown", "ContainerStatusUnknown"]);

/** Registries' words for a request without rights. */
const loginWords =
  /unauthorized|authentication required|authorization failed|no basic auth|denied|forbidden|\b40[13]\b/i;

const saidCharacters = 300;

/** How far the node is with each image of such a pod, in their order. */
export function readImagePod({ spec, status }: Pod): ImageState[] {
  return spec.containers.map(({ name, image = "" }) => {
    const container = status?.containerStatuses?.find((found) => found.name === name);
    if (isThere(container)) return { state: "there", image };
    const { reason, message } = container?.state?.waiting ?? {};
    if (reason !== undefined && pullReasons.has(reason)) return missing(image, reason, message);
    if (status?.phase === "Failed") return missing(image, status.reason ?? "the pod failed", status.message);
    return { state: "waiting", image };
  });
}

function isThere(container: ContainerStatus | undefined): boolean {
  const { running, terminated, waiting } = container?.state ?? {};
  if (running !== undefined) return true;
  if (terminated !== undefined) return !lostReasons.has(terminated.reason ?? "");
  return startReasons.has(waiting?.reason ?? "");
}

function missing(image: string, reason: string, message: string | undefined): ImageState {
  // While it waits for its next try the kubelet says the same again, with words before it.
  const cause = plain(message, 2 * saidCharacters).replace(/^Back-off pulling image "[^"]*":? ?/, "");
  const words = cause.startsWith("ErrImagePull: ") ? cause : [plain(reason), cause].filter(Boolean).join(": ");
  return { state: "missing", image, said: plain(words, saidCharacters), asksForLogin: loginWords.test(cause) };
}
