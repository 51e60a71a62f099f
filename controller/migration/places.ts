import type { CniMigration, NodeMigration } from "../../crds/index.ts";
import { isTrue } from "../../kube/conditions.ts";
import type { Node } from "../../kube/objects.ts";
import type { NetworkId } from "../../networks/contract.ts";
import { selectedNodes } from "../plan.ts";

export type Direction = NonNullable<CniMigration["spec"]["direction"]>;

/** What a migration is said to do on each of the two ways. */
export const words = {
  Forward: { summary: "Migrating", reason: "Migrating" },
  Revert: { summary: "Reverting", reason: "Reverting" },
} as const satisfies Record<Direction, object>;

/** Where a node stands as seen from the direction asked for. */
export type Place = "pending" | "inProgress" | "migrated" | "failed";

export function directionOf({ spec }: CniMigration): Direction {
  return spec.direction ?? "Forward";
}

/** The network nodes are to be on in the end. */
export function wantedNetwork(migration: CniMigration): NetworkId {
  return directionOf(migration) === "Forward" ? migration.spec.target : migration.spec.source;
}

/** Direction of the step pointer. */
export function walked({ status }: NodeMigration): Direction {
  return status?.direction ?? "Forward";
}

/** Asked to go the other way, and not turned round yet. One that has not begun has nothing to turn. */
export function isTurning(nodeMigration: NodeMigration): boolean {
  const begun = (nodeMigration.status?.step ?? "Pending") !== "Pending";
  return begun && (nodeMigration.spec.direction ?? "Forward") !== walked(nodeMigration);
}

/** A node that has not begun is on the source; one that is done, on the network its way led to. */
export function placeOf(nodeMigration: NodeMigration, wanted: Direction): Place {
  if (isTurning(nodeMigration)) return "inProgress";
  if (isTrue(nodeMigration.status?.conditions, "Stalled")) return "failed";
  const step = nodeMigration.status?.step ?? "Pending";
  if (step === "Pending") return wanted === "Forward" ? "pending" : "migrated";
  if (step !== "Done") return "inProgress";
  return walked(nodeMigration) === wanted ? "migrated" : "pending";
}

/** The NodeMigrations by their nodes. A node made anew under the same name is another one. */
export function byNode(nodeMigrations: readonly NodeMigration[]): (node: Node) => NodeMigration | undefined {
  const byName = new Map(nodeMigrations.map((nm) => [nm.spec.nodeName, nm]));
  return ({ metadata }) => {
    const found = byName.get(metadata.name);
    return found?.spec.nodeUID === metadata.uid ? found : undefined;
  };
}

/** Nodes the work is about: those selected; on the way back also those that were moved before they were left out. */
export function participants(
  migration: CniMigration,
  nodes: readonly Node[],
  nodeMigrations: readonly NodeMigration[],
): Node[] {
  const selected = selectedNodes(migration, nodes);
  if (directionOf(migration) === "Forward") return selected;
  const chosen = new Set(selected);
  const partOf = byNode(nodeMigrations);
  return nodes.filter((node) => chosen.has(node) || (partOf(node)?.status?.step ?? "Pending") !== "Pending");
}

/** Whether the cluster knows both networks; no more when a revert has put everything back. */
export function isPrepared({ status }: CniMigration): boolean {
  return isTrue(status?.conditions, "TargetInstalled");
}
