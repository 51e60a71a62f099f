import { networkLabel } from "../../crds/names.ts";
import { ipamBlocks } from "../../kube/resources.ts";
import { type Cidr, firstOfFamily, overlaps, parseAddress, parseCidr, split } from "../cidr.ts";
import type { ClusterSnapshot, Finding, NetworkFacts, PlanNode } from "../contract.ts";
import { blocker, nodesAt } from "../findings.ts";
import { isWindows, planNodes } from "../nodes.ts";
import { placeOf } from "../objects.ts";
import { heldTo } from "../workloads.ts";
import { type BlockOwner, blockName, blockObjection } from "./blocks.ts";
import { agentsOf, checkInstall } from "./detect.ts";
import { calico } from "./facts.ts";
import { blockSizeOf, poolObjection } from "./prepare.ts";
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
  return poolsOf(snapshot).flatMap((pool) => {
    const { name } = pool.metadata;
    const network = source.overlay.cidrs[0];
    const objection =
      name === calico.pool && network !== undefined
        ? poolObjection(pool, source.overlay)
        : `its range ${String(specOf(pool).cidr)} would be used beside the overlay's ${network ?? ""}`;
    if (objection === undefined) return [];
    const cure = `if no pod uses it: kubectl delete ippools.crd.projectcalico.org ${name}`;
    return [blocker("PoolConflict", objection, placeOf(pool), cure)];
  });
}

function checkRanges(nodes: readonly PlanNode[], source: NetworkFacts): Finding[] {
  const blockSize = blockSizeOf(source.overlay);
  const small = nodes.filter((node) => (firstOfFamily(node.podCIDRs, 4)?.prefix ?? 0) > blockSize);
  if (small.length === 0) return [];
  return [
    blocker(
      "PodCIDRTooLong",
      `the podCIDR is smaller than an address block of Calico (/${blockSize})`,
      nodesAt(small),
      "set spec.flannel.subnetLen to the longest prefix length of the nodes' podCIDRs",
    ),
  ];
}

/** Blocks of an earlier Calico: taken by another node, of another size, or outside the podCIDRs, where no route leads. */
function checkBlocks(snapshot: ClusterSnapshot, nodes: readonly PlanNode[], source: NetworkFacts): Finding[] {
  const existing = snapshot.list(ipamBlocks);
  const network = parseCidr(source.overlay.cidrs[0] ?? "");
  if (existing.length === 0 || network === undefined) return [];
  const wanted = new Map(nodes.flatMap((node) => wantedBlocks(node, source)));
  const owners = new Set(nodes.map((node) => `host:${node.name}`));
  return existing.flatMap((object) => {
    const range = parseCidr(String(specOf(object).cidr));
    if (range === undefined || !overlaps(network, range)) return [];
    const plan = wanted.get(object.metadata.name);
    const affinity = specOf(object).affinity;
    if (plan === undefined && typeof affinity === "string" && !owners.has(affinity)) return [];
    const objection =
      plan === undefined ? "it is not one of a node's podCIDR" : blockObjection(object, plan.block, plan.owner);
    if (objection === undefined) return [];
    const cure = `if Calico does not run: kubectl delete ipamblocks.crd.projectcalico.org ${object.metadata.name}`;
    return [blocker("PoolConflict", objection, placeOf(object), cure)];
  });
}

function wantedBlocks(node: PlanNode, source: NetworkFacts): [string, { block: Cidr; owner: BlockOwner }][] {
  const range = firstOfFamily(node.podCIDRs, 4);
  const blockSize = blockSizeOf(source.overlay);
  if (range === undefined || range.prefix > blockSize) return [];
  const tunnelAddress = parseAddress(source.vteps[node.name]?.ip ?? "")?.value ?? range.base;
  const owner = { node: node.name, tunnelAddress };
  return split(range, blockSize).map((block) => [blockName(block), { block, owner }]);
}

/** With IP_AUTODETECTION_METHOD=kubernetes-internal-ip calico-node takes the InternalIP; peers send to public-ip. */
function checkAddresses(nodes: readonly PlanNode[], source: NetworkFacts): Finding[] {
  return nodes.flatMap((node) => {
    const publicIP = source.vteps[node.name]?.publicIP;
    const internalIP = node.internalIPs.find((ip) => !ip.includes(":"));
    if (publicIP === undefined || internalIP === undefined || publicIP === internalIP) return [];
    return [
      blocker(
        "AddressMismatch",
        `peers send to ${publicIP}, but Calico would choose the node's InternalIP ${internalIP}`,
        `node ${node.name}`,
        "make both the same: kubelet's --node-ip, or --iface or --public-ip of the agent that runs now",
      ),
    ];
  });
}

/** Where a host was read: a tunnel device of Calico's name on a node that is not Calico's. */
function checkDevices(snapshot: ClusterSnapshot, nodes: readonly PlanNode[]): Finding[] {
  return nodes
    .filter((node) => node.labels[networkLabel] !== "calico")
    .filter((node) => snapshot.host(node.name)?.vxlans.some((d) => d.name === calico.link))
    .map((node) =>
      blocker(
        "TargetAlreadyRuns",
        `a device ${calico.link} is left of an earlier Calico`,
        `node ${node.name}`,
        `ip link delete ${calico.link}`,
      ),
    );
}
