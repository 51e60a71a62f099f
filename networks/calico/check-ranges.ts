import { ipamBlocks } from "../../kube/resources.ts";
import { checkAsSource as checkPodCIDRs } from "../check-nodes.ts";
import { type Cidr, contains, firstOfFamily, formatCidr, overlaps, parseCidr } from "../cidr.ts";
import type { ClusterSnapshot, Finding, NetworkFacts, PlanNode } from "../contract.ts";
import { blocker, nodesAt, when } from "../findings.ts";
import { isWindows, planNodes } from "../nodes.ts";
import { placeOf } from "../objects.ts";
import { rangeOf } from "../overlays.ts";
import { roomIn } from "./as-source.ts";
import { blockSizeOf } from "./ranges.ts";
import { poolsOf, specOf } from "./settings.ts";

/** A node and its IPv4 podCIDR. */
type Ranged = PlanNode & { range: Cidr };

/**
 * Calico gives out addresses anywhere in its pool; the network after it, of each node's podCIDR. Whether both can be the same
 * overlay: the podCIDRs are there, lie in the pool, hold no address of another node, and have room.
 */
export function checkAsSource(snapshot: ClusterSnapshot, source: NetworkFacts): Finding[] {
  const nodes = planNodes(snapshot).filter((node) => !isWindows(node));
  const pool = rangeOf(source.overlay, 4);
  // Without a pool of VXLAN there is a finding already.
  if (pool === undefined) return [];
  const ranged = nodes.flatMap((node): Ranged[] => {
    const range = firstOfFamily(node.podCIDRs, 4);
    return range === undefined ? [] : [{ ...node, range }];
  });
  return [
    ...checkMissing(nodes, ranged, pool),
    ...checkInside(ranged, pool),
    ...checkPodCIDRs(snapshot, source).filter(({ reason }) => reason === "CIDRConflict"),
    ...checkSizes(snapshot, ranged, source),
    ...checkBlocks(snapshot, ranged),
    ...checkRoom(snapshot, ranged),
  ];
}

function checkMissing(nodes: readonly PlanNode[], ranged: readonly Ranged[], pool: Cidr): Finding[] {
  const bare = nodes.filter(({ name }) => !ranged.some((other) => other.name === name));
  return when(
    bare.length > 0,
    blocker(
      "PodCIDRMissing",
      "no IPv4 podCIDR in its spec, of which the other network gives pods their addresses",
      nodesAt(bare),
      `run kube-controller-manager with --allocate-node-cidrs=true --cluster-cidr=${formatCidr(pool)}: it gives every node one while Calico goes on`,
    ),
  );
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

interface Block {
  range: Cidr;
  /** undefined: no node's. */
  owner: string | undefined;
  /** Nodes of the pods that have addresses of it, one entry a pod. */
  pods: string[];
}

function blocksIn(snapshot: ClusterSnapshot): Block[] {
  return snapshot.list(ipamBlocks).flatMap((object) => {
    const { cidr, affinity, allocations, attributes } = specOf(object);
    const range = parseCidr(String(cidr));
    if (range === undefined) return [];
    const owner = /^host:(.+)$/.exec(String(affinity))?.[1];
    const places = Array.isArray(allocations) ? allocations : [];
    const pods = places.flatMap((index: unknown) => {
      const { secondary } = (Array.isArray(attributes) ? (attributes[Number(index ?? -1)] ?? {}) : {}) as {
        secondary?: { node?: string; pod?: string };
      };
      return secondary?.pod === undefined ? [] : [secondary.node ?? ""];
    });
    return [{ range, owner, pods }];
  });
}

/** A block of one node inside the podCIDR of another would get its packets sent to the wrong one. */
function checkBlocks(snapshot: ClusterSnapshot, ranged: readonly Ranged[]): Finding[] {
  return blocksIn(snapshot).flatMap(({ range, owner, pods }) =>
    ranged
      .filter((node) => overlaps(node.range, range) && node.name !== owner)
      .map((node) => {
        const block = formatCidr(range);
        const whose = owner === undefined ? "no node's" : `node ${owner}'s`;
        return blocker(
          "PoolConflict",
          `address block ${block} is ${whose} and lies in the podCIDR ${formatCidr(node.range)} of node ${node.name} (pods with addresses of it: ${pods.length})`,
          `node ${node.name}`,
          `reserve it with an IPReservation (reservedCIDRs: [${block}]) and delete these pods: Calico lets an empty block go after 15 minutes; then delete the IPReservation`,
        );
      }),
  );
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
