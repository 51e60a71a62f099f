import { type Cell, fields, type Paint, span, type Tone, table } from "../output.ts";
import { programName } from "../verb.ts";
import type { NodeRow, StatusView } from "./view.ts";

export interface RenderOptions {
  /** Adds messages, conditions' messages and the time of each step. */
  wide: boolean;
  /** Most node rows to show; the rest is counted. */
  mostNodes: number;
  paint: Paint;
}

const nodeTones: Readonly<Record<NodeRow["state"], Tone>> = {
  failed: "bad",
  running: "busy",
  waiting: "dim",
  done: "good",
};

/** The whole of `status` as text. */
export function renderStatus(view: StatusView, options: RenderOptions): string {
  const sections = [header(view, options), conditions(view, options), nodes(view, options)];
  return sections.filter((section) => section !== "").join("\n");
}

function header(view: StatusView, { paint }: RenderOptions): string {
  const tone = view.outcome === "failed" ? "bad" : view.outcome === "succeeded" ? "good" : "busy";
  const way = `${view.source} to ${view.target}${wayBack(view)}`;
  return fields(
    [
      ["Migration", { text: view.name, tone: "strong" }],
      ["Networks", view.strategy === undefined ? way : `${way} (${view.strategy})`],
      ["Status", { text: view.summary, tone }],
      ["Message", view.message],
      ["Nodes", view.counts],
      [view.ended ? "Took" : "Running for", optionalSpan(view.elapsedSeconds)],
    ],
    paint,
  );
}

function wayBack({ reverting, outcome, source }: StatusView): string {
  if (!reverting) return "";
  return outcome === "succeeded" ? `, back on ${source}` : ", going back";
}

function conditions(view: StatusView, { wide, paint }: RenderOptions): string {
  const shown = view.conditions.filter((c) => wide || c.status !== "Unknown");
  if (shown.length === 0) return "";
  return table(
    ["CONDITION", "STATUS", "REASON", "AGE", ...(wide ? ["MESSAGE"] : [])],
    shown.map((c) => [
      c.type,
      toned(c.status, c.tone),
      c.reason,
      optionalSpan(c.ageSeconds) ?? "",
      ...(wide ? [c.message] : []),
    ]),
    paint,
  );
}

function nodes(view: StatusView, { wide, mostNodes, paint }: RenderOptions): string {
  if (view.nodes.length === 0) return "";
  const shown = view.nodes.slice(0, mostNodes);
  const rest = view.nodes.length - shown.length;
  return (
    table(
      [
        "NODE",
        "STEP",
        "STATUS",
        "BLOCKED-BY",
        "STEP-TIME",
        "TOTAL",
        ...(wide ? ["CORDONED-BY-US", "MESSAGE", "TIMES"] : []),
      ],
      shown.map((node) => [
        node.name,
        node.step,
        toned(node.status, nodeTones[node.state]),
        blockedCell(node),
        preciseSpan(node.stepSeconds),
        preciseSpan(node.totalSeconds),
        ...(wide ? [node.cordonedByUs ? "yes" : "no", node.message, timesOf(node)] : []),
      ]),
      paint,
    ) +
    problems(shown, wide) +
    (rest > 0 ? `and ${rest} more: ${programName} status ${view.name} -o wide\n` : "")
  );
}

/** Why nodes stand still, below the table: a message does not fit into it. */
function problems(shown: readonly NodeRow[], wide: boolean): string {
  const failed = wide ? [] : shown.filter((node) => node.state === "failed");
  if (failed.length === 0) return "";
  return `\n${fields(
    failed.map((node) => [node.name, node.message] as const),
    (_, text) => text,
  )}`;
}

function blockedCell(node: NodeRow): Cell {
  if (node.blockedBy !== "") return { text: node.blockedBy, tone: "busy" };
  return node.podsLeft > 0 ? `${node.podsLeft} pod${node.podsLeft === 1 ? "" : "s"} left` : "";
}

function timesOf(node: NodeRow): string {
  return node.times.map((t) => `${t.step} ${preciseSpan(t.seconds)}`).join(", ");
}

function toned(text: string, tone: Tone | undefined): Cell {
  return tone === undefined ? text : { text, tone };
}

function optionalSpan(seconds: number | undefined): string | undefined {
  return seconds === undefined ? undefined : span(seconds);
}

/** Tenths below a minute: steps take seconds. */
export function preciseSpan(seconds: number | undefined): string {
  if (seconds === undefined) return "";
  return seconds < 59.95 ? `${(Math.round(seconds * 10) / 10).toFixed(1)}s` : span(seconds);
}
