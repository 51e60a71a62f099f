import type { Network, NetworkId, OverlayFacts } from "./contract.ts";
import type { HostOp } from "./host-ops.ts";

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

/** The moment of the switch on a shared overlay: the device changes its name and its owner, and nothing else. */
export function handOver(from: Network, to: Network, overlay: OverlayFacts, mac?: string): HostOp[] {
  return [
    {
      op: "renameVxlan",
      from: from.linkName(overlay),
      to: to.linkName(overlay),
      marks: { vni: overlay.vni, port: overlay.port, ...(mac === undefined ? {} : { mac }) },
    },
  ];
}
