import { setCondition } from "../../kube/conditions.ts";
import type { Condition } from "../../kube/objects.ts";
import { nodes } from "../../kube/resources.ts";
import { cordonPatch, uncordonPatch } from "../nodes.ts";
import type { NodeContext, NodeStatus, StepResult } from "./context.ts";

/**
 * A drain needs its cordon: evicted pods would come back. One that somebody takes away is put back once; the second time
 * that somebody has the last word, and the node is stalled. Undefined: the node is cordoned.
 */
export async function keepCordoned(context: NodeContext): Promise<StepResult | undefined> {
  const { node, scope, uid } = context;
  const { name } = node.metadata;
  const said = context.nodeMigration.status?.conditions?.find(({ type }) => type === "Cordoned");
  if (node.spec?.unschedulable === true) {
    // An earlier pass was about to give it back, and the cause is mended by now.
    if (said?.status === "False") await say(context, "True", "Cordoned", "cordoned for the migration");
    return undefined;
  }
  if (said?.status === "True" && said.reason === "CordonedAgain") {
    // The mark of a cordon that is not there goes before it is said: a conflict here only means another look.
    const unmark = uncordonPatch(node, uid);
    if (unmark !== undefined) await patch(context, unmark);
    await say(context, "False", "Uncordoned", "somebody has made the node schedulable");
    return {
      outcome: "failed",
      reason: "Conflict",
      message: `node ${name}: spec.unschedulable was taken away for the second time while the node was drained`,
      hint: `stop who does that, then kubectl cni-migrate retry ${name}`,
    };
  }
  await patch(context, cordonPatch(node, uid));
  const again = "somebody had made the node schedulable while it was drained";
  if (said?.status === "False") await say(context, "True", "Cordoned", "cordoned for the migration");
  else {
    await say(context, "True", "CordonedAgain", again, { cordonedByUs: true });
    scope.log.warn({ node: name }, "cordoned again: somebody had made the node schedulable while it was drained");
  }
  return undefined;
}

/** A drain that stops leaves a node that takes pods, if it took some before; another try begins with the cordon. */
export async function giveBack(context: NodeContext): Promise<void> {
  const uncordon = uncordonPatch(context.node, context.uid);
  if (uncordon === undefined) return;
  await say(context, "False", "Uncordoned", "schedulable again: the drain has stopped");
  await patch(context, uncordon);
}

async function patch(context: NodeContext, change: Record<string, unknown>): Promise<void> {
  const { scope, node } = context;
  context.node = await scope.client.patch(nodes, { name: node.metadata.name }, change);
  scope.stores.nodes.put(context.node);
}

async function say(
  context: NodeContext,
  status: Condition["status"],
  reason: string,
  message: string,
  more: Partial<NodeStatus> = {},
): Promise<void> {
  const { nodeMigration, scope } = context;
  const observedGeneration = nodeMigration.metadata.generation ?? 0;
  const next = { type: "Cordoned", status, reason, message, observedGeneration };
  const conditions = setCondition(nodeMigration.status?.conditions as Condition[] | undefined, next, scope.now());
  await context.record({ ...more, conditions: conditions as NonNullable<NodeStatus["conditions"]> });
}
