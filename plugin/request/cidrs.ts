import { formatCidr, parseAddress, parseCidr } from "../../networks/cidr.ts";

const example = "10.244.0.0/16, fd00:10:244::/56 or both with a comma";

/** "10.244.0.0/16", "fd00::/56" or both, IPv4 first. Throws what is wrong with it and what would be right. */
export function parseCidrs(value: string): string {
  const ranges = value.split(",").map(parseRange);
  const families = ranges.map((range) => range.family);
  if (new Set(families).size !== families.length)
    throw new Error(`names two ranges of the same family: write ${example}`);
  if (families[0] === 6 && families.length === 2)
    throw new Error("names the IPv6 range first: write the IPv4 range first");
  return value;
}

function parseRange(text: string) {
  const range = parseCidr(text);
  if (range === undefined) throw new Error(`${JSON.stringify(text)} is not a range of addresses: write ${example}`);
  const written = parseAddress(text.split("/")[0] ?? "");
  if (written?.value !== range.base)
    throw new Error(`${text} has bits set behind the prefix length: write ${formatCidr(range)}`);
  return range;
}
