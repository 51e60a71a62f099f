import { parseCidr } from "../../networks/cidr.ts";
import { exemptionChains, exemptionComment } from "../../networks/dual-overlay.ts";
import type { Exemption } from "../../networks/host-ops.ts";
import { type HostDeps, HostError } from "./deps.ts";
import { isAtHead, planHead } from "./exempt-text.ts";
import { type Backend, backends, maxAttempts, restore, save } from "./iptables.ts";
import type { SavedTables } from "./iptables-text.ts";

/**
 * Puts the rules that keep pods' addresses at the head of their chains, in the packet filters that translate addresses on this
 * node, and names what it did. Nothing is done where they stand there already.
 */
export async function exempt(deps: HostDeps, ways: readonly Exemption[]): Promise<string[]> {
  const perFamily = await Promise.all(
    ([4, 6] as const).map((family) => exemptFamily(deps, family, ways.filter(isOf(family)))),
  );
  return perFamily.flat();
}

function isOf(family: 4 | 6): (way: Exemption) => boolean {
  return ({ from }) => parseCidr(from)?.family === family;
}

async function exemptFamily(deps: HostDeps, family: 4 | 6, ways: readonly Exemption[]): Promise<string[]> {
  if (ways.length === 0) return [];
  const program = family === 4 ? "iptables-" : "ip6tables-";
  const own = backends.filter(({ name }) => name.startsWith(program));
  const saved = await Promise.all(own.map(async (backend) => ({ backend, saved: await save(deps, backend) })));
  const changes: string[] = [];
  for (const backend of translating(saved))
    for (const place of exemptionChains) {
      if (!(await putAtHead(deps, backend, place, ways))) continue;
      changes.push(`put ${ways.length} rules at the head of ${place.table} ${place.chain} (${backend.name})`);
    }
  return changes;
}

interface Held {
  backend: Backend;
  saved: SavedTables;
}

/**
 * Those whose nat table has rules of anybody else; where none has, the one that has rules at all, and on a node without any rule
 * the one new programs use.
 */
function translating(held: readonly Held[]): Backend[] {
  const withRules = ({ saved }: Held, table?: string) =>
    saved.tables.some(
      ({ name, rules }) =>
        (table === undefined || name === table) && rules.some(({ comment }) => comment !== exemptionComment),
    );
  const found = held.filter((each) => withRules(each, "nat") || each.saved.unreadable.includes("nat"));
  const chosen = found.length > 0 ? found : [held.find((each) => withRules(each)) ?? held[0]];
  return chosen.flatMap((each) => each?.backend ?? []);
}

/** True when something had to be done. */
async function putAtHead(
  deps: HostDeps,
  backend: Backend,
  { table, chain }: (typeof exemptionChains)[number],
  ways: readonly Exemption[],
): Promise<boolean> {
  let objection = "others put theirs in front again";
  for (let attempt = 0; ; attempt++) {
    const { tables, unreadable } = await save(deps, backend);
    if (unreadable.includes(table))
      throw new HostError(`table ${table} holds what ${backend.name} cannot read: remove it with nft, then try again`);
    const found = tables.find(({ name }) => name === table) ?? { name: table, chains: [], rules: [] };
    if (isAtHead(found, chain, ways)) return attempt > 0;
    if (attempt === maxAttempts)
      throw new HostError(`the rules do not stay at the head of ${table} ${chain} (${backend.name}): ${objection}`);
    objection = (await restore(deps, backend, planHead(found, chain, ways))) ?? objection;
  }
}
