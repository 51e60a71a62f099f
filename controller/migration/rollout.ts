import type { NodeMigration } from "../../crds/index.ts";
import { networkLabel } from "../../crds/names.ts";
import { isTrue } from "../../kube/conditions.ts";
import { isConflict } from "../../kube/errors.ts";
import type { Node } from "../../kube/objects.ts";
import { nodeMigrations } from "../../kube/resources.ts";
import { patchStatus } from "../../kube/status.ts";
import { isReady } from "../../networks/nodes.ts";
import { inOrder } from "../../networks/order.ts";
import { batchLimit } from "../nodes.ts";
import { selectedNodes } from "../plan.ts";
import { spread } from "./finish.ts";
import { type MigrationContext, next, type Phase } from "./phase.ts";

export interface Counts {
  total: number;
  pending: number;
  inProgress: number;
  migrated: number;
  failed: number;
  skipped: number;
}

type Place = "pending" | "inProgress" | "migrated" | "failed";

function placeOf(nodeMigration: NodeMigration): Place {
  if (isTrue(nodeMigration.status?.conditions, "Stalled")) return "failed";
  const step = nodeMigration.status?.step ?? "Pending";
  return step === "Done" ? "migrated" : step === "Pending" ? "pending" : "inProgress";
}

/**
 * Where the nodes are; they add up to total. A node that has begun counts to its end, also when it is gone or left out by
 * now; one that is done, or has not begun, counts only while it takes part.
 */
export function countNodes(
  selected: readonly Node[],
  nodes: readonly Node[],
  nodeMigrations: readonly NodeMigration[],
): Counts {
  const uids = new Map(nodes.map(({ metadata }) => [metadata.name, metadata.uid]));
  const taking = new Set(selected.map(({ metadata }) => metadata.name));
  const counts = { inProgress: 0, migrated: 0, failed: 0 };
  let gone = 0;
  let leftOut = 0;
  for (const nodeMigration of nodeMigrations) {
    const { nodeName, nodeUID } = nodeMigration.spec;
    const place = placeOf(nodeMigration);
    const takesPart = taking.has(nodeName) && uids.get(nodeName) === nodeUID;
    if (place === "pending" || (place === "migrated" && !takesPart)) continue;
    counts[place]++;
    if (!uids.has(nodeName)) gone++;
    else if (!taking.has(nodeName)) leftOut++;
  }
  const total = nodes.length + gone;
  const skipped = nodes.length - selected.length - leftOut;
  const pending = total - skipped - counts.inProgress - counts.migrated - counts.failed;
  return { total, pending, ...counts, skipped };
}

/** The NodeMigrations by their nodes. A node made anew under the same name is another one. */
function byNode(nodeMigrations: readonly NodeMigration[]): (node: Node) => NodeMigration | undefined {
  const byName = new Map(nodeMigrations.map((nm) => [nm.spec.nodeName, nm]));
  return ({ metadata }) => {
    const found = byName.get(metadata.name);
    return found?.spec.nodeUID === metadata.uid ? found : undefined;
  };
}

/** The nodes that may begin now, in their order. Pure. */
export function admit(input: {
  nodes: readonly Node[];
  nodeMigrations: readonly NodeMigration[];
  nodeOrder: readonly string[];
  limit: number;
  /** Nodes that may be done before it pauses by itself. */
  pauseAfter: number | undefined;
}): NodeMigration[] {
  const places = input.nodeMigrations.map(placeOf);
  if (places.includes("failed")) return [];
  const inProgress = places.filter((p) => p === "inProgress").length;
  const migrated = places.filter((p) => p === "migrated").length;
  const room = Math.min(
    input.limit - inProgress,
    (input.pauseAfter ?? Number.POSITIVE_INFINITY) - migrated - inProgress,
  );
  return inOrder(input.nodes, input.nodeOrder)
    .filter(isReady)
    .map(byNode(input.nodeMigrations))
    .filter((nm) => nm !== undefined)
    .filter((nm) => placeOf(nm) === "pending")
    .slice(0, Math.max(0, room));
}

/** Lets nodes begin, never more at a time than batchSize; one that failed stops the line. */
export const rolloutPhase: Phase = {
  name: "Rollout",
  async run(context) {
    const { migration } = context;
    const selected = selectedNodes(migration, context.nodes);
    const counts = countNodes(selected, context.nodes, context.nodeMigrations);
    const name = migration.metadata.name;
    if (selected.length === 0)
      return {
        outcome: "stalled",
        reason: "NoNodes",
        message: "spec.nodeSelector matches no node; correct it or remove it",
        afterSeconds: 30,
      };
    if (counts.failed > 0) return failedNode(context.nodeMigrations);
    if (counts.migrated === selected.length && counts.inProgress === 0) return next;
    if (migration.spec.paused === true)
      return {
        outcome: "wait",
        summary: "Paused",
        reason: "Paused",
        message: `paused with ${counts.migrated} of ${selected.length} nodes done; kubectl cni-migrate resume ${name}`,
      };
    const admitted = admit({
      nodes: selected,
      nodeMigrations: context.nodeMigrations,
      nodeOrder: migration.spec.nodeOrder ?? [],
      limit: batchLimit(migration.spec.batchSize ?? 1, selected.length),
      pauseAfter: migration.spec.pauseAfter,
    });
    for (const nodeMigration of admitted) await begin(context, nodeMigration);
    // Where only nodes without ordinary pods are left (a control plane), the pods need not wait for them.
    await spread(context);
    const inProgress = context.nodeMigrations.filter((nm) => placeOf(nm) === "inProgress");
    const moving = new Map([...admitted, ...inProgress].map((nm) => [nm.spec.nodeName, progressOf(nm)]));
    if (moving.size > 0)
      return {
        outcome: "wait",
        summary: "Migrating",
        reason: "Migrating",
        message: [...moving.values()].sort().slice(0, 3).join(", "),
      };
    if (migration.spec.pauseAfter !== undefined && counts.migrated >= migration.spec.pauseAfter)
      return {
        outcome: "wait",
        summary: "Paused",
        reason: "Paused",
        message: `paused after ${counts.migrated} nodes as spec.pauseAfter asks; raise or remove it to go on`,
      };
    return {
      outcome: "wait",
      summary: "Migrating",
      reason: "NodeNotReady",
      message: waitingFor(context, selected),
      afterSeconds: 15,
    };
  },
};

/** What keeps the nodes that have not begun: those that are Ready and have no part yet wait for the source's agent. */
function waitingFor({ migration, nodeMigrations: all }: MigrationContext, selected: readonly Node[]): string {
  const partOf = byNode(all);
  const waits = inOrder(selected, migration.spec.nodeOrder)
    .filter((node) => (partOf(node)?.status?.step ?? "Pending") === "Pending")
    .map((node) =>
      isReady(node)
        ? `${migration.spec.source} to be up on node ${node.metadata.name}`
        : `node ${node.metadata.name} to be Ready`,
    );
  const more = waits.length > 3 ? ` and ${waits.length - 3} more` : "";
  return `waiting for ${waits.slice(0, 3).join(", ")}${more}`;
}

function failedNode(all: readonly NodeMigration[]): { outcome: "stalled"; reason: string; message: string } {
  const failed = all
    .filter((nm) => placeOf(nm) === "failed")
    .sort((a, b) => (a.spec.nodeName < b.spec.nodeName ? -1 : 1));
  const [first] = failed;
  const stalled = first?.status?.conditions?.find((c) => c.type === "Stalled");
  const more = failed.length > 1 ? ` (and ${failed.length - 1} more nodes)` : "";
  return {
    outcome: "stalled",
    reason: "NodeFailed",
    message: `node ${first?.spec.nodeName} failed in ${first?.status?.step}: ${stalled?.message ?? ""}${more}`,
  };
}

function progressOf(nodeMigration: NodeMigration): string {
  const step = nodeMigration.status?.step ?? "Pending";
  return `node ${nodeMigration.spec.nodeName} ${step === "Pending" ? "begins" : `in ${step}`}`;
}

/** The step pointer leaves Pending: from here on the node's own reconciler carries it. */
async function begin({ scope, migration, nodes }: MigrationContext, nodeMigration: NodeMigration): Promise<void> {
  const now = scope.now().toISOString();
  const node = nodes.find(({ metadata }) => metadata.name === nodeMigration.spec.nodeName);
  // A node that is on the target already, its record lost, is not moved twice: it is looked at and tidied.
  const step = node?.metadata.labels?.[networkLabel] === migration.spec.target ? "Verify" : "Cordon";
  try {
    const written = await patchStatus(scope.client, nodeMigrations, nodeMigration, {
      ...nodeMigration.status,
      step,
      direction: nodeMigration.spec.direction ?? "Forward",
      steps: [{ name: step, startTime: now }],
      summary: step,
      message: "begins",
    });
    scope.stores.nodeMigrations.put(written);
    scope.log.info({ node: nodeMigration.spec.nodeName, migration: nodeMigration.spec.migrationName }, "node begins");
  } catch (error) {
    if (!isConflict(error)) throw error;
  }
}
