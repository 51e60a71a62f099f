import type { Node } from "../kube/objects.ts";
import type { KubeObject } from "../kube/types.ts";
import type { ClusterSnapshot, PlanNode } from "./contract.ts";
import { compare } from "./findings.ts";

/** A Node as plans see it. */
export function planNode(object: KubeObject): PlanNode {
  const node = object as Node;
  const internal = (node.status?.addresses ?? []).flatMap((a) => (a.type === "InternalIP" ? (a.address ?? []) : []));
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

/** All nodes of a snapshot, by name. */
export function planNodes(snapshot: ClusterSnapshot): PlanNode[] {
  return snapshot.nodes.map(planNode).sort((a, b) => compare(a.name, b.name));
}

export function isWindows(node: PlanNode): boolean {
  return (node.labels["kubernetes.io/os"] ?? node.labels["beta.kubernetes.io/os"]) === "windows";
}

export function isReady(object: KubeObject): boolean {
  const { status } = object as Node;
  return status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") ?? false;
}

function ipv4First(addresses: readonly string[]): string[] {
  return [...addresses.filter((a) => !a.includes(":")), ...addresses.filter((a) => a.includes(":"))];
}
