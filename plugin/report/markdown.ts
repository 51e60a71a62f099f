import { escapeText, span } from "../output.ts";
import { preciseSpan } from "../status/render.ts";
import type { NodeReport, Report } from "./view.ts";

/** The account as a Markdown document. Pure. */
export function renderReport(report: Report): string {
  const sections = [
    head(report),
    section("Nodes", nodes(report.nodes)),
    section("Time of each step", times(report.nodes)),
    section("Connectivity checks", checks(report)),
    section("Removed from the nodes", evidence(report.nodes, "removed")),
    section(
      "Left on the nodes",
      report.totals.leftovers === 0 ? leftNothing(report) : evidence(report.nodes, "leftovers"),
    ),
    section("Conditions", conditions(report)),
    section("What was found in the cluster", detected(report)),
  ];
  return `${sections.filter((text) => text !== "").join("\n\n")}\n`;
}

function head(report: Report): string {
  const { migration, source, target, strategy, direction, counts } = report;
  const back = direction === "Revert" ? `; direction: back to ${source}` : "";
  const rows: [string, string | null][] = [
    ["Networks", `${source} to ${target}${strategy === null ? "" : ` (${strategy})`}${back}`],
    ["Status", report.status],
    ["Message", report.message],
    ["Nodes", counts === null ? null : countsText(counts, direction)],
    ["Created", report.createdAt],
    ["Started", report.startedAt],
    ["Ended", report.endedAt ?? "not yet"],
    [report.endedAt === null ? "Running for" : "Took", report.seconds === null ? null : span(report.seconds)],
    ["Written", report.writtenAt],
  ];
  const shown = rows.flatMap(([name, value]) => (value === null || value === "" ? [] : [[name, value]]));
  return `# Migration ${cell(migration)}\n\n${table(["", ""], shown)}`;
}

function countsText(counts: NonNullable<Report["counts"]>, direction: Report["direction"]): string {
  const { total, migrated, inProgress, pending, failed, skipped } = counts;
  return `${migrated} of ${total} ${direction === "Revert" ? "back" : "done"}, ${inProgress} in progress, ${pending} waiting, ${failed} failed, ${skipped} skipped`;
}

function nodes(all: readonly NodeReport[]): string {
  const rows = all.map((node) => [
    node.node,
    node.network,
    node.step,
    node.status,
    spanOf(node.seconds),
    checkCount(node),
    String(node.removed.length),
    String(node.leftovers.length),
    node.status === "Done" ? "" : node.message,
  ]);
  return all.length === 0
    ? "No node has begun."
    : table(["Node", "Network", "Step", "Status", "Took", "Checks passed", "Removed", "Left", "Message"], rows);
}

function checkCount({ checks: list }: NodeReport): string {
  return list.length === 0 ? "none made" : `${list.filter(({ ok }) => ok).length} of ${list.length}`;
}

/** One column a step that any node has been through; a last row with the median where there are several nodes. */
function times(all: readonly NodeReport[]): string {
  const begun = all.filter(({ steps }) => steps.some(({ seconds }) => seconds !== null));
  const names = [...new Set(begun.flatMap(({ steps }) => steps.map(({ name }) => name)))];
  if (names.length === 0) return "";
  const secondsOf = (node: NodeReport, name: string) => node.steps.find((step) => step.name === name)?.seconds ?? null;
  const rows = begun.map((node) => [
    node.node,
    ...names.map((name) => spanOf(secondsOf(node, name))),
    spanOf(node.seconds),
  ]);
  const columns = names.map((name) => begun.flatMap((node) => secondsOf(node, name) ?? []));
  const totals = begun.flatMap(({ seconds }) => seconds ?? []);
  const medians = ["median", ...[...columns, totals].map((column) => spanOf(median(column)))];
  return table(["Node", ...names, "Total"], begun.length > 1 ? [...rows, medians] : rows);
}

function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  return low === undefined || high === undefined ? null : (low + high) / 2;
}

function checks({ nodes: all, totals }: Report): string {
  const { checksPassed, checksFailed } = totals;
  if (checksPassed + checksFailed === 0) return "None were made.";
  const failed = all.flatMap((node) =>
    node.checks.filter(({ ok }) => !ok).map(({ path, detail }) => [node.node, path, detail]),
  );
  const sum = `${checksPassed} of ${checksPassed + checksFailed} passed.`;
  return failed.length === 0 ? sum : `${sum}\n\n${table(["Node", "Failed", "What was seen"], failed)}`;
}

function evidence(all: readonly NodeReport[], list: "removed" | "leftovers"): string {
  const shown = all.filter((node) => node[list].length > 0);
  if (shown.length === 0) return "Nothing.";
  return shown
    .map((node) => `### ${cell(node.node)}\n\n${node[list].map((item) => `- ${cell(item)}`).join("\n")}`)
    .join("\n\n");
}

/** Nothing left is only known of nodes that were read again. */
function leftNothing({ nodes: all }: Report): string {
  const read = all.filter(({ steps }) =>
    steps.some(({ name, completionTime }) => name === "CleanUp" && completionTime !== null),
  );
  return `Nothing: ${read.length} of ${all.length} nodes were read again after clean-up.`;
}

function conditions({ conditions: all }: Report): string {
  return all.length === 0
    ? ""
    : table(
        ["Condition", "Status", "Reason", "Message"],
        all.map(({ type, status, reason, message }) => [type, status, reason, message]),
      );
}

function detected({ detected: all }: Report): string {
  return all.length === 0
    ? ""
    : table(
        ["What", "Value", "From"],
        all.map(({ name, value, from }) => [name, value, from]),
      );
}

function spanOf(seconds: number | null): string {
  return preciseSpan(seconds ?? undefined);
}

function section(title: string, body: string): string {
  return body === "" ? "" : `## ${title}\n\n${body}`;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(" | ")} |`;
  return [line(heads), `|${heads.map(() => "---").join("|")}|`, ...rows.map(line)].join("\n");
}

/** Text from the cluster as it is, and as nothing else: no markup, no second line, nothing that deceives a terminal. */
function cell(text: string): string {
  return escapeText(text).replace(/[\\`*[\]<|&]/g, (c) => (c === "<" ? "&lt;" : c === "&" ? "&amp;" : `\\${c}`));
}
