import type { Finding } from "../../networks/contract.ts";
import { escapeText, fields, type Paint, table } from "../output.ts";
import { programName } from "../verb.ts";
import { renderEnding, renderPolicies } from "./policies/render.ts";
import { secondText } from "./second.ts";
import type { PlanNodeRow, PlanView } from "./view.ts";

/** The whole of `plan` as text. */
export function renderPlan(view: PlanView, paint: Paint): string {
  const sections = [
    header(view, paint),
    detected(view, paint),
    nodes(view, paint),
    renderPolicies(view, paint),
    renderEnding(view.ending, paint),
    findings(view, paint),
    verdict(view, paint),
  ];
  return sections.filter((section) => section !== "").join("\n");
}

function header(view: PlanView, paint: Paint): string {
  const way = `${view.source ?? "unknown"} to ${view.target}`;
  return fields(
    [
      ["Migration", view.name === null ? undefined : { text: view.name, tone: "strong" }],
      ["Networks", view.strategy === null ? way : `${way} (${view.strategy})`],
      ["Own overlay", view.second === null ? undefined : secondText(view.second)],
      ["Batch", `${view.batchSize} node${view.batchSize === 1 ? "" : "s"} at a time`],
      [
        "Manifests",
        view.manifests === null
          ? "none given: -f checks them too"
          : `${view.manifests.objects} objects, agent ${view.manifests.agent}`,
      ],
    ],
    paint,
  );
}

function detected(view: PlanView, paint: Paint): string {
  if (view.detected.length === 0) return "";
  return table(
    ["DETECTED", "VALUE", "FROM"],
    view.detected.map(({ name, value, from }) => [name, value, from]),
    paint,
  );
}

function nodes(view: PlanView, paint: Paint): string {
  if (view.nodes.length === 0) return "";
  let turn = 0;
  return table(
    ["ORDER", "NODE", "ROLE", "DRAINED", "RECREATED", "UNTOUCHED", "NOTE"],
    view.nodes.map((node) => {
      if (node.skipped === undefined) turn += 1;
      const { drained, recreated, stays } = node.pods;
      const order = node.skipped === undefined ? String(turn) : "-";
      return [order, node.name, node.role, String(drained), String(recreated), String(stays), noteOf(node)];
    }),
    paint,
  );
}

function noteOf(node: PlanNodeRow): string {
  const notes = [
    node.skipped,
    node.ready ? undefined : "not Ready",
    node.cordoned ? "stays cordoned" : undefined,
    undecidedNote(node.undecided.length),
  ];
  return notes.filter((note) => note !== undefined).join(", ") || "-";
}

function undecidedNote(count: number): string | undefined {
  if (count === 0) return undefined;
  return count === 1 ? "1 pod stops the drain" : `${count} pods stop the drain`;
}

function findings(view: PlanView, paint: Paint): string {
  const lines = [
    ...view.blockers.map((finding) => `${paint("bad", "BLOCKED")}   ${findingLine(finding)}`),
    ...view.warnings.map((finding) => `${paint("busy", "WARNING")}   ${findingLine(finding)}`),
    ...view.infos.map((finding) => `${paint("dim", "INFO")}      ${findingLine(finding)}`),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

/** "node n2: what is wrong; what to do" */
export function findingLine({ where, what, cure }: Finding): string {
  return escapeText(`${where === "" ? "" : `${where}: `}${what}${cure === "" ? "" : `; ${cure}`}`);
}

function verdict(view: PlanView, paint: Paint): string {
  if (view.ready) {
    const file = view.manifests === null ? " -f FILE" : " with the same flags";
    return `${paint("good", "Nothing is in the way.")} Begin with: ${programName} start --target ${view.target}${file}\n`;
  }
  const count = view.blockers.length;
  return `${paint("bad", `${count} thing${count === 1 ? " is" : "s are"} in the way.`)} Nothing was changed.\n`;
}
