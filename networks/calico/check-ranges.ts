import { checkAsSource as checkPodCIDRs } from "../check-nodes.ts";
import { type Cidr, contains, firstOfFamily, formatCidr, overlaps, parseCidr } from "../cidr.ts";
import type { ClusterSnapshot, Finding, NetworkFacts, PlanNode } from "../contract.ts";
import { blocker, compare, nodesAt, warning, when } from "../findings.ts";
import { placeOf } from "../objects.ts";
import { rangeOf } from "../overlays.ts";
import { roomIn } from "./as-source.ts";
import { annotations } from "./facts.ts";
import { blocksIn } from "./found-blocks.ts";
import { rangedNodes, rangesFor } from "./pod-cidrs.ts";
import { blockSizeOf } from "./ranges.ts";
import { poolsOf, specOf } from "./settings.ts";

/** A node and its IPv4 podCIDR. */
type Ranged = PlanNode & { range: Cidr };

/**
 * Calico gives out addresses anywhere in its pool; the network after it, of each node's podCIDR. Whether both can be the same
 * overlay: the podCIDRs are there, lie in the pool, hold no address of another node, and have room.
 */
export function checkAsSource(snapshot: ClusterSnapshot, source: NetworkFacts): Finding[] {
  const nodes = rangedNodes(snapshot);
  const pool = rangeOf(source.overlay, 4);
  // Without a pool of VXLAN there is a finding already.
  if (pool === undefined) return [];
  const ranged = nodes.flatMap((node): Ranged[] => {
    const range = firstOfFamily(node.podCIDRs, 4);
    return range === undefined ? [] : [{ ...node, range }];
  });
  return [
    ...checkSubnets(snapshot, nodes),
    ...checkMissing(nodes, ranged, pool),
    ...tellGiven(rangesFor(snapshot), pool),
    ...checkInside(ranged, pool),
    ...checkPodCIDRs(snapshot, source).filter(({ reason }) => reason === "CIDRConflict"),
    ...checkSizes(snapshot, ranged, source),
    ...checkBlocks(snapshot, ranged),
    ...checkRoom(snapshot, ranged),
  ];
}

/** Felix goes by the prefix length in the annotation, too: between these the overlay is used, whatever the pool says of subnets. */
function checkSubnets(snapshot: ClusterSnapshot, nodes: readonly PlanNode[]): Finding[] {
  const pools = poolsOf(snapshot).filter((pool) => specOf(pool).vxlanMode === "CrossSubnet");
  const subnetOf = (node: PlanNode) => parseCidr(node.annotations[annotations.address] ?? "");
  const subnets = [...new Set(nodes.flatMap((node) => subnetOf(node) ?? []).map(formatCidr))].sort(compare);
  if (subnets.length < 2) return [];
  const list = `${subnets.slice(0, 3).join(", ")}${subnets.length > 3 ? ` and ${subnets.length - 3} more` : ""}`;
  return pools.map((pool) =>
    blocker(
      "NotSupportedYet",
      `the nodes are in ${subnets.length} subnets (${list}), between which their own connections to pods go through the overlay (vxlanMode CrossSubnet) and would be cut off`,
      placeOf(pool),
      "choose Cilium as the target: it brings an overlay of its own",
    ),
  );
}

/** There is no room for these in the pool beside the others' ranges and blocks. */
function checkMissing(nodes: readonly PlanNode[], ranged: readonly Ranged[], pool: Cidr): Finding[] {
  const bare = nodes.filter(({ name }) => !ranged.some((other) => other.name === name));
  return when(
    bare.length > 0,
    blocker(
      "PodCIDRMissing",
      `no IPv4 podCIDR in its spec, of which the other network gives pods their addresses, and Calico's pool ${formatCidr(pool)} has no range free of other nodes' podCIDRs and address blocks`,
      nodesAt(bare),
      "move Calico's pods to a larger pool first, or take nodes that are not needed out of the cluster",
    ),
  );
}

/** Kubernetes lets a podCIDR be set once; nothing in Calico looks at it. */
function tellGiven(given: Readonly<Record<string, string>>, pool: Cidr): Finding[] {
  const names = Object.keys(given).sort(compare);
  const [first] = names;
  if (first === undefined) return [];
  const shown = names.slice(0, 3).map((name) => `${name} ${given[name]}`);
  const list = `${shown.join(", ")}${names.length > 3 ? ` and ${names.length - 3} more` : ""}`;
  const length = given[first]?.split("/")[1];
  return [
    warning(
      "PodCIDRMissing",
      `no IPv4 podCIDR in its spec; each gets one of Calico's pool when the migration begins, for good: ${list}`,
      nodesAt(names.map((name) => ({ name }))),
      `nodes that join after the migration need one, too: run kube-controller-manager with --allocate-node-cidrs=true --cluster-cidr=${formatCidr(pool)} --node-cidr-mask-size=${length}`,
    ),
  ];
}

function checkInside(ranged: readonly Ranged[], pool: Cidr): Finding[] {
  const outside = ranged.filter(({ range }) => !contains(pool, range));
  const [first] = outside;
  if (first === undefined) return [];
  const shown = outside.slice(0, 3).map(({ range }) => formatCidr(range));
  const list = `${shown.join(", ")}${outside.length > 3 ? ` and ${outside.length - 3} more` : ""}`;
  if (outside.length === ranged.length && !ranged.some(({ range }) => overlaps(pool, range)))
    return [
      blocker(
        "NotSupportedYet",
        `Calico's pool ${formatCidr(pool)} holds none of the nodes' podCIDRs (${list}): the two networks would need an overlay each, which this version does not build`,
        nodesAt(outside),
        `move Calico's pods first: add an IPPool with vxlanMode Always that holds the podCIDRs, set disabled: true on the one of ${formatCidr(pool)}, restart the workloads, delete it`,
      ),
    ];
  return [
    blocker(
      "PodCIDROutsideNetwork",
      `the podCIDR (${list}) does not lie inside Calico's pool ${formatCidr(pool)}`,
      nodesAt(outside),
      "delete the Node when it is drained and let its kubelet register it anew, so that it gets a range inside the pool",
    ),
  ];
}

/** podCIDRs are made blocks of their nodes: they must be cut into whole ones. */
function checkSizes(snapshot: ClusterSnapshot, ranged: readonly Ranged[], { overlay }: NetworkFacts): Finding[] {
  const size = blockSizeOf(overlay);
  const small = ranged.filter(({ range }) => range.prefix > size);
  return [
    ...poolsOf(snapshot)
      .filter((pool) => (specOf(pool).blockSize ?? 26) !== size)
      .map((pool) =>
        blocker(
          "NotSupportedYet",
          `its blocks have prefix length ${String(specOf(pool).blockSize)}; with these podCIDRs only ${size} can be migrated yet`,
          placeOf(pool),
          `move the pods to a pool with blockSize ${size}, then delete this one`,
        ),
      ),
    ...when(
      small.length > 0,
      blocker(
        "PodCIDRTooLong",
        `the podCIDR is smaller than an address block of Calico (/${size})`,
        nodesAt(small),
        "register the nodes anew with a larger range (--node-cidr-mask-size)",
      ),
    ),
  ];
}

/** A block of one node inside the podCIDR of another would get its packets sent to the wrong one. */
function checkBlocks(snapshot: ClusterSnapshot, ranged: readonly Ranged[]): Finding[] {
  return blocksIn(snapshot).flatMap(({ range, owner, pods, tunnels }) =>
    ranged
      .filter((node) => overlaps(node.range, range) && node.name !== owner)
      .map((node) => {
        const block = formatCidr(range);
        const whose = owner === undefined ? "no node's" : `node ${owner}'s`;
        return blocker(
          "PoolConflict",
          `address block ${block} is ${whose} and lies in the podCIDR ${formatCidr(node.range)} of node ${node.name} (pods with addresses of it: ${pods.length})`,
          `node ${node.name}`,
          `reserve it with an IPReservation (reservedCIDRs: [${block}])${[pods.length > 0 ? ", delete these pods" : "", ...tunnels.map(newTunnelAddress)].join("")}: Calico lets an empty block go after 15 minutes; then delete the IPReservation`,
        );
      }),
  );
}

/** calico-node gives its device another one when the annotation is gone, and lets the old one go. Seen in its source, v3.28. */
function newTunnelAddress(node: string): string {
  return `, have its tunnel address changed (kubectl annotate node ${node} ${annotations.tunnelAddress}-)`;
}

/** As many pods as have an address on the node now must find one in its podCIDR. */
function checkRoom(snapshot: ClusterSnapshot, ranged: readonly Ranged[]): Finding[] {
  const pods = blocksIn(snapshot).flatMap((block) => block.pods);
  return ranged.flatMap(({ name, range }) => {
    const room = roomIn(range);
    const needed = pods.filter((node) => node === name).length;
    if (needed <= room) return [];
    return [
      blocker(
        "PodCIDRTooLong",
        `its podCIDR ${formatCidr(range)} has addresses for ${room} pods, and ${needed} pods of the node have one now`,
        `node ${name}`,
        `move ${needed - room} pods to other nodes, or register the node anew with a larger range`,
      ),
    ];
  });
}
