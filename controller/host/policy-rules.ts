import type { Footprint, Leftover } from "../../networks/host-ops.ts";
import { type HostDeps, HostError, jsonList, lastWords, must } from "./deps.ts";

/** Rules of the routing policy (`ip rule`) by preference and table, IPv4 and IPv6, and what is in their tables. */

type Wanted = Footprint["policyRules"][number];

const families = ["-4", "-6"] as const;
type Family = (typeof families)[number];

/** Number of the table the kernel keeps the node's own addresses in; its rule has preference 0. */
const local = 255;

/** As `ip` shows them: "9: from all fwmark 0x200/0xf00 lookup 2004", "local default dev lo table 2004". */
export async function findPolicyRules(deps: HostDeps, { policyRules }: Footprint): Promise<Leftover[]> {
  return (await inEach(policyRules, (family, wanted) => look(deps, family, wanted))).flatMap(({ rules, routes }) => [
    ...rules.map((name) => ({ kind: "policy rule", name })),
    ...routes.map((name) => ({ kind: "route", name })),
  ]);
}

/** Removes them and names what was removed. */
export async function deletePolicyRules(deps: HostDeps, footprint: Footprint): Promise<Leftover[]> {
  const found = await findPolicyRules(deps, footprint);
  if (found.length > 0) await inEach(footprint.policyRules, (family, wanted) => remove(deps, family, wanted));
  return found;
}

async function inEach<T>(wanted: readonly Wanted[], act: (family: Family, wanted: Wanted) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (const family of families) for (const each of wanted) results.push(await act(family, each));
  return results;
}

async function look(deps: HostDeps, family: Family, { preference, table }: Wanted) {
  const rules = (await rulesOf(deps, family)).filter((rule) => is(rule, preference, table));
  const routes = table === local ? [] : await routesIn(deps, family, table);
  return { rules: rules.map(nameOf), routes };
}

async function remove(deps: HostDeps, family: Family, wanted: Wanted): Promise<void> {
  const { preference, table } = wanted;
  const { rules, routes } = await look(deps, family, wanted);
  // Without any rule that leads to it the node would have no address of its own, if only for a moment.
  if (table === local && rules.length > 0 && !(await rulesOf(deps, family)).some((rule) => is(rule, 0, local)))
    await must(deps, ["ip", family, "rule", "add", "preference", "0", "lookup", String(local), "protocol", "kernel"]);
  for (const _ of rules)
    await must(deps, ["ip", family, "rule", "delete", "preference", String(preference), "lookup", String(table)]);
  if (routes.length > 0) await must(deps, ["ip", family, "route", "flush", "table", String(table)]);
}

async function rulesOf(deps: HostDeps, family: Family): Promise<Record<string, unknown>[]> {
  return jsonList(deps, ["ip", "-N", "-json", family, "rule", "show"]);
}

function is(rule: Record<string, unknown>, preference: number, table: number): boolean {
  return Number(rule.priority) === preference && Number(rule.table) === table;
}

function nameOf({ priority, src, fwmark, fwmask, table }: Record<string, unknown>): string {
  const mark = fwmark === undefined ? [] : ["fwmark", fwmask === undefined ? fwmark : `${fwmark}/${fwmask}`];
  return [`${priority}: from ${src}`, ...mark, "lookup", table].join(" ");
}

/** A table nothing was ever put into is none: `ip` says so in a way of its own. */
async function routesIn(deps: HostDeps, family: Family, table: number): Promise<string[]> {
  const argv = ["ip", family, "route", "show", "table", String(table)];
  const finished = await deps.run(argv);
  if (finished.code !== 0 && !/FIB table does not exist/.test(finished.stderr))
    throw new HostError(`${argv.join(" ")}: ${lastWords(finished)}`);
  const lines = finished.stdout.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "").map((line) => `${line} table ${table}`);
}
