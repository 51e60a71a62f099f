import type { Node } from "../../kube/objects.ts";
import { nodes as nodeResource } from "../../kube/resources.ts";
import { networkById } from "../../networks/index.ts";
import { planNode } from "../../networks/nodes.ts";
import { agentWhere, isBehind, refreshAgents } from "../agents.ts";
import { restorePatch } from "../before.ts";
import { applyUndo, ensureNodeChanges, removeOwned } from "../changes.ts";
import { planContext } from "../plan.ts";
import { isBeside, retire } from "./beside.ts";
import type { MigrationContext, PhaseResult } from "./phase.ts";
import { isPrepared } from "./places.ts";
import { conditionsWith } from "./prepare.ts";
import { sweep } from "./sweep.ts";

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
  // The source's agents must not start again beside the target's links.
  const leaving = undo.length > 0 ? await leaveTarget(context) : undefined;
  if (leaving !== undefined) return leaving;
  if (undo.length > 0) {
    await applyUndo(scope.client, undo);
    await refreshAgents(scope, facts.sourceAgent);
  }
  const behind = agentWhere(scope, facts.sourceAgent, isBehind);
  if (behind !== undefined)
    return {
      outcome: "wait",
      summary: "Restoring",
      reason: "Restoring",
      message: `waiting for daemonset ${behind} to take its own settings back`,
      afterSeconds: 5,
    };
  await restoreNodes(context);
  const target = networkById(context.migration.spec.target);
  for (const { resource, owned } of target.residue) {
    const { overlay } = planContext(context.migration, context.nodes);
    await removeOwned(scope.client, resource, (object) => owned(object, overlay));
  }
  if (undo.length > 0) await context.record({ undo: [] });
  return undefined;
}

/** With two overlays, the target goes from every node first. */
async function leaveTarget(context: MigrationContext): Promise<PhaseResult | undefined> {
  if (!isBeside(context.migration)) return undefined;
  const retiring = await retire(context);
  if (retiring !== undefined) return retiring;
  const swept = await sweep(context);
  return "outcome" in swept ? swept : undefined;
}

/** Labels, annotations, and objects a node had only for the time of the migration. */
async function restoreNodes(context: MigrationContext): Promise<void> {
  const { migration, nodes, scope } = context;
  const plan = planContext(migration, nodes);
  const source = networkById(migration.spec.source);
  for (const node of nodes) {
    if (plan.second === undefined)
      await ensureNodeChanges(scope.client, source.nodeObjects(plan, planNode(node), "out"));
    await restoreNode(context, node);
  }
}

async function restoreNode({ scope }: MigrationContext, node: Node): Promise<void> {
  const patch = restorePatch(node);
  if (patch === undefined) return;
  scope.stores.nodes.put(await scope.client.patch(nodeResource, { name: node.metadata.name }, patch));
}
