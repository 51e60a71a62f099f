import { managedBy, managedByLabel } from "../crds/names.ts";
import type { Node } from "../kube/objects.ts";
import { bgpPeers, ipPools } from "../kube/resources.ts";
import type { KubeObject, Resource } from "../kube/types.ts";
import { type Cidr, contains, formatCidr, overlaps, parseAddress, parseCidr, sizeOf, without } from "./cidr.ts";
import type { ClusterSnapshot, Finding, NetworkFacts, OverlayFacts, PlanNode } from "./contract.ts";
import { shareOf } from "./dual-overlay.ts";
import { blocker, nodesAt, warning, when } from "./findings.ts";
import { placeOf } from "./objects.ts";

/** A range somebody uses, and where that is said: "configmap kube-flannel/kube-flannel-cfg, net-conf.json, Network". */
export interface TakenRange {
  cidr: string;
  from: string;
}

/** Private ranges of IPv4 (RFC 1918), in the order they are tried. */
const privateRanges = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].flatMap((text) => parseCidr(text) ?? []);

/** A range for all pods is as large as others know it from their first network, where there is room. */
const usualPrefix = 16;

/** Ranges of a node a cluster should have room for: twice what it has, and some more. */
const spareNodes = 16;

/** Ranges a message names. */
const shownRanges = 3;

/** Bits that may lie between the range of all pods and one of a node: Cilium's operator counts no more. */
const mostBits = 16;

/**
 * All that is in use as far as the cluster shows it. `others`: ranges of Services, of pools, of peers, of routes read on the
 * nodes, each with its place.
 */
export function takenRanges(
  source: Pick<NetworkFacts, "overlay" | "detected">,
  nodes: readonly PlanNode[],
  others: readonly TakenRange[] = [],
): TakenRange[] {
  const placeOf = (cidr: string) => source.detected.find(({ value }) => value === cidr)?.from ?? "pods of the source";
  return [
    ...source.overlay.cidrs.map((cidr) => ({ cidr, from: placeOf(cidr) })),
    ...nodes.flatMap(({ name, podCIDRs }) => podCIDRs.map((cidr) => ({ cidr, from: `node ${name}, podCIDR` }))),
    ...nodes.flatMap(({ name, internalIPs }) => internalIPs.flatMap((ip) => takenAt(ip, `node ${name}, InternalIP`))),
    ...others,
  ];
}

/** A single address as a range; nothing for what is no address. */
export function takenAt(ip: string, from: string): TakenRange[] {
  const address = parseAddress(ip);
  return address === undefined ? [] : [{ cidr: `${ip}/${address.family === 4 ? 32 : 128}`, from }];
}

/**
 * What else a snapshot shows to be in use: Calico's pools, also those that give out nothing, its BGP peers, other addresses of
 * nodes, and those of VXLAN devices where nodes were read. Not what the migration itself has made.
 */
export function rangesOfCluster(snapshot: ClusterSnapshot): TakenRange[] {
  const others = <T extends KubeObject>(resource: Resource<T>) =>
    snapshot.list(resource).filter(({ metadata }) => metadata.labels?.[managedByLabel] !== managedBy);
  const nodes = snapshot.nodes as readonly Node[];
  return [
    ...others(ipPools).flatMap((pool) => {
      const { cidr } = (pool.spec ?? {}) as { cidr?: string };
      return cidr === undefined ? [] : [{ cidr, from: `${placeOf(pool)}, cidr` }];
    }),
    ...others(bgpPeers).flatMap((peer) => {
      const { peerIP = "" } = (peer.spec ?? {}) as { peerIP?: string };
      return takenAt(withoutPort(peerIP), `${placeOf(peer)}, peerIP`);
    }),
    ...nodes.flatMap(({ metadata: { name }, status }) =>
      (status?.addresses ?? [])
        .filter(({ type }) => type !== "InternalIP")
        .flatMap(({ type, address }) => takenAt(address, `node ${name}, ${type}`)),
    ),
    ...nodes.flatMap(({ metadata: { name } }) =>
      (snapshot.host(name)?.vxlans ?? []).flatMap((device) =>
        device.addresses.flatMap((address) =>
          takenAt(address.split("/")[0] ?? "", `node ${name}, device ${device.name}`),
        ),
      ),
    ),
  ];
}

/** "192.0.2.1:1790" or "[fd00::1]:1790" without its port. */
function withoutPort(peer: string): string {
  return /^\[(.+)\]:\d+$/.exec(peer)?.[1] ?? /^([\d.]+):\d+$/.exec(peer)?.[1] ?? peer;
}

/** How much is to be found room for. */
export interface Wanted {
  nodes: number;
  /** Prefix length of each node's range. */
  subnetLen: number;
  /** A range beside which people expect the next one: the pods' first. */
  beside?: string;
}

/** Room for every node's share, beside the range there is. */
export function wantedBeside(nodes: readonly PlanNode[], overlay: OverlayFacts): Wanted {
  const beside = overlay.cidrs.find((cidr) => !cidr.includes(":"));
  return { nodes: nodes.length, subnetLen: shareOf(overlay), ...(beside === undefined ? {} : { beside }) };
}

/**
 * A private IPv4 range nothing else uses: a /16 where there is one, never less than the nodes need; the one behind the pods'
 * first range if that is free. Undefined when there is none. The same for the same input.
 */
export function proposeRange(taken: readonly TakenRange[], wanted: Wanted): string | undefined {
  const used = taken.flatMap(({ cidr }) => rangesOf(cidr)).filter(({ family }) => family === 4);
  const found = findRange(used, wanted);
  return found === undefined ? undefined : formatCidr(found);
}

function findRange(used: readonly Cidr[], { nodes, subnetLen, beside }: Wanted): Cidr | undefined {
  const smallest = longestPrefix(nodes * 2 + spareNodes, subnetLen);
  const least = longestPrefix(nodes, subnetLen);
  const first = Math.min(usualPrefix, smallest);
  for (let prefix = first; prefix <= least; prefix++) {
    const free = privateRanges.flatMap((range) => without(range, used)).filter((range) => range.prefix <= prefix);
    const next = behind(beside, prefix);
    if (next !== undefined && free.some((range) => contains(range, next))) return next;
    const [any] = free;
    if (any !== undefined) return { ...any, prefix };
  }
  return undefined;
}

/** The range of this size that begins where another one ends, or where the next of its size begins. */
function behind(text: string | undefined, prefix: number): Cidr | undefined {
  const range = text === undefined ? undefined : parseCidr(text);
  if (range?.family !== 4) return undefined;
  const size = sizeOf({ ...range, prefix });
  const base = ((range.base + sizeOf(range) + size - 1n) / size) * size;
  return base + size > 1n << 32n ? undefined : { family: 4, base, prefix };
}

/** Prefix length of the smallest range that has `count` ranges of `subnetLen`. */
function longestPrefix(count: number, subnetLen: number): number {
  return subnetLen - Math.ceil(Math.log2(Math.max(1, count)));
}

/**
 * Findings against a range for the second overlay: what it overlaps with and where each comes from, in one line; too little room,
 * too much. `from`: where the range itself comes from, "--cidr" or "spec.cidr".
 */
export function checkSecondRange(cidr: string, from: string, taken: readonly TakenRange[], wanted: Wanted): Finding[] {
  const proposal = proposeRange(taken, wanted);
  const cure = `choose a range that nothing uses${proposal === undefined ? "" : `, such as ${proposal}`}`;
  const conflict = (what: string) => blocker("CIDRConflict", what, from, cure);
  const { nodes, subnetLen } = wanted;
  return cidr
    .split(",")
    .flatMap(rangesOf)
    .flatMap((range) => {
      const name = formatCidr(range);
      const hits = overlapping(range, taken);
      return [
        ...when(hits.length > 0, conflict(`${name} overlaps with ${inWords(hits)}`)),
        ...when(
          range.family === 4 && range.prefix > longestPrefix(nodes, subnetLen),
          conflict(`${name} has no room for ${nodes} nodes with a /${subnetLen} each`),
        ),
        ...when(
          range.family === 4 && range.prefix < subnetLen - mostBits,
          conflict(`${name} holds more than ${2 ** mostBits} ranges for nodes, a /${subnetLen} each`),
        ),
      ];
    });
}

/** Of a node's range, those that no pod gets: the first and the last one, the node's own two. */
const ownAddresses = 4;

/** Nodes whose share of the second overlay has fewer addresses than they may run pods. Some run far fewer: no reason to stop. */
export function checkShares({ nodes }: ClusterSnapshot, subnetLen: number): Finding[] {
  const room = 2 ** (32 - subnetLen) - ownAddresses;
  const podsOf = ({ status }: Node) => Number(status?.allocatable?.pods ?? 0);
  const small = (nodes as readonly Node[]).filter((node) => podsOf(node) > room);
  if (small.length === 0) return [];
  const most = Math.max(...small.map(podsOf));
  return [
    warning(
      "PodCIDRTooLong",
      `it may run ${most} pods, and its share of the target's range, a /${subnetLen}, has addresses for ${room}`,
      nodesAt(small.map(({ metadata }) => metadata)),
      "see that it does not need more: pods beyond that will not start there",
    ),
  ];
}

/** Findings against the families of a range for the second overlay: those of the source, no more and no fewer. */
export function checkFamiliesOf(cidr: string, from: string, source: Pick<OverlayFacts, "cidrs">): Finding[] {
  const text = (cidrs: readonly string[]) =>
    [4, 6].filter((family) => cidrs.some((c) => parseCidr(c)?.family === family)).map((family) => `IPv${family}`);
  const [own, theirs] = [text(cidr.split(",")), text(source.cidrs)];
  if (own.join() === theirs.join() || theirs.length === 0) return [];
  return [
    blocker(
      "CIDRConflict",
      `${cidr} is ${own.join(" and ")}, and pods have addresses of ${theirs.join(" and ")} now`,
      from,
      `give a range of ${theirs.join(" and one of ")}`,
    ),
  ];
}

/** "10.244.0.0/16 (ippool default, cidr), 10.96.0.0/16 (servicecidr kubernetes) and 3 more" */
function inWords(taken: readonly TakenRange[]): string {
  const shown = taken.slice(0, shownRanges).map(({ cidr, from }) => `${cidr} (${from})`);
  const rest = taken.length - shown.length;
  return `${shown.join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}

/** The widest of what overlaps, one a place: not the podCIDRs of all nodes when the range that holds them is named. */
function overlapping(range: Cidr, taken: readonly TakenRange[]): TakenRange[] {
  const hits = taken.filter(({ cidr }) => rangesOf(cidr).some((other) => overlaps(range, other)));
  return hits.filter(
    ({ cidr }, i) =>
      !hits.some((other, j) => {
        const [outer, inner] = [parseCidr(other.cidr), parseCidr(cidr)];
        if (i === j || outer === undefined || inner === undefined || !contains(outer, inner)) return false;
        return outer.prefix < inner.prefix || j < i;
      }),
  );
}

/** A range; an address alone counts as a range of one. */
function rangesOf(text: string): Cidr[] {
  const address = parseAddress(text);
  if (address !== undefined)
    return [{ family: address.family, base: address.value, prefix: address.family === 4 ? 32 : 128 }];
  const range = parseCidr(text);
  return range === undefined ? [] : [range];
}
