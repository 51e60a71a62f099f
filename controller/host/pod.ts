import { hostServiceAccount, managedBy, managedByLabel, roleLabel } from "../../crds/names.ts";
import type { Pod } from "../../kube/objects.ts";
import type { OwnerReference } from "../../kube/types.ts";
import type { HostFacts, HostOp, HostResult, Leftover } from "../../networks/host-ops.ts";
import { listFrom, numberFrom, plain, podOutcome, recordFrom } from "./pod-outcome.ts";

export interface HostTask {
  name: string;
  namespace: string;
  nodeName: string;
  image: string;
  ops: readonly HostOp[];
  /** Its end is the pod's end. */
  owner: OwnerReference;
  /** Seconds until the kubelet ends it. */
  deadlineSeconds: number;
  /** Beside the labels every pod of ours carries. */
  labels?: Record<string, string>;
  /** Default: the kubelet's. */
  imagePullPolicy?: "Always" | "IfNotPresent" | "Never";
}

/**
 * The one mount. The node's root is mounted elsewhere, not its directories in their own places: a hostPath that does not
 * exist would be made on the node, and a mount point could not be removed with the directory it is. What the task may
 * touch below it is `allowedPaths`. HostToContainer: unmounts on the node are not held up by this pod.
 */
const hostRoot = "/host";

/** What is unmounted in a pod stays mounted on the node, unless both see the other's mounts: only where a task needs that. */
function propagationFor(ops: readonly HostOp[]): "Bidirectional" | "HostToContainer" {
  const unmounts = ops.some((op) => op.op === "removeFootprint" && op.footprint.mounts.length > 0);
  return unmounts ? "Bidirectional" : "HostToContainer";
}

/**
 * The pod of a host task: on its node without the scheduler, through every taint, with the node's network and processes and
 * without an API token. It asks for no resources, so that a full node neither refuses it nor evicts a pod for it.
 */
export function hostTaskPod(task: HostTask): Pod {
  const args = ["host-task", "--root", hostRoot, "--ops", JSON.stringify(task.ops)];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: task.name,
      namespace: task.namespace,
      labels: { ...task.labels, [managedByLabel]: managedBy, [roleLabel]: "host-task" },
      ownerReferences: [task.owner],
    },
    spec: {
      nodeName: task.nodeName,
      hostNetwork: true,
      hostPID: true,
      dnsPolicy: "Default",
      serviceAccountName: hostServiceAccount,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      priorityClassName: "system-node-critical",
      restartPolicy: "Never",
      terminationGracePeriodSeconds: 1,
      activeDeadlineSeconds: task.deadlineSeconds,
      tolerations: [{ operator: "Exists" }],
      containers: [
        {
          name: "host-task",
          image: task.image,
          ...(task.imagePullPolicy === undefined ? {} : { imagePullPolicy: task.imagePullPolicy }),
          args,
          securityContext: { privileged: true, runAsUser: 0 },
          terminationMessagePolicy: "FallbackToLogsOnError",
          volumeMounts: [{ name: "host", mountPath: hostRoot, mountPropagation: propagationFor(task.ops) }],
        },
      ],
      volumes: [{ name: "host", hostPath: { path: "/" } }],
    },
  };
}

export type HostTaskState =
  | { state: "running"; message: string }
  /** `stuck`: it will not get better by itself. */
  | { state: "waiting"; reason: string; message: string; stuck: boolean }
  /** There is no result. */
  | { state: "failed"; message: string }
  /** It spoke; whether it succeeded is `result.ok`. */
  | { state: "done"; result: HostResult };

/** Reads how a host task stands from its pod. What the node says is checked and bounded, never trusted to be well formed. */
export function parseHostResult(pod: Pod): HostTaskState {
  const outcome = podOutcome(pod);
  if (outcome.state !== "ended") return outcome;
  const result = readResult(outcome.value);
  if (result === undefined) return { state: "failed", message: "its termination message is not a host task's result" };
  if (result.ok !== (outcome.exitCode === 0))
    return { state: "failed", message: `it says ok: ${result.ok} but ended with exit code ${outcome.exitCode}` };
  return { state: "done", result };
}

const maxEntries = 512;

function readResult(value: unknown): HostResult | undefined {
  const { ok, error, facts, leftovers, changes, truncated, elapsedMs } = recordFrom(value);
  if (typeof ok !== "boolean" || typeof elapsedMs !== "number") return undefined;
  if (!ok && typeof error !== "object") return undefined;
  const failure = recordFrom(error);
  return {
    ok,
    ...(ok ? {} : { error: { op: plain(failure.op, 32), message: plain(failure.message, 1000) } }),
    ...(facts === undefined ? {} : { facts: readFacts(recordFrom(facts)) }),
    ...(leftovers === undefined ? {} : { leftovers: listFrom(leftovers, maxEntries, readLeftover) }),
    ...(changes === undefined ? {} : { changes: strings(changes) }),
    ...(truncated === undefined ? {} : { truncated: numberFrom(truncated) }),
    elapsedMs: numberFrom(elapsedMs),
  };
}

function readLeftover(value: unknown): Leftover | undefined {
  const { kind, name } = recordFrom(value);
  return typeof kind === "string" && typeof name === "string"
    ? { kind: plain(kind, 32), name: plain(name) }
    : undefined;
}

function readFacts(facts: Record<string, unknown>): HostFacts {
  const env = Object.entries(recordFrom(facts.subnetEnv)).slice(0, 32);
  return {
    kernel: plain(facts.kernel, 64),
    cniConfFiles: strings(facts.cniConfFiles),
    cniBinaries: strings(facts.cniBinaries),
    vxlans: listFrom(facts.vxlans, maxEntries, readVxlan),
    bridges: strings(facts.bridges),
    ...(facts.subnetEnv === undefined
      ? {}
      : { subnetEnv: Object.fromEntries(env.map(([key, value]) => [plain(key, 64), plain(value, 256)])) }),
    packetFilters: strings(facts.packetFilters),
    architecture: plain(facts.architecture, 32),
  };
}

function readVxlan(value: unknown): HostFacts["vxlans"][number] | undefined {
  const { name, vni, port, mac, mtu, external, addresses } = recordFrom(value);
  if (typeof name !== "string") return undefined;
  return {
    name: plain(name, 32),
    vni: numberFrom(vni),
    port: numberFrom(port),
    mac: plain(mac, 32),
    mtu: numberFrom(mtu),
    external: external === true,
    addresses: strings(addresses),
  };
}

function strings(value: unknown): string[] {
  return listFrom(value, maxEntries, (entry) => (typeof entry === "string" ? plain(entry) : undefined));
}
