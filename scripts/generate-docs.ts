import { migrationConditions, nodeConditions, nodeSteps, type Reason, reasons } from "../crds/vocabulary.ts";

type Conditions = Record<string, { readonly summary: string; readonly reasons: readonly Reason[] }>;

const notice = "<!-- Made by `npm run generate` from crds/vocabulary.ts and crds/reasons.ts. Do not edit. -->";

/** docs/steps.md: what happens to a node, in order. */
export function stepsPage(): string {
  const rows = nodeSteps.map((step) => [step.name, step.what, "condition" in step ? step.condition : ""]);
  return page([
    notice,
    "# Steps of a node",
    "A node goes through these steps in this order. `kubectl get nodemigrations` shows the step each node is in; `status.steps` of a NodeMigration holds when each step began and ended.",
    table(["Step", "What is done", "Condition that is True when done"], rows),
    "A network may have nothing to do in a step. None adds a step of its own.",
  ]);
}

/** docs/troubleshooting.md: one heading a reason. */
export function troubleshootingPage(): string {
  const names = Object.keys(reasons).sort() as Reason[];
  return page([
    notice,
    "# Troubleshooting",
    "Every condition and Event carries a reason, one of the words below. Its message names the object it is about. To find it:",
    [
      "```",
      "kubectl get cnimigrations -o wide     # STATUS and MESSAGE of the migration",
      "kubectl get nodemigrations -o wide    # the step of each node and what blocks it",
      "kubectl describe cnimigration NAME    # all conditions and Events",
      "```",
    ].join("\n"),
    "Capital words stand for names the message gives.",
    "## Conditions of a CniMigration",
    conditionTable(migrationConditions),
    "## Conditions of a NodeMigration",
    conditionTable(nodeConditions),
    "## Reasons",
    ...names.flatMap(reasonSection),
  ]);
}

function conditionTable(conditions: Conditions): string {
  return table(
    ["Condition", "True means"],
    Object.entries(conditions).map(([type, { summary }]) => [type, summary]),
  );
}

function reasonSection(reason: Reason): string[] {
  const { when, fix } = reasons[reason];
  return [`### ${reason}`, `Seen when ${when}.`, `To fix: ${fix}.`, usedBy(reason)];
}

function usedBy(reason: Reason): string {
  const types = (conditions: Conditions) =>
    Object.entries(conditions)
      .filter(([, condition]) => condition.reasons.includes(reason))
      .map(([type]) => type)
      .join(", ");
  const kinds = [
    ["CniMigration", types(migrationConditions)],
    ["NodeMigration", types(nodeConditions)],
  ].filter(([, list]) => list !== "");
  return kinds.map(([kind, list]) => `${kind}: ${list}.`).join(" ");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function page(blocks: readonly string[]): string {
  return `${blocks.join("\n\n")}\n`;
}
