import type { Footprint, Leftover } from "../../networks/host-ops.ts";
import { matches } from "./checks.ts";

/** Reading what iptables-save prints, and the plan of what of it goes. Pure. */

export interface SavedRule {
  chain: string;
  /** As printed, "-A CHAIN ...". */
  line: string;
  /** Chain or target the rule jumps or goes to. */
  target: string | undefined;
  comment: string | undefined;
}

export interface SavedTable {
  name: string;
  chains: string[];
  rules: SavedRule[];
}

export interface SavedTables {
  tables: SavedTable[];
  /** Tables that nft filled with what iptables cannot show. */
  unreadable: string[];
}

export function parseSaved(text: string): SavedTables {
  const saved: SavedTables = { tables: [], unreadable: [] };
  for (const line of logicalLines(text)) {
    const unreadable = /^# Table `(\w+)' is incompatible/.exec(line)?.[1];
    if (unreadable !== undefined) saved.unreadable.push(unreadable);
    else if (line.startsWith("*")) saved.tables.push({ name: line.slice(1).trim(), chains: [], rules: [] });
    else if (line.startsWith(":")) saved.tables.at(-1)?.chains.push(line.slice(1).split(" ")[0] ?? "");
    else if (line.startsWith("-A ")) saved.tables.at(-1)?.rules.push(parseRule(line));
  }
  return saved;
}

/** Input for iptables-restore --noflush that takes a network's rules and chains out of a table, and what that is. */
export interface RemovalPlan {
  lines: string[];
  found: Leftover[];
}

/**
 * Jumps first, then flush, then delete: a chain that something refers to cannot be deleted. Each rule is deleted by its own
 * text, never by its number, which may have moved since.
 */
export function planRemoval(
  table: SavedTable,
  footprint: Pick<Footprint, "chains" | "comments">,
  backend: string,
): RemovalPlan {
  const named = table.chains.filter((chain) => matches(footprint.chains, chain));
  const chains = [...named, ...containerChains(table, footprint.comments)];
  const rules = table.rules.filter(
    (rule) =>
      !chains.includes(rule.chain) &&
      ((rule.target !== undefined && named.includes(rule.target)) || hasComment(rule, footprint.comments)),
  );
  if (chains.length === 0 && rules.length === 0) return { lines: [], found: [] };
  return {
    lines: [
      `*${table.name}`,
      ...rules.map((rule) => rule.line.replace(/^-A/, "-D")),
      ...chains.map((chain) => `-F ${chain}`),
      ...chains.map((chain) => `-X ${chain}`),
      "COMMIT",
    ],
    found: [
      ...rules.map((rule) => ({ kind: "rule", name: `${table.name} ${rule.line.slice(3, 160)} (${backend})` })),
      ...chains.map((chain) => ({ kind: "chain", name: `${table.name} ${chain} (${backend})` })),
    ],
  };
}

/** Chains the bridge and portmap plugins make for one container: a hash of network and container is their name. */
const containerChain = /^CNI-(?:DN-|SN-)?[0-9a-f]{16,24}$/;

/** Those among them that are the network's: nothing but rules with its comments leads to them. */
function containerChains(table: SavedTable, comments: readonly string[]): string[] {
  return table.chains.filter((chain) => {
    const leading = table.rules.filter((rule) => rule.target === chain);
    return containerChain.test(chain) && leading.length > 0 && leading.every((rule) => hasComment(rule, comments));
  });
}

function hasComment(rule: SavedRule, comments: readonly string[]): boolean {
  return rule.comment !== undefined && matches(comments, rule.comment);
}

function parseRule(line: string): SavedRule {
  const words = splitWords(line);
  const after = (...options: string[]) => {
    const index = words.findIndex((word) => !word.quoted && options.includes(word.text));
    return index === -1 ? undefined : words[index + 1]?.text;
  };
  return { chain: words[1]?.text ?? "", line, target: after("-j", "-g"), comment: after("--comment") };
}

/** Words of a rule without their quotes. */
export function wordsOf(line: string): string[] {
  return splitWords(line).map(({ text }) => text);
}

interface Word {
  text: string;
  quoted: boolean;
}

/** Words of a rule; quotes hold blanks together and a backslash inside them takes the next character as it is. */
function splitWords(line: string): Word[] {
  const words: Word[] = [];
  for (const match of line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/gs)) {
    const quoted = match[1] !== undefined;
    words.push({ text: quoted ? (match[1] ?? "").replace(/\\(.)/gs, "$1") : (match[2] ?? ""), quoted });
  }
  return words;
}

/** A comment may hold a line break: lines are joined until their quotes are closed. */
function logicalLines(text: string): string[] {
  const lines: string[] = [];
  let open: string | undefined;
  for (const line of text.split("\n")) {
    const joined: string = open === undefined ? line : `${open}\n${line}`;
    open = joined.startsWith("-A ") && hasOpenQuote(joined) ? joined : undefined;
    if (open === undefined) lines.push(joined);
  }
  return lines;
}

function hasOpenQuote(text: string): boolean {
  return text.replace(/\\./gs, "").split('"').length % 2 === 0;
}
