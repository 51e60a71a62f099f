import type { KubeObject } from "../kube/types.ts";
import { compare } from "./findings.ts";

/** kubeadm before and after 1.24 and Rancher spell it differently. */
const controlPlaneLabels = [
  "node-role.kubernetes.io/control-plane",
  "node-role.kubernetes.io/master",
  "node-role.kubernetes.io/controlplane",
];

export function isControlPlane(node: Pick<KubeObject, "metadata">): boolean {
  return controlPlaneLabels.some((label) => node.metadata.labels?.[label] !== undefined);
}

/** Who goes first: the nodes named in `nodeOrder`, then workers by name, then the control plane by name. */
export function inOrder<T extends Pick<KubeObject, "metadata">>(
  nodes: readonly T[],
  nodeOrder: readonly string[] = [],
): T[] {
  const rank = ({ metadata }: T) =>
    nodeOrder.includes(metadata.name) ? nodeOrder.indexOf(metadata.name) : nodeOrder.length;
  return [...nodes].sort(
    (a, b) =>
      rank(a) - rank(b) ||
      Number(isControlPlane(a)) - Number(isControlPlane(b)) ||
      compare(a.metadata.name, b.metadata.name),
  );
}
