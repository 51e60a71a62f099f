import type { Pod } from "../../kube/objects.ts";
import { some } from "./filters.ts";
import { graceEndsAtMs, isTerminating } from "./pods.ts";

/** A pod that has still to leave, as NodeMigration.status.drain.pending shows it. */
export interface PendingPod {
  namespace: string;
  name: string;
  /** What keeps it. Absent while it just ends. The same text as long as the same thing keeps it. */
  blockedBy?: string;
}

/** Status lists no more than these; the message says how many there are. */
const mostShown = 100;
/** Longer grace periods are worth a word. Seconds. */
const longGraceSeconds = 60;
/** A pod that overstays its grace period by this is not just slow. Covers clocks that differ a little. */
const overdueMs = 10_000;
const longestText = 1000;

export function pendingPod(pod: Pod, blockedBy: string | undefined): PendingPod {
  const { namespace = "", name } = pod.metadata;
  if (blockedBy === undefined) return { namespace, name };
  return {
    namespace,
    name,
    blockedBy: blockedBy.length > longestText ? `${blockedBy.slice(0, longestText)}…` : blockedBy,
  };
}

/** What keeps a pod that is on its way out; undefined while it ends in the ordinary way. */
export function endingText(pod: Pod, nowMs: number): string | undefined {
  const finalizers = pod.metadata.finalizers ?? [];
  if (isTerminating(pod) && finalizers.length > 0)
    return `is held by finalizer ${some(finalizers)}; its owner must remove it`;
  const grace = pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30;
  const endsAtMs = graceEndsAtMs(pod);
  if (isTerminating(pod) && nowMs > endsAtMs + overdueMs)
    return `has not ended within its ${grace} s of grace; see whether the kubelet and the containers of node ${pod.spec.nodeName} are well`;
  if (grace < longGraceSeconds) return undefined;
  const until = isTerminating(pod) ? `, until ${new Date(endsAtMs).toISOString().replace(".000Z", "Z")}` : "";
  return `may take its ${grace} s of grace to end${until}`;
}

/** Those that something keeps first, then by name; at most 100. */
export function listed(pending: readonly PendingPod[]): PendingPod[] {
  const rank = (pod: PendingPod) => `${pod.blockedBy === undefined ? 1 : 0} ${pod.namespace}/${pod.name}`;
  return [...pending].sort((a, b) => (rank(a) < rank(b) ? -1 : 1)).slice(0, mostShown);
}

/** "2 pods left: shop/cart-0 (PodDisruptionBudget …) and shop/cart-1". At most three are named. */
export function summary(pending: readonly PendingPod[]): string {
  const shown = listed(pending).slice(0, 3);
  const rest = pending.length - shown.length;
  const names = shown.map((p) => `${p.namespace}/${p.name}${p.blockedBy === undefined ? "" : ` ${p.blockedBy}`}`);
  return `${pending.length} ${pending.length === 1 ? "pod" : "pods"} left: ${names.join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}
