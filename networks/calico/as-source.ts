import { createHash } from "node:crypto";
import { ipamConfigs, ipReservations } from "../../kube/resources.ts";
import type { Resource } from "../../kube/types.ts";
import { type Cidr, firstOfFamily, formatCidr, sizeOf, without } from "../cidr.ts";
import type { OverlayFacts, PlanContext, PlanNode, RecordedChange, Vtep } from "../contract.ts";
import { compare } from "../findings.ts";
import type { Footprint, HostFacts } from "../host-ops.ts";
import { rangeOf } from "../overlays.ts";
import { reserveBeside } from "./beside.ts";
import { emptyBlockChanges } from "./blocks.ts";
import { annotations, calico } from "./facts.ts";
import { blockRoutes } from "./footprint.ts";
import { blocksOf } from "./ranges.ts";

/** What Calico needs where it is left for a network that gives pods addresses of their node's podCIDR. */

const apiVersion = "crd.projectcalico.org/v1";

/**
 * A node's end of the overlay: device address and outer address as calico-node annotates them; the MAC from the device where the
 * node was read, else from the annotation where one was set, else the one Felix makes. Undefined while calico-node has not
 * written its part, or the node has no podCIDR to be reached by.
 */
export function vtepOf(node: PlanNode, host: HostFacts | undefined): Vtep | undefined {
  const device = host?.vxlans.find((d) => d.name === calico.link);
  const ip = node.annotations[annotations.tunnelAddress];
  const publicIP = node.annotations[annotations.address]?.split("/", 1)[0];
  const hasRange = firstOfFamily(node.podCIDRs, 4) !== undefined;
  if (ip === undefined || publicIP === undefined || !hasRange) return undefined;
  return { ip, mac: (device?.mac ?? macOf(node)).toLowerCase(), publicIP };
}

/**
 * The MAC Felix gives its device: the annotation's, else "f" (0x66) and the start of the SHA-1 of the node's name
 * (felix/calc/vxlan_resolver.go, v3.28). It keeps it to itself.
 */
export function macOf(node: Pick<PlanNode, "name" | "annotations">): string {
  const set = node.annotations[annotations.tunnelMac];
  if (set !== undefined) return set.toLowerCase();
  const hash = createHash("sha1").update(node.name).digest("hex");
  return `66${hash.slice(0, 10)}`.match(/../g)?.join(":") ?? "";
}

/**
 * The part of a podCIDR that is given to no pod on Calico: there the other network begins, while pods that stay on a node until
 * they are recycled keep their addresses. An eighth: a /27 of a /24.
 */
const keptBits = 3;

/**
 * From now on pods get addresses of their node's podCIDR only, and no block is claimed any more: nodes that are on the other
 * network have a route to these ranges and hear of no new one. Pods that are there keep what they have.
 */
export function reserve(plan: PlanContext): RecordedChange[] {
  return plan.second === undefined ? reserveShared(plan) : reserveBeside(plan);
}

function reserveShared({ overlay, nodes }: PlanContext): RecordedChange[] {
  const pool = rangeOf(overlay, 4);
  const podCIDRs = nodes.flatMap((node) => firstOfFamily(node.podCIDRs, 4) ?? []);
  const outside = pool === undefined ? [] : without(pool, podCIDRs);
  const reservedCIDRs = [...outside, ...podCIDRs.map(firstPart)].map(formatCidr).sort(compare);
  return [
    settings(ipamConfigs, "IPAMConfig", "default", { strictAffinity: true, autoAllocateBlocks: false }),
    settings(ipReservations, "IPReservation", "cni-migrate", { reservedCIDRs }),
  ];
}

function settings(resource: Resource, kind: string, name: string, spec: Record<string, unknown>): RecordedChange {
  const orCreate = { apiVersion, kind, metadata: { name }, spec };
  return { change: "merge", resource, key: { name }, patch: { spec }, orCreate };
}

function firstPart(range: Cidr): Cidr {
  return { ...range, prefix: Math.min(range.prefix + keptBits, 32) };
}

/** The node's podCIDR as blocks of its own: Calico's nodes route it there. Empty ones are Calico's to collect afterwards. */
export function reserveNode({ overlay }: PlanContext, node: PlanNode): RecordedChange[] {
  const range = firstOfFamily(node.podCIDRs, 4);
  return range === undefined ? [] : emptyBlockChanges(blocksOf(range, overlay), node.name);
}

/** How many pods a podCIDR has room for on both networks: not the kept part, nor the range's own, its gateway's, all hosts' address. */
export function roomIn(range: Cidr): number {
  return Math.max(0, Number(sizeOf(range) - sizeOf(firstPart(range))) - 3);
}

/** Felix's routes to other nodes' blocks: straight over the node's link, or through the device that was handed over. */
export function lingers({ overlay }: { overlay: OverlayFacts }): Partial<Footprint> {
  return { routeProtocols: [calico.routeProtocol], tunnelRoutes: blockRoutes(overlay) };
}
