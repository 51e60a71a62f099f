import type { Pod } from "../../kube/objects.ts";
import type { OwnerReference } from "../../kube/types.ts";

/** What the drain asks a pod: small questions, answered from the object alone. */

/** "shop/cart-0". */
export function podName(pod: Pod): string {
  return `${pod.metadata.namespace ?? ""}/${pod.metadata.name}`;
}

export function uidOf(pod: Pod): string {
  return pod.metadata.uid ?? "";
}

/** The owner that makes the pod anew. */
export function controllerOf(pod: Pod): OwnerReference | undefined {
  return pod.metadata.ownerReferences?.find((owner) => owner.controller === true);
}

/** Its containers have ended for good: it serves nobody and holds no address. */
export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

export function isTerminating(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

/** The condition that Services and PodDisruptionBudgets go by. */
export function isReady(pod: Pod): boolean {
  return readyCondition(pod)?.status === "True";
}

function readyCondition(pod: Pod) {
  return pod.status?.conditions?.find((condition) => condition.type === "Ready");
}

/** Milliseconds since 1970; 0 when unknown. */
export function createdAtMs(pod: Pod): number {
  return millis(pod.metadata.creationTimestamp);
}

/** The second a moment lies in: what may be compared with stamps of the API, which have whole seconds only. */
export function wholeSecondMs(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}

/** When Ready last changed, or when the pod was made if it never did. Milliseconds since 1970. */
export function readyChangedAtMs(pod: Pod): number {
  return Math.max(createdAtMs(pod), millis(readyCondition(pod)?.lastTransitionTime));
}

/** End of the grace period of a terminating pod: what the API server writes into deletionTimestamp. */
export function graceEndsAtMs(pod: Pod): number {
  return millis(pod.metadata.deletionTimestamp);
}

export function hasRestarted(pod: Pod): boolean {
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  return statuses.some((status) => status.restartCount > 0);
}

/** In a word, where the pod itself says why it is not Ready and the word will not change every second. */
export function whyNotReady(pod: Pod): string | undefined {
  const scheduled = pod.status?.conditions?.find((condition) => condition.type === "PodScheduled");
  if (scheduled?.status === "False") return scheduled.reason ?? "Unschedulable";
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  const pull = statuses.find((status) =>
    /^(ErrImage|ImagePull|InvalidImage)/.test(status.state?.waiting?.reason ?? ""),
  );
  if (pull !== undefined) return `image ${pull.image ?? `of container ${pull.name}`} cannot be pulled`;
  return hasRestarted(pod) ? "its containers restart" : undefined;
}

export function byName(a: Pod, b: Pod): number {
  const [left, right] = [podName(a), podName(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

function millis(stamp: string | undefined): number {
  const value = stamp === undefined ? 0 : Date.parse(stamp);
  return Number.isNaN(value) ? 0 : value;
}
