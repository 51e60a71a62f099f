import { readFile } from "node:fs/promises";
import type { Footprint, Leftover } from "../../networks/host-ops.ts";
import { matches } from "./checks.ts";
import { type HostDeps, HostError, lastWords, must } from "./deps.ts";
import { parseSaved, planRemoval, type SavedTables } from "./iptables-text.ts";
import { nftChains } from "./nft.ts";

/** One of the four packet filters iptables rules can be in. A node may have rules in all of them at a time. */
export interface Backend {
  name: string;
  /** Family of its tables as nft sees them; legacy tables are not seen by nft. */
  nftFamily?: "ip" | "ip6";
  /** Where the kernel lists the legacy tables that exist. Asking for one that does not would make it. */
  tablesFile?: string;
}

export const backends: readonly Backend[] = [
  { name: "iptables-nft", nftFamily: "ip" },
  { name: "ip6tables-nft", nftFamily: "ip6" },
  { name: "iptables-legacy", tablesFile: "/proc/net/ip_tables_names" },
  { name: "ip6tables-legacy", tablesFile: "/proc/net/ip6_tables_names" },
];
/** Seconds to wait for a program that holds the lock of the legacy tables. */
const lockSeconds = "10";
/** How often a change is planned anew because another program changed the table between reading and writing. */
export const maxAttempts = 3;

export interface BackendContent {
  backend: string;
  saved: SavedTables;
}

/** Everything the packet filters hold. */
export function readBackends(deps: HostDeps): Promise<BackendContent[]> {
  return Promise.all(backends.map(async (backend) => ({ backend: backend.name, saved: await save(deps, backend) })));
}

/** Chains and rules of a network, in every packet filter and table. */
export async function findChains(deps: HostDeps, footprint: Footprint): Promise<Leftover[]> {
  if (footprint.chains.length === 0 && footprint.comments.length === 0) return [];
  const found = await Promise.all(
    backends.map(async (backend) => {
      const saved = await save(deps, backend);
      const planned = saved.tables.flatMap((table) => planRemoval(table, footprint, backend.name).found);
      return [...planned, ...(await findUnreadable(deps, backend, saved, footprint))];
    }),
  );
  return found.flat();
}

/** Removes them, one transaction a table, and names what went. */
export async function removeChains(deps: HostDeps, footprint: Footprint): Promise<Leftover[]> {
  if (footprint.chains.length === 0 && footprint.comments.length === 0) return [];
  return (await Promise.all(backends.map((backend) => removeFrom(deps, backend, footprint)))).flat();
}

async function removeFrom(deps: HostDeps, backend: Backend, footprint: Footprint): Promise<Leftover[]> {
  let removed: Leftover[] | undefined;
  for (let attempt = 1; ; attempt++) {
    const { tables } = await save(deps, backend);
    const plans = tables.map((table) => planRemoval(table, footprint, backend.name));
    removed ??= plans.flatMap((plan) => plan.found);
    const lines = plans.flatMap((plan) => plan.lines);
    if (lines.length === 0) return removed;
    const objection = await restore(deps, backend, lines);
    if (objection === undefined) return removed;
    if (attempt === maxAttempts) throw new HostError(objection);
  }
}

/** Changes tables, each in one transaction, and leaves everything else in them alone. What went wrong, or undefined. */
export async function restore(deps: HostDeps, backend: Backend, lines: readonly string[]): Promise<string | undefined> {
  const argv = [`${backend.name}-restore`, "-w", lockSeconds, "--noflush"];
  const finished = await deps.run(argv, `${lines.join("\n")}\n`);
  return finished.code === 0 ? undefined : `${argv[0]}: ${lastWords(finished)}`;
}

const readings = 10;
const readAgainMs = 200;

/**
 * A rule names an ipset by its index, and the agent that stays exchanges sets while the rules are read: one read in between is
 * refused by iptables as a whole. It is read again.
 */
async function saveText(deps: HostDeps, argv: readonly string[]): Promise<string> {
  for (let reading = 1; ; reading++) {
    try {
      return await must(deps, argv);
    } catch (error) {
      if (reading === readings || !/Set with index \d+ in kernel doesn't exist/.test(String(error))) throw error;
    }
    await deps.sleep(readAgainMs);
  }
}

/** What a packet filter holds. Makes no legacy table that is not there. */
export async function save(deps: HostDeps, backend: Backend): Promise<SavedTables> {
  if (backend.tablesFile === undefined) return parseSaved(await saveText(deps, [`${backend.name}-save`]));
  const names = (await existingTables(backend.tablesFile)).sort();
  const texts = await Promise.all(names.map((name) => saveText(deps, [`${backend.name}-save`, "-t", name])));
  return parseSaved(texts.join("\n"));
}

async function existingTables(file: string): Promise<string[]> {
  try {
    return (await readFile(file, "utf8")).split("\n").filter(Boolean);
  } catch (error) {
    // A kernel without legacy tables, or whose module was never asked for.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Chains of ours in tables iptables cannot read: named, so that a person removes them with nft. */
async function findUnreadable(
  deps: HostDeps,
  backend: Backend,
  saved: SavedTables,
  footprint: Footprint,
): Promise<Leftover[]> {
  if (saved.unreadable.length === 0) return [];
  const chains = (await nftChains(deps)).filter(
    ({ family, table, name }) =>
      family === backend.nftFamily && saved.unreadable.includes(table) && matches(footprint.chains, name),
  );
  return chains.map(({ family, table, name }) => ({
    kind: "chain",
    name: `${table} ${name} (nft only, family ${family})`,
  }));
}
