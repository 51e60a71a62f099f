import type { Footprint, Leftover } from "../../networks/host-ops.ts";
import { deleteBpfFilters, findBpfFilters } from "./bpf-filters.ts";
import { matches } from "./checks.ts";
import type { HostDeps } from "./deps.ts";
import { hasDirectory, listDirectory, removeDirectory, removeFile, statEntry } from "./files.ts";
import { destroyIpsets, findIpsets } from "./ipsets.ts";
import { findChains, removeChains } from "./iptables.ts";
import { deleteLink, readLinks } from "./links.ts";
import { findMounts, unmount } from "./mounts.ts";
import { deleteNftTables, findNftTables } from "./nft.ts";
import { deletePolicyRules, findPolicyRules } from "./policy-rules.ts";
import { deleteRoutes, findRoutes } from "./routes.ts";
import { deleteTunnelRoutes, findTunnelRoutes } from "./tunnel-routes.ts";

/** One kind of thing a network leaves behind: how to find it, and how to take it away. Both say what they met. */
interface Trace {
  find(deps: HostDeps, footprint: Footprint): Promise<Leftover[]>;
  remove(deps: HostDeps, footprint: Footprint): Promise<Leftover[]>;
}

/** In the order of removal: rules before the sets they use, links before files, mounts before the directories they are in. */
const traces: readonly Trace[] = [
  { find: findChains, remove: removeChains },
  {
    find: async (deps, { nftTables }) => named("nft table", await findNftTables(deps, nftTables)),
    remove: async (deps, { nftTables }) => named("nft table", await deleteNftTables(deps, nftTables)),
  },
  {
    find: async (deps, { ipsets }) => named("ipset", await findIpsets(deps, ipsets)),
    remove: async (deps, { ipsets }) => named("ipset", await destroyIpsets(deps, ipsets)),
  },
  {
    find: (deps, footprint) => eachProtocol(footprint, (protocol) => findRoutes(deps, protocol, false)),
    remove: (deps, footprint) => eachProtocol(footprint, (protocol) => deleteRoutes(deps, protocol, false)),
  },
  {
    find: async (deps, { tunnelRoutes }) => named("route", await findTunnelRoutes(deps, tunnelRoutes)),
    remove: async (deps, { tunnelRoutes }) => named("route", await deleteTunnelRoutes(deps, tunnelRoutes)),
  },
  { find: findPolicyRules, remove: deletePolicyRules },
  { find: findLinks, remove: removeLinks },
  {
    find: async (deps, { bpfFilters }) => named("BPF filter", await findBpfFilters(deps, bpfFilters)),
    remove: async (deps, { bpfFilters }) => named("BPF filter", await deleteBpfFilters(deps, bpfFilters)),
  },
  {
    find: async (deps, footprint) => named("file", await presentFiles(deps, footprint)),
    remove: async (deps, footprint) => {
      const present = await presentFiles(deps, footprint);
      for (const path of present) await removeFile(deps, path);
      return named("file", present);
    },
  },
  {
    find: async (deps, { mounts }) => named("mount", await findMounts(deps, mounts)),
    remove: async (deps, { mounts }) => named("mount", await unmount(deps, mounts)),
  },
  {
    find: async (deps, footprint) => named("directory", await presentDirectories(deps, footprint)),
    remove: async (deps, footprint) => {
      const present = await presentDirectories(deps, footprint);
      for (const path of present) await removeDirectory(deps, path);
      return named("directory", present);
    },
  },
];

/** Removes all that a footprint names and nothing else; gives what went. Absent things are fine. */
export async function removeFootprint(deps: HostDeps, footprint: Footprint): Promise<Leftover[]> {
  const removed: Leftover[] = [];
  for (const trace of traces) removed.push(...(await trace.remove(deps, footprint)));
  return removed;
}

/** What of a footprint is on the node now. */
export async function scanFootprint(deps: HostDeps, footprint: Footprint): Promise<Leftover[]> {
  return (await Promise.all(traces.map((trace) => trace.find(deps, footprint)))).flat();
}

async function eachProtocol(footprint: Footprint, act: (protocol: number) => Promise<string[]>): Promise<Leftover[]> {
  const found: string[] = [];
  for (const protocol of footprint.routeProtocols) found.push(...(await act(protocol)));
  return named("route", found);
}

/** A link of the right name and another kind is somebody else's. */
async function findLinks(deps: HostDeps, { links: wanted }: Footprint): Promise<Leftover[]> {
  if (wanted.length === 0) return [];
  const present = await readLinks(deps);
  const ours = present.filter((link) =>
    wanted.some(({ name, kind }) => link.kind === kind && matches([name], link.name)),
  );
  return ours.map((link) => ({ kind: `${link.kind} link`, name: link.name }));
}

async function removeLinks(deps: HostDeps, footprint: Footprint): Promise<Leftover[]> {
  const found = await findLinks(deps, footprint);
  // The other end of a veth pair goes with the first: absent by then is fine.
  for (const { kind, name } of found) await deleteLink(deps, name, kind.split(" ")[0] ?? "");
  return found;
}

async function presentFiles(deps: HostDeps, footprint: Footprint): Promise<string[]> {
  const present: string[] = [];
  for (const path of footprint.files) if ((await statEntry(deps, path)) !== undefined) present.push(path);
  for (const { dir, prefix } of footprint.filePrefixes) {
    const entries = (await listDirectory(deps, dir)) ?? [];
    const ours = entries.filter((entry) => entry.kind === "file" && entry.name.startsWith(prefix));
    present.push(...ours.map((entry) => `${dir}/${entry.name}`));
  }
  return [...new Set(present)];
}

async function presentDirectories(deps: HostDeps, footprint: Footprint): Promise<string[]> {
  const present: string[] = [];
  for (const path of footprint.directories) if (await hasDirectory(deps, path)) present.push(path);
  return present;
}

function named(kind: string, names: readonly string[]): Leftover[] {
  return names.map((name) => ({ kind, name }));
}
