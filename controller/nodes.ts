import { cordonedByAnnotation, pendingTaint } from "../crds/names.ts";
import type { Node } from "../kube/objects.ts";
import type { PlanNode } from "../networks/contract.ts";

const controlPlaneLabels = [
  "node-role.kubernetes.io/control-plane",
  "node-role.kubernetes.io/master",
  "node-role.kubernetes.io/controlplane",
];

/** kubeadm before and after 1.24 and Rancher spell it differently. */
export function isControlPlane(node: Pick<Node, "metadata">): boolean {
  return controlPlaneLabels.some((label) => node.metadata.labels?.[label] !== undefined);
}

export function isReady(node: Node): boolean {
  return node.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") ?? false;
}

/** Who goes first: the nodes named in `nodeOrder`, then workers by name, then the control plane by name. */
export function inOrder<T extends Pick<Node, "metadata">>(nodes: readonly T[], nodeOrder: readonly string[] = []): T[] {
  const rank = (node: T): [number, number, string] => {
    const named = nodeOrder.indexOf(node.metadata.name);
    return [named === -1 ? 1 : 0, named === -1 ? (isControlPlane(node) ? 1 : 0) : named, node.metadata.name];
  };
  return [...nodes].sort((a, b) => {
    const [ra, rb] = [rank(a), rank(b)];
    return ra[0] - rb[0] || ra[1] - rb[1] || (ra[2] < rb[2] ? -1 : ra[2] > rb[2] ? 1 : 0);
  });
}

/** Nodes in flight at a time: an integer, or a percentage of all nodes rounded up. */
export function batchLimit(batchSize: number | string, total: number): number {
  if (typeof batchSize === "number") return batchSize;
  const percent = Number(batchSize.replace("%", ""));
  return batchSize.endsWith("%") ? Math.max(1, Math.ceil((total * percent) / 100)) : percent;
}

export function planNode(node: Node): PlanNode {
  const internal = (node.status?.addresses ?? []).filter((a) => a.type === "InternalIP").map((a) => a.address);
  const podCIDRs = node.spec?.podCIDRs ?? (node.spec?.podCIDR === undefined ? [] : [node.spec.podCIDR]);
  return {
    name: node.metadata.name,
    uid: node.metadata.uid ?? "",
    internalIPs: ipv4First(internal),
    podCIDRs: ipv4First(podCIDRs),
    labels: node.metadata.labels ?? {},
    annotations: node.metadata.annotations ?? {},
  };
}

function ipv4First(addresses: readonly string[]): string[] {
  return [...addresses.filter((a) => !a.includes(":")), ...addresses.filter((a) => a.includes(":"))];
}

/** A merge patch, guarded, that sets these labels; undefined when the node has them. */
export function labelPatch(node: Node, labels: Record<string, string>): Record<string, unknown> | undefined {
  const wanted = Object.entries(labels).filter(([key, value]) => node.metadata.labels?.[key] !== value);
  return wanted.length === 0 ? undefined : guarded(node, { metadata: { labels: Object.fromEntries(wanted) } });
}

/** Taints are a list: a merge patch carries all of them, so it must be guarded. Undefined when nothing changes. */
export function taintPatch(node: Node, wanted: boolean): Record<string, unknown> | undefined {
  const taints = node.spec?.taints ?? [];
  const others = taints.filter((t) => t.key !== pendingTaint);
  if (others.length < taints.length === wanted) return undefined;
  return guarded(node, {
    spec: { taints: wanted ? [...others, { key: pendingTaint, effect: "PreferNoSchedule" }] : others },
  });
}

/** Cordon and its mark in one write, so that nobody can mistake whose cordon it is. */
export function cordonPatch(node: Node, ownerUID: string): Record<string, unknown> {
  return guarded(node, {
    metadata: { annotations: { [cordonedByAnnotation]: ownerUID } },
    spec: { unschedulable: true },
  });
}

/** Takes our cordon back; a cordon that is not ours is left alone (undefined). */
export function uncordonPatch(node: Node, ownerUID: string): Record<string, unknown> | undefined {
  if (node.metadata.annotations?.[cordonedByAnnotation] !== ownerUID) return undefined;
  return guarded(node, { metadata: { annotations: { [cordonedByAnnotation]: null } }, spec: { unschedulable: null } });
}

/** Adds UID and resourceVersion to a merge patch: it fails with 409 on another object or another version. */
export function guarded(node: Node, patch: Record<string, unknown>): Record<string, unknown> {
  const metadata = (patch.metadata ?? {}) as Record<string, unknown>;
  return {
    ...patch,
    metadata: { ...metadata, uid: node.metadata.uid, resourceVersion: node.metadata.resourceVersion },
  };
}
