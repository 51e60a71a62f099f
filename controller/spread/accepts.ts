import { networkLabel } from "../../crds/names.ts";
import type { Node, Pod } from "../../kube/objects.ts";
import { bars, fits } from "../drain/fits.ts";

/**
 * Whether the scheduler could put a pod like this one on the node now, as far as can be told cheaply: node Ready,
 * schedulable, on `network`, and the pod fits. Room, volumes and other pods are the scheduler's to judge.
 */
export function accepts(node: Node, pod: Pod, network: string): boolean {
  const ready = node.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
  if (!ready || node.spec?.unschedulable === true || node.metadata.labels?.[networkLabel] !== network) return false;
  return fits(node, pod) && !(node.spec?.taints ?? []).some((taint) => bars(taint, pod));
}
