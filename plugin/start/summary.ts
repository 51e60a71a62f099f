import type { Applied } from "../apply.ts";
import { someOf } from "../output.ts";
import { findingLine } from "../plan/render.ts";
import { secondText } from "../plan/second.ts";
import type { PlanView } from "../plan/view.ts";

/** What is about to happen, for the question before it. Pure. */
export function summary(view: PlanView, tried: readonly Applied[]): string {
  const moved = view.nodes.filter((node) => node.skipped === undefined);
  const sum = (kind: "drained" | "recreated") => moved.reduce((total, node) => total + node.pods[kind], 0);
  const changed = tried.filter(({ outcome }) => outcome === "configured").map(({ name }) => name);
  const created = tried.filter(({ outcome }) => outcome === "created").length;
  const changes = changed.length === 0 ? "" : `, ${changed.length} to change (${someOf(changed)})`;
  const batch =
    typeof view.batchSize === "number" ? `${view.batchSize} at a time` : `${view.batchSize} of them at a time`;
  return [
    `${view.name}: ${view.source} to ${view.target}${view.strategy === null ? "" : ` (${view.strategy})`}`,
    ...(view.second === null ? [] : [`own overlay: ${secondText(view.second)}`]),
    `nodes: ${moved.length}, ${batch}: ${someOf(
      moved.map((node) => node.name),
      8,
    )}`,
    `pods: ${sum("drained")} are drained and made anew on other nodes, ${sum("recreated")} are recreated where they are`,
    `objects: ${created} to create${changes}`,
    ...view.warnings.map((finding) => `warning: ${findingLine(finding)}`),
  ]
    .map((line) => `${line}\n`)
    .join("");
}
