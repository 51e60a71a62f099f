import { matches } from "./checks.ts";
import { type HostDeps, HostError, isRecord, jsonList, must } from "./deps.ts";

/** BPF filters on clsact, the place where packets of a link are looked at on their way in and out. */

const directions = ["ingress", "egress"] as const;

interface Filter {
  device: string;
  direction: (typeof directions)[number];
  /** Absent for kinds of filters that are never ours. */
  name: string | undefined;
  /** What `tc` tells it by. */
  selector: string[];
}

/** Names of those on any link, as "cil_from_netdev-eth0 on eth0 ingress". */
export async function findBpfFilters(deps: HostDeps, names: readonly string[]): Promise<string[]> {
  return (await matching(deps, names)).map(nameOf);
}

/** Removes them, and clsact from links that have no filter any more; names what was removed. */
export async function deleteBpfFilters(deps: HostDeps, names: readonly string[]): Promise<string[]> {
  const found = await matching(deps, names);
  for (const { device, direction, selector } of found)
    await must(deps, ["tc", "filter", "delete", "dev", device, direction, ...selector]);
  for (const device of new Set(found.map((filter) => filter.device)))
    if ((await filtersOn(deps, device)).length === 0)
      await must(deps, ["tc", "qdisc", "delete", "dev", device, "clsact"]);
  return found.map(nameOf);
}

async function matching(deps: HostDeps, names: readonly string[]): Promise<Filter[]> {
  if (names.length === 0) return [];
  const disciplines = await jsonList(deps, ["tc", "-json", "qdisc", "show"]);
  const devices = disciplines.filter(({ kind }) => kind === "clsact").map(({ dev }) => String(dev));
  const filters: Filter[] = [];
  for (const device of devices) filters.push(...(await filtersOn(deps, device)));
  return filters.filter(({ name }) => name !== undefined && matches(names, name));
}

async function filtersOn(deps: HostDeps, device: string): Promise<Filter[]> {
  const found: Filter[] = [];
  for (const direction of directions) {
    const entries = await read(deps, ["tc", "-json", "filter", "show", "dev", device, direction]);
    for (const entry of entries) {
      const options = isRecord(entry.options) ? entry.options : {};
      // Each preference is told once without a handle: the head of the list, no filter.
      if (options.handle === undefined && entry.kind === "bpf") continue;
      const { protocol, pref, kind } = entry;
      const name = kind === "bpf" && typeof options.bpf_name === "string" ? options.bpf_name : undefined;
      const selector = ["protocol", protocol, "pref", pref, "handle", options.handle, kind].map(String);
      found.push({ device, direction, name, selector });
    }
  }
  return found;
}

/** Some kinds of filters print what is no JSON: those are others', and their link is not for us to judge. */
async function read(deps: HostDeps, argv: string[]): Promise<Record<string, unknown>[]> {
  try {
    return await jsonList(deps, argv);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new HostError(`${argv.slice(2).join(" ")}: tc tells it in a way that cannot be read`);
  }
}

function nameOf({ device, direction, name }: Filter): string {
  return `${name} on ${device} ${direction}`;
}
