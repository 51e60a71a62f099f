import type { Node } from "../../kube/objects.ts";
import { daemonSets, nodes as nodeResource } from "../../kube/resources.ts";
import { networkById } from "../../networks/index.ts";
import { planNode } from "../../networks/nodes.ts";
import { restorePatch } from "../before.ts";
import { applyUndo, ensureNodeChanges, removeOwned } from "../changes.ts";
import { planContext } from "../plan.ts";
import type { MigrationContext, PhaseResult } from "./phase.ts";
import { conditionsWith, isPrepared } from "./prepare.ts";

/**
 * Every node is on the source: what was changed in the API for the migration is put back, newest first. Nodes lose the labels
 * the source's agents were bound by only when the DaemonSet controller knows that they are bound no more; it then restarts those
 * agents that were made meanwhile, one by one, as after any change of theirs. Undefined when all is as it was.
 */
export async function restoreCluster(context: MigrationContext): Promise<PhaseResult | undefined> {
  const { scope } = context;
  const { facts, undo = [] } = context.migration.status ?? {};
  if (facts?.overlay === undefined) return undefined;
  if (isPrepared(context.migration))
    await context.record({
      conditions: conditionsWith(context.migration, scope.now(), [
        ["TargetInstalled", "False", "Restoring", "what was changed for the target is being put back"],
      ]),
    });
  if (undo.length > 0) {
    await applyUndo(scope.client, undo as Parameters<typeof applyUndo>[1]);
    await refreshAgents(context);
  }
  const behind = agentsBehind(context);
  if (behind !== undefined)
    return { outcome: "wait", summary: "Restoring", reason: "Restoring", message: behind, afterSeconds: 5 };
  await restoreNodes(context);
  const target = networkById(context.migration.spec.target);
  for (const { resource, owned } of target.residue) {
    const { overlay } = planContext(context.migration, context.nodes);
    await removeOwned(scope.client, resource, (object) => owned(object, overlay));
  }
  if (undo.length > 0) await context.record({ undo: [] });
  return undefined;
}

/** The copy may be from before the template was put back. */
async function refreshAgents({ migration, scope }: MigrationContext): Promise<void> {
  const agent = migration.status?.facts?.sourceAgent;
  for (const name of agent?.daemonSets ?? []) {
    const found = await scope.client.get(daemonSets, { name, namespace: agent?.namespace ?? "" });
    if (found !== undefined) scope.stores.daemonSets.put(found);
  }
}

/** The source's DaemonSet whose own settings are not heard of yet; undefined when there is none. */
function agentsBehind({ migration, scope }: MigrationContext): string | undefined {
  const agent = migration.status?.facts?.sourceAgent;
  for (const name of agent?.daemonSets ?? []) {
    const found = scope.stores.daemonSets.get({ name, namespace: agent?.namespace ?? "" });
    if (found !== undefined && (found.status?.observedGeneration ?? 0) < (found.metadata.generation ?? 0))
      return `waiting for daemonset ${agent?.namespace}/${name} to take its own settings back`;
  }
  return undefined;
}

/** Labels, annotations, and objects a node had only for the time of the migration. */
async function restoreNodes(context: MigrationContext): Promise<void> {
  const { migration, nodes, scope } = context;
  const plan = planContext(migration, nodes);
  const source = networkById(migration.spec.source);
  for (const node of nodes) {
    await ensureNodeChanges(scope.client, source.nodeObjects(plan, planNode(node), "out"));
    await restoreNode(context, node);
  }
}

async function restoreNode({ scope }: MigrationContext, node: Node): Promise<void> {
  const patch = restorePatch(node);
  if (patch === undefined) return;
  scope.stores.nodes.put(await scope.client.patch(nodeResource, { name: node.metadata.name }, patch));
}
