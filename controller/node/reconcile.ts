import type { CniMigration, NodeMigration, StepName } from "../../crds/index.ts";
import { retryAnnotation } from "../../crds/names.ts";
import { isTrue } from "../../kube/conditions.ts";
import { isApiError, isConflict } from "../../kube/errors.ts";
import type { Node } from "../../kube/objects.ts";
import { nodeMigrations } from "../../kube/resources.ts";
import { patchStatus } from "../../kube/status.ts";
import { networkById } from "../../networks/index.ts";
import { planNode } from "../../networks/nodes.ts";
import { MigrationError } from "../errors.ts";
import { releaseNode } from "../finalize.ts";
import { driftError } from "../migration/drift.ts";
import { directionOf, walked } from "../migration/places.ts";
import { planContext } from "../plan.ts";
import type { Scope } from "../scope.ts";
import type { NodeContext, NodeStatus, NodeStep, StepResult } from "./context.ts";
import { settleContradiction } from "./contradiction.ts";
import { nextStep, stepByName } from "./steps.ts";
import { turnRound } from "./turn.ts";
import { type Outcome, outcomeOf, statusAfter, statusForRetry } from "./view.ts";

/** Seconds after which a waiting step is looked at again even when no event came: events are the rule, this the net. */
const safetyNetSeconds = 15;

interface Seen {
  migration: CniMigration;
  nodeMigration: NodeMigration;
  node: Node;
  step: NodeStep;
}

/**
 * Carries one node as far as it goes now: observe, decide, record the step, perform it, conclude. The step pointer is in
 * status before the step acts, and every write is guarded, so a kill at any line only means that the next pass looks again.
 */
export async function reconcileNode(scope: Scope, name: string): Promise<{ afterSeconds: number } | undefined> {
  const nodeMigration = scope.stores.nodeMigrations.get({ name });
  if (nodeMigration !== undefined && (await releaseNode(scope, nodeMigration))) return;
  for (;;) {
    const turning = await turn(scope, name);
    if (turning !== undefined && turning !== "turned") return turning;
    const seen = observe(scope, name);
    if (seen === undefined) return;
    const result = await perform(scope, seen);
    if (result === "again") continue;
    return result === undefined ? undefined : { afterSeconds: result.afterSeconds };
  }
}

/** Only the migration says which way its nodes go: what a hand has set on a NodeMigration moves nothing. */
async function turn(scope: Scope, name: string): Promise<"turned" | { afterSeconds: number } | undefined> {
  const nodeMigration = scope.stores.nodeMigrations.get({ name });
  const migration = scope.stores.migrations.get({ name: nodeMigration?.spec.migrationName ?? "" });
  if (nodeMigration === undefined || migration === undefined || !ownedBy(nodeMigration, migration)) return undefined;
  if (migration.metadata.deletionTimestamp !== undefined) return undefined;
  if ((nodeMigration.spec.direction ?? "Forward") !== directionOf(migration)) return undefined;
  try {
    return await turnRound(scope, nodeMigration);
  } catch (error) {
    if (isConflict(error)) return { afterSeconds: 0.2 };
    throw error;
  }
}

/** What there is to do for the node, from the stores alone; undefined when nothing is. */
function observe(scope: Scope, name: string): Seen | undefined {
  const nodeMigration = scope.stores.nodeMigrations.get({ name });
  const step = stepByName(nodeMigration?.status?.step ?? "Pending");
  if (nodeMigration === undefined || step === undefined) return undefined;
  if (isTrue(nodeMigration.status?.conditions, "Stalled") && !retryAsked(nodeMigration)) return undefined;
  const migration = scope.stores.migrations.get({ name: nodeMigration.spec.migrationName });
  if (migration === undefined || !ownedBy(nodeMigration, migration)) return undefined;
  if (migration.status?.facts === undefined || isAboutToTurn(nodeMigration, migration)) return undefined;
  const node = scope.stores.nodes.get({ name: nodeMigration.spec.nodeName });
  return { migration, nodeMigration, node: node ?? missingNode(nodeMigration), step };
}

/** The migration hands a new direction down in its own pass; until then nothing more is begun the old way. */
function isAboutToTurn(nodeMigration: NodeMigration, migration: CniMigration): boolean {
  if (migration.metadata.deletionTimestamp !== undefined) return false;
  return walked(nodeMigration) !== directionOf(migration);
}

/** Whether a person asked for another try after the node stalled. */
function retryAsked(nodeMigration: NodeMigration): boolean {
  const asked = Date.parse(nodeMigration.metadata.annotations?.[retryAnnotation] ?? "");
  const stalled = nodeMigration.status?.conditions?.find((c) => c.type === "Stalled");
  return stalled?.status === "True" && asked >= Date.parse(stalled.lastTransitionTime);
}

/** Takes the request away when it was heard: one from a clock that is ahead of ours would be newer than the next stall, too. */
async function answerRetry(scope: Scope, nodeMigration: NodeMigration): Promise<void> {
  const status = statusForRetry(nodeMigration, scope.now());
  const begun = await patchStatus(scope.client, nodeMigrations, nodeMigration, status);
  scope.stores.nodeMigrations.put(begun);
  const { name, uid, resourceVersion } = begun.metadata;
  const patch = { metadata: { uid, resourceVersion, annotations: { [retryAnnotation]: null } } };
  scope.stores.nodeMigrations.put(await scope.client.patch(nodeMigrations, { name }, patch));
}

function ownedBy(nodeMigration: NodeMigration, migration: CniMigration): boolean {
  return nodeMigration.metadata.ownerReferences?.some((ref) => ref.uid === migration.metadata.uid) ?? false;
}

/** Stands for a Node that is not there; its UID matches nobody's. */
function missingNode(nodeMigration: NodeMigration): Node {
  return { apiVersion: "v1", kind: "Node", metadata: { name: nodeMigration.spec.nodeName, uid: "" } };
}

async function perform(scope: Scope, seen: Seen): Promise<"again" | { afterSeconds: number } | undefined> {
  const { step, nodeMigration } = seen;
  if (retryAsked(nodeMigration)) {
    await answerRetry(scope, nodeMigration);
    return "again";
  }
  const context = contextOf(scope, seen);
  let outcome: Outcome;
  let status: Partial<NodeStatus> = {};
  let afterSeconds = safetyNetSeconds;
  try {
    checkNode(seen);
    if ((await settleContradiction(context)) === "moved") return "again";
    const result = await step.run(context);
    status = result.status ?? {};
    outcome = await heldByDrift(scope, seen, outcomeOfResult(seen.migration, step, result, context, scope.now()));
    if (result.outcome === "wait" && result.afterSeconds !== undefined) afterSeconds = result.afterSeconds;
  } catch (error) {
    if (isConflict(error)) return { afterSeconds: 0.2 };
    const known = asMigrationError(error);
    if (known === undefined) throw error;
    outcome = outcomeOf(known);
    afterSeconds = known.retryAfterSeconds ?? safetyNetSeconds;
  }
  const before = context.nodeMigration;
  const after = await conclude(scope, before, step, outcome, status);
  announce(scope, before, after, step, outcome);
  if (outcome.kind === "done") return outcome.next === "Done" ? undefined : "again";
  return outcome.kind === "wait" ? { afterSeconds } : undefined;
}

function contextOf(scope: Scope, seen: Seen): NodeContext {
  const { migration, nodeMigration, node, step } = seen;
  const plan = planContext(migration, scope.stores.nodes.list());
  const forward = walked(nodeMigration) === "Forward";
  const source = networkById(migration.spec.source);
  const target = networkById(migration.spec.target);
  const startTime = nodeMigration.status?.steps?.findLast((s) => s.name === step.name)?.startTime;
  const context: NodeContext = {
    scope,
    migration,
    nodeMigration,
    uid: nodeMigration.metadata.uid ?? "",
    node,
    planNode: planNode(node),
    plan,
    from: forward ? source : target,
    to: forward ? target : source,
    fromAgent: forward ? plan.source.agent : plan.target.agent,
    toAgent: forward ? plan.target.agent : plan.source.agent,
    cniConfDir: plan.source.cniConfDir,
    cniBinDir: plan.source.cniBinDir,
    stepStartedAt: startTime === undefined ? scope.now() : new Date(startTime),
    async record(status) {
      const { nodeMigration: current } = context;
      context.nodeMigration = await patchStatus(scope.client, nodeMigrations, current, {
        ...current.status,
        ...status,
      });
      scope.stores.nodeMigrations.put(context.nodeMigration);
    },
  };
  return context;
}

function checkNode({ node, nodeMigration }: Seen): void {
  const { nodeName, nodeUID } = nodeMigration.spec;
  if (node.metadata.uid === nodeUID) return;
  const gone = node.metadata.uid === "";
  throw new MigrationError(
    gone ? "NodeGone" : "NodeReplaced",
    gone ? `node ${nodeName} is gone` : `node ${nodeName} was deleted and made anew`,
    {
      kind: "stalled",
      object: `node ${nodeName}`,
      hint: `kubectl delete nodemigration ${nodeMigration.metadata.name}`,
    },
  );
}

/** A step that waits too long has failed; one that is done leads to the next unless a person asked for a pause. */
function outcomeOfResult(
  migration: CniMigration,
  step: NodeStep,
  result: StepResult,
  context: NodeContext,
  now: Date,
): Outcome {
  const { reason, message } = result;
  if (result.outcome === "failed") {
    const hint = result.hint ?? `then kubectl cni-migrate retry ${context.node.metadata.name}`;
    return { kind: "failed", reason, message: `${message}; ${hint}` };
  }
  if (result.outcome === "wait") {
    const seconds = (now.getTime() - context.stepStartedAt.getTime()) / 1000;
    if (seconds <= step.limitSeconds) return { kind: "wait", reason, message };
    const retry = `kubectl cni-migrate retry ${context.node.metadata.name}`;
    return {
      kind: "failed",
      reason: step.limitReason,
      message: `${step.name} took longer than ${step.limitSeconds} s: ${message}; when that is mended, ${retry}`,
    };
  }
  const next: StepName = nextStep(step.name);
  if (migration.spec.paused === true && stepByName(next)?.disruptive === true)
    return {
      kind: "wait",
      reason: "Paused",
      message: `paused before ${next}; kubectl cni-migrate resume ${migration.metadata.name}`,
    };
  return { kind: "done", reason, message, next };
}

/** No node goes on to what disturbs it while somebody has changed what the switch relies on. */
async function heldByDrift(scope: Scope, { migration }: Seen, outcome: Outcome): Promise<Outcome> {
  if (outcome.kind !== "done" || stepByName(outcome.next)?.disruptive !== true) return outcome;
  const drift = await driftError(scope, migration);
  return drift === undefined ? outcome : { kind: "wait", reason: drift.reason, message: drift.text };
}

async function conclude(
  scope: Scope,
  nodeMigration: NodeMigration,
  step: NodeStep,
  outcome: Outcome,
  seen: Partial<NodeStatus>,
): Promise<NodeMigration> {
  const status = statusAfter(nodeMigration, step, outcome, seen, scope.now());
  const written = await patchStatus(scope.client, nodeMigrations, nodeMigration, status);
  scope.stores.nodeMigrations.put(written);
  return written;
}

/** One Event and one log line a transition, none for a pass that changed nothing. */
function announce(scope: Scope, before: NodeMigration, after: NodeMigration, step: NodeStep, outcome: Outcome): void {
  if (before.metadata.resourceVersion === after.metadata.resourceVersion) return;
  const facts = {
    node: after.spec.nodeName,
    migration: after.spec.migrationName,
    step: step.name,
    reason: outcome.reason,
  };
  if (outcome.kind === "wait") {
    scope.log.debug({ ...facts, message: outcome.message }, "step waits");
    return;
  }
  const failed = outcome.kind === "failed";
  scope.log[failed ? "error" : "info"]({ ...facts, message: outcome.message }, failed ? "step failed" : "step done");
  void scope.events.event(after, {
    type: failed ? "Warning" : "Normal",
    reason: outcome.reason,
    action: step.name,
    note: `${step.name}: ${outcome.message}`,
  });
}

/** A right that is missing is a person's to give: the status says which call was refused. Other errors stay as they are. */
export function asMigrationError(error: unknown): MigrationError | undefined {
  if (error instanceof MigrationError) return error;
  if (!isApiError(error, 403)) return undefined;
  return new MigrationError("PermissionMissing", `the controller was refused: ${error.message}`, {
    kind: "wait",
    hint: "kubectl cni-migrate install and start give it its rights",
    retryAfterSeconds: 10,
    cause: error,
  });
}
