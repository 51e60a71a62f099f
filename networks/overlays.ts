import { type Cidr, firstOfFamily } from "./cidr.ts";
import type { Network, NetworkId, OverlayFacts, PlanContext, PlanNode, TunnelEnd, Vtep } from "./contract.ts";
import type { HostOp, VxlanMarks } from "./host-ops.ts";

export type Strategy = "SharedOverlay" | "DualOverlay";

/** source -> target -> how the two live side by side. A pair that is not here is not supported. */
const strategies: Partial<Record<NetworkId, Partial<Record<NetworkId, Strategy>>>> = {
  flannel: { calico: "SharedOverlay", cilium: "DualOverlay" },
  canal: { calico: "SharedOverlay", cilium: "DualOverlay" },
  calico: { flannel: "SharedOverlay", cilium: "DualOverlay" },
};

/** How a pair lives side by side; undefined when the pair is not one of ours. */
export function strategyOf(source: NetworkId, target: NetworkId): Strategy | undefined {
  return strategies[source]?.[target];
}

/** Every pair, sorted, as [source, target, strategy]. */
export function pairs(): [NetworkId, NetworkId, Strategy][] {
  return Object.entries(strategies).flatMap(([source, targets]) =>
    Object.entries(targets).map(([target, s]): [NetworkId, NetworkId, Strategy] => [
      source as NetworkId,
      target as NetworkId,
      s,
    ]),
  );
}

export type Family = 4 | 6;

/** What VXLAN adds to a packet more when nodes send to each other over IPv6, in bytes. */
const moreOverIPv6 = 20;

/** Families of the overlay; each has a device, and a range of the pods. */
export function familiesOf(overlay: Pick<OverlayFacts, "cidrs">): Family[] {
  return rangeOf(overlay, 6) === undefined ? [4] : [4, 6];
}

/** The range of all pods. */
export function rangeOf({ cidrs }: Pick<OverlayFacts, "cidrs">, family: Family): Cidr | undefined {
  return firstOfFamily(cidrs, family);
}

/** MTU of a family's device in bytes; 0 while it is not known. */
export function mtuOf({ mtu }: Pick<OverlayFacts, "mtu">, family: Family): number {
  return family === 4 || mtu === 0 ? mtu : mtu - moreOverIPv6;
}

/** A node's end of one family's overlay. */
export function endOf(vtep: Vtep | undefined, family: Family): TunnelEnd | undefined {
  return family === 4 ? vtep : vtep?.v6;
}

/** The moment of the switch on a shared overlay: each device changes its name and its owner, and nothing else. */
export function handOver(from: Network, to: Network, overlay: OverlayFacts, mac?: string): HostOp[] {
  return familiesOf(overlay).map((family) => ({
    op: "renameVxlan",
    from: from.linkName(overlay, family),
    to: to.linkName(overlay, family),
    marks: marksOf(overlay, family === 4 ? mac : undefined),
  }));
}

/** Waits until the node has each family's device under this network's name. */
export function awaitDevices(
  { overlay, source }: Pick<PlanContext, "overlay" | "source">,
  node: PlanNode,
  linkName: Network["linkName"],
  timeoutSeconds: number,
): HostOp[] {
  return familiesOf(overlay).map((family) => ({
    op: "awaitVxlan",
    name: linkName(overlay, family),
    marks: marksOf(overlay, endOf(source.vteps[node.name], family)?.mac),
    timeoutSeconds,
  }));
}

function marksOf({ vni, port }: OverlayFacts, mac: string | undefined): VxlanMarks {
  return { vni, port, ...(mac === undefined ? {} : { mac }) };
}
