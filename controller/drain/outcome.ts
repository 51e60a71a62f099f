import { MigrationError } from "../errors.ts";
import type { EvictResult } from "./evict.ts";
import { refusalText, refusedBy, type Sweep, some } from "./filters.ts";
import { endingText, listed, type PendingPod, pendingPod, summary } from "./pending.ts";
import { podName, uidOf } from "./pods.ts";
import type { Survey, SweepScope } from "./survey.ts";

/** Why a wait lasts: reasons of the vocabulary. */
export type WaitReason = "Draining" | "PodsRestarting" | "WaitingForReplacement" | "EvictionBlocked";

export type DrainOutcome =
  /** Nothing that had to leave is left. `left`: pods that stay with an address of the old network, by the policy's wish. */
  | { state: "done"; left: { namespace: string; name: string; because: string }[] }
  /** Call again on a change of pods, budgets, Services or workloads, and after `nextCheckSeconds` in any case. */
  | { state: "waiting"; reason: WaitReason; message: string; pending: PendingPod[]; nextCheckSeconds: number }
  /** It will not end by itself. `error.kind` is "stalled", or "wait" for a missing right, which may be given any time. */
  | { state: "stuck"; error: MigrationError; pending: PendingPod[] };

/** Looked at again after this even when nothing was heard: a net, not the rule. */
const safetyNetSeconds = 15;

/** What the survey alone decides: nothing left to do, or nothing that can be done. */
export function settled(scope: SweepScope, survey: Survey, sweep: Sweep): DrainOutcome | undefined {
  const { refused, impossible, ending, blocked, candidates, left } = survey;
  if ([refused, impossible, ending, blocked, candidates].every((pods) => pods.length === 0))
    return { state: "done", left };
  if (refused.length > 0) return stuck(scope, survey, refusal(scope, survey));
  if (impossible.length > 0) return stuck(scope, survey, impossibleError(scope, survey));
  if (scope.clock.nowMs() >= deadlineMs(scope)) return stuck(scope, survey, timeout(scope, survey, sweep));
  return undefined;
}

/** After a request that will be refused again. */
export function stuckBy(scope: SweepScope, survey: Survey, by: EvictResult & { result: "refused" }): DrainOutcome {
  const kind = by.reason === "PermissionMissing" ? "wait" : "stalled";
  const facts = { kind, object: `node ${scope.node}`, hint: by.hint } as const;
  const more = kind === "wait" ? { retryAfterSeconds: 10 } : {};
  return stuck(scope, survey, new MigrationError(by.reason, by.message, { ...facts, ...more }));
}

export function waiting(scope: SweepScope, survey: Survey, sweep: Sweep): DrainOutcome {
  const pending = pendingOf(scope, survey);
  const nowMs = scope.clock.nowMs();
  const untilMs = survey.blocked.flatMap((pod) => (pod.untilMs === undefined ? [] : [pod.untilMs]));
  const nextMs = Math.min(nowMs + safetyNetSeconds * 1000, deadlineMs(scope), ...untilMs);
  return {
    state: "waiting",
    reason: waitReason(survey, sweep),
    message: summary(pending),
    pending: listed(pending),
    nextCheckSeconds: Math.max(0.1, (nextMs - nowMs) / 1000),
  };
}

function waitReason({ blocked, held }: Survey, sweep: Sweep): WaitReason {
  if (blocked.length > 0) return "EvictionBlocked";
  if (sweep === "recycle") return "PodsRestarting";
  return held.size > 0 ? "WaitingForReplacement" : "Draining";
}

function pendingOf(scope: SweepScope, survey: Survey): PendingPod[] {
  const nowMs = scope.clock.nowMs();
  return [
    ...survey.refused.map(({ pod, causes }) => pendingPod(pod, refusedBy(causes))),
    ...survey.impossible.map(({ pod, blockedBy }) => pendingPod(pod, blockedBy)),
    ...survey.blocked.map(({ pod, blockedBy }) => pendingPod(pod, blockedBy)),
    ...survey.candidates.map((pod) => pendingPod(pod, survey.held.get(uidOf(pod)))),
    ...survey.ending.map((pod) => pendingPod(pod, endingText(pod, nowMs))),
  ];
}

function stuck(scope: SweepScope, survey: Survey, error: MigrationError): DrainOutcome {
  return { state: "stuck", error, pending: listed(pendingOf(scope, survey)) };
}

function refusal({ node }: SweepScope, { refused }: Survey): MigrationError {
  const { message, hint } = refusalText(refused);
  const unmanaged = refused.some(({ causes }) => causes.includes("Unmanaged"));
  return new MigrationError(unmanaged ? "UnmanagedPod" : "EmptyDirPod", `node ${node} is not drained: ${message}`, {
    kind: "stalled",
    object: `node ${node}`,
    hint,
  });
}

function impossibleError({ node }: SweepScope, { impossible }: Survey): MigrationError {
  const byCause = new Map<string, { names: string[]; cure: string }>();
  for (const { pod, blockedBy, cure } of impossible) {
    const cause = byCause.get(blockedBy) ?? { names: [], cure };
    byCause.set(blockedBy, { ...cause, names: [...cause.names, podName(pod)] });
  }
  const causes = [...byCause].slice(0, 3).map(([blockedBy, { names }]) => `${some(names)}: ${blockedBy}`);
  const more = byCause.size > 3 ? ` and ${byCause.size - 3} more causes` : "";
  const [first] = byCause.values();
  return new MigrationError("EvictionImpossible", `node ${node} cannot be drained: ${causes.join("; ")}${more}`, {
    kind: "stalled",
    object: `node ${node}`,
    hint: first?.cure ?? "",
  });
}

function timeout(scope: SweepScope, survey: Survey, sweep: Sweep): MigrationError {
  const { node, policy } = scope;
  const what = sweep === "drain" ? "drain" : "recreation of the pods";
  const left = summary(pendingOf(scope, survey));
  return new MigrationError(
    sweep === "drain" ? "DrainTimeout" : "StepTimeout",
    `the ${what} of node ${node} took longer than ${policy.timeoutSeconds} s: ${left}`,
    { kind: "stalled", object: `node ${node}`, hint: `mend that, then kubectl cni-migrate retry ${node}` },
  );
}

function deadlineMs({ startedAtMs, policy }: SweepScope): number {
  return startedAtMs + policy.timeoutSeconds * 1000;
}
