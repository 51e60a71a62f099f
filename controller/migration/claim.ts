import type { CniMigration } from "../../crds/index.ts";
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
      .filter((m) => !isTrue(m.status?.conditions, "Succeeded"))
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
        message: `the nodes still have their part in CniMigration ${other.spec.migrationName}, which is over; this one begins when its record is removed: kubectl delete cnimigration ${other.spec.migrationName}`,
        afterSeconds: 30,
      };
    const { source, target, direction } = migration.spec;
    if (direction === "Revert")
      return {
        outcome: "stalled",
        reason: "NotSupportedYet",
        message: "this version cannot go back to the source yet; set spec.direction to Forward",
      };
    if (strategyOf(source, target) === undefined)
      return { outcome: "stalled", reason: "NotSupportedYet", message: `there is no way from ${source} to ${target}` };
    return next;
  },
};

function byAge(a: CniMigration, b: CniMigration): number {
  const key = (m: CniMigration) => `${m.metadata.creationTimestamp} ${m.metadata.uid}`;
  return key(a) < key(b) ? -1 : 1;
}
