import { createHash } from "node:crypto";
import { managedBy, managedByLabel } from "../../crds/names.ts";
import { ipamConfigs, ipReservations } from "../../kube/resources.ts";
import { firstOfFamily, formatCidr, split } from "../cidr.ts";
import type { ApiChange, OverlayFacts, PlanContext, PlanNode, RecordedChange, Vtep } from "../contract.ts";
import type { Footprint, HostFacts } from "../host-ops.ts";
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
export function macOf(node: PlanNode): string {
  const set = node.annotations[annotations.tunnelMac];
  if (set !== undefined) return set.toLowerCase();
  const hash = createHash("sha1").update(node.name).digest("hex");
  return `66${hash.slice(0, 10)}`.match(/../g)?.join(":") ?? "";
}

/**
 * No block is claimed any more, and no address taken of another node's: nodes that have left hear of no new route. Every node
 * has blocks: its earlier ones and those of `reserveNode`.
 */
export function reserve(): RecordedChange[] {
  const key = { name: "default" };
  const spec = { strictAffinity: true, autoAllocateBlocks: false };
  return [
    {
      change: "merge",
      resource: ipamConfigs,
      key,
      patch: { spec },
      orCreate: { apiVersion, kind: "IPAMConfig", metadata: key, spec },
    },
  ];
}

/** The node's podCIDR as blocks of its own: Calico's nodes route it there. Empty ones are Calico's to collect afterwards. */
export function reserveNode({ overlay }: PlanContext, node: PlanNode): RecordedChange[] {
  const range = firstOfFamily(node.podCIDRs, 4);
  return range === undefined ? [] : emptyBlockChanges(blocksOf(range, overlay), node.name);
}

/**
 * While the node is on Calico as the source, the lower half of its podCIDR is given to no pod: there the other network begins,
 * and pods that stay on the node until they are recycled keep their addresses meanwhile.
 */
export function reservation({ source }: PlanContext, node: PlanNode, state: "in" | "out"): ApiChange[] {
  const range = firstOfFamily(node.podCIDRs, 4);
  if (source.network !== "calico" || range === undefined) return [];
  const key = { name: `cni-migrate.${node.name}` };
  if (state === "out") return [{ change: "delete", resource: ipReservations, key }];
  const [lower = range] = split(range, range.prefix + 1);
  const spec = { reservedCIDRs: [formatCidr(lower)] };
  const metadata = { ...key, labels: { [managedByLabel]: managedBy } };
  return [
    {
      change: "create",
      resource: ipReservations,
      object: { apiVersion, kind: "IPReservation", metadata, spec },
      accepts: (existing) => {
        const found = (existing.spec as Partial<typeof spec> | undefined)?.reservedCIDRs;
        return JSON.stringify(found) === JSON.stringify(spec.reservedCIDRs)
          ? undefined
          : `it reserves ${String(found)}, not ${spec.reservedCIDRs.join(", ")}`;
      },
    },
  ];
}

/** Felix's routes to other nodes' blocks: straight over the node's link, or through the device that was handed over. */
export function lingers({ overlay }: { overlay: OverlayFacts }): Partial<Footprint> {
  return { routeProtocols: [calico.routeProtocol], tunnelRoutes: blockRoutes(overlay) };
}
