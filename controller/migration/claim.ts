import type { CniMigration, NodeMigration } from "../../crds/index.ts";
import { isTrue } from "../../kube/conditions.ts";
import { strategyOf } from "../../networks/overlays.ts";
import { isOwnedBy } from "../tasks.ts";
import { next, type Phase } from "./phase.ts";

/**
 * At most one unfinished migration: the oldest. Two of the same second are told apart by UID. A finished one's record holds
 * the names of the nodes. Only where a way leads.
 */
export const claim: Phase = {
  name: "Claim",
  async run({ migration, scope }) {
    const first = scope.stores.migrations
      .list()
      .filter((m) => !isOver(m))
      .sort(byAge)[0];
    if (first !== undefined && first.metadata.uid !== migration.metadata.uid)
      return {
        outcome: "stalled",
        reason: "AnotherMigrationActive",
        message: `CniMigration ${first.metadata.name} is not finished; this one begins when it is, or remove it with kubectl delete cnimigration ${migration.metadata.name}`,
        afterSeconds: 30,
      };
    const other = scope.stores.nodeMigrations
      .list()
      .find((nm) => !isOwnedBy(nm, { uid: migration.metadata.uid ?? "" }));
    if (other !== undefined)
      return {
        outcome: "stalled",
        reason: "AnotherMigrationActive",
        message: inTheWay(scope.stores.migrations.get({ name: other.spec.migrationName }), migration, other),
        afterSeconds: 30,
      };
    const { source, target } = migration.spec;
    if (isFinalized(migration))
      return {
        outcome: "stalled",
        reason: "Finalized",
        message: `${source} was removed by finalize, so that there is no way back; go to it with a new migration: kubectl cni-migrate start --target ${source}`,
      };
    if (strategyOf(source, target) === undefined)
      return { outcome: "stalled", reason: "NotSupportedYet", message: `there is no way from ${source} to ${target}` };
    return next;
  },
};

function inTheWay(theirs: CniMigration | undefined, migration: CniMigration, other: NodeMigration): string {
  const { name } = other.metadata;
  if (theirs === undefined || theirs.metadata.uid === migration.metadata.uid)
    return `NodeMigration ${name} is of no migration there is; this one begins when it is removed: kubectl delete nodemigration ${name}`;
  const { name: earlier } = theirs.metadata;
  return `the nodes still have their part in CniMigration ${earlier}, which is over; this one begins when its record is removed: kubectl delete cnimigration ${earlier}`;
}

/** At its end, and not asked to go on, such as the other way. */
export function isOver(migration: CniMigration): boolean {
  const { status, metadata } = migration;
  if (isFinalized(migration)) return true;
  return isTrue(status?.conditions, "Succeeded") && status?.observedGeneration === metadata.generation;
}

/** What it would go back to is removed. */
export function isFinalized({ status }: CniMigration): boolean {
  return status?.conditions?.some((c) => c.type === "SourceRemoved" && c.reason === "Finalized") ?? false;
}

function byAge(a: CniMigration, b: CniMigration): number {
  const key = (m: CniMigration) => `${m.metadata.creationTimestamp} ${m.metadata.uid}`;
  return key(a) < key(b) ? -1 : 1;
}
