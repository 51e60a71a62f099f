import { BlockList, isIPv6 } from "node:net";
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
  /** Its second one, in a lab of both families. */
  address6?: string;
}

/** More than this has not been tried on one machine. */
const maxNodes = 20;

/** The bridge's address: every node's default gateway, which leads nowhere. */
export const hubAddress = "172.30.0.1";
export const nodePrefixLength = 24;
export const defaultLabName = "default";
export const defaultPodCidr = "10.244.0.0/16";
export const serviceCidr = "10.96.0.0/16";

/** The same of a lab of both families. A node's part of the pod network is a /64. */
export const hubAddress6 = "fd00:172:30::1";
export const nodePrefixLength6 = 64;
const defaultPodCidr6 = "fd00:10:244::/56";
const nodePodPrefixLength6 = 64;
/** The controller manager keeps a bit for each node's part. */
const shortestPodPrefix6 = 48;
export const serviceCidr6 = "fd00:10:96::/112";

export function labNodes(count: number, dualStack = false): LabNode[] {
  return Array.from({ length: count }, (_, index) => {
    const node = { name: `n${index + 1}`, address: `172.30.0.${11 + index}` };
    return dualStack ? { ...node, address6: `fd00:172:30::${11 + index}` } : node;
  });
}

/** The families of a pod CIDR as the lab's options have it: "10.244.0.0/16" or "10.244.0.0/16,fd00:10:244::/56". */
export function podCidrFamilies(podCidr: string): { v4: string; v6: string | undefined } {
  const [v4 = "", v6] = podCidr.split(",");
  return { v4, v6 };
}

/** A pod CIDR with an IPv6 part, the default one where it has none. */
export function withIPv6(podCidr: string): string {
  return podCidr.includes(",") ? podCidr : `${podCidr},${defaultPodCidr6}`;
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

/** Refuses pod CIDRs the lab cannot use: see the two functions below. */
export function checkPodCidr(podCidr: string, nodes: number): string {
  const [v4 = "", v6, ...more] = podCidr.split(",");
  if (more.length > 0) throw new LabError(`"${podCidr}" has more than an IPv4 and an IPv6 network`);
  checkPodCidr4(v4, nodes);
  if (v6 !== undefined) checkPodCidr6(v6, nodes);
  return podCidr;
}

/** No IPv6 network, too small for a /64 a node, or one of the lab's own. */
function checkPodCidr6(cidr: string, nodes: number): void {
  const [base = "", length = ""] = cidr.split("/");
  const prefix = /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN;
  if (!isIPv6(base) || !(prefix >= shortestPodPrefix6 && prefix <= nodePodPrefixLength6))
    throw new LabError(`"${cidr}" is no IPv6 network of /48 to /64 such as ${defaultPodCidr6}`);
  if (2 ** (nodePodPrefixLength6 - prefix) < nodes)
    throw new LabError(`${cidr} has no room for a /64 on each of ${nodes} nodes`);
  const used = new BlockList();
  used.addSubnet(base, prefix, "ipv6");
  const own = [hubAddress6, serviceCidr6.split("/")[0] ?? ""].find((address) => used.check(address, "ipv6"));
  if (own !== undefined)
    throw new LabError(`the pod CIDR ${cidr} holds ${own}, which the lab uses itself: choose another`);
}

/** No IPv4 network, too small for a /24 a node, or one that overlaps what the lab uses itself. */
function checkPodCidr4(cidr: string, nodes: number): void {
  const network = parseCidr(cidr);
  if (network === undefined) throw new LabError(`"${cidr}" is no IPv4 network such as ${defaultPodCidr}`);
  if (network.size / 256 < nodes) throw new LabError(`${cidr} has no room for a /24 on each of ${nodes} nodes`);
  for (const used of [serviceCidr, `${hubAddress}/${nodePrefixLength}`]) {
    const other = parseCidr(used);
    if (other && network.start < other.start + other.size && other.start < network.start + network.size) {
      throw new LabError(`the pod CIDR ${cidr} overlaps ${used}, which the lab uses itself: choose another`);
    }
  }
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
