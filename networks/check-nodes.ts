import { type Cidr, contains, firstOfFamily, formatCidr } from "./cidr.ts";
import type { ClusterSnapshot, Finding, NetworkFacts, PlanNode } from "./contract.ts";
import { blocker, compare, nodesAt, warning, when } from "./findings.ts";
import { isReady, isWindows, planNode, planNodes } from "./nodes.ts";
import { type Family, familiesOf, rangeOf } from "./overlays.ts";

/** What any pair needs of the nodes. */
export function checkAllNodes(snapshot: ClusterSnapshot, nodes: readonly PlanNode[]): Finding[] {
  const windows = planNodes(snapshot).filter(isWindows);
  const notReady = snapshot.nodes
    .filter((node) => !isReady(node))
    .map(planNode)
    .filter((node) => !isWindows(node));
  const without = nodes.filter((node) => !node.internalIPs.some((ip) => !ip.includes(":")));
  return [
    ...when(
      windows.length > 0,
      blocker(
        "WindowsNode",
        "Windows nodes cannot be migrated",
        nodesAt(windows),
        "take them out of the cluster first, or keep the network",
      ),
    ),
    ...when(
      notReady.length > 0,
      warning(
        "NodeNotReady",
        "not Ready: a node that does not answer cannot be switched",
        nodesAt(notReady),
        "repair it, delete it from the cluster, or leave it out with spec.nodeSelector",
      ),
    ),
    ...when(
      without.length > 0,
      blocker("AddressMismatch", "no IPv4 InternalIP in its status", nodesAt(without), "set kubelet's --node-ip"),
    ),
  ];
}

/** On a shared overlay every node brings its own part of the pod network. The check of a source that goes by podCIDRs itself. */
export function checkAsSource(snapshot: ClusterSnapshot, source: NetworkFacts): Finding[] {
  return checkRanges(
    planNodes(snapshot).filter((node) => !isWindows(node)),
    source,
  );
}

function checkRanges(nodes: readonly PlanNode[], { overlay }: NetworkFacts): Finding[] {
  return familiesOf(overlay).flatMap((family) => checkRangesOf(family, nodes, rangeOf(overlay, family)));
}

function checkRangesOf(family: Family, nodes: readonly PlanNode[], network: Cidr | undefined): Finding[] {
  const ranges = nodes.flatMap((node) => {
    const range = firstOfFamily(node.podCIDRs, family);
    return range === undefined ? [] : [{ name: node.name, range }];
  });
  const without = nodes.filter((node) => !ranges.some(({ name }) => name === node.name));
  const outside = ranges.filter(({ range }) => network !== undefined && !contains(network, range));
  return [
    ...when(
      without.length > 0,
      blocker(
        "PodCIDRMissing",
        `no IPv${family} podCIDR in its spec`,
        nodesAt(without),
        "let the controller manager give one (--allocate-node-cidrs), or set spec.podCIDR",
      ),
    ),
    ...when(
      outside.length > 0,
      blocker(
        "PodCIDROutsideNetwork",
        `the podCIDR lies outside the pod network ${network === undefined ? "" : formatCidr(network)}`,
        nodesAt(outside),
        "correct the network the nodes run with, or register the node anew",
      ),
    ),
    ...overlapping(ranges).map((pair) =>
      blocker(
        "CIDRConflict",
        "the podCIDRs of two nodes overlap",
        nodesAt(pair),
        "register one of them anew, so that it gets a range of its own",
      ),
    ),
  ];
}

interface NodeRange {
  name: string;
  range: Cidr;
}

/** Pairs of nodes whose ranges overlap. Of two ranges one contains the other or they are apart: sorted, neighbours tell. */
function overlapping(ranges: readonly NodeRange[]): [NodeRange, NodeRange][] {
  const sorted = [...ranges].sort(
    (a, b) => Number(a.range.base - b.range.base) || a.range.prefix - b.range.prefix || compare(a.name, b.name),
  );
  const pairs: [NodeRange, NodeRange][] = [];
  let [outer, ...rest] = sorted;
  for (const next of rest) {
    if (outer !== undefined && contains(outer.range, next.range)) pairs.push([outer, next]);
    else outer = next;
  }
  return pairs;
}
