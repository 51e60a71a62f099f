import { LabError } from "./errors.ts";

/**
 * Names and addresses of a lab. Each lab has network namespaces of its own: one hub that holds the bridge, one for
 * each node. Nothing is made in the host's, so labs may use the same addresses side by side.
 */
export interface LabNode {
  /** n1 is the control plane. */
  name: string;
  /** Address of its eth0. */
  address: string;
}

/** More than this has not been tried on one machine. */
const maxNodes = 20;

/** The bridge's address: every node's default gateway, which leads nowhere. */
export const hubAddress = "172.30.0.1";
export const nodePrefixLength = 24;
export const defaultLabName = "default";
export const defaultPodCidr = "10.244.0.0/16";
export const serviceCidr = "10.96.0.0/16";

export function labNodes(count: number): LabNode[] {
  return Array.from({ length: count }, (_, index) => ({ name: `n${index + 1}`, address: `172.30.0.${11 + index}` }));
}

/** Name prefix of a lab's network namespaces. The dot ends it: lab names have none. */
export function netnsPrefix(lab: string): string {
  return `cni-lab.${lab}.`;
}

export function hubNetns(lab: string): string {
  return `${netnsPrefix(lab)}hub`;
}

export function nodeNetns(lab: string, node: string): string {
  return `${netnsPrefix(lab)}${node}`;
}

/** A lab's name is part of paths and namespace names. */
export function checkLabName(name: string): string {
  if (/^[a-z0-9][a-z0-9-]{0,19}$/.test(name)) return name;
  throw new LabError(`"${name}" is no lab name: use up to 20 of a-z, 0-9 and "-"`);
}

export function checkNodeCount(count: number): number {
  if (Number.isInteger(count) && count >= 1 && count <= maxNodes) return count;
  throw new LabError(`the number of nodes must be a whole number from 1 to ${maxNodes}`);
}

/** Refuses pod CIDRs that are no IPv4 network, too small for a /24 a node, or overlap what the lab uses itself. */
export function checkPodCidr(cidr: string, nodes: number): string {
  const network = parseCidr(cidr);
  if (network === undefined) throw new LabError(`"${cidr}" is no IPv4 network such as ${defaultPodCidr}`);
  if (network.size / 256 < nodes) throw new LabError(`${cidr} has no room for a /24 on each of ${nodes} nodes`);
  for (const used of [serviceCidr, `${hubAddress}/${nodePrefixLength}`]) {
    const other = parseCidr(used);
    if (other && network.start < other.start + other.size && other.start < network.start + network.size) {
      throw new LabError(`the pod CIDR ${cidr} overlaps ${used}, which the lab uses itself: choose another`);
    }
  }
  return cidr;
}

/** First address as a number and the count of addresses; undefined for anything else than ADDRESS/LENGTH. */
function parseCidr(text: string): { start: number; size: number } | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  const numbers = match?.slice(1).map(Number) ?? [];
  const length = numbers[4] ?? 33;
  if (numbers.slice(0, 4).some((part) => part > 255) || length > 32) return undefined;
  const address = numbers.slice(0, 4).reduce((sum, part) => sum * 256 + part, 0);
  const size = 2 ** (32 - length);
  return { start: address - (address % size), size };
}
