import { type Cidr, contains, formatCidr, overlaps, parseAddress, parseCidr, sizeOf, without } from "./cidr.ts";
import type { Finding, NetworkFacts, PlanNode } from "./contract.ts";
import { blocker, when } from "./findings.ts";

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
    ...nodes.flatMap(({ name, internalIPs }) =>
      internalIPs.map((ip) => ({ cidr: `${ip}/${ip.includes(":") ? 128 : 32}`, from: `node ${name}, InternalIP` })),
    ),
    ...others,
  ];
}

/** How much is to be found room for. */
interface Wanted {
  nodes: number;
  /** Prefix length of each node's range. */
  subnetLen: number;
  /** A range beside which people expect the next one: the pods' first. */
  beside?: string;
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
 * Findings against a range for the second overlay: each overlap with both ranges and where each comes from, or too little room.
 * `from`: where the range itself comes from, "--cidr" or "spec.cidr".
 */
export function checkSecondRange(
  cidr: string,
  from: string,
  taken: readonly TakenRange[],
  wanted: Omit<Wanted, "beside">,
): Finding[] {
  const proposal = proposeRange(taken, wanted);
  const cure = `choose a range that nothing uses${proposal === undefined ? "" : `, such as ${proposal}`}`;
  const own = cidr.split(",").flatMap(rangesOf);
  return own.flatMap((range) => [
    ...overlapping(range, taken).map((other) =>
      blocker("CIDRConflict", `${formatCidr(range)} (${from}) overlaps with ${other.cidr} (${other.from})`, from, cure),
    ),
    ...when(
      range.family === 4 && range.prefix > longestPrefix(wanted.nodes, wanted.subnetLen),
      blocker(
        "CIDRConflict",
        `${formatCidr(range)} (${from}) has no room for ${wanted.nodes} nodes with a /${wanted.subnetLen} each`,
        from,
        cure,
      ),
    ),
  ]);
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
