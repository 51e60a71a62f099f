import type { Footprint } from "./host-ops.ts";

type Lists = Omit<Footprint, "network">;

/** The parts of `leaving` that are not `staying`'s as well: two networks may share an agent's chains, plugins and files. */
export function onlyOf(leaving: Footprint, staying: Footprint): Footprint {
  const kept = (Object.keys(leaving) as (keyof Footprint)[])
    .filter((key): key is keyof Lists => key !== "network")
    .map((key) => {
      const shared = new Set((staying[key] as readonly unknown[]).map((entry) => JSON.stringify(entry)));
      return [key, (leaving[key] as readonly unknown[]).filter((entry) => !shared.has(JSON.stringify(entry)))];
    });
  return { ...leaving, ...Object.fromEntries(kept) };
}

const nothing: Lists = {
  links: [],
  chains: [],
  comments: [],
  nftTables: [],
  ipsets: [],
  routeProtocols: [],
  tunnelRoutes: [],
  policyRules: [],
  bpfFilters: [],
  files: [],
  mounts: [],
  directories: [],
  filePrefixes: [],
};

/** A footprint of these parts only. */
export function footprintOf(network: string, parts: Partial<Footprint>): Footprint {
  return { ...nothing, ...parts, network };
}

export function isEmpty({ network: _, ...lists }: Footprint): boolean {
  return Object.values(lists).every((list) => list.length === 0);
}
