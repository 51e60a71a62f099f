import { cordonedByAnnotation } from "../../crds/names.ts";
import { nodes } from "../../kube/resources.ts";
import { cordonPatch, taintPatch, uncordonPatch } from "../nodes.ts";
import { removeEndedPods } from "../tasks.ts";
import { done, type NodeContext, type StepResult } from "./context.ts";
import { recyclePass } from "./drain.ts";

/** Cordons the node, or notes that somebody else has: then it stays cordoned at the end. */
export async function cordon(context: NodeContext): Promise<StepResult> {
  const { node, uid, scope } = context;
  if (node.spec?.unschedulable === true) {
    const ours = node.metadata.annotations?.[cordonedByAnnotation] === uid;
    return ours
      ? done("Cordoned", "cordoned for the migration", { cordonedByUs: true })
      : done("Cordoned", "was cordoned before; it stays so", { cordonedByUs: false });
  }
  scope.stores.nodes.put(await scope.client.patch(nodes, { name: node.metadata.name }, cordonPatch(node, uid)));
  return done("Cordoned", "cordoned for the migration", { cordonedByUs: true });
}

/** Waits for the last pod of the old network, then makes the node schedulable again where we made it unschedulable, and takes our taint away. */
export async function uncordon(context: NodeContext): Promise<StepResult> {
  const { scope, uid } = context;
  const recycled = await recyclePass(context);
  if (recycled.outcome !== "done") return recycled;
  let node = context.node;
  const patch = uncordonPatch(node, uid);
  if (patch !== undefined) node = await scope.client.patch(nodes, { name: node.metadata.name }, patch);
  const taint = taintPatch(node, false);
  if (taint !== undefined) node = await scope.client.patch(nodes, { name: node.metadata.name }, taint);
  scope.stores.nodes.put(node);
  await removeEndedPods(scope, uid);
  return node.spec?.unschedulable === true
    ? done("Uncordoned", "stays cordoned: it was so before the migration")
    : done("Uncordoned", "schedulable again");
}
