import type { Condition } from "./objects.ts";

/**
 * The list with `next` in it, in place of the condition of the same type. lastTransitionTime is kept while the status
 * stays the same; reason, message and observedGeneration are taken over. The list given is not changed.
 */
export function setCondition(
  conditions: readonly Condition[] | undefined,
  next: Omit<Condition, "lastTransitionTime">,
  now: Date,
): Condition[] {
  const list = conditions ?? [];
  const previous = findCondition(list, next.type);
  const lastTransitionTime = previous?.status === next.status ? previous.lastTransitionTime : seconds(now);
  const condition = { ...next, lastTransitionTime };
  return previous === undefined ? [...list, condition] : list.map((c) => (c.type === next.type ? condition : c));
}

function findCondition<C extends { type: string }>(conditions: readonly C[] | undefined, type: string): C | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** False also when the condition is missing or Unknown. */
export function isTrue(conditions: readonly { type: string; status: string }[] | undefined, type: string): boolean {
  return findCondition(conditions, type)?.status === "True";
}

/** False also when the condition is missing or Unknown. */
export function isFalse(conditions: readonly { type: string; status: string }[] | undefined, type: string): boolean {
  return findCondition(conditions, type)?.status === "False";
}

/** RFC 3339 without fractions: metav1.Time. */
function seconds(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, "Z");
}
