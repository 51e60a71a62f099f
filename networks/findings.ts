import type { FindingReason } from "../crds/reasons.ts";
import type { Finding } from "./contract.ts";

/** Stops `start` (exit 3) and the controller. `what` without a final stop; `cure` says what to do, best as a command. */
export function blocker(reason: FindingReason, what: string, where: string, cure: string): Finding {
  return { severity: "blocker", reason, what, where, cure };
}

export function warning(reason: FindingReason, what: string, where: string, cure: string): Finding {
  return { severity: "warning", reason, what, where, cure };
}

export function info(reason: FindingReason, what: string, where: string): Finding {
  return { severity: "info", reason, what, where, cure: "" };
}

/** The finding when it applies, as a list to spread. */
export function when(applies: boolean, finding: Finding): Finding[] {
  return applies ? [finding] : [];
}

const rank = { blocker: 0, warning: 1, info: 2 } as const;

/** Blockers first, then by reason and place, so that two runs over the same cluster read the same. */
export function sortFindings(findings: readonly Finding[]): Finding[] {
  return [...findings].sort(
    (a, b) =>
      rank[a.severity] - rank[b.severity] ||
      compare(a.reason, b.reason) ||
      compare(a.where, b.where) ||
      compare(a.what, b.what),
  );
}

/** "node n1", "nodes n1, n2", "nodes n1, n2, n3 and 4 more": sorted, three names at most. */
export function nodesAt(nodes: readonly { name: string }[]): string {
  const sorted = nodes.map((node) => node.name).sort(compare);
  if (sorted.length === 1) return `node ${sorted[0]}`;
  const shown = sorted.slice(0, 3).join(", ");
  return `nodes ${shown}${sorted.length > 3 ? ` and ${sorted.length - 3} more` : ""}`;
}

/** By code point: the same order on every machine, whatever its locale. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
