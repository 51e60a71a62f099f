import { blockAffinities, ipamBlocks, ipamHandles } from "../../kube/resources.ts";
import type { UnknownObject } from "../../kube/types.ts";
import { contains, parseCidr } from "../cidr.ts";
import type { OverlayFacts, Residue } from "../contract.ts";
import { annotations, annotations6 } from "./facts.ts";

/** What calico-node keeps on its Node: the migration's own, and what it adds by itself over VXLAN. */
export const nodeAnnotations: readonly string[] = [
  ...Object.values(annotations),
  ...Object.values(annotations6),
].sort();

/** Addresses handed out in the shared range: blocks made ahead and later ones, their affinities, handles of what had them. */
export const residue: readonly Residue[] = [
  { resource: ipamHandles, owned: (handle, overlay) => allWithin(Object.keys(blocksOf(handle)), overlay) },
  { resource: blockAffinities, owned: (affinity, overlay) => allWithin([specOf(affinity).cidr], overlay) },
  { resource: ipamBlocks, owned: (block, overlay) => allWithin([specOf(block).cidr], overlay) },
];

function allWithin(ranges: readonly unknown[], overlay: OverlayFacts): boolean {
  const own = overlay.cidrs.flatMap((text) => parseCidr(text) ?? []);
  return (
    ranges.length > 0 &&
    ranges.every((text) => {
      const range = typeof text === "string" ? parseCidr(text) : undefined;
      return range !== undefined && own.some((cidr) => contains(cidr, range));
    })
  );
}

function specOf(object: UnknownObject): Record<string, unknown> {
  return (object.spec ?? {}) as Record<string, unknown>;
}

function blocksOf(handle: UnknownObject): Record<string, unknown> {
  return (specOf(handle).block ?? {}) as Record<string, unknown>;
}
