import type { Clock } from "../../kube/clock.ts";
import type { Pod } from "../../kube/objects.ts";
import { type BudgetVerdict, budgetVerdict, budgetVersions } from "./budgets.ts";
import { ClusterIndex, type ClusterView } from "./cluster.ts";
import { isDaemonSetPod, judge, type RefusalCause, type Sweep } from "./filters.ts";
import { planEvictions } from "./groups.ts";
import type { EvictionMemory } from "./memory.ts";
import { byName, isReady, isTerminating, uidOf, wholeSecondMs } from "./pods.ts";
import type { DrainPolicy } from "./policy.ts";

/** What a pass over one node may know. */
export interface SweepScope {
  /** The cluster as it is at the moment of the call, from copies that are synced. */
  look(): ClusterView;
  /** One for the whole process. */
  memory: EvictionMemory;
  policy: DrainPolicy;
  clock: Pick<Clock, "nowMs" | "random">;
  node: string;
  /** When this sweep of the node began, as recorded. Milliseconds since 1970. */
  startedAtMs: number;
  /** All nodes that drain now (this one may be missing), with their recorded starts: a batch shares one replica rule. */
  draining: readonly { node: string; startedAtMs: number }[];
}

/** The pods a sweep concerns, each in exactly one place. */
export interface Survey {
  index: ClusterIndex;
  /** UIDs of pods on their way out that the view shows as staying. */
  claimed: ReadonlySet<string>;
  /** Stay, although with an address of the old network. */
  left: { namespace: string; name: string; because: string }[];
  refused: { pod: Pod; causes: readonly RefusalCause[] }[];
  /** Can never go as things are. */
  impossible: { pod: Pod; blockedBy: string; cure: string }[];
  /** On their way out. */
  ending: Pod[];
  /** Not to be asked for now: budgets, or the API server wants a pause. `untilMs`: when to ask again, changes aside. */
  blocked: { pod: Pod; blockedBy: string; untilMs: number | undefined }[];
  candidates: Pod[];
  /** By UID, why a candidate waits for others. */
  held: Map<string, string>;
}

/** Sorts the pods that `concerns` picks into their places. Looks only. */
export function surveyNode(scope: SweepScope, sweep: Sweep, concerns: (pod: Pod) => boolean): Survey {
  const index = new ClusterIndex(scope.look());
  const nowMs = scope.clock.nowMs();
  scope.memory.settle(index.pods, nowMs);
  const survey: Survey = {
    index,
    claimed: scope.memory.claimed,
    left: [],
    refused: [],
    impossible: [],
    ending: [],
    blocked: [],
    candidates: [],
    held: new Map(),
  };
  for (const pod of index.pods.filter(concerns).sort(byName)) {
    const verdict = judge(pod, { policy: scope.policy, sweep, startedAtMs: scope.startedAtMs, nowMs });
    if (verdict.verdict === "skip") {
      const { namespace = "", name } = pod.metadata;
      if (verdict.left) survey.left.push({ namespace, name, because: verdict.because });
    } else if (verdict.verdict === "refuse") survey.refused.push({ pod, causes: verdict.causes });
    else if (isTerminating(pod) || survey.claimed.has(uidOf(pod))) survey.ending.push(pod);
    else placeByBudget(scope, survey, pod);
  }
  return survey;
}

/** Asks the budgets, and the memory of what the API server answered before. */
function placeByBudget(scope: SweepScope, survey: Survey, pod: Pod): void {
  const answer = askBudgets(scope, survey.index, pod);
  if (answer.verdict === "never") survey.impossible.push({ pod, blockedBy: answer.blockedBy, cure: answer.cure });
  else if (answer.verdict === "wait") survey.blocked.push({ pod, blockedBy: answer.blockedBy, untilMs: undefined });
  else {
    const pause = scope.memory.pausedBy(pod, budgetVersions(survey.index.budgetsOf(pod)));
    if (pause === undefined) survey.candidates.push(pod);
    else survey.blocked.push({ pod, ...pause });
  }
}

function askBudgets({ policy }: SweepScope, index: ClusterIndex, pod: Pod): BudgetVerdict {
  return policy.disableEviction ? { verdict: "ask" } : budgetVerdict(pod, index);
}

/** Notes on each candidate what it waits for by the replica rule; gives those that wait for nothing. */
export function holdBack(scope: SweepScope, survey: Survey, sweep: Sweep): Pod[] {
  const free = survey.candidates.filter((pod) => isFree(pod, survey.index, sweep));
  const grouped = survey.candidates.filter((pod) => !free.includes(pod));
  const sinceMs = wholeSecondMs(Math.min(scope.startedAtMs, ...scope.draining.map(({ startedAtMs }) => startedAtMs)));
  const rule = { index: survey.index, sinceMs, claimed: survey.claimed };
  const plan = planEvictions(grouped, readyElsewhere(scope, survey), rule);
  survey.held = plan.held;
  return [...free, ...plan.go];
}

/**
 * The rule has nothing to wait for: a DaemonSet pod on a network that is gone serves nobody, and a replacement that no other
 * node can run (a cluster of one worker, a pod tied to its node) comes only when the drain is over.
 */
function isFree(pod: Pod, index: ClusterIndex, sweep: Sweep): boolean {
  return (sweep === "recycle" && isDaemonSetPod(pod)) || !index.hasRefuge(pod);
}

/** Ready pods on the other draining nodes that have still to go and could be asked for. */
function readyElsewhere(scope: SweepScope, { index, claimed }: Survey): Pod[] {
  const starts = new Map(scope.draining.map(({ node, startedAtMs }) => [node, startedAtMs]));
  starts.delete(scope.node);
  const nowMs = scope.clock.nowMs();
  return index.pods.filter((pod) => {
    const startedAtMs = starts.get(pod.spec.nodeName ?? "");
    if (startedAtMs === undefined || !isReady(pod) || isTerminating(pod) || claimed.has(uidOf(pod))) return false;
    const verdict = judge(pod, { policy: scope.policy, sweep: "drain", startedAtMs, nowMs });
    return verdict.verdict === "evict" && askBudgets(scope, index, pod).verdict === "ask";
  });
}
