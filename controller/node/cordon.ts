import { cordonedByAnnotation } from "../../crds/names.ts";
import { nodes } from "../../kube/resources.ts";
import { cordonPatch, taintPatch, uncordonPatch } from "../nodes.ts";
import { removeEndedPods } from "../tasks.ts";
import { done, type NodeContext, type StepResult } from "./context.ts";
import { recyclePass } from "./drain.ts";

/** Cordons the node, or notes that somebody else has: then it stays cordoned at the end. */
export async function cordon(context: NodeContext): Promise<StepResult> {
  const { node, uid, scope } = context;
  const mark = node.metadata.annotations?.[cordonedByAnnotation];
  if (node.spec?.unschedulable === true && mark === undefined)
    return done("Cordoned", "was cordoned before; it stays so", { cordonedByUs: false });
  // A mark of an earlier part of ours, whose object is gone, is taken over.
  if (node.spec?.unschedulable === true && mark === uid)
    return done("Cordoned", "cordoned for the migration", { cordonedByUs: true });
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
  if (node.spec?.unschedulable !== true) return done("Uncordoned", "schedulable again");
  if (context.nodeMigration.status?.cordonedByUs === false)
    return done("Uncordoned", "stays cordoned: it was so before the migration");
  // Without our mark the cordon is somebody else's by now.
  await context.record({ cordonedByUs: false });
  return done("Uncordoned", "stays cordoned: somebody has made the cordon theirs");
}
