import { hostServiceAccount, managedBy, managedByLabel, probePort, roleLabel } from "../../crds/names.ts";
import type { Container, Pod, PodSpec } from "../../kube/objects.ts";
import type { OwnerReference } from "../../kube/types.ts";
import { listFrom, numberFrom, plain, podOutcome, recordFrom } from "../host/pod-outcome.ts";
import type { CheckKind, ProbeCheck, ProbeReport, ProbeSpec } from "./spec.ts";

interface ProbePodBase {
  name: string;
  namespace: string;
  /** Its end is the pod's end. */
  owner: OwnerReference;
  /** Beside the labels every object of ours carries. */
  labels?: Record<string, string>;
  image: string;
  /** Default: the kubelet's. */
  imagePullPolicy?: "Always" | "IfNotPresent" | "Never";
}

export interface ProbeServerPod extends ProbePodBase {
  nodeName: string;
  /** The same as in the specs of the probes that talk to it. */
  token: string;
}

export interface OneShotProbePod extends ProbePodBase {
  /** Says the node, and whether it runs on the pod network or on the node's. */
  spec: ProbeSpec;
}

/** Seconds beyond the spec's deadline until the kubelet ends a probe: for pulling the image and making the sandbox. */
const startSeconds = 60;
const defaultDeadlineSeconds = 10;

/** A server on a node's pod network that answers probes as long as it lives. */
export function probeServerPod(wanted: ProbeServerPod): Pod {
  const args = ["probe-server", "--port", String(probePort), "--token", wanted.token];
  const ports: Container["ports"] = [
    { name: "probe", containerPort: probePort, protocol: "TCP" },
    { name: "probe-udp", containerPort: probePort, protocol: "UDP" },
  ];
  return probePod(wanted, "probe-server", wanted.nodeName, { args, ports }, { restartPolicy: "Always" });
}

/** A pod that runs one table of checks and ends. */
export function oneShotProbePod(wanted: OneShotProbePod): Pod {
  const { spec } = wanted;
  const ofNode = spec.network === "node" ? { hostNetwork: true, dnsPolicy: "Default" } : {};
  const activeDeadlineSeconds = (spec.deadlineSeconds ?? defaultDeadlineSeconds) + startSeconds;
  const args = ["probe", "--spec", JSON.stringify(spec)];
  return probePod(wanted, "probe", spec.node, { args }, { restartPolicy: "Never", activeDeadlineSeconds, ...ofNode });
}

/** Bound to its node without the scheduler; no token, no privilege, no resources that a full node could refuse. */
function probePod(
  wanted: ProbePodBase,
  role: string,
  nodeName: string,
  container: Partial<Container>,
  spec: Partial<PodSpec>,
): Pod {
  const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: wanted.name,
      namespace: wanted.namespace,
      labels: { ...wanted.labels, [managedByLabel]: managedBy, [roleLabel]: role },
      ownerReferences: [wanted.owner],
    },
    spec: {
      nodeName,
      serviceAccountName: hostServiceAccount,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 1,
      tolerations: [{ operator: "Exists" }],
      securityContext: { runAsNonRoot: true, runAsUser: 65_534, seccompProfile: { type: "RuntimeDefault" } },
      ...spec,
      containers: [
        {
          name: role,
          image: wanted.image,
          ...(wanted.imagePullPolicy === undefined ? {} : { imagePullPolicy: wanted.imagePullPolicy }),
          env: [
            field("NODE_NAME", "spec.nodeName"),
            field("POD_NAME", "metadata.name"),
            field("POD_IP", "status.podIP"),
            field("POD_IPS", "status.podIPs"),
          ],
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
          terminationMessagePolicy: "FallbackToLogsOnError",
          ...container,
        },
      ],
    },
  };
}

export type ProbeState =
  | { state: "running"; message: string }
  /** `stuck`: it will not get better by itself. */
  | { state: "waiting"; reason: string; message: string; stuck: boolean }
  /** There is no report. */
  | { state: "failed"; message: string }
  /** It spoke; whether all paths work is `report.ok`. */
  | { state: "done"; report: ProbeReport };

/** Reads how a one-shot probe stands from its pod. What the node says is checked and bounded. */
export function parseProbeReport(pod: Pod): ProbeState {
  const outcome = podOutcome(pod);
  if (outcome.state !== "ended") return outcome;
  const { ok, checks, omitted, error } = recordFrom(outcome.value);
  if (typeof error === "string") return { state: "failed", message: plain(error) };
  if (typeof ok !== "boolean" || !Array.isArray(checks))
    return { state: "failed", message: "its termination message is not a probe's report" };
  const read = listFrom(checks, maxChecks, readCheck);
  // The verdict is drawn from the checks too: a report that says ok and holds a failed check is not ok.
  const verdict = ok && outcome.exitCode === 0 && read.length > 0 && read.every((check) => check.ok);
  const more = numberFrom(omitted);
  return { state: "done", report: { ok: verdict, checks: read, ...(more === 0 ? {} : { omitted: more }) } };
}

const maxChecks = 512;
const kinds: Record<CheckKind, true> = {
  "pod-to-pod": true,
  "pod-to-node": true,
  "node-to-pod": true,
  "source-address": true,
  "full-size-tcp": true,
  "full-size-udp": true,
  service: true,
  dns: true,
  api: true,
  external: true,
};

function readCheck(value: unknown): ProbeCheck | undefined {
  const { path, kind, ok, detail, ms, tries } = recordFrom(value);
  if (typeof path !== "string" || typeof kind !== "string" || !Object.hasOwn(kinds, kind)) return undefined;
  return {
    path: plain(path, 256),
    kind: kind as CheckKind,
    ok: ok === true,
    detail: plain(detail, 256),
    ms: numberFrom(ms),
    tries: numberFrom(tries),
  };
}
