import { type HostDeps, HostError, isRecord, jsonList } from "./deps.ts";
import { routeLine } from "./route-lines.ts";

type Entry = Record<string, unknown>;

/** What setting a device down takes away, as arguments that put it back; `@` stands for the device's name. */
interface Carried {
  addresses: string[];
  routes: string[];
  neighbours: string[];
  forwarding: string[];
}

/**
 * The rename of kernels before 6.2: down, rename, up and everything put back, in one batch of one process, so that the gap
 * is a few milliseconds. Refuses before it touches anything when there is a route it could not put back, and fails when
 * something is missing afterwards.
 */
export async function renameWhileDown(deps: HostDeps, from: string, to: string): Promise<void> {
  const before = await carriedBy(deps, from);
  const lines = [`link set dev ${from} down`, `link set dev ${from} name ${to}`, `link set dev ${to} up`];
  const back = [...before.addresses, ...before.routes, ...before.neighbours].map((line) => line.replaceAll("@", to));
  // -force: an entry the kernel kept or made again must not stop the others. The comparison below is what decides.
  await deps.run(["ip", "-force", "-batch", "-"], `${[...lines, ...back].join("\n")}\n`);
  const lost = missing(before.forwarding, (await carriedBy(deps, to)).forwarding);
  if (lost.length > 0) await deps.run(["bridge", "-force", "-batch", "-"], `${lost.join("\n").replaceAll("@", to)}\n`);
  await verify(deps, before, to);
}

async function verify(deps: HostDeps, before: Carried, to: string): Promise<void> {
  const after = await carriedBy(deps, to);
  const names: (keyof Carried)[] = ["addresses", "routes", "neighbours", "forwarding"];
  const lost = names.flatMap((name) => missing(before[name], after[name]));
  if (lost.length === 0) return;
  throw new HostError(
    `${to} was renamed, but ${lost.length} entries did not come back: ${lost.slice(0, 3).join("; ")}`,
  );
}

function missing(wanted: readonly string[], found: readonly string[]): string[] {
  return wanted.filter((line) => !found.includes(line));
}

/** Permanent entries only; what the kernel makes by itself from addresses and link-local scope is left out. */
async function carriedBy(deps: HostDeps, name: string): Promise<Carried> {
  const show = (...args: string[]) => jsonList(deps, args);
  const [links, v4, v6, neighbours4, neighbours6, forwarding] = await Promise.all([
    show("ip", "-json", "address", "show", "dev", name),
    show("ip", "-N", "-details", "-json", "-4", "route", "show", "table", "all"),
    show("ip", "-N", "-details", "-json", "-6", "route", "show", "table", "all"),
    show("ip", "-json", "-4", "neighbour", "show", "nud", "permanent", "dev", name),
    show("ip", "-json", "-6", "neighbour", "show", "nud", "permanent", "dev", name),
    show("bridge", "-json", "fdb", "show", "dev", name),
  ]);
  const addresses = links.flatMap((link) => (Array.isArray(link.addr_info) ? link.addr_info.filter(isRecord) : []));
  return {
    addresses: addresses.filter((entry) => entry.scope === "global").map(addressLine),
    routes: [...v4.map((r) => routeLine(r, "-4", name)), ...v6.map((r) => routeLine(r, "-6", name))]
      .filter((line) => line !== undefined)
      .sort((a, b) => Number(a.includes(" via ")) - Number(b.includes(" via "))),
    neighbours: [...neighbours4, ...neighbours6].map(
      (entry) => `neighbour replace ${entry.dst} lladdr ${entry.lladdr} nud permanent dev @`,
    ),
    forwarding: forwarding.filter((entry) => entry.state === "permanent").map(forwardingLine),
  };
}

function addressLine(entry: Entry): string {
  // IPv6 addresses go when a device is set down; IPv4 ones stay, and adding them again only says so.
  const nodad = entry.family === "inet6" ? " nodad" : "";
  return `address add ${entry.local}/${entry.prefixlen} dev @${nodad}`;
}

function forwardingLine(entry: Entry): string {
  const words = ["fdb append", entry.mac, "dev @", "dst", entry.dst];
  for (const key of ["port", "vni"] as const) if (entry[key] !== undefined) words.push(key, entry[key]);
  return [...words, "self permanent"].join(" ");
}
