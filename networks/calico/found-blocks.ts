import { ipamBlocks } from "../../kube/resources.ts";
import { type Cidr, parseCidr } from "../cidr.ts";
import type { ClusterSnapshot } from "../contract.ts";
import { specOf } from "./settings.ts";

/** An address block as the cluster has it. */
export interface FoundBlock {
  range: Cidr;
  /** The node it belongs to; undefined: no node's. */
  owner: string | undefined;
  /** Nodes of the pods that have addresses of it, one entry a pod. */
  pods: string[];
  /** Nodes whose tunnel device has an address of it. */
  tunnels: string[];
}

interface Attributes {
  secondary?: { node?: string; pod?: string; type?: string };
}

export function blocksIn(snapshot: ClusterSnapshot): FoundBlock[] {
  return snapshot.list(ipamBlocks).flatMap((object) => {
    const { cidr, affinity, allocations, attributes } = specOf(object);
    const range = parseCidr(String(cidr));
    if (range === undefined) return [];
    const owner = /^host:(.+)$/.exec(String(affinity))?.[1];
    const places = Array.isArray(allocations) ? allocations : [];
    const takers = places.flatMap((index: unknown) => {
      const taken: unknown = Array.isArray(attributes) ? attributes[Number(index ?? -1)] : undefined;
      return (taken as Attributes | undefined)?.secondary ?? [];
    });
    const pods = takers.flatMap(({ node = "", pod }) => (pod === undefined ? [] : [node]));
    const tunnels = takers.flatMap(({ node = "", type = "" }) => (/TunnelAddress$/.test(type) ? [node] : []));
    return [{ range, owner, pods, tunnels }];
  });
}
