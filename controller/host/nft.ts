import { type HostDeps, isRecord, must } from "./deps.ts";

export interface NftChain {
  family: string;
  table: string;
  name: string;
}

/** Tables as "ip flannel-ipv4", sorted. */
export async function nftTables(deps: HostDeps): Promise<string[]> {
  const tables = await read(deps, "table", ["list", "tables"]);
  return tables.map((table) => `${table.family} ${table.name}`).sort();
}

export async function nftChains(deps: HostDeps): Promise<NftChain[]> {
  const chains = await read(deps, "chain", ["list", "chains"]);
  return chains.map((chain) => ({
    family: String(chain.family),
    table: String(chain.table),
    name: String(chain.name),
  }));
}

/** Those of the wanted tables that are there. */
export async function findNftTables(deps: HostDeps, wanted: readonly string[]): Promise<string[]> {
  if (wanted.length === 0) return [];
  const present = await nftTables(deps);
  return wanted.filter((table) => present.includes(table));
}

/** Removes tables in one transaction and names what went. */
export async function deleteNftTables(deps: HostDeps, wanted: readonly string[]): Promise<string[]> {
  const found = await findNftTables(deps, wanted);
  if (found.length > 0) await must(deps, ["nft", "-f", "-"], found.map((table) => `delete table ${table}\n`).join(""));
  return found;
}

async function read(deps: HostDeps, kind: string, command: string[]): Promise<Record<string, unknown>[]> {
  const value: unknown = JSON.parse(await must(deps, ["nft", "-j", ...command]));
  const entries = isRecord(value) && Array.isArray(value.nftables) ? value.nftables : [];
  return entries
    .filter(isRecord)
    .map((entry) => entry[kind])
    .filter(isRecord);
}
