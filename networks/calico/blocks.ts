import { createHash } from "node:crypto";
import { blockAffinities, ipamBlocks, ipamHandles } from "../../kube/resources.ts";
import type { UnknownObject } from "../../kube/types.ts";
import { type Cidr, formatAddress, formatCidr, sizeOf } from "../cidr.ts";
import type { RecordedChange } from "../contract.ts";

const apiVersion = "crd.projectcalico.org/v1";

/** Longest object name. */
const maxNameLength = 252;
/** Characters of the hash that tells apart names cut to that length. */
const hashLength = 11;

/** Whose addresses the blocks are for, and the one address that is taken from the start. */
export interface BlockOwner {
  node: string;
  /** Address of the node's tunnel device; it must lie in the first block. */
  tunnelAddress: bigint;
}

interface BlockSpec {
  cidr?: unknown;
  affinity?: unknown;
  deleted?: unknown;
  allocations?: unknown;
  attributes?: unknown;
}

/**
 * Makes these blocks the node's own, with its tunnel address allocated: handle, blocks, then affinities, so that
 * an affinity never points at a block that is not there. Names and fields as Calico's own IPAM writes them (v3.28,
 * libcalico-go/lib/backend/k8s/resources). Only ever created: `sequenceNumber` counts nanoseconds in 64 bits, and reading
 * and writing a block back in JavaScript would round it.
 */
export function blockChanges(blocks: readonly Cidr[], owner: BlockOwner): RecordedChange[] {
  return [
    handleChange(blocks, owner),
    ...blocks.map((block) => blockChange(block, owner)),
    ...blocks.map((block) => affinityChange(block, owner)),
  ];
}

/** The same without an address taken. A block the node has already will do, whatever is taken of it. */
export function emptyBlockChanges(blocks: readonly Cidr[], node: string): RecordedChange[] {
  const owner = { node, tunnelAddress: -1n };
  return [...blocks.map((block) => blockChange(block, owner)), ...blocks.map((block) => affinityChange(block, owner))];
}

/** "10.244.1.0/26" -> "10-244-1-0-26" */
export function blockName(block: Cidr): string {
  return formatCidr(block).replace(/[./:]/g, "-");
}

/** "n1-10-244-1-0-26"; a name that would be too long is cut and marked with a hash. */
export function affinityName(node: string, block: Cidr): string {
  const suffix = blockName(block);
  const name = `${node}-${suffix}`;
  if (name.length <= maxNameLength) return name;
  const hash = createHash("sha256").update(`${node}+${suffix}`).digest("hex").slice(0, hashLength);
  return `${node.slice(0, maxNameLength - suffix.length - hashLength - 2)}-${suffix}-${hash}`;
}

export function tunnelHandle(node: string, family: 4 | 6 = 4): string {
  return `vxlan${family === 6 ? "-v6" : ""}-tunnel-addr-${node}`;
}

/** Why an existing block cannot be the node's; undefined when it can. */
export function blockObjection(existing: UnknownObject, block: Cidr, owner: BlockOwner): string | undefined {
  const spec = (existing.spec ?? {}) as BlockSpec;
  if (spec.affinity !== `host:${owner.node}`)
    return `it belongs to ${String(spec.affinity ?? "no node")}, not to node ${owner.node}`;
  if (spec.cidr !== formatCidr(block)) return `its range is ${String(spec.cidr)}, not ${formatCidr(block)}`;
  if (spec.deleted === true) return "it is being deleted";
  const ordinal = ordinalOf(block, owner);
  if (ordinal === undefined) return undefined;
  const attribute = Array.isArray(spec.allocations) ? (spec.allocations[ordinal] as unknown) : undefined;
  const handle = Array.isArray(spec.attributes)
    ? (spec.attributes[Number(attribute ?? -1)] as { handle_id?: unknown })
    : undefined;
  return handle?.handle_id === tunnelHandle(owner.node, block.family)
    ? undefined
    : `the tunnel address ${formatAddress(block.family, owner.tunnelAddress)} in it is not allocated to the node`;
}

function blockChange(block: Cidr, owner: BlockOwner): RecordedChange {
  const ordinals = Array.from({ length: Number(sizeOf(block)) }, (_, i) => i);
  const taken = ordinalOf(block, owner);
  const attributes =
    taken === undefined
      ? []
      : [
          {
            handle_id: tunnelHandle(owner.node, block.family),
            secondary: { node: owner.node, type: tunnelTypes[block.family] },
          },
        ];
  const object = blockObject(block, owner.node, {
    allocations: ordinals.map((i) => (i === taken ? 0 : null)),
    attributes,
    // Given out from the front. Another network's plugin begins with the lowest, and its pods may still be there.
    unallocated: ordinals.filter((i) => i !== taken).reverse(),
    sequenceNumberForAllocation: taken === undefined ? {} : { [String(taken)]: 1 },
  });
  return {
    change: "create",
    resource: ipamBlocks,
    object,
    accepts: (existing) => blockObjection(existing, block, owner),
  };
}

/** What Calico's IPAM says of a tunnel address. */
const tunnelTypes = { 4: "vxlanTunnelAddress", 6: "vxlanV6TunnelAddress" } as const;

function blockObject(block: Cidr, node: string, addresses: Record<string, unknown>): UnknownObject {
  return {
    apiVersion,
    kind: "IPAMBlock",
    metadata: { name: blockName(block) },
    spec: {
      cidr: formatCidr(block),
      affinity: `host:${node}`,
      ...addresses,
      strictAffinity: false,
      deleted: false,
      sequenceNumber: 1,
    },
  };
}

/**
 * A block as large as a node's whole range, without an affinity object: nobody takes an address from it, and Felix on the
 * other nodes makes a route of it. An IPv6 range has far more blocks than can be made ahead, and an agent that gives out
 * addresses in turn may be anywhere in it.
 */
export function coverChange(range: Cidr, node: string): RecordedChange & { change: "create" } {
  const none = { allocations: [], attributes: [], unallocated: [], sequenceNumberForAllocation: {} };
  const accepts = (existing: UnknownObject): string | undefined => coverObjection(existing, range, node);
  return { change: "create", resource: ipamBlocks, object: blockObject(range, node, none), accepts };
}

/** Why an existing block is not the one that stands for a node's whole range; undefined when it is. */
export function coverObjection(existing: UnknownObject, range: Cidr, node: string): string | undefined {
  const { cidr, affinity, allocations } = (existing.spec ?? {}) as BlockSpec;
  if (affinity !== `host:${node}`) return `it belongs to ${String(affinity ?? "no node")}, not to node ${node}`;
  if (cidr !== formatCidr(range)) return `its range is ${String(cidr)}, not ${formatCidr(range)}`;
  if (Array.isArray(allocations) && allocations.length > 0) return "addresses are given out from it";
  return undefined;
}

function affinityChange(block: Cidr, owner: BlockOwner): RecordedChange {
  const spec = { cidr: formatCidr(block), node: owner.node, state: "confirmed", deleted: "false" };
  const object = { apiVersion, kind: "BlockAffinity", metadata: { name: affinityName(owner.node, block) }, spec };
  const accepts = (existing: UnknownObject): string | undefined => {
    const found = existing.spec as Partial<typeof spec> | undefined;
    if (found?.state !== "confirmed" || found.deleted === "true")
      return `its state is ${found?.state}, deleted ${found?.deleted}`;
    return undefined;
  };
  return { change: "create", resource: blockAffinities, object, accepts };
}

function handleChange(blocks: readonly Cidr[], owner: BlockOwner): RecordedChange {
  const block = blocks.find((b) => ordinalOf(b, owner) !== undefined);
  if (block === undefined) throw new RangeError(`the tunnel address of node ${owner.node} lies in none of its blocks`);
  const handleID = tunnelHandle(owner.node, block.family);
  const object = {
    apiVersion,
    kind: "IPAMHandle",
    metadata: { name: handleID.toLowerCase() },
    spec: { handleID, block: { [formatCidr(block)]: 1 }, deleted: false },
  };
  const accepts = (existing: UnknownObject): string | undefined => {
    const found = existing.spec as { block?: Record<string, unknown> } | undefined;
    const held = Object.keys(found?.block ?? {});
    return held.length === 1 && held[0] === formatCidr(block)
      ? undefined
      : `it holds addresses in ${held.join(", ") || "no block"}`;
  };
  return { change: "create", resource: ipamHandles, object, accepts };
}

/** Place of the tunnel address in the block; undefined when it lies in another. */
function ordinalOf(block: Cidr, owner: BlockOwner): number | undefined {
  const ordinal = owner.tunnelAddress - block.base;
  return ordinal >= 0n && ordinal < sizeOf(block) ? Number(ordinal) : undefined;
}
