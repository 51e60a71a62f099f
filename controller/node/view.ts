import type { NodeMigration, StepName } from "../../crds/index.ts";
import { setCondition } from "../../kube/conditions.ts";
import type { Condition } from "../../kube/objects.ts";
import type { MigrationError } from "../errors.ts";
import type { NodeStatus, NodeStep } from "./context.ts";

/** How a pass ended, for the status. */
export type Outcome =
  | { kind: "done"; reason: string; message: string; next: StepName }
  | { kind: "wait"; reason: string; message: string }
  | { kind: "failed"; reason: string; message: string };

/** Direction -> what its end says. */
const ends = {
  Forward: ["Succeeded", "the node is on its new network"],
  Revert: ["Reverted", "the node is on its earlier network again"],
} as const;

/** Status after a pass over `step`. Pure: same input, same output; a status that says the same is not written again. */
export function statusAfter(
  nodeMigration: NodeMigration,
  step: NodeStep,
  outcome: Outcome,
  seen: Partial<NodeStatus>,
  now: Date,
): NodeStatus {
  const before: NodeStatus = nodeMigration.status ?? {};
  const generation = nodeMigration.metadata.generation ?? 0;
  const set = (conditions: Condition[], type: string, status: Condition["status"], reason: string, message: string) =>
    setCondition(conditions, { type, status, reason, message, observedGeneration: generation }, now);

  let conditions: Condition[] = [...((before.conditions ?? []) as Condition[])];
  const status: NodeStatus = { ...before, ...seen, observedGeneration: generation };
  if (seen.drain === undefined) delete status.drain;
  if (seen.blockedBy === undefined) delete status.blockedBy;
  switch (outcome.kind) {
    case "done": {
      if (step.condition !== undefined)
        conditions = set(conditions, step.condition, "True", outcome.reason, outcome.message);
      if (step.ends !== undefined && before.cordonedByUs !== false)
        conditions = set(conditions, step.ends, "False", outcome.reason, outcome.message);
      const finished = outcome.next === "Done";
      conditions = set(conditions, "Stalled", "False", "Progressing", "");
      conditions = finished
        ? set(conditions, "Reconciling", "False", "Succeeded", "")
        : set(conditions, "Reconciling", "True", "Progressing", `${outcome.next} begins`);
      if (finished) {
        const [reason, message] = ends[before.direction ?? "Forward"];
        conditions = set(conditions, "Succeeded", "True", reason, message);
      }
      status.step = outcome.next;
      status.steps = [
        ...(before.steps ?? [])
          .filter((s) => s.name !== outcome.next)
          .map((s) =>
            s.name === step.name && s.completionTime === undefined ? { ...s, completionTime: now.toISOString() } : s,
          ),
        ...(finished ? [] : [{ name: outcome.next, startTime: now.toISOString() }]),
      ];
      status.summary = finished ? "Done" : outcome.next;
      status.message = outcome.message;
      break;
    }
    case "wait":
      conditions = set(conditions, "Stalled", "False", "Progressing", "");
      conditions = set(conditions, "Reconciling", "True", outcome.reason, outcome.message);
      status.summary = step.name;
      status.message = outcome.message;
      break;
    case "failed":
      if (step.condition !== undefined)
        conditions = set(conditions, step.condition, "False", outcome.reason, outcome.message);
      conditions = set(conditions, "Stalled", "True", outcome.reason, outcome.message);
      conditions = set(conditions, "Reconciling", "False", outcome.reason, outcome.message);
      conditions = set(conditions, "Succeeded", "False", outcome.reason, outcome.message);
      status.summary = "Stalled";
      status.message = outcome.message;
      break;
  }
  status.conditions = conditions as NonNullable<NodeStatus["conditions"]>;
  return status;
}

/**
 * Status when a person asked for another try: the step begins anew, with pods of its own. A drain that stopped has given its
 * cordon back, so that its next try begins with that.
 */
export function statusForRetry(nodeMigration: NodeMigration, now: Date): NodeStatus {
  const before: NodeStatus = nodeMigration.status ?? {};
  const generation = nodeMigration.metadata.generation ?? 0;
  const message = "tried again, as asked";
  const conditions = (
    [
      ["Stalled", "False"],
      ["Reconciling", "True"],
      ["Succeeded", "Unknown"],
    ] as const
  ).reduce(
    (all, [type, status]) =>
      setCondition(all, { type, status, reason: "Progressing", message, observedGeneration: generation }, now),
    (before.conditions ?? []) as Condition[],
  );
  const stalledAt = before.step ?? "Pending";
  const step = stalledAt === "Drain" ? "Cordon" : stalledAt;
  const others = (before.steps ?? []).filter((s) => s.name !== step && s.name !== stalledAt);
  return {
    ...before,
    step,
    attempts: (before.attempts ?? 0) + 1,
    steps: [...others, { name: step, startTime: now.toISOString() }],
    summary: step,
    message,
    conditions: conditions as NonNullable<NodeStatus["conditions"]>,
  };
}

/** What is known of a node's way is known of that way only. */
const factsOfAWay = ["Drained", "Switched", "PodsRestarted", "ConnectivityVerified", "CleanedUp"] as const;

/** Status of a node that goes the other way from now on, beginning with `entry`. Nothing of the earlier way is kept but the cordon. */
export function statusTurned(nodeMigration: NodeMigration, entry: StepName, now: Date): NodeStatus {
  const before: NodeStatus = nodeMigration.status ?? {};
  const generation = nodeMigration.metadata.generation ?? 0;
  const message = `turned round in ${before.step ?? "Pending"}; ${entry} begins`;
  const reason = nodeMigration.spec.direction === "Revert" ? "Reverting" : "Progressing";
  const conditions = [
    ...factsOfAWay.map((type) => [type, "False", "NotStarted", "the node has turned round"] as const),
    ["Stalled", "False", "Progressing", ""] as const,
    ["Reconciling", "True", reason, message] as const,
    ["Succeeded", "Unknown", reason, message] as const,
  ].reduce(
    (all, [type, status, why, text]) =>
      setCondition(all, { type, status, reason: why, message: text, observedGeneration: generation }, now),
    (before.conditions ?? []) as Condition[],
  );
  const { recycle: _, tasks: __, drain: ___, blockedBy: ____, evidence: _____, restart: ______, ...kept } = before;
  return {
    ...kept,
    observedGeneration: generation,
    direction: nodeMigration.spec.direction ?? "Forward",
    step: entry,
    attempts: (before.attempts ?? 0) + 1,
    steps: [{ name: entry, startTime: now.toISOString() }],
    summary: entry,
    message,
    conditions: conditions as NonNullable<NodeStatus["conditions"]>,
  };
}

/** The outcome a MigrationError stands for. */
export function outcomeOf(error: MigrationError): Outcome {
  const kind = error.kind === "stalled" || error.kind === "usage" ? "failed" : "wait";
  return { kind, reason: error.reason, message: error.text };
}
