import type { CniMigration, NodeMigration } from "../../crds/index.ts";
import { apiVersion, finalizer, networkLabel } from "../../crds/names.ts";
import { setCondition } from "../../kube/conditions.ts";
import { isApiError } from "../../kube/errors.ts";
import { exactly, keyOf } from "../../kube/identity.ts";
import type { Condition, Node } from "../../kube/objects.ts";
import { nodeMigrations, nodes as nodeResource } from "../../kube/resources.ts";
import type { PlanContext } from "../../networks/contract.ts";
import { networkById } from "../../networks/index.ts";
import { planNode } from "../../networks/nodes.ts";
import { gatherSnapshot } from "../../networks/snapshot.ts";
import { beforeOf } from "../before.ts";
import { ensureNodeChanges, makeChanges } from "../changes.ts";
import { hold } from "../finalize.ts";
import { guarded, taintPatch } from "../nodes.ts";
import { namedAgents, planContext, selectedNodes, sourceOverrides } from "../plan.ts";
import type { Scope } from "../scope.ts";
import { ownerOf } from "../tasks.ts";
import { bindSource, isBeside, prepareBeside } from "./beside.ts";
import { type MigrationContext, next, type Phase, type PhaseResult } from "./phase.ts";
import { byNode, directionOf, isPrepared, participants, placeOf } from "./places.ts";
import { giveRanges } from "./ranges.ts";

/**
 * Makes both networks known to each other before a node moves: labels, the source's DaemonSets bound to their nodes, the
 * target's cluster-wide objects, then each node's own. A node has its NodeMigration once it is prepared, so a node that
 * joins later is prepared by the same pass.
 * On the way back only nodes that join meanwhile are prepared: those still on the target have to find them.
 */
export const preparePhase: Phase = {
  name: "Prepare",
  async run(context) {
    if (directionOf(context.migration) === "Revert" && !isPrepared(context.migration)) return next;
    context.migration = await hold(context.scope, context.migration);
    await giveRanges(context);
    await labelNodes(context);
    await forgetReplaced(context);
    const waiting = await prepareCluster(context);
    if (waiting !== undefined) return waiting;
    return prepareNodes(context);
  },
};

/** Seconds until our taint is put again on a node that still waits and has lost it. */
const taintAgainSeconds = 600;

/** Every node says which network it is on; those to be moved take new pods last, so that a pod moves about once. */
async function labelNodes({ migration, nodes, scope, nodeMigrations: existing }: MigrationContext): Promise<void> {
  const source = networkById(migration.spec.source);
  const target = networkById(migration.spec.target);
  const taking = new Set(participants(migration, nodes, existing));
  const partOf = byNode(existing);
  const plan = planContext(migration, nodes);
  for (const node of nodes) {
    const name = node.metadata.name;
    // One that has begun and lost its label is not on the source any more: that is for a person to see (drift.ts).
    const part = partOf(node);
    const isOnSource = part === undefined || placeOf(part, "Revert") === "migrated";
    const labels =
      isOnSource && node.metadata.labels?.[networkLabel] === undefined
        ? { [networkLabel]: source.id, ...source.nodeLabels("in"), ...target.nodeLabels("out") }
        : {};
    // The label lets the source's agent in.
    if (Object.keys(labels).length > 0 && plan.second === undefined)
      await ensureNodeChanges(scope.client, source.nodeObjects(plan, planNode(node), "in"));
    // The source's annotations are its agent's own, before and after.
    const annotations = beforeOf(node, [{ ...source, nodeAnnotations: [] }, target]);
    // Somebody who takes it away has it so for a while: it is a help, not worth a quarrel.
    const tainted = `${node.metadata.uid} taint ${directionOf(migration)}`;
    const isDue = (scope.looks.dueInSeconds(tainted, taintAgainSeconds) ?? 0) <= 0;
    const taint = isDue && taking.has(node) && waits(migration, part) ? taintPatch(node, true) : undefined;
    if (taint !== undefined) scope.looks.note(tainted);
    if (Object.keys({ ...labels, ...annotations }).length === 0 && taint === undefined) continue;
    const patch = guarded(node, {
      metadata: { labels, annotations },
      ...(taint === undefined ? {} : { spec: taint.spec }),
    });
    scope.stores.nodes.put(await scope.client.patch(nodeResource, { name }, patch));
  }
}

/** Whether pods would be moved once more from the node. */
function waits(migration: CniMigration, part: NodeMigration | undefined): boolean {
  const wanted = directionOf(migration);
  if (part === undefined) return wanted === "Forward";
  return placeOf(part, wanted) !== "migrated" && part.status?.step !== "Uncordon";
}

/** A node made anew under the name of one that is done, or has not begun, has all before it again. */
async function forgetReplaced({ nodes, nodeMigrations: existing, scope }: MigrationContext): Promise<void> {
  const uids = new Map(nodes.map(({ metadata }) => [metadata.name, metadata.uid]));
  for (const part of existing) {
    const { metadata, spec, status } = part;
    const uid = uids.get(spec.nodeName);
    const begun = status?.step !== "Done" && status?.step !== "Pending";
    if (uid === undefined || uid === spec.nodeUID || begun || metadata.deletionTimestamp !== undefined) continue;
    await scope.client.delete(nodeMigrations, keyOf(part), exactly(part));
  }
}

/** Done once: how each change is taken back is in status.undo before the first one is made. */
async function prepareCluster(context: MigrationContext): Promise<PhaseResult | undefined> {
  const { migration, nodes, scope } = context;
  if (isPrepared(migration)) return undefined;
  const plan = planContext(migration, nodes);
  const target = networkById(migration.spec.target);
  const waiting = plan.second === undefined ? await prepareShared(context, plan) : await prepareBeside(context);
  if (waiting !== undefined) return waiting;
  const message =
    plan.second === undefined
      ? `${target.displayName} is installed and bound to nodes labelled ${networkLabel}=${target.id}`
      : `${target.displayName} is up on every node beside ${networkById(plan.source.network).displayName}`;
  await context.record({
    startTime: context.migration.status?.startTime ?? scope.now().toISOString(),
    conditions: conditionsWith(context.migration, scope.now(), [
      ["TargetInstalled", "True", "TargetInstalled", message],
      ["NodesMigrated", "False", "Migrating", "no node has moved yet"],
    ]),
  });
  return undefined;
}

/** The target takes the source's overlay over, node by node: its objects, each agent bound to its nodes. */
async function prepareShared(context: MigrationContext, plan: PlanContext): Promise<PhaseResult | undefined> {
  const { nodes, scope } = context;
  const source = networkById(plan.source.network);
  const target = networkById(plan.target.network);
  // Before any object of the target: what the source's agents must not follow.
  for (const node of nodes) {
    await ensureNodeChanges(scope.client, source.nodeObjects(plan, planNode(node), "in"));
    await ensureNodeChanges(scope.client, source.reserveNode(plan, planNode(node)));
  }
  await makeChanges(context, [...source.reserve(plan), ...target.prepare(plan), ...bindSource(plan)]);
  // Nodes that took part before: what was made for them went when they had all come back.
  const again = await prepareEach(context, context.nodeMigrations.length > 0 ? nodes : []);
  return again.length > 0 ? notUp(again, source.id) : undefined;
}

/**
 * Objects of every node's own, moved or not, Ready or not: the target routes to the nodes that stay by them too. Nodes that
 * are not to be moved come first, so that none of the others can begin without them.
 */
async function prepareNodes(context: MigrationContext): Promise<PhaseResult> {
  const { migration, nodes, scope } = context;
  const prepared = new Set(context.nodeMigrations.map((nm) => nm.spec.nodeName));
  const selected = selectedNodes(migration, nodes);
  const fresh = selected.filter((node) => !prepared.has(node.metadata.name));
  if (fresh.length === 0) return next;
  // Nodes that are not up yet are looked at again after a while, not at each event of the cluster.
  if ((secondsToNextLook(scope, migration) ?? 0) > 0)
    return context.nodeMigrations.length > 0
      ? next
      : notUp(
          fresh.map((node) => node.metadata.name),
          migration.spec.source,
        );
  const missing = await prepareEach(context, [...nodes.filter((n) => !selected.includes(n)), ...fresh], (node) =>
    fresh.includes(node) ? addNode(context, node) : undefined,
  );
  if (missing.length > 0) scope.looks.note(nodesKey(migration));
  else scope.looks.forget(nodesKey(migration));
  return missing.length === 0 || context.nodeMigrations.length > 0 ? next : notUp(missing, migration.spec.source);
}

function nodesKey({ metadata }: CniMigration): string {
  return `${metadata.uid ?? ""} nodes`;
}

/** When nodes without the source are to be looked for again; undefined when there are none. */
export function secondsToNextLook(scope: Scope, migration: CniMigration): number | undefined {
  return scope.looks.dueInSeconds(nodesKey(migration), lookAgainSeconds);
}

/** Makes the target's objects of each of these nodes; gives the names of those on which the source is not up yet. */
async function prepareEach(
  { migration, nodes, scope }: MigrationContext,
  these: readonly Node[],
  then?: (node: Node) => Promise<void> | undefined,
): Promise<string[]> {
  if (these.length === 0) return [];
  if (isBeside(migration)) {
    // A node needs nothing of its own here: it goes by its label.
    for (const node of these) await then?.(node);
    return [];
  }
  const snapshot = await gatherSnapshot(scope.client, { agents: namedAgents(migration.spec) });
  const source = networkById(migration.spec.source);
  const target = networkById(migration.spec.target);
  const found = source.detect(snapshot, sourceOverrides(migration.spec));
  const vteps = found.state === "found" ? found.facts.vteps : {};
  const plan = planContext(migration, nodes, vteps);
  await ensureNodeChanges(scope.client, source.reserve(plan));
  const missing: string[] = [];
  for (const node of these) {
    const { name } = node.metadata;
    const planned = planNode(node);
    await ensureNodeChanges(scope.client, source.nodeObjects(plan, planned, "in"));
    // Its agent may need addresses of its own to come up.
    await ensureNodeChanges(scope.client, source.reserveNode(plan, planned));
    // The range of a node that has just joined comes a moment later, too.
    if (vteps[name] === undefined || planned.podCIDRs.length === 0) {
      missing.push(name);
      continue;
    }
    await ensureNodeChanges(scope.client, target.prepareNode(plan, planned));
    await then?.(node);
  }
  return missing;
}

/** Seconds between two looks for nodes on which the source is not up. */
const lookAgainSeconds = 10;

function notUp(names: readonly string[], source: string): PhaseResult {
  const shown = names.slice(0, 3).map((name) => `${source} is not up on node ${name} yet`);
  return {
    outcome: "wait",
    summary: "Preparing",
    reason: "NodeNotReady",
    message: shown.join(", "),
    afterSeconds: lookAgainSeconds,
  };
}

/** The node takes part from here on; it is on the source. */
async function addNode({ migration, scope }: MigrationContext, node: Node): Promise<void> {
  const { name, uid } = node.metadata;
  try {
    const made = await scope.client.create(nodeMigrations, {
      apiVersion,
      kind: "NodeMigration",
      metadata: { name, ownerReferences: [ownerOf(migration)], finalizers: [finalizer] },
      spec: {
        migrationName: migration.metadata.name,
        nodeName: name,
        nodeUID: uid ?? "",
        direction: "Forward",
      },
    });
    scope.stores.nodeMigrations.put(made);
  } catch (error) {
    // It is ours, the store is only behind: one of another migration would have kept this one from beginning.
    if (!isApiError(error, "AlreadyExists")) throw error;
  }
}

/** Conditions after setting a few: [type, status, reason, message]. */
export function conditionsWith(
  migration: CniMigration,
  now: Date,
  changes: readonly (readonly [string, Condition["status"], string, string])[],
): NonNullable<NonNullable<CniMigration["status"]>["conditions"]> {
  return changes.reduce(
    (all, [type, status, reason, message]) =>
      setCondition(all, { type, status, reason, message, observedGeneration: migration.metadata.generation ?? 0 }, now),
    (migration.status?.conditions ?? []) as Condition[],
  );
}
