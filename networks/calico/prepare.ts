import { felixConfigurations, ipamConfigs, ipPools, nodes } from "../../kube/resources.ts";
import type { KubeObject, Resource, UnknownObject } from "../../kube/types.ts";
import { firstOfFamily, formatCidr, parseAddress, parseCidr } from "../cidr.ts";
import type { ApiChange, OverlayFacts, PlanContext, PlanNode } from "../contract.ts";
import { blockChanges } from "./blocks.ts";
import { annotations, calico } from "./facts.ts";

const apiVersion = "crd.projectcalico.org/v1";

/** Prefix length of the address blocks: Calico's own, or a node's whole range where that is smaller. */
export function blockSizeOf(overlay: Pick<OverlayFacts, "subnetLen">): number {
  return Math.max(overlay.subnetLen, calico.blockSize);
}

/**
 * In this order:
 * 1. FelixConfiguration: without one named "default", Calico's controllers make one under another name, and the first Felix
 *    would open its own VNI and port.
 * 2. IPPool: without one, the first calico-node makes a pool of its own choice.
 * 3. IPAMConfig: a node takes no address of another node's blocks, and no block outside its podCIDR, where nodes still on the
 *    other network have no route to.
 */
export function prepare(context: PlanContext): ApiChange[] {
  const { overlay } = context;
  return [
    settings(felixConfigurations, "FelixConfiguration", felixSettings(overlay), { vxlanEnabled: null }),
    {
      change: "create",
      resource: ipPools,
      object: {
        apiVersion,
        kind: "IPPool",
        metadata: { name: calico.pool },
        spec: poolSpec(overlay),
      },
      accepts: (existing) => poolObjection(existing, overlay),
    },
    settings(ipamConfigs, "IPAMConfig", {
      strictAffinity: true,
      autoAllocateBlocks: true,
      maxBlocksPerHost: 2 ** (blockSizeOf(overlay) - overlay.subnetLen),
    }),
  ];
}

/**
 * The node's podCIDR as Calico blocks of its own, its tunnel address taken from the first, and its end of the overlay as
 * annotations: nodes already on Calico route to it before it moves, and its MAC and address stay when it does. The address
 * has prefix length 32: where the node's subnet ends is for calico-node to find out when it starts.
 */
export function prepareNode(context: PlanContext, node: PlanNode): ApiChange[] {
  const vtep = context.source.vteps[node.name];
  const range = firstOfFamily(node.podCIDRs, 4);
  const tunnel = parseAddress(vtep?.ip ?? "");
  if (vtep === undefined || range === undefined || tunnel === undefined)
    throw new TypeError(`no tunnel endpoint or no podCIDR is known for node ${node.name}`);
  const wanted = {
    [annotations.address]: `${vtep.publicIP}/32`,
    [annotations.tunnelAddress]: vtep.ip,
    [annotations.tunnelMac]: vtep.mac,
  };
  return [
    ...blockChanges(range, blockSizeOf(context.overlay), { node: node.name, tunnelAddress: tunnel.value }),
    {
      change: "merge",
      resource: nodes as Resource<KubeObject> as Resource,
      key: { name: node.name },
      patch: { metadata: { annotations: wanted } },
    },
  ];
}

/** What a pool of the shared overlay says, in the API's own words. */
function poolSpec(overlay: OverlayFacts): Record<string, unknown> {
  const cidr = parseCidr(overlay.cidrs[0] ?? "");
  if (cidr === undefined) throw new TypeError("no pod network is known");
  return {
    cidr: formatCidr(cidr),
    blockSize: blockSizeOf(overlay),
    vxlanMode: "Always",
    ipipMode: "Never",
    natOutgoing: overlay.masquerade,
    nodeSelector: "all()",
    allowedUses: ["Workload", "Tunnel"],
  };
}

/** What the API server takes a missing field of a pool for. */
const poolDefaults: Record<string, unknown> = {
  blockSize: calico.blockSize,
  vxlanMode: "Never",
  ipipMode: "Never",
  natOutgoing: false,
  nodeSelector: "all()",
  allowedUses: ["Workload", "Tunnel"],
};

/** How an existing pool differs from the one wanted: "vxlanMode is CrossSubnet, not Always"; undefined when it does not. */
export function poolObjection(existing: UnknownObject, overlay: OverlayFacts): string | undefined {
  const spec = (existing.spec ?? {}) as Record<string, unknown>;
  const differences = Object.entries(poolSpec(overlay))
    .map(([key, wanted]) => ({ key, wanted: show(wanted), found: show(spec[key] ?? poolDefaults[key]) }))
    .filter(({ wanted, found }) => wanted !== found)
    .map(({ key, wanted, found }) => `${key} is ${found}, not ${wanted}`);
  if (spec.disabled === true) differences.push("it is disabled");
  return differences.length === 0 ? undefined : differences.join("; ");
}

function show(value: unknown): string {
  return Array.isArray(value) ? [...value].sort().join(", ") : String(value);
}

function felixSettings(overlay: OverlayFacts): Record<string, unknown> {
  return { vxlanVNI: overlay.vni, vxlanPort: overlay.port, ...(overlay.mtu === 0 ? {} : { vxlanMTU: overlay.mtu }) };
}

/** The object "default" with these settings; `without` takes away those that would stand against them. */
function settings(
  resource: Resource,
  kind: string,
  wanted: Record<string, unknown>,
  without: Record<string, null> = {},
): ApiChange {
  const key = { name: "default" };
  return {
    change: "merge",
    resource,
    key,
    patch: { spec: { ...wanted, ...without } },
    orCreate: { apiVersion, kind, metadata: key, spec: wanted },
  };
}
