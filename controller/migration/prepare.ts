import type { CniMigration } from "../../crds/index.ts";
import { apiVersion, finalizer, networkLabel } from "../../crds/names.ts";
import { setCondition } from "../../kube/conditions.ts";
import { isApiError } from "../../kube/errors.ts";
import type { Condition, Node } from "../../kube/objects.ts";
import { daemonSets, nodeMigrations, nodes as nodeResource } from "../../kube/resources.ts";
import type { ApiChange, NetworkFacts } from "../../networks/contract.ts";
import { networkById } from "../../networks/index.ts";
import { planNode } from "../../networks/nodes.ts";
import { gatherSnapshot } from "../../networks/snapshot.ts";
import { ensureNodeChanges, pendingChanges } from "../changes.ts";
import { hold } from "../finalize.ts";
import { guarded, taintPatch } from "../nodes.ts";
import { namedAgents, planContext, selectedNodes, sourceOverrides } from "../plan.ts";
import { ensureServer } from "../probes.ts";
import { ownerOf } from "../tasks.ts";
import { type MigrationContext, next, type Phase, type PhaseResult } from "./phase.ts";

/**
 * Makes both networks known to each other before a node moves: labels, the source's DaemonSets bound to their nodes, the
 * target's cluster-wide objects, then each node's own. A node has its NodeMigration once it is prepared, so a node that
 * joins later is prepared by the same pass.
 */
export const preparePhase: Phase = {
  name: "Prepare",
  async run(context) {
    context.migration = await hold(context.scope, context.migration);
    await labelNodes(context);
    await forgetReplaced(context);
    const waiting = await prepareCluster(context);
    if (waiting !== undefined) return waiting;
    return prepareNodes(context);
  },
};

/** Steps in which a node takes pods again. */
const leaves = new Set(["Uncordon", "Done"]);

/** Every node says which network it is on; those to be moved take new pods last, so that a pod moves about once. */
async function labelNodes({ migration, nodes, scope, nodeMigrations: existing }: MigrationContext): Promise<void> {
  const source = migration.spec.source;
  const target = networkById(migration.spec.target);
  const selected = new Set(selectedNodes(migration, nodes).map((n) => n.metadata.name));
  const moved = new Set(
    existing.filter((nm) => leaves.has(nm.status?.step ?? "Pending")).map((nm) => nm.spec.nodeName),
  );
  for (const node of nodes) {
    const labels = { [networkLabel]: source, ...target.nodeLabels("out") };
    const unlabelled = node.metadata.labels?.[networkLabel] === undefined;
    const name = node.metadata.name;
    const taint = selected.has(name) && !moved.has(name) ? taintPatch(node, true) : undefined;
    if (!unlabelled && taint === undefined) continue;
    const patch = guarded(node, {
      ...(unlabelled ? { metadata: { labels } } : {}),
      ...(taint === undefined ? {} : { spec: taint.spec }),
    });
    scope.stores.nodes.put(await scope.client.patch(nodeResource, { name }, patch));
  }
}

/** A node made anew under the name of one that is done, or has not begun, has all before it again. */
async function forgetReplaced({ nodes, nodeMigrations: existing, scope }: MigrationContext): Promise<void> {
  const uids = new Map(nodes.map(({ metadata }) => [metadata.name, metadata.uid]));
  for (const { metadata, spec, status } of existing) {
    const uid = uids.get(spec.nodeName);
    const begun = status?.step !== "Done" && status?.step !== "Pending";
    if (uid === undefined || uid === spec.nodeUID || begun || metadata.deletionTimestamp !== undefined) continue;
    const preconditions = metadata.uid === undefined ? {} : { preconditions: { uid: metadata.uid } };
    await scope.client.delete(nodeMigrations, { name: metadata.name }, preconditions);
  }
}

/** Done once: how each change is taken back is in status.undo before the first one is made. */
async function prepareCluster(context: MigrationContext): Promise<PhaseResult | undefined> {
  const { migration, nodes, scope } = context;
  if (hasCondition(migration, "NodesMigrated")) return undefined;
  const plan = planContext(migration, nodes);
  const target = networkById(migration.spec.target);
  const changes = [...target.prepare(plan), ...bindSource(plan.source)];
  const pending = await pendingChanges(scope.client, changes);
  const known = context.migration.status?.undo ?? [];
  const fresh = pending.filter(
    (p) => !known.some((u) => u.kind === p.undo.kind && u.name === p.undo.name && u.namespace === p.undo.namespace),
  );
  if (fresh.length > 0)
    await context.record({
      undo: [...known, ...fresh.map((p) => p.undo)],
      startTime: migration.status?.startTime ?? scope.now().toISOString(),
    });
  for (const change of pending) await change.perform();
  const message = `${target.displayName} is installed and bound to nodes labelled ${networkLabel}=${target.id}`;
  await context.record({
    startTime: context.migration.status?.startTime ?? scope.now().toISOString(),
    conditions: conditionsWith(context.migration, scope.now(), [
      ["TargetInstalled", "True", "TargetInstalled", message],
      ["NodesMigrated", "False", "Migrating", "no node has moved yet"],
    ]),
  });
  return undefined;
}

/**
 * The source stays on nodes that carry its label. OnDelete goes with it in one write: the changed template must restart
 * nothing, it only lets the agent's pods leave nodes that no longer match.
 */
function bindSource(source: NetworkFacts): ApiChange[] {
  return source.agent.daemonSets.map((name) => ({
    change: "merge",
    resource: daemonSets,
    key: { name, namespace: source.agent.namespace },
    patch: {
      spec: {
        updateStrategy: { type: "OnDelete", rollingUpdate: null },
        template: { spec: { nodeSelector: { [networkLabel]: source.network } } },
      },
    },
  }));
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
  const { uid = "" } = migration.metadata;
  const lookedMs = scope.clock.monotonicMs();
  // Nodes that are not up yet are looked at again after a while, not at each event of the cluster.
  if (lookedMs - (scope.lookedForNodesMs.get(uid) ?? Number.NEGATIVE_INFINITY) < lookAgainSeconds * 1000)
    return context.nodeMigrations.length > 0
      ? next
      : notUp(
          fresh.map((node) => node.metadata.name),
          migration.spec.source,
        );
  const facts = await sourceFacts(context);
  const target = networkById(migration.spec.target);
  const missing: string[] = [];
  for (const node of [...nodes.filter((n) => !selected.includes(n)), ...fresh]) {
    const { name } = node.metadata;
    if (facts?.vteps[name] === undefined) missing.push(name);
    else {
      const plan = { ...planContext(migration, nodes, facts.vteps), source: facts };
      await ensureNodeChanges(scope.client, target.prepareNode(plan, planNode(node)));
      if (fresh.includes(node)) await addNode(context, node);
    }
  }
  if (missing.length > 0) scope.lookedForNodesMs.set(uid, lookedMs);
  return missing.length === 0 || context.nodeMigrations.length > 0 ? next : notUp(missing, migration.spec.source);

  async function sourceFacts({ nodes }: MigrationContext): Promise<NetworkFacts | undefined> {
    const snapshot = await gatherSnapshot(scope.client, { agents: namedAgents(migration.spec) });
    const found = networkById(migration.spec.source).detect(snapshot, sourceOverrides(migration.spec));
    return found.state === "found" ? { ...planContext(migration, nodes).source, vteps: found.facts.vteps } : undefined;
  }
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

/** The node takes part from here on. */
async function addNode({ migration, scope }: MigrationContext, node: Node): Promise<void> {
  if (migration.spec.verify?.enabled !== false)
    await ensureServer(scope, migration, node.metadata.name, migration.spec.source);
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
        direction: migration.spec.direction ?? "Forward",
      },
    });
    scope.stores.nodeMigrations.put(made);
  } catch (error) {
    // It is ours, the store is only behind: one of another migration would have kept this one from beginning.
    if (!isApiError(error, "AlreadyExists")) throw error;
  }
}

function hasCondition(migration: CniMigration, type: string): boolean {
  return migration.status?.conditions?.some((c) => c.type === type) ?? false;
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
