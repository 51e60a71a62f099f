import { formatCidr, parseCidr } from "../../networks/cidr.ts";
import { type exemptionChains, exemptionComment, exemptionRule } from "../../networks/dual-overlay.ts";
import type { Exemption } from "../../networks/host-ops.ts";
import { planRemoval, type SavedRule, type SavedTable, wordsOf } from "./iptables-text.ts";

/** Where the rules that keep pods' addresses stand in a table, and what puts them at the head of a chain of it. Pure. */

type Chain = (typeof exemptionChains)[number]["chain"];

/** Felix puts its jump in front for good: a rule before it would not stay there. */
const felixs = /^cali-/;

/** Whether exactly these rules are there, in order, with nothing but Felix's jumps before them. */
export function isAtHead(table: SavedTable, chain: Chain, ways: readonly Exemption[]): boolean {
  const rules = table.rules.filter((rule) => rule.chain === chain);
  const head = rules.slice(felixsJumps(rules));
  const ours = table.rules.filter(isOurs);
  return (
    ours.length === ways.length &&
    ways.every((way, i) => head[i] !== undefined && same(wordsOf(head[i].line), ["-A", chain, ...ruleOf(way)]))
  );
}

/** Input for iptables-restore --noflush: takes out what there is of them and puts them in, in one transaction. */
export function planHead(table: SavedTable, chain: Chain, ways: readonly Exemption[]): string[] {
  const others = table.rules.filter((rule) => rule.chain === chain && !isOurs(rule));
  const behind = felixsJumps(others);
  const removal = planRemoval(table, { chains: [], comments: [exemptionComment] }, "").lines.slice(1, -1);
  const inserted = ways.map((way, i) => ["-I", chain, String(behind + i + 1), ...ruleOf(way)].map(quoted).join(" "));
  return [`*${table.name}`, ...removal, ...inserted, "COMMIT"];
}

function felixsJumps(rules: readonly SavedRule[]): number {
  const first = rules.findIndex(({ target = "" }) => !felixs.test(target));
  return first === -1 ? rules.length : first;
}

function isOurs({ comment }: SavedRule): boolean {
  return comment === exemptionComment;
}

/** With ranges as iptables prints them. */
function ruleOf({ from, to }: Exemption): string[] {
  return exemptionRule({ from: printed(from), to: printed(to) });
}

function printed(range: string): string {
  const cidr = parseCidr(range);
  return cidr === undefined ? range : formatCidr(cidr);
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((word, i) => word === b[i]);
}

function quoted(word: string): string {
  return /^[\w./:!-]+$/.test(word) ? word : JSON.stringify(word);
}
