import { networkLabel } from "../../crds/names.ts";
import { felixConfigurations, ipamConfigs, ipPools, nodes } from "../../kube/resources.ts";
import type { KubeObject, Resource, UnknownObject } from "../../kube/types.ts";
import { firstOfFamily, formatCidr, parseAddress } from "../cidr.ts";
import type { ApiChange, NetworkFacts, OverlayFacts, PlanContext, PlanNode, RecordedChange } from "../contract.ts";
import { endOf, type Family, familiesOf, mtuOf, rangeOf } from "../overlays.ts";
import { blockChanges, coverChange } from "./blocks.ts";
import { annotations, annotations6, calico } from "./facts.ts";
import { blockSizeOf, blocksOf, blocksPerNode } from "./ranges.ts";

const apiVersion = "crd.projectcalico.org/v1";

/**
 * In this order:
 * 1. FelixConfiguration: without one named "default", Calico's controllers make one under another name, and the first Felix
 *    would open its own VNI and port.
 * 2. IPPool of each family: without one, the first calico-node makes a pool of its own choice.
 * 3. IPAMConfig: a node takes no address of another node's blocks, and no block outside its podCIDR, where nodes still on the
 *    other network have no route to.
 */
export function prepare(context: PlanContext): RecordedChange[] {
  const { overlay } = context;
  return [
    settings(felixConfigurations, "FelixConfiguration", felixSettings(overlay), { vxlanEnabled: null }),
    ...familiesOf(overlay).map((family) => poolChange(context, family)),
    {
      ...settings(ipamConfigs, "IPAMConfig", {
        strictAffinity: true,
        autoAllocateBlocks: true,
        maxBlocksPerHost: blocksPerNode(overlay),
      }),
      transient: true,
    },
  ];
}

/**
 * Of each family, the node's podCIDR as Calico blocks of its own, its tunnel address taken from the first, and its end of the
 * overlay as annotations: nodes already on Calico route to it before it moves, and its MAC and address stay when it does. The
 * address has the prefix length of one address: where the node's subnet ends is for calico-node to find out when it starts.
 */
export function prepareNode(context: PlanContext, node: PlanNode): RecordedChange[] {
  const parts = familiesOf(context.overlay).map((family) => prepareFamily(context, node, family));
  const annotations = Object.assign({}, ...parts.map((part) => part.annotations)) as Record<string, string>;
  return [
    ...parts.flatMap((part) => part.blocks),
    {
      change: "merge",
      resource: nodes as Resource<KubeObject> as Resource,
      key: { name: node.name },
      patch: { metadata: { annotations } },
    },
  ];
}

function prepareFamily(context: PlanContext, node: PlanNode, family: Family) {
  const end = endOf(context.source.vteps[node.name], family);
  const range = firstOfFamily(node.podCIDRs, family);
  const tunnel = parseAddress(end?.ip ?? "");
  if (end === undefined || range === undefined || tunnel === undefined)
    throw new TypeError(`no tunnel endpoint or no podCIDR of IPv${family} is known for node ${node.name}`);
  const keys = family === 4 ? annotations : annotations6;
  return {
    blocks: [
      ...blockChanges(blocksOf(range, context.overlay), { node: node.name, tunnelAddress: tunnel.value }),
      ...coverOf(context, node, family),
    ],
    annotations: {
      [keys.address]: `${end.publicIP}/${family === 4 ? 32 : 128}`,
      [keys.tunnelAddress]: end.ip,
      [keys.tunnelMac]: end.mac,
    },
  };
}

/**
 * While the node is not on Calico, addresses of its whole IPv6 range may be in use there. Its block goes before calico-node
 * starts on it, which would take the rest of the range for free.
 */
function coverOf({ overlay }: PlanContext, node: PlanNode, family: Family): RecordedChange[] {
  const range = firstOfFamily(node.podCIDRs, 6);
  const joined = node.labels[networkLabel] === "calico";
  if (family === 4 || range === undefined || rangeOf(overlay, 6) === undefined || joined) return [];
  return [coverChange(range, node.name)];
}

/** The block of the node's whole IPv6 range: made when it leaves, gone before it comes. */
export function nodeObjects({ overlay }: PlanContext, node: PlanNode, state: "in" | "out"): ApiChange[] {
  const range = firstOfFamily(node.podCIDRs, 6);
  if (range === undefined || rangeOf(overlay, 6) === undefined) return [];
  const cover = coverChange(range, node.name);
  if (state === "out") return [cover];
  return [{ change: "delete", resource: cover.resource, key: { name: cover.object.metadata.name } }];
}

/**
 * Made when absent. A pool that is there has to say the same already, but for the one the source itself runs with: that one is
 * brought there, as far as a pool can be changed.
 */
function poolChange({ overlay, source }: PlanContext, family: Family): RecordedChange {
  const spec = poolSpec(overlay, family);
  const key = { name: poolName(family) };
  const object = { apiVersion, kind: "IPPool", metadata: key, spec };
  const accepts = (existing: UnknownObject) => poolObjection(existing, overlay, source, family);
  if (!isSources(key.name, source)) return { change: "create", resource: ipPools, object, accepts };
  const changes = Object.fromEntries(Object.entries(spec).filter(([key]) => !fixedFields.includes(key)));
  return { change: "merge", resource: ipPools, key, patch: { spec: changes }, orCreate: object, accepts };
}

/** Whether it is the pool the source runs with, as detection of the source says. */
function isSources(pool: string, source: NetworkFacts): boolean {
  return source.detected.some(({ name, value }) => name === "ipPool" && value === pool);
}

/** What of a pool cannot be changed: its range, and blocks cut from it. */
const fixedFields = ["cidr", "blockSize"];

export function poolName(family: Family): string {
  return family === 4 ? calico.pool : calico.pool6;
}

/** What a pool of the shared overlay says, in the API's own words. */
function poolSpec(overlay: OverlayFacts, family: Family): Record<string, unknown> {
  const cidr = rangeOf(overlay, family);
  if (cidr === undefined) throw new TypeError(`no pod network of IPv${family} is known`);
  return {
    cidr: formatCidr(cidr),
    blockSize: blockSizeOf(overlay, family),
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

/**
 * How an existing pool differs from the one wanted, in what the migration would not change: "vxlanMode is CrossSubnet, not
 * Always"; undefined when it does not.
 */
export function poolObjection(
  existing: UnknownObject,
  overlay: OverlayFacts,
  source: NetworkFacts,
  family: Family = 4,
): string | undefined {
  const spec = (existing.spec ?? {}) as Record<string, unknown>;
  const changeable = isSources(existing.metadata.name, source);
  const differences = Object.entries(poolSpec(overlay, family))
    .filter(([key]) => !changeable || fixedFields.includes(key))
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
  const known = familiesOf(overlay).filter(() => overlay.mtu !== 0);
  const mtus = known.map((family) => [family === 4 ? "vxlanMTU" : "vxlanMTUV6", mtuOf(overlay, family)]);
  return { vxlanVNI: overlay.vni, vxlanPort: overlay.port, ...Object.fromEntries(mtus) };
}

/** The object "default" with these settings; `without` takes away those that would stand against them. */
function settings(
  resource: Resource,
  kind: string,
  wanted: Record<string, unknown>,
  without: Record<string, null> = {},
): RecordedChange & { change: "merge" } {
  const key = { name: "default" };
  return {
    change: "merge",
    resource,
    key,
    patch: { spec: { ...wanted, ...without } },
    orCreate: { apiVersion, kind, metadata: key, spec: wanted },
  };
}
