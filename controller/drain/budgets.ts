import type { Pod, PodDisruptionBudget } from "../../kube/objects.ts";
import type { ClusterIndex } from "./cluster.ts";
import { controllerOf, isFinished, isReady, isTerminating, podName } from "./pods.ts";

/** What PodDisruptionBudgets say about a pod before the API server is asked: it would only answer the same. */
export type BudgetVerdict =
  | { verdict: "ask" }
  /** Not now; the budget's status will change. */
  | { verdict: "wait"; blockedBy: string }
  /** Not as long as the budget and the replicas stay as they are. */
  | { verdict: "never"; blockedBy: string; cure: string };

/**
 * The API server's own rules for evictions: a pod that does not run yet, or not any more, needs no leave; one pod under two
 * budgets is always refused (500); a pod that is not Ready may go by its budget's unhealthyPodEvictionPolicy.
 */
export function budgetVerdict(pod: Pod, index: ClusterIndex): BudgetVerdict {
  if (isTerminating(pod) || isFinished(pod) || pod.status?.phase === "Pending") return { verdict: "ask" };
  const budgets = index.budgetsOf(pod);
  const [budget] = budgets;
  if (budget === undefined) return { verdict: "ask" };
  if (budgets.length > 1) return overlapping(pod, budgets);
  if (allows(budget, pod)) return { verdict: "ask" };
  const uncounted = whyUncounted(budget);
  if (uncounted !== undefined)
    return {
      verdict: "never",
      blockedBy: `${nameOf(budget)} cannot be counted: ${uncounted}`,
      cure: patchOf(budget, { maxUnavailable: null, minAvailable: Math.max(index.podsOfBudget(budget).length - 1, 0) }),
    };
  const expected = expectedPods(budget, index);
  if (mostAllowed(budget, expected) > 0) return { verdict: "wait", blockedBy: budgetText(budget) };
  return {
    verdict: "never",
    blockedBy: `${nameOf(budget)} never allows a disruption (${ruleOf(budget)}, ${expected} wanted)`,
    cure: cureOf(budget, expected),
  };
}

/** "PodDisruptionBudget shop/cart allows 0 disruptions (minAvailable 2, 2 of 2 healthy)". */
export function budgetText(budget: PodDisruptionBudget): string {
  const { status } = budget;
  if (!isCurrent(budget)) return `${nameOf(budget)} was changed and not yet counted anew (${ruleOf(budget)})`;
  const counts = `${status?.currentHealthy ?? 0} of ${status?.expectedPods ?? 0} healthy`;
  return `${nameOf(budget)} allows ${status?.disruptionsAllowed ?? 0} disruptions (${ruleOf(budget)}, ${counts})`;
}

/** Changes when anything changed that may have made the answer another. */
export function budgetVersions(budgets: readonly PodDisruptionBudget[]): string {
  return budgets.map(({ metadata }) => `${metadata.uid}/${metadata.resourceVersion}`).join(" ");
}

function allows(budget: PodDisruptionBudget, pod: Pod): boolean {
  const { status } = budget;
  if (!isReady(pod)) {
    if (budget.spec.unhealthyPodEvictionPolicy === "AlwaysAllow") return true;
    const desired = status?.desiredHealthy ?? 0;
    if (desired > 0 && (status?.currentHealthy ?? 0) >= desired) return true;
  }
  return isCurrent(budget) && (status?.disruptionsAllowed ?? 0) > 0;
}

/**
 * The disruption controller allows nothing while it cannot tell how many pods there should be: one of them belongs to no
 * kind with a scale, and the budget needs the number. Other failures of it pass.
 */
function whyUncounted({ status }: PodDisruptionBudget): string | undefined {
  const failed = status?.conditions?.find(
    ({ type, reason }) => type === "DisruptionAllowed" && reason === "SyncFailed",
  );
  const lasts = /found no controllers? for pod|does not implement the scale subresource/;
  return failed?.status === "False" && lasts.test(failed.message) ? failed.message : undefined;
}

function isCurrent({ metadata, status }: PodDisruptionBudget): boolean {
  return (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
}

/** Pods the budget counts on when nothing is amiss: what their owners want, or where nobody says, what there is. */
function expectedPods(budget: PodDisruptionBudget, index: ClusterIndex): number {
  const members = index.podsOfBudget(budget).filter((pod) => !isFinished(pod));
  const owners = new Set(members.map((pod) => controllerOf(pod)?.uid));
  let expected = 0;
  for (const owner of owners) {
    const wanted = owner === undefined ? undefined : index.replicas(owner);
    expected += wanted ?? members.filter((pod) => controllerOf(pod)?.uid === owner).length;
  }
  return expected;
}

/** Disruptions allowed when every expected pod is healthy. The disruption controller rounds percentages up. */
function mostAllowed({ spec }: PodDisruptionBudget, expected: number): number {
  if (spec.maxUnavailable !== undefined) return scaled(spec.maxUnavailable, expected);
  return expected - scaled(spec.minAvailable ?? 0, expected);
}

function scaled(value: number | string, total: number): number {
  if (typeof value === "number") return value;
  const percent = Number.parseFloat(value);
  return value.endsWith("%") ? Math.ceil((percent * total) / 100) : percent;
}

function overlapping(pod: Pod, budgets: readonly PodDisruptionBudget[]): BudgetVerdict {
  const names = budgets.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).sort();
  return {
    verdict: "never",
    blockedBy: `PodDisruptionBudgets ${names.join(" and ")} both select it, and the API server evicts no such pod`,
    cure: `change the selectors so that one of them selects pod ${podName(pod)}`,
  };
}

function cureOf(budget: PodDisruptionBudget, expected: number): string {
  if (budget.spec.maxUnavailable !== undefined) return patchOf(budget, { maxUnavailable: 1 });
  return `add a replica, or ${patchOf(budget, { minAvailable: Math.max(expected - 1, 0) })}`;
}

function patchOf({ metadata: { namespace, name } }: PodDisruptionBudget, spec: Record<string, number | null>): string {
  return `kubectl -n ${namespace} patch pdb ${name} --type merge -p '${JSON.stringify({ spec })}'`;
}

function nameOf({ metadata }: PodDisruptionBudget): string {
  return `PodDisruptionBudget ${metadata.namespace}/${metadata.name}`;
}

function ruleOf({ spec }: PodDisruptionBudget): string {
  return spec.maxUnavailable === undefined
    ? `minAvailable ${spec.minAvailable ?? 0}`
    : `maxUnavailable ${spec.maxUnavailable}`;
}
