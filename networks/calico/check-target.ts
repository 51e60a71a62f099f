import { networkLabel } from "../../crds/names.ts";
import { ipamBlocks } from "../../kube/resources.ts";
import type { UnknownObject } from "../../kube/types.ts";
import { firstOfFamily, overlaps, parseAddress, parseCidr } from "../cidr.ts";
import type { ClusterSnapshot, Finding, NetworkFacts, PlanNode } from "../contract.ts";
import { blocker, nodesAt, when } from "../findings.ts";
import { isWindows, planNodes } from "../nodes.ts";
import { placeOf } from "../objects.ts";
import { endOf, type Family, familiesOf, rangeOf } from "../overlays.ts";
import { heldTo } from "../workloads.ts";
import { blockName, blockObjection, coverObjection } from "./blocks.ts";
import { agentsOf, checkInstall } from "./detect.ts";
import { calico } from "./facts.ts";
import { poolName, poolObjection } from "./prepare.ts";
import { blockSizeOf, blocksOf, longestRange } from "./ranges.ts";
import { poolsOf, specOf } from "./settings.ts";

/**
 * What is in the way of Calico sharing the source's overlay. Objects as prepare and prepareNode make them are not: this is
 * asked again while the migration runs.
 */
export function checkAsTarget(snapshot: ClusterSnapshot, source: NetworkFacts): Finding[] {
  const nodes = planNodes(snapshot).filter((node) => !isWindows(node));
  return [
    ...checkInstall(snapshot),
    ...checkRunning(snapshot),
    ...checkPools(snapshot, source),
    ...checkRanges(nodes, source),
    ...checkBlocks(snapshot, nodes, source),
    ...checkAddresses(nodes, source),
    ...checkDevices(snapshot, nodes),
  ];
}

/** A DaemonSet held to the nodes of a migration is the one `start` installed. */
function checkRunning(snapshot: ClusterSnapshot): Finding[] {
  return agentsOf(snapshot, {})
    .filter((ds) => heldTo(ds) !== "calico")
    .map((ds) =>
      blocker(
        "TargetAlreadyRuns",
        "Calico runs in this cluster already",
        placeOf(ds),
        "remove that install with its own manifests: kubectl delete -f FILE; the migration installs Calico itself",
      ),
    );
}

/** Calico gives out addresses of every enabled pool: any but the one of the overlay would lead pods nowhere. */
function checkPools(snapshot: ClusterSnapshot, source: NetworkFacts): Finding[] {
  // Of a source that could not be read there is nothing to compare.
  if (source.overlay.cidrs.length === 0) return [];
  const families = familiesOf(source.overlay);
  return families
    .flatMap((family) => poolsOf(snapshot, family))
    .flatMap((pool) => {
      const { name } = pool.metadata;
      const own = families.find((family) => poolName(family) === name);
      const objection =
        own !== undefined && rangeOf(source.overlay, own) !== undefined
          ? poolObjection(pool, source.overlay, source, own)
          : `its range ${String(specOf(pool).cidr)} would be used beside the overlay's ${source.overlay.cidrs.join(", ")}`;
      if (objection === undefined) return [];
      const cure = `if no pod uses it: kubectl delete ippools.crd.projectcalico.org ${name}`;
      return [blocker("PoolConflict", objection, placeOf(pool), cure)];
    });
}

function checkRanges(nodes: readonly PlanNode[], { overlay }: NetworkFacts): Finding[] {
  const small = (family: Family) =>
    nodes.filter((node) => (firstOfFamily(node.podCIDRs, family)?.prefix ?? 0) > longestRange(overlay, family));
  return [
    ...when(
      small(4).length > 0,
      blocker(
        "PodCIDRTooLong",
        `the podCIDR is smaller than an address block of Calico (/${blockSizeOf(overlay)})`,
        nodesAt(small(4)),
        "set spec.flannel.subnetLen to the longest prefix length of the nodes' podCIDRs",
      ),
    ),
    ...when(
      rangeOf(overlay, 6) !== undefined && small(6).length > 0,
      blocker(
        "PodCIDRTooLong",
        `the IPv6 podCIDR is smaller than /${longestRange(overlay, 6)}: Calico gives addresses of both families from blocks of one size`,
        nodesAt(small(6)),
        "register the nodes anew with a larger IPv6 range (--node-cidr-mask-size-ipv6)",
      ),
    ),
  ];
}

/** Blocks of an earlier Calico: taken by another node, of another size, or outside the podCIDRs, where no route leads. */
function checkBlocks(snapshot: ClusterSnapshot, nodes: readonly PlanNode[], source: NetworkFacts): Finding[] {
  const existing = snapshot.list(ipamBlocks);
  const pools = familiesOf(source.overlay).flatMap((family) => rangeOf(source.overlay, family) ?? []);
  if (existing.length === 0) return [];
  const wanted = new Map(nodes.flatMap((node) => wantedBlocks(node, source)));
  const owners = new Set(nodes.map((node) => `host:${node.name}`));
  return existing.flatMap((object) => {
    const range = parseCidr(String(specOf(object).cidr));
    if (range === undefined || !pools.some((network) => overlaps(network, range))) return [];
    const plan = wanted.get(object.metadata.name);
    const affinity = specOf(object).affinity;
    if (plan === undefined && typeof affinity === "string" && !owners.has(affinity)) return [];
    const objection = plan === undefined ? "it is not one of a node's podCIDR" : plan(object);
    if (objection === undefined) return [];
    const cure = `if Calico does not run: kubectl delete ipamblocks.crd.projectcalico.org ${object.metadata.name}`;
    return [blocker("PoolConflict", objection, placeOf(object), cure)];
  });
}

/** Blocks made ahead of a node, by name: what is against one that is there already. */
function wantedBlocks(
  node: PlanNode,
  { overlay, vteps }: NetworkFacts,
): [string, (existing: UnknownObject) => string | undefined][] {
  return familiesOf(overlay).flatMap((family) => {
    const range = firstOfFamily(node.podCIDRs, family);
    if (range === undefined || range.prefix > longestRange(overlay, family)) return [];
    const tunnelAddress = parseAddress(endOf(vteps[node.name], family)?.ip ?? "")?.value ?? range.base;
    const owner = { node: node.name, tunnelAddress };
    const blocks = blocksOf(range, overlay).map((block): ReturnType<typeof wantedBlocks>[number] => [
      blockName(block),
      (existing) => blockObjection(existing, block, owner),
    ]);
    return family === 4 ? blocks : [...blocks, [blockName(range), (found) => coverObjection(found, range, node.name)]];
  });
}

/** With IP_AUTODETECTION_METHOD=kubernetes-internal-ip calico-node takes the InternalIP; peers send to public-ip. */
function checkAddresses(nodes: readonly PlanNode[], source: NetworkFacts): Finding[] {
  return familiesOf(source.overlay).flatMap((family) => nodes.flatMap((node) => checkAddress(node, source, family)));
}

function checkAddress(node: PlanNode, { vteps }: NetworkFacts, family: Family): Finding[] {
  const publicIP = endOf(vteps[node.name], family)?.publicIP;
  const internalIP = node.internalIPs.find((ip) => parseAddress(ip)?.family === family);
  // Without any of IPv4 it has a finding already (check-nodes.ts).
  if (publicIP === undefined || (internalIP === undefined && family === 4)) return [];
  if (internalIP !== undefined && parseAddress(publicIP)?.value === parseAddress(internalIP)?.value) return [];
  const chosen =
    internalIP === undefined
      ? "the node has no IPv6 InternalIP"
      : `Calico would choose the node's InternalIP ${internalIP}`;
  return [
    blocker(
      "AddressMismatch",
      `peers send to ${publicIP}, but ${chosen}`,
      `node ${node.name}`,
      "make both the same: kubelet's --node-ip, or --iface or --public-ip of the agent that runs now",
    ),
  ];
}

/** Where a host was read: a tunnel device of Calico's name on a node that is not Calico's. */
function checkDevices(snapshot: ClusterSnapshot, nodes: readonly PlanNode[]): Finding[] {
  return nodes
    .filter((node) => node.labels[networkLabel] !== "calico")
    .flatMap((node) =>
      (snapshot.host(node.name)?.vxlans ?? [])
        .filter(({ name }) => name === calico.link || name === calico.link6)
        .map(({ name }) =>
          blocker(
            "TargetAlreadyRuns",
            `a device ${name} is left of an earlier Calico`,
            `node ${node.name}`,
            `ip link delete ${name}`,
          ),
        ),
    );
}
