import type { CniMigration } from "../../crds/index.ts";
import { isTrue } from "../../kube/conditions.ts";
import { isConflict } from "../../kube/errors.ts";
import { cniMigrations } from "../../kube/resources.ts";
import { patchStatus } from "../../kube/status.ts";
import type { MigrationError } from "../errors.ts";
import { releaseMigration } from "../finalize.ts";
import { asMigrationError } from "../node/reconcile.ts";
import { removeProbes } from "../probes.ts";
import type { Scope } from "../scope.ts";
import { claim, isFinalized, isOver } from "./claim.ts";
import { finishPhase } from "./finish.ts";
import { imagesPhase } from "./images.ts";
import type { MigrationContext, Phase, PhaseResult } from "./phase.ts";
import { type Direction, directionOf, participants } from "./places.ts";
import { preflightPhase } from "./preflight.ts";
import { conditionsWith, preparePhase, secondsToNextLook } from "./prepare.ts";
import { countNodes, rolloutPhase } from "./rollout.ts";
import { targetPhase } from "./target.ts";

/** The whole of a migration, in order. A phase that holds is passed over at every pass. */
const ways: Record<Direction, readonly Phase[]> = {
  Forward: [claim, preflightPhase, targetPhase, imagesPhase, preparePhase, rolloutPhase, finishPhase],
  Revert: [claim, preparePhase, rolloutPhase, finishPhase],
};

/** Carries one migration as far as it goes now. Guarded writes only; a conflict means: look again. */
export async function reconcileMigration(scope: Scope, name: string): Promise<{ afterSeconds: number } | undefined> {
  const migration = scope.stores.migrations.get({ name });
  if (migration === undefined) return;
  const context = contextOf(scope, migration);
  try {
    if (migration.metadata.deletionTimestamp !== undefined) return await releaseMigration(context);
    if (isFinished(context)) {
      await removeProbes(scope, migration);
      return;
    }
    const result = await runPhases(context);
    await conclude(context, result);
    return nextLook(result, secondsToNextLook(scope, migration));
  } catch (error) {
    if (!isConflict(error)) throw error;
    scope.log.debug({ migration: name, error }, "somebody else has written; looked at again");
    return { afterSeconds: 0.2 };
  }
}

/** The earlier of what the pass asks for and of what nodes that are not up yet need. */
function nextLook(result: PhaseResult, nodesInSeconds: number | undefined): { afterSeconds: number } | undefined {
  const asked = "afterSeconds" in result ? result.afterSeconds : undefined;
  const wishes = [asked, nodesInSeconds].filter((seconds) => seconds !== undefined);
  return wishes.length === 0 ? undefined : { afterSeconds: Math.max(0.1, Math.min(...wishes)) };
}

function contextOf(scope: Scope, migration: CniMigration): MigrationContext {
  const context: MigrationContext = {
    scope,
    migration,
    nodes: scope.stores.nodes.list(),
    get nodeMigrations() {
      return scope.stores.nodeMigrations
        .list()
        .filter((nm) => nm.metadata.ownerReferences?.some((ref) => ref.uid === migration.metadata.uid));
    },
    async record(status) {
      const { migration: current } = context;
      context.migration = await patchStatus(scope.client, cniMigrations, current, { ...current.status, ...status });
      scope.stores.migrations.put(context.migration);
    },
  };
  return context;
}

/** Nothing to do until the spec changes or a node comes that is to be moved. */
function isFinished({ migration, nodes, nodeMigrations }: MigrationContext): boolean {
  const wanted = directionOf(migration);
  if (isFinalized(migration) && wanted === "Forward") return true;
  if (!isTrue(migration.status?.conditions, "Succeeded") || !isOver(migration)) return false;
  const taking = participants(migration, nodes, nodeMigrations);
  return taking.length === countNodes(taking, nodes, nodeMigrations, wanted).migrated;
}

async function runPhases(context: MigrationContext): Promise<PhaseResult> {
  for (const phase of ways[directionOf(context.migration)]) {
    try {
      const result = await phase.run(context);
      if (result.outcome !== "next") return result;
    } catch (error) {
      const known = asMigrationError(error);
      if (known === undefined) throw error;
      return fromError(known, phase);
    }
  }
  throw new Error("the last phase did not conclude");
}

function fromError(error: MigrationError, phase: Phase): PhaseResult {
  const { reason, text: message } = error;
  const afterSeconds = error.retryAfterSeconds ?? 30;
  if (error.kind === "wait" || error.kind === "retry")
    return { outcome: "wait", summary: phase.name, reason, message, afterSeconds };
  return { outcome: "stalled", reason, message, afterSeconds };
}

/** Status is a view of what was seen; written only when it differs, announced once. */
async function conclude(context: MigrationContext, result: PhaseResult): Promise<void> {
  const { scope, migration } = context;
  await context.record(statusOf(contextOf(scope, migration), result));
  scope.metrics.showSteps(context.nodeMigrations.map((nm) => nm.status?.step ?? "Pending"));
  if (context.migration.metadata.resourceVersion !== migration.metadata.resourceVersion)
    announce(context, migration, result);
}

/** The derived part of status: counts, summary, the three conditions kubectl and kstatus go by. Pure. */
export function statusOf(
  { migration, nodes, nodeMigrations, scope }: MigrationContext,
  result: PhaseResult,
): Partial<NonNullable<CniMigration["status"]>> {
  if (result.outcome === "next") return {};
  const now = scope.now();
  const taking = participants(migration, nodes, nodeMigrations);
  const counts = countNodes(taking, nodes, nodeMigrations, directionOf(migration));
  const { reason, message } = result;
  const conditions = {
    wait: [
      ["Stalled", "False", "Progressing", ""],
      ["Reconciling", "True", reason, message],
      ["Succeeded", "Unknown", reason, message],
    ],
    stalled: [
      ["Stalled", "True", reason, message],
      ["Reconciling", "False", reason, message],
      ["Succeeded", "False", reason, message],
    ],
    finished: [
      ["Stalled", "False", reason, ""],
      ["Reconciling", "False", reason, ""],
      ["Succeeded", "True", reason, message],
    ],
  } as const;
  return {
    observedGeneration: migration.metadata.generation ?? 0,
    nodes: counts,
    progress: `${counts.migrated}/${taking.length}`,
    summary: result.outcome === "wait" ? result.summary : result.outcome === "stalled" ? "Stalled" : reason,
    message,
    ...(result.outcome === "finished" ? { completionTime: endOf(migration) ?? now.toISOString() } : {}),
    conditions: conditionsWith(migration, now, conditions[result.outcome]),
  };
}

/** When it was finished, if it still is: a node that came later makes it go on, to another end. */
function endOf({ status }: CniMigration): string | undefined {
  return isTrue(status?.conditions, "Succeeded") ? status?.completionTime : undefined;
}

function announce(context: MigrationContext, before: CniMigration, result: PhaseResult): void {
  const { scope, migration } = context;
  if (result.outcome === "next") return;
  const { reason, message } = result;
  const facts = { migration: migration.metadata.name, reason, message };
  const same = before.status?.summary === migration.status?.summary;
  if (same && result.outcome === "wait") {
    scope.log.debug(facts, "migration goes on");
    return;
  }
  scope.log[result.outcome === "stalled" ? "error" : "info"](facts, `migration ${result.outcome}`);
  void scope.events.event(migration, {
    type: result.outcome === "stalled" ? "Warning" : "Normal",
    reason,
    action: migration.status?.summary ?? "Reconcile",
    note: message,
  });
}
