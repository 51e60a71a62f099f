import type { Pod } from "../../kube/objects.ts";
import type { KubeClient } from "../../kube/types.ts";
import { budgetVersions } from "./budgets.ts";
import { type EvictResult, evictPod } from "./evict.ts";
import type { Sweep } from "./filters.ts";
import { type DrainOutcome, settled, stuckBy, waiting } from "./outcome.ts";
import { uidOf } from "./pods.ts";
import { holdBack, type Survey, type SweepScope, surveyNode } from "./survey.ts";

export type { DrainOutcome } from "./outcome.ts";

export interface DrainInput extends SweepScope {
  client: Pick<KubeClient, "evict" | "delete">;
  signal?: AbortSignal;
}

export interface RecycleInput extends DrainInput {
  /** The pods that were on the node before the switch, by UID; others are not touched. */
  pods: readonly { namespace: string; name: string; uid: string }[];
}

/** How long an accepted eviction, or one that may have been, is taken for granted before the watch shows it. */
const acceptedMs = 30_000;
const unsureMs = 10_000;
const replacedMs = 1000;
const replacedText = "was replaced by a pod of the same name; the node is looked at again";

/**
 * One level-triggered pass over a cordoned node: looks, evicts at the same time all pods that may go now, and says what is
 * left. Idempotent; the replica rule (groups.ts) holds over all nodes. Stops before an eviction when some pod can never go.
 * Rejects when `signal` fires, and with what is not an ApiError.
 */
export function drainNode(input: DrainInput): Promise<DrainOutcome> {
  return sweepNode(input, "drain", (pod) => pod.spec.nodeName === input.node);
}

/**
 * The second sweep, after the switch: makes anew exactly the given pods, DaemonSet pods (at once: on a network that is gone
 * they serve nobody) included. The same verdicts and rules otherwise.
 */
export function recycle(input: RecycleInput): Promise<DrainOutcome> {
  const uids = new Set(input.pods.map(({ uid }) => uid));
  return sweepNode(input, "recycle", (pod) => uids.has(uidOf(pod)) && pod.spec.nodeName === input.node);
}

async function sweepNode(input: DrainInput, sweep: Sweep, concerns: (pod: Pod) => boolean): Promise<DrainOutcome> {
  const survey = surveyNode(input, sweep, concerns);
  const asked = holdBack(input, survey, sweep);
  const end = settled(input, survey, sweep);
  if (end !== undefined) return end;
  // Nothing was awaited since the survey: no other node's pass has counted these as staying.
  for (const pod of asked) input.memory.claim(pod, input.clock.nowMs() + acceptedMs);
  const results = await Promise.all(asked.map((pod) => attempt(input, survey, pod)));
  const refused = results.find((result) => result.result === "refused");
  return refused === undefined ? waiting(input, survey, sweep) : stuckBy(input, survey, refused);
}

/** Asks for one pod, remembers what has to be, and moves the pod to the place in the survey where the answer puts it. */
async function attempt(input: DrainInput, survey: Survey, pod: Pod): Promise<EvictResult> {
  const { clock, memory } = input;
  const budgets = survey.index.budgetsOf(pod);
  const result = await evictPod(pod, budgets, { ...input, random: () => clock.random() });
  survey.candidates = survey.candidates.filter((candidate) => candidate !== pod);
  if (result.result === "leaving") {
    survey.ending.push(pod);
    return result;
  }
  if (result.result === "refused") {
    memory.release(pod);
    survey.impossible.push({ pod, blockedBy: result.message, cure: result.hint });
    return result;
  }
  const unsure = result.result === "blocked" && result.unsure;
  const blockedBy = result.result === "blocked" ? result.blockedBy : replacedText;
  const untilMs =
    clock.nowMs() + (unsure ? unsureMs : result.result === "blocked" ? result.retryAfterSeconds * 1000 : replacedMs);
  if (unsure) memory.claim(pod, untilMs);
  else memory.release(pod);
  memory.pause(pod, untilMs, budgetVersions(budgets), blockedBy);
  survey.blocked.push({ pod, blockedBy, untilMs });
  return result;
}
