import { managedBy, managedByLabel } from "../../crds/names.ts";
import { selects } from "../../kube/labels.ts";
import type { Pod, Taint } from "../../kube/objects.ts";
import { controllerOf, createdAtMs, graceEndsAtMs, isFinished, isTerminating, podName } from "./pods.ts";
import type { DrainPolicy } from "./policy.ts";
import { tolerates } from "./tolerations.ts";

/** `drain` empties the node before the switch; `recycle` makes those anew that still are on the old network after it. */
export type Sweep = "drain" | "recycle";

/** What the filters may know beside the pod. Times in milliseconds since 1970. */
export interface FilterContext {
  policy: DrainPolicy;
  sweep: Sweep;
  startedAtMs: number;
  nowMs: number;
}

/** What is to become of a pod on the node. A closed set. */
export type Verdict =
  | { verdict: "evict" }
  /** Stays. `left`: it stays although it has a pod address of the old network; the report names it. */
  | { verdict: "skip"; because: string; left: boolean }
  /** May not be evicted as the policy stands: the drain stops before it touches anything. */
  | { verdict: "refuse"; causes: RefusalCause[] };

export type RefusalCause = "EmptyDir" | "Unmanaged";

/** What a cordon puts on a node. */
const cordonTaint: Taint = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };

type Skip = (pod: Pod, context: FilterContext) => { because: string; left?: boolean } | undefined;

/** Asked in this order; the first answer stands. */
const skips: readonly Skip[] = [mirror, ours, hostNetwork, daemonSet, finished, longTerminating, ignored, returned];

const refusals: readonly { cause: RefusalCause; applies(pod: Pod, policy: DrainPolicy): boolean }[] = [
  { cause: "EmptyDir", applies: (pod, policy) => !policy.deleteEmptyDirData && hasEmptyDir(pod) },
  { cause: "Unmanaged", applies: (pod, policy) => !policy.force && controllerOf(pod) === undefined },
];

/** The verdict on one pod of the node, by kubectl drain's rules with the differences that docs of each filter name. */
export function judge(pod: Pod, context: FilterContext): Verdict {
  for (const skip of skips) {
    const answer = skip(pod, context);
    if (answer !== undefined) return { verdict: "skip", because: answer.because, left: answer.left ?? false };
  }
  // What is on its way out already needs nobody's leave, and a DaemonSet makes its pods anew on the same node.
  if (isTerminating(pod) || isDaemonSetPod(pod)) return { verdict: "evict" };
  const causes = refusals.filter((refusal) => refusal.applies(pod, context.policy)).map((refusal) => refusal.cause);
  return causes.length === 0 ? { verdict: "evict" } : { verdict: "refuse", causes };
}

/** Static pods: the kubelet runs them from a file, deleting the API's copy changes nothing. */
function mirror(pod: Pod): ReturnType<Skip> {
  return pod.metadata.annotations?.["kubernetes.io/config.mirror"] === undefined
    ? undefined
    : { because: "static pod of the kubelet" };
}

/** Host tasks, probes and the controller that is doing this. */
function ours(pod: Pod): ReturnType<Skip> {
  return pod.metadata.labels?.[managedByLabel] === managedBy ? { because: "belongs to the migration" } : undefined;
}

/**
 * kubectl drain evicts these unless a DaemonSet owns them. This drain exists so that pods get addresses of another
 * network; a pod with the node's own address needs none, so it is left in peace.
 */
function hostNetwork(pod: Pod): ReturnType<Skip> {
  return pod.spec.hostNetwork === true ? { because: "uses the node's own network" } : undefined;
}

/** Would be made anew on the same node at once: they have their turn after the switch. */
function daemonSet(pod: Pod, { sweep }: FilterContext): ReturnType<Skip> {
  return sweep === "drain" && isDaemonSetPod(pod)
    ? { because: "DaemonSet pod, made anew after the switch" }
    : undefined;
}

/** kubectl drain deletes them; they hold no address, and somebody may want to read their logs. */
function finished(pod: Pod): ReturnType<Skip> {
  return isFinished(pod) && !isTerminating(pod) ? { because: "has finished" } : undefined;
}

/** kubectl drain's --skip-wait-for-delete-timeout. */
function longTerminating(pod: Pod, { policy, nowMs }: FilterContext): ReturnType<Skip> {
  const limit = policy.skipTerminatingSeconds;
  if (limit === undefined || !isTerminating(pod)) return undefined;
  return nowMs - graceEndsAtMs(pod) > limit * 1000
    ? { because: `has been terminating for more than ${limit}s`, left: true }
    : undefined;
}

function ignored(pod: Pod, { policy }: FilterContext): ReturnType<Skip> {
  const rule = policy.ignore.find(
    ({ namespace, podSelector }) =>
      (namespace === undefined || namespace === pod.metadata.namespace) && selects(podSelector, pod.metadata.labels),
  );
  return rule === undefined ? undefined : { because: "matches a rule of spec.drain.ignore", left: true };
}

/**
 * A pod that tolerates the cordon and came (back) after the drain began: evicting it again would go on for ever. It is
 * treated like a DaemonSet pod. One that was there before goes once.
 */
function returned(pod: Pod, { sweep, startedAtMs }: FilterContext): ReturnType<Skip> {
  return sweep === "drain" && createdAtMs(pod) >= startedAtMs && tolerates(pod, cordonTaint)
    ? { because: "tolerates the cordon and came back; made anew after the switch" }
    : undefined;
}

export function isDaemonSetPod(pod: Pod): boolean {
  return controllerOf(pod)?.kind === "DaemonSet";
}

function hasEmptyDir(pod: Pod): boolean {
  return pod.spec.volumes?.some((volume) => volume.emptyDir !== undefined) ?? false;
}

/** One line a cause with the pods it concerns, and the cure. Pods sorted, at most three named. */
export function refusalText(refused: readonly { pod: Pod; causes: readonly RefusalCause[] }[]): {
  message: string;
  hint: string;
} {
  const parts = refusals.flatMap(({ cause }) => {
    const names = refused.filter(({ causes }) => causes.includes(cause)).map(({ pod }) => podName(pod));
    return names.length === 0 ? [] : [{ cause, text: `${texts[cause].what}: ${some(names)}` }];
  });
  return {
    message: parts.map((part) => part.text).join("; "),
    hint: parts.map((part) => texts[part.cause].cure).join("; "),
  };
}

/** What keeps one pod, in the words of its cause. */
export function refusedBy(causes: readonly RefusalCause[]): string {
  return causes.map((cause) => texts[cause].keeps).join("; ");
}

const texts: Record<RefusalCause, { what: string; keeps: string; cure: string }> = {
  EmptyDir: {
    keeps: "has an emptyDir volume, and spec.drain.deleteEmptyDirData is false",
    what: "pods with emptyDir volumes would lose what is in them",
    cure: "set spec.drain.deleteEmptyDirData to true in the CniMigration to accept that",
  },
  Unmanaged: {
    keeps: "has no controller that would make it anew, and spec.drain.force is false",
    what: "pods without a controller would not be made anew",
    cure: "delete them, or set spec.drain.force to true in the CniMigration to accept that",
  },
};

/** At most three of the names, sorted, "and n more". */
export function some(names: readonly string[]): string {
  const sorted = [...names].sort();
  const rest = sorted.length - 3;
  return rest > 0 ? `${sorted.slice(0, 3).join(", ")} and ${rest} more` : sorted.join(", ");
}
