import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  contains,
  firstOfFamily,
  firstRanges,
  formatAddress,
  formatCidr,
  overlaps,
  parseAddress,
  parseCidr,
  sizeOf,
  split,
  without,
} from "./cidr.ts";

const cidrs = fc.oneof(
  fc.record({
    family: fc.constant(4 as const),
    address: fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }),
    prefix: fc.integer({ min: 0, max: 32 }),
  }),
  fc.record({
    family: fc.constant(6 as const),
    address: fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }),
    prefix: fc.integer({ min: 0, max: 128 }),
  }),
);

function parsed(text: string) {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new Error(`${text} is no range`);
  return cidr;
}

describe("networks/cidr", () => {
  it.each([
    ["10.244.1.7/24", "10.244.1.0/24"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["10.244.1.64/32", "10.244.1.64/32"],
    ["FD00:10:244:0:0::1/64", "fd00:10:244::/64"],
    ["::/0", "::/0"],
  ])("reads %s as %s", (text, canonical) => {
    expect(formatCidr(parsed(text))).toBe(canonical);
  });

  it.each([
    ["no prefix", "10.244.0.0"],
    ["prefix too long", "10.244.0.0/33"],
    ["IPv6 prefix too long", "fd00::/129"],
    ["prefix with a leading zero", "10.244.0.0/08"],
    ["three octets", "10.244.0/16"],
    ["an octet with a leading zero", "010.1.1.1/8"],
    ["a zone", "fe80::1%eth0/64"],
    ["a sign", "10.0.0.0/+8"],
    ["white space", " 10.0.0.0/8"],
    ["two ranges", "10.0.0.0/8,fd00::/8"],
    ["nothing", ""],
  ])("refuses %s", (_, text) => {
    expect(parseCidr(text)).toBeUndefined();
  });

  it("takes the first range of a family", () => {
    const texts = ["x", "fd00::/64", "10.244.2.0/24", "10.244.3.0/24"];

    expect(firstOfFamily(texts, 4)).toEqual(parsed("10.244.2.0/24"));
    expect(firstOfFamily(texts, 6)).toEqual(parsed("fd00::/64"));
    expect(firstOfFamily(["fd00::/64"], 4)).toBeUndefined();
  });

  it("writes and reads back every range, with the bits behind the prefix cleared", () => {
    fc.assert(
      fc.property(cidrs, ({ family, address, prefix }) => {
        const cidr = parsed(`${formatAddress(family, address)}/${prefix}`);

        expect(parsed(formatCidr(cidr))).toEqual(cidr);
        expect(cidr.base <= address && address < cidr.base + sizeOf(cidr)).toBe(true);
        expect(parseAddress(formatAddress(family, address))).toEqual({ family, value: address });
      }),
    );
  });

  it("cuts a range into ranges that fill it without a gap or an overlap", () => {
    fc.assert(
      fc.property(cidrs, fc.integer({ min: 0, max: 8 }), ({ family, address, prefix }, more) => {
        const whole = parsed(`${formatAddress(family, address)}/${Math.min(prefix, (family === 4 ? 32 : 128) - more)}`);

        const parts = split(whole, whole.prefix + more);

        expect(parts).toHaveLength(2 ** more);
        expect(parts[0]?.base).toBe(whole.base);
        for (const [i, part] of parts.entries()) {
          expect(contains(whole, part)).toBe(true);
          if (i > 0) expect(part.base).toBe((parts[i - 1]?.base ?? 0n) + sizeOf(part));
        }
        expect(parts.reduce((sum, part) => sum + sizeOf(part), 0n)).toBe(sizeOf(whole));
      }),
      { numRuns: 50 },
    );
  });

  it("gives the first ranges of one that has too many to list", () => {
    expect(firstRanges(parsed("fd00:1::/64"), 122, 3).map(formatCidr)).toEqual([
      "fd00:1::/122",
      "fd00:1::40/122",
      "fd00:1::80/122",
    ]);
    expect(() => split(parsed("fd00:1::/64"), 122)).toThrow(/at most/);
    for (const [text, prefix, count] of [
      ["10.0.0.0/24", 26, 4],
      ["10.0.0.0/24", 26, 9],
      ["10.0.0.0/26", 26, 1],
    ] as const)
      expect(firstRanges(parsed(text), prefix, count)).toEqual(split(parsed(text), prefix));
    expect(() => firstRanges(parsed("10.0.0.0/27"), 26, 1)).toThrow(/cannot be cut/);
  });

  it("what is left of a range fills it with the others, without an overlap", () => {
    expect(without(parsed("10.244.0.0/16"), [parsed("10.0.0.0/8")])).toEqual([]);
    expect(without(parsed("10.244.0.0/22"), [parsed("10.244.1.0/24")]).map(formatCidr)).toEqual([
      "10.244.0.0/24",
      "10.244.2.0/23",
    ]);
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 255 }), { maxLength: 12 }), (octets) => {
        const others = octets.map((octet) => parsed(`10.244.${octet}.0/24`));
        const left = without(parsed("10.244.0.0/16"), others);
        const sizes = [...left, ...others].reduce((sum, range) => sum + sizeOf(range), 0n);

        expect(sizes).toBe(65_536n);
        expect(left.filter((range) => others.some((other) => overlaps(range, other)))).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });

  it("two ranges overlap exactly when one contains the other, and never across families", () => {
    fc.assert(
      fc.property(cidrs, cidrs, (a, b) => {
        const x = parsed(`${formatAddress(a.family, a.address)}/${a.prefix}`);
        const y = parsed(`${formatAddress(b.family, b.address)}/${b.prefix}`);
        const disjoint = x.base + sizeOf(x) <= y.base || y.base + sizeOf(y) <= x.base;

        expect(overlaps(x, y)).toBe(x.family === y.family && !disjoint);
        expect(overlaps(x, y)).toBe(overlaps(y, x));
      }),
    );
  });

  it.each([
    ["10.244.1.0/27", 26],
    ["10.244.1.0/24", 33],
    ["10.0.0.0/8", 26],
  ])("does not cut %s into /%i", (text, prefix) => {
    expect(() => split(parsed(text), prefix)).toThrow(RangeError);
  });
});
