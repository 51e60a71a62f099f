import { type Cidr, contains, firstOfFamily, formatCidr, overlaps, parseCidr, sizeOf } from "../cidr.ts";
import type { ClusterSnapshot, PlanNode } from "../contract.ts";
import { compare } from "../findings.ts";
import { isWindows, planNodes } from "../nodes.ts";
import { calico } from "./facts.ts";
import { blocksIn } from "./found-blocks.ts";
import { poolsOf, specOf } from "./settings.ts";

/** Prefix length of a node's range where nothing says another: what kube-controller-manager gives. */
const usualPrefix = 24;

/**
 * podCIDRs for nodes that have none, by node name: Calico does without, the network after it does not. Of the first pool; as long
 * as the others' where there are any, else /24, or longer where the pool has not as many; no range two nodes have, and none that
 * holds an address block of another node. Nodes for which there is no room are missing. The same for the same cluster.
 */
export function rangesFor(snapshot: ClusterSnapshot): Record<string, string> {
  const nodes = ownNodes(snapshot);
  const bare = nodes.filter(({ podCIDRs }) => podCIDRs.length === 0).sort((a, b) => compare(a.name, b.name));
  const pool = parseCidr(String(specOf(poolsOf(snapshot)[0]).cidr));
  if (bare.length === 0 || pool === undefined) return {};
  const taken = nodes.flatMap((node) => rangeOf(node) ?? []);
  const blocks = blocksIn(snapshot);
  const free = (range: Cidr, name: string) =>
    blocks.every((block) => block.owner === name || !overlaps(block.range, range));
  const give = (prefix: number): Map<string, Cidr> => {
    const given = new Map<string, Cidr>();
    for (const range of rangesIn(pool, prefix)) {
      if (given.size === bare.length) break;
      if (taken.some((other) => overlaps(other, range))) continue;
      const next = bare.find(({ name }) => !given.has(name) && free(range, name));
      if (next !== undefined) given.set(next.name, range);
    }
    return given;
  };
  const given = lengthsFor(pool, taken).reduce<Map<string, Cidr>>(
    (best, prefix) => (best.size === bare.length ? best : give(prefix)),
    new Map(),
  );
  return Object.fromEntries([...given].map(([name, range]) => [name, formatCidr(range)]));
}

/** Nodes with the podCIDRs they have or will get; Windows nodes aside. */
export function rangedNodes(snapshot: ClusterSnapshot): PlanNode[] {
  const given = rangesFor(snapshot);
  return ownNodes(snapshot).map((node) => {
    const range = given[node.name];
    return range === undefined ? node : { ...node, podCIDRs: [range] };
  });
}

function ownNodes(snapshot: ClusterSnapshot): PlanNode[] {
  return planNodes(snapshot).filter((node) => !isWindows(node));
}

function rangeOf({ podCIDRs }: PlanNode): Cidr | undefined {
  return firstOfFamily(podCIDRs, 4);
}

/** Lengths to be tried, shortest first. All nodes of a cluster have the same. */
function lengthsFor(pool: Cidr, taken: readonly Cidr[]): number[] {
  const [first] = taken.filter((range) => contains(pool, range));
  if (first !== undefined) return [first.prefix];
  const lengths: number[] = [];
  for (let prefix = Math.max(usualPrefix, pool.prefix); prefix <= calico.blockSize; prefix++) lengths.push(prefix);
  return lengths;
}

/** A pool may have any number of them. */
function* rangesIn(pool: Cidr, prefix: number): Generator<Cidr> {
  const step = sizeOf({ ...pool, prefix });
  for (let base = pool.base; base < pool.base + sizeOf(pool); base += step) yield { ...pool, base, prefix };
}
