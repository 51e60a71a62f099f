import type { Node, Pod, Workload } from "../../kube/objects.ts";
import type { KubeClient } from "../../kube/types.ts";
import { budgetVerdict, budgetVersions } from "../drain/budgets.ts";
import { ClusterIndex } from "../drain/cluster.ts";
import { evictPod } from "../drain/evict.ts";
import { isDaemonSetPod, judge } from "../drain/filters.ts";
import { planEvictions } from "../drain/groups.ts";
import { uidOf, wholeSecondMs } from "../drain/pods.ts";
import type { SweepScope } from "../drain/survey.ts";
import { judgeSpread, movedSince, type SpreadContext } from "./plan.ts";

export interface SpreadInput extends Omit<SweepScope, "node" | "draining"> {
  client: Pick<KubeClient, "evict" | "delete">;
  signal?: AbortSignal;
  nodes(): readonly Node[];
  /** The network the nodes are on now, as their label says. */
  network: string;
  /** When the migration began. Milliseconds since 1970. */
  disturbedSinceMs: number;
  /** The spreading takes no longer than this; what is uneven then stays so. */
  timeoutSeconds: number;
}

export type SpreadOutcome =
  /** `moved`: pods made anew since the start; `uneven`: owners left as they are, and why. Never a failure. */
  | { state: "done"; moved: number; uneven: UnevenOwner[] }
  /** Call again on a change of pods, budgets or nodes, and after `nextCheckSeconds` in any case. */
  | { state: "waiting"; message: string; nextCheckSeconds: number };

export interface UnevenOwner {
  /** "ReplicaSet shop/web-5d9". */
  owner: string;
  because: string;
}

/** An owner that is not even, as the pass saw it. `pod`: the one to move; without it there is only waiting or leaving. */
interface Uneven extends UnevenOwner {
  pod?: Pod;
  waits: boolean;
}

const safetyNetSeconds = 15;
const acceptedMs = 30_000;

/**
 * One level-triggered pass of the final spread: of each owner that the migration disturbed and that lies unevenly on the
 * nodes, at most one pod is evicted, by the drain's own rules (budgets, one Ready pod at a time). Nothing here can fail the
 * migration: whatever is in the way, the owner is left as it is and named.
 */
export async function spreadPods(input: SpreadInput): Promise<SpreadOutcome> {
  const view = input.look();
  const nowMs = input.clock.nowMs();
  const index = new ClusterIndex(view);
  input.memory.settle(view.pods, nowMs);
  const context = contextOf(input, index);
  const late = nowMs >= deadlineMs(input);
  const found = view.workloads.flatMap((owner) => unevenOwner(owner, context, input));
  const owners = late ? found : await moveSome(input, context, found);
  const waiting = late ? [] : owners.filter((owner) => owner.waits);
  if (waiting.length === 0) return { state: "done", moved: movedSince(view, context), uneven: owners.map(report) };
  return { state: "waiting", message: messageOf(waiting), nextCheckSeconds: nextCheckSeconds(input) };
}

function contextOf(input: SpreadInput, index: ClusterIndex): SpreadContext {
  return {
    index,
    claimed: input.memory.claimed,
    nodes: input.nodes(),
    network: input.network,
    disturbedSinceMs: input.disturbedSinceMs,
    startedAtMs: wholeSecondMs(input.startedAtMs),
    mayMove: (pod) => mayMove(input, pod),
  };
}

/** What the drain would leave alone or refuse is not moved for looks. */
function mayMove({ policy, startedAtMs, clock }: SpreadInput, pod: Pod): boolean {
  if (isDaemonSetPod(pod)) return false;
  return judge(pod, { policy, sweep: "recycle", startedAtMs, nowMs: clock.nowMs() }).verdict === "evict";
}

function unevenOwner(owner: Workload, context: SpreadContext, input: SpreadInput): Uneven[] {
  const name = `${owner.kind} ${owner.metadata.namespace}/${owner.metadata.name}`;
  const answer = judgeSpread(owner, context);
  if (answer.verdict === "even") return [];
  if (answer.verdict !== "move")
    return [{ owner: name, because: answer.because, waits: answer.verdict === "unsettled" }];
  const { pod } = answer;
  const budget = budgetVerdict(pod, context.index);
  if (budget.verdict !== "ask") return [{ owner: name, because: budget.blockedBy, waits: budget.verdict === "wait" }];
  const pause = input.memory.pausedBy(pod, budgetVersions(context.index.budgetsOf(pod)));
  if (pause !== undefined) return [{ owner: name, because: pause.blockedBy, waits: pause.untilMs < deadlineMs(input) }];
  return [{ owner: name, because: "a pod of it is being moved", waits: true, pod }];
}

/** Evicts those that the replica rule lets go now, at the same time; says of the others what they wait for. */
function moveSome(input: SpreadInput, context: SpreadContext, owners: readonly Uneven[]): Promise<Uneven[]> {
  const pods = owners.flatMap(({ pod }) => (pod === undefined ? [] : [pod]));
  const rule = { index: context.index, sinceMs: context.startedAtMs, claimed: context.claimed };
  const { go, held } = planEvictions(pods, [], rule);
  for (const pod of go) input.memory.claim(pod, input.clock.nowMs() + acceptedMs);
  return Promise.all(
    owners.map((owner) => {
      if (owner.pod === undefined) return owner;
      if (go.includes(owner.pod)) return moveOne(input, context, owner, owner.pod);
      return { ...owner, because: held.get(uidOf(owner.pod)) ?? owner.because };
    }),
  );
}

async function moveOne(input: SpreadInput, { index }: SpreadContext, owner: Uneven, pod: Pod): Promise<Uneven> {
  const { clock, memory } = input;
  const budgets = index.budgetsOf(pod);
  // A budget is never passed over for looks, whatever the drain may do.
  const policy = { ...input.policy, disableEviction: false };
  const result = await evictPod(pod, budgets, { ...input, policy, random: () => clock.random() });
  if (result.result === "leaving") return owner;
  const unsure = result.result === "blocked" && result.unsure;
  if (!unsure) memory.release(pod);
  const [because, untilMs] =
    result.result === "blocked"
      ? [result.blockedBy, clock.nowMs() + result.retryAfterSeconds * 1000]
      : result.result === "replaced"
        ? ["a pod of it was replaced meanwhile", clock.nowMs() + 1000]
        : [result.message, deadlineMs(input)];
  memory.pause(pod, untilMs, budgetVersions(budgets), because);
  return { ...owner, because, waits: untilMs < deadlineMs(input) };
}

function report({ owner, because }: Uneven): UnevenOwner {
  return { owner, because };
}

function messageOf(waiting: readonly Uneven[]): string {
  const shown = waiting.slice(0, 3).map(({ owner, because }) => `${owner}: ${because}`);
  const rest = waiting.length - shown.length;
  return `spreading replicas over the nodes: ${shown.join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}

function nextCheckSeconds(input: SpreadInput): number {
  return Math.max(0.1, Math.min(safetyNetSeconds, (deadlineMs(input) - input.clock.nowMs()) / 1000));
}

function deadlineMs({ startedAtMs, timeoutSeconds }: SpreadInput): number {
  return startedAtMs + timeoutSeconds * 1000;
}
