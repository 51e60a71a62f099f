import { Address4, Address6 } from "ip-address";

/** A range of addresses of one family. `base` is its first address: bits behind the prefix length are zero. */
export interface Cidr {
  family: 4 | 6;
  base: bigint;
  prefix: number;
}

const bits = { 4: 32, 6: 128 } as const;

/** More ranges than this is a mistake in the input, not a plan: a /16 cut into /26 is 1,024. */
const maxRanges = 65_536;

/** "10.244.1.7/24" -> 10.244.1.0/24. Undefined for everything that is not an address, a slash and a prefix length. */
export function parseCidr(text: string): Cidr | undefined {
  const match = /^([0-9a-fA-F.:]+)\/(0|[1-9][0-9]{0,2})$/.exec(text);
  const address = match?.[1] === undefined ? undefined : parseAddress(match[1]);
  const prefix = Number(match?.[2]);
  if (address === undefined || prefix > bits[address.family]) return undefined;
  return masked({ family: address.family, base: address.value, prefix });
}

/** "10.244.1.0" or "fd00::1"; undefined for everything else, a zone ("%eth0") and leading zeros included. */
export function parseAddress(text: string): { family: 4 | 6; value: bigint } | undefined {
  if (text.includes("/") || text.includes("%")) return undefined;
  if (Address4.isValid(text)) return { family: 4, value: new Address4(text).bigInt() };
  if (Address6.isValid(text)) return { family: 6, value: new Address6(text).bigInt() };
  return undefined;
}

export function formatAddress(family: 4 | 6, value: bigint): string {
  return family === 4 ? Address4.fromBigInt(value).correctForm() : Address6.fromBigInt(value).correctForm();
}

export function formatCidr(cidr: Cidr): string {
  return `${formatAddress(cidr.family, cidr.base)}/${cidr.prefix}`;
}

/** Whether every address of `inner` is one of `outer`. */
export function contains(outer: Cidr, inner: Cidr): boolean {
  return outer.family === inner.family && outer.prefix <= inner.prefix && cut(inner, outer.prefix).base === outer.base;
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return contains(a, b) || contains(b, a);
}

/** How many addresses. */
export function sizeOf(cidr: Cidr): bigint {
  return 1n << BigInt(bits[cidr.family] - cidr.prefix);
}

/**
 * The range cut into ranges of `prefix`, in order. Throws RangeError when the range is smaller than that, when the
 * family has no such prefix, or when there would be more than 65,536 of them.
 */
export function split(cidr: Cidr, prefix: number): Cidr[] {
  if (prefix < cidr.prefix || prefix > bits[cidr.family])
    throw new RangeError(`${formatCidr(cidr)} cannot be cut into ranges of prefix length ${prefix}`);
  const count = 2 ** (prefix - cidr.prefix);
  if (count > maxRanges)
    throw new RangeError(`${formatCidr(cidr)} has ${count} ranges of prefix length ${prefix}; ${maxRanges} at most`);
  const step = sizeOf({ ...cidr, prefix });
  return Array.from({ length: count }, (_, i) => ({ ...cidr, base: cidr.base + step * BigInt(i), prefix }));
}

/** The first `count` of the ranges `split` would give, of a range that may have any number; all where it has not as many. */
export function firstRanges(cidr: Cidr, prefix: number, count: number): Cidr[] {
  const whole = BigInt(prefix - cidr.prefix);
  const bitsWanted = BigInt(Math.ceil(Math.log2(count)));
  if (whole <= bitsWanted) return split(cidr, prefix).slice(0, count);
  return split({ ...cidr, prefix: prefix - Number(bitsWanted) }, prefix).slice(0, count);
}

/** What is left of a range without others, as few ranges as that takes, in order. */
export function without(range: Cidr, others: readonly Cidr[]): Cidr[] {
  const inside = others.filter((other) => overlaps(range, other));
  if (inside.length === 0) return [range];
  if (inside.some((other) => contains(other, range))) return [];
  return split(range, range.prefix + 1).flatMap((half) => without(half, inside));
}

/** The first range of `family` in a list of texts such as a node's podCIDRs; texts that are no ranges are passed over. */
export function firstOfFamily(texts: readonly string[], family: 4 | 6): Cidr | undefined {
  return texts.map(parseCidr).find((cidr) => cidr?.family === family);
}

function masked(cidr: Cidr): Cidr {
  return cut(cidr, cidr.prefix);
}

function cut(cidr: Cidr, prefix: number): Cidr {
  const hostBits = BigInt(bits[cidr.family] - prefix);
  return { ...cidr, base: (cidr.base >> hostBits) << hostBits, prefix };
}
