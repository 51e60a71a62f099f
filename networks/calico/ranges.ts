import { type Cidr, firstRanges } from "../cidr.ts";
import type { OverlayFacts } from "../contract.ts";
import type { Family } from "../overlays.ts";
import { calico } from "./facts.ts";

/** How a node's ranges are cut into Calico's address blocks. */

type Lengths = Pick<OverlayFacts, "subnetLen">;

/** Prefix length of the address blocks: Calico's own, or a node's whole IPv4 range where that is smaller. */
export function blockSizeOf(overlay: Lengths, family: Family = 4): number {
  return family === 4 ? Math.max(overlay.subnetLen, calico.blockSize) : calico.blockSize6;
}

/** Blocks of a node in each family: its whole IPv4 range, and as many of IPv6, which has one address for each of IPv4. */
export function blocksPerNode(overlay: Lengths): number {
  return 2 ** (blockSizeOf(overlay) - overlay.subnetLen);
}

/**
 * The longest prefix length a node's range may have: one of IPv6 holds a block more than it is, so that its own route and those
 * of its blocks are told apart, and has room for as many blocks as IPv4.
 */
export function longestRange(overlay: Lengths, family: Family): number {
  const size = blockSizeOf(overlay, family);
  return family === 4 ? size : size - Math.max(1, Math.log2(blocksPerNode(overlay)));
}

/** The blocks of a node's range that are made ahead. */
export function blocksOf(range: Cidr, overlay: Lengths): Cidr[] {
  return firstRanges(range, blockSizeOf(overlay, range.family), blocksOfRange(range, overlay));
}

/** Of IPv4 all there are, also where nodes' ranges differ in size. */
function blocksOfRange(range: Cidr, overlay: Lengths): number {
  return range.family === 4 ? 2 ** (blockSizeOf(overlay) - range.prefix) : blocksPerNode(overlay);
}
