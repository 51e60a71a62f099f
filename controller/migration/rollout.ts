import type { NodeMigration } from "../../crds/index.ts";
import { networkLabel } from "../../crds/names.ts";
import { isConflict } from "../../kube/errors.ts";
import type { Node } from "../../kube/objects.ts";
import { nodeMigrations } from "../../kube/resources.ts";
import { patchStatus } from "../../kube/status.ts";
import { isReady } from "../../networks/nodes.ts";
import { inOrder } from "../../networks/order.ts";
import { drainPolicy } from "../drain/policy.ts";
import { type BatchInput, waitsForBatch } from "../drain/together.ts";
import { clusterView } from "../node/drain.ts";
import { batchLimit, guarded } from "../nodes.ts";
import { ensureServer } from "../probes.ts";
import { keepBeside } from "./beside.ts";
import { driftError } from "./drift.ts";
import { spread } from "./finish.ts";
import { type MigrationContext, next, type Phase } from "./phase.ts";
import { byNode, type Direction, directionOf, isTurning, participants, placeOf, words } from "./places.ts";

export interface Counts {
  total: number;
  pending: number;
  inProgress: number;
  migrated: number;
  failed: number;
  skipped: number;
}

/**
 * Where the nodes are; they add up to total. A node that has begun counts to its end, also when it is gone or left out by
 * now; one that is done, or has not begun, counts only while it takes part.
 */
export function countNodes(
  selected: readonly Node[],
  nodes: readonly Node[],
  nodeMigrations: readonly NodeMigration[],
  wanted: Direction,
): Counts {
  const uids = new Map(nodes.map(({ metadata }) => [metadata.name, metadata.uid]));
  const taking = new Set(selected.map(({ metadata }) => metadata.name));
  const counts = { inProgress: 0, migrated: 0, failed: 0 };
  let gone = 0;
  let leftOut = 0;
  for (const nodeMigration of nodeMigrations) {
    const { nodeName, nodeUID } = nodeMigration.spec;
    const place = placeOf(nodeMigration, wanted);
    const takesPart = taking.has(nodeName) && uids.get(nodeName) === nodeUID;
    if (place === "pending" || (place === "migrated" && !takesPart)) continue;
    counts[place]++;
    if (!uids.has(nodeName)) gone++;
    else if (!taking.has(nodeName)) leftOut++;
  }
  // A node without a part of its own has never left the source.
  const partOf = byNode(nodeMigrations);
  if (wanted === "Revert") counts.migrated += selected.filter((node) => partOf(node) === undefined).length;
  const total = nodes.length + gone;
  const skipped = nodes.length - selected.length - leftOut;
  const pending = total - skipped - counts.inProgress - counts.migrated - counts.failed;
  return { total, pending, ...counts, skipped };
}

/** The nodes that may begin now, in their order. Pure. */
export function admit(input: {
  nodes: readonly Node[];
  nodeMigrations: readonly NodeMigration[];
  nodeOrder: readonly string[];
  limit: number;
  /** Nodes that may be done before it pauses by itself. */
  pauseAfter: number | undefined;
  wanted: Direction;
  /** Why a node should not begin beside those that are moving. */
  holds?: (node: Node, moving: ReadonlySet<string>) => string | undefined;
}): NodeMigration[] {
  const places = input.nodeMigrations.map((nm) => placeOf(nm, input.wanted));
  if (places.includes("failed")) return [];
  const inProgress = places.filter((p) => p === "inProgress").length;
  const migrated = places.filter((p) => p === "migrated").length;
  const room = Math.min(
    input.limit - inProgress,
    (input.pauseAfter ?? Number.POSITIVE_INFINITY) - migrated - inProgress,
  );
  const waiting = inOrder(input.nodes, input.nodeOrder)
    .filter(isReady)
    .map((node) => ({ node, part: byNode(input.nodeMigrations)(node) }))
    .filter(({ part }) => part !== undefined && placeOf(part, input.wanted) === "pending");
  const moving = new Set(
    input.nodeMigrations.filter((nm) => placeOf(nm, input.wanted) === "inProgress").map((nm) => nm.spec.nodeName),
  );
  const admitted: NodeMigration[] = [];
  for (const { node, part } of waiting.slice(0, Math.max(0, room))) {
    // None is overtaken: the order is the user's.
    if (part === undefined || input.holds?.(node, moving) !== undefined) break;
    moving.add(node.metadata.name);
    admitted.push(part);
  }
  return admitted;
}

/** Lets nodes begin, never more at a time than batchSize; one that failed stops the line. */
export const rolloutPhase: Phase = {
  name: "Rollout",
  async run(context) {
    await steer(context);
    const { migration } = context;
    const wanted = directionOf(migration);
    const taking = participants(migration, context.nodes, context.nodeMigrations);
    const counts = countNodes(taking, context.nodes, context.nodeMigrations, wanted);
    const name = migration.metadata.name;
    if (taking.length === 0 && wanted === "Forward")
      return {
        outcome: "stalled",
        reason: "NoNodes",
        message: "spec.nodeSelector matches no node; correct it or remove it",
        afterSeconds: 30,
      };
    const beside = await keepBeside(context);
    const settled = counts.migrated === taking.length && counts.inProgress === 0;
    const drift = await driftError(context.scope, migration, { settled });
    if (drift !== undefined) throw drift;
    if (counts.failed > 0) return failedNode(context.nodeMigrations, wanted);
    if (settled) return next;
    await ensureServers(context);
    if (migration.spec.paused === true)
      return {
        outcome: "wait",
        summary: "Paused",
        reason: "Paused",
        message: `paused with ${counts.migrated} of ${taking.length} nodes done; kubectl cni-migrate resume ${name}`,
      };
    if (beside !== undefined) return beside;
    // A canary is for the way there; on the way back every node is wanted home.
    const pauseAfter = wanted === "Forward" ? migration.spec.pauseAfter : undefined;
    const held: string[] = [];
    const admitted = admit({
      nodes: taking,
      nodeMigrations: context.nodeMigrations,
      nodeOrder: migration.spec.nodeOrder ?? [],
      limit: batchLimit(migration.spec.batchSize ?? 1, taking.length),
      pauseAfter,
      wanted,
      holds: (node, moving) => {
        const why = waitsForBatch(node, batchInput(context, moving));
        if (why !== undefined) held.push(`node ${node.metadata.name} ${why}`);
        return why;
      },
    });
    for (const nodeMigration of admitted) await begin(context, nodeMigration, wanted);
    // Where only nodes without ordinary pods are left (a control plane), the pods need not wait for them.
    await spread(context);
    const inProgress = context.nodeMigrations.filter((nm) => placeOf(nm, wanted) === "inProgress");
    const moving = new Map([...admitted, ...inProgress].map((nm) => [nm.spec.nodeName, progressOf(nm)]));
    const { summary, reason } = words[wanted];
    if (moving.size > 0)
      return {
        outcome: "wait",
        summary,
        reason,
        message: [...[...moving.values()].sort().slice(0, 3), ...held].join(", "),
      };
    if (pauseAfter !== undefined && counts.migrated >= pauseAfter)
      return {
        outcome: "wait",
        summary: "Paused",
        reason: "Paused",
        message: `paused after ${counts.migrated} nodes as spec.pauseAfter asks; raise or remove it to go on`,
      };
    return {
      outcome: "wait",
      summary,
      reason: "NodeNotReady",
      message: waitingFor(context, taking, wanted),
      afterSeconds: 15,
    };
  },
};

function batchInput({ migration, scope }: MigrationContext, moving: ReadonlySet<string>): BatchInput {
  const view = { ...clusterView(scope), nodes: scope.stores.nodes.list() };
  return { view, policy: drainPolicy(migration.spec.drain), nowMs: scope.clock.nowMs(), moving };
}

/** Nodes on their way turn round at once; what a hand has set to the other way is set back. */
async function steer(context: MigrationContext): Promise<void> {
  const wanted = directionOf(context.migration);
  for (const nodeMigration of context.nodeMigrations) {
    const step = nodeMigration.status?.step ?? "Pending";
    const settled = step === "Pending" || (step === "Done" && !isTurning(nodeMigration));
    if (!settled) await point(context, nodeMigration, wanted);
  }
}

/** Sets which way the node is to go. Its own reconciler turns it round. */
async function point(
  { scope }: MigrationContext,
  nodeMigration: NodeMigration,
  direction: Direction,
): Promise<NodeMigration> {
  if ((nodeMigration.spec.direction ?? "Forward") === direction) return nodeMigration;
  const { name } = nodeMigration.metadata;
  const pointed = await scope.client.patch(nodeMigrations, { name }, guarded(nodeMigration, { spec: { direction } }));
  scope.stores.nodeMigrations.put(pointed);
  return pointed;
}

/** Nodes that stay for now are what the next one is checked against. */
async function ensureServers({ migration, nodes, nodeMigrations: all, scope }: MigrationContext): Promise<void> {
  if (migration.spec.verify?.enabled === false) return;
  const partOf = byNode(all);
  for (const node of nodes) {
    const part = partOf(node);
    const step = part?.status?.step ?? "Pending";
    const network = node.metadata.labels?.[networkLabel];
    if (part === undefined || isTurning(part) || (step !== "Pending" && step !== "Done")) continue;
    if (network === migration.spec.source || network === migration.spec.target)
      await ensureServer(scope, migration, node.metadata.name, network);
  }
}

/** What keeps the nodes that have not begun: those that are Ready and have no part yet wait for the source's agent. */
function waitingFor(
  { migration, nodeMigrations: all }: MigrationContext,
  taking: readonly Node[],
  wanted: Direction,
): string {
  const partOf = byNode(all);
  const waits = inOrder(taking, migration.spec.nodeOrder)
    .filter((node) => {
      const part = partOf(node);
      return part === undefined ? wanted === "Forward" : placeOf(part, wanted) === "pending";
    })
    .map((node) =>
      isReady(node)
        ? `${migration.spec.source} to be up on node ${node.metadata.name}`
        : `node ${node.metadata.name} to be Ready`,
    );
  const more = waits.length > 3 ? ` and ${waits.length - 3} more` : "";
  return `waiting for ${waits.slice(0, 3).join(", ")}${more}`;
}

function failedNode(
  all: readonly NodeMigration[],
  wanted: Direction,
): { outcome: "stalled"; reason: string; message: string } {
  const failed = all
    .filter((nm) => placeOf(nm, wanted) === "failed")
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
  const settled = step === "Pending" || step === "Done";
  return `node ${nodeMigration.spec.nodeName} ${settled ? "begins" : isTurning(nodeMigration) ? `turns round in ${step}` : `in ${step}`}`;
}

/**
 * The step pointer leaves Pending: from here on the node's own reconciler carries it. One that is done on the other network is
 * only pointed the other way.
 */
async function begin(context: MigrationContext, nodeMigration: NodeMigration, wanted: Direction): Promise<void> {
  const { scope, migration, nodes } = context;
  try {
    const pointed = await point(context, nodeMigration, wanted);
    if ((pointed.status?.step ?? "Pending") !== "Pending") return;
    const node = nodes.find(({ metadata }) => metadata.name === nodeMigration.spec.nodeName);
    // A node that is on the target already, its record lost, is not moved twice: it is looked at and tidied.
    const step = node?.metadata.labels?.[networkLabel] === migration.spec.target ? "Verify" : "Cordon";
    const written = await patchStatus(scope.client, nodeMigrations, pointed, {
      ...pointed.status,
      step,
      direction: wanted,
      steps: [{ name: step, startTime: scope.now().toISOString() }],
      summary: step,
      message: "begins",
    });
    scope.stores.nodeMigrations.put(written);
    scope.log.info({ node: nodeMigration.spec.nodeName, migration: nodeMigration.spec.migrationName }, "node begins");
  } catch (error) {
    if (!isConflict(error)) throw error;
  }
}
