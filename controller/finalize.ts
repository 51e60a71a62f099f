import type { CniMigration, NodeMigration } from "../crds/index.ts";
import { finalizer } from "../crds/names.ts";
import { isFalse, isTrue } from "../kube/conditions.ts";
import { isApiError } from "../kube/errors.ts";
import { exactly, keyOf } from "../kube/identity.ts";
import { cniMigrations, nodeMigrations } from "../kube/resources.ts";
import type { KubeObject, Resource } from "../kube/types.ts";
import { isFinalized } from "./migration/claim.ts";
import { untaint } from "./migration/finish.ts";
import type { MigrationContext } from "./migration/phase.ts";
import { placeOf } from "./migration/places.ts";
import { restoreCluster } from "./migration/restore.ts";
import { removeProbes } from "./probes.ts";
import type { Scope } from "./scope.ts";

/** Before the first change to the cluster: from here on deleting the object waits until no node is half-way. */
export async function hold(scope: Scope, migration: CniMigration): Promise<CniMigration> {
  if (migration.metadata.finalizers?.includes(finalizer)) return migration;
  const held = await setFinalizers(scope, cniMigrations, migration, [
    ...(migration.metadata.finalizers ?? []),
    finalizer,
  ]);
  scope.stores.migrations.put(held);
  return held;
}

/** A NodeMigration that is being deleted goes once its node is not half-way; until then its steps go on. */
export async function releaseNode(scope: Scope, nodeMigration: NodeMigration): Promise<boolean> {
  if (nodeMigration.metadata.deletionTimestamp === undefined || isHalfWay(scope, nodeMigration)) return false;
  await letGo(scope, nodeMigrations, nodeMigration);
  return true;
}

/**
 * A migration that is being deleted: nodes that have begun come to their end, no other begins, and what was put on the
 * cluster for the time of the migration goes. Nodes stay on the network they are on.
 */
export async function releaseMigration(context: MigrationContext): Promise<{ afterSeconds: number } | undefined> {
  const { scope, migration } = context;
  if (!migration.metadata.finalizers?.includes(finalizer)) return undefined;
  const halfWay = context.nodeMigrations.filter((nm) => isHalfWay(scope, nm));
  if (halfWay.length > 0) {
    const names = halfWay
      .map((nm) => nm.spec.nodeName)
      .sort()
      .join(", ");
    const stalled = halfWay.some((nm) => isTrue(nm.status?.conditions, "Stalled"));
    const what = stalled ? "kubectl cni-migrate retry brings a stalled one on" : "they come to their end first";
    await context.record({ summary: "Deleting", message: `nodes half-way: ${names}; ${what}` });
    return { afterSeconds: 15 };
  }
  await untaint(context);
  // Nobody is on the target: what was made ready for it goes, too.
  if (!isFinalized(migration) && context.nodeMigrations.every(isOnSource)) {
    const waiting = await restoreCluster(context);
    if (waiting !== undefined && "message" in waiting) {
      await context.record({ summary: "Deleting", message: waiting.message });
      return { afterSeconds: 5 };
    }
  }
  await removeProbes(scope, migration);
  // Not left to the garbage collector, which may need half a minute: their names are the next migration's.
  for (const nodeMigration of context.nodeMigrations) {
    await letGo(scope, nodeMigrations, nodeMigration);
    await scope.client.delete(nodeMigrations, keyOf(nodeMigration), exactly(nodeMigration));
  }
  await letGo(scope, cniMigrations, context.migration);
  scope.log.info({ migration: migration.metadata.name }, "migration deleted");
  return undefined;
}

function isOnSource(nodeMigration: NodeMigration): boolean {
  return placeOf(nodeMigration, "Revert") === "migrated";
}

/** A node that is gone, or was made anew, is not half-way any more, wherever it stood. */
function isHalfWay(scope: Scope, { spec, status }: NodeMigration): boolean {
  const step = status?.step ?? "Pending";
  const there = scope.stores.nodes.get({ name: spec.nodeName })?.metadata.uid === spec.nodeUID;
  // A drain that stopped has given its cordon back: the node is as it was.
  const stopped = isTrue(status?.conditions, "Stalled") && isFalse(status?.conditions, "Cordoned");
  if (step === "Drain" && stopped) return false;
  return there && step !== "Pending" && step !== "Done";
}

async function letGo<T extends KubeObject>(scope: Scope, resource: Resource<T>, object: T): Promise<void> {
  const { finalizers = [] } = object.metadata;
  if (!finalizers.includes(finalizer)) return;
  const others = finalizers.filter((f) => f !== finalizer);
  try {
    await setFinalizers(scope, resource, object, others);
  } catch (error) {
    // Gone: an earlier pass has let it go, and the copy is behind.
    if (!isApiError(error, 404)) throw error;
  }
}

/** Guarded: a list of finalizers is written whole. */
function setFinalizers<T extends KubeObject>(
  scope: Scope,
  resource: Resource<T>,
  object: T,
  finalizers: string[],
): Promise<T> {
  const { name, uid, resourceVersion } = object.metadata;
  return scope.client.patch(resource, { name }, { metadata: { finalizers, uid, resourceVersion } });
}
