import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { nodeConditions, reasons, nodeSteps as vocabulary } from "../../crds/index.ts";
import type { NodeStep } from "./context.ts";
import { nextStep, nodeSteps, stepByName } from "./steps.ts";

const steps: readonly NodeStep[] = nodeSteps;

describe("the steps of a node", () => {
  it("are those users read of, in their order, Pending and Done aside", () => {
    const named = vocabulary.map((step) => step.name).filter((name) => name !== "Pending" && name !== "Done");
    expect(steps.map((step) => step.name)).toEqual(named);
  });

  it("bring about the conditions users read of", () => {
    const told = Object.fromEntries(vocabulary.map((step) => [step.name, "condition" in step ? step.condition : ""]));
    for (const step of steps) expect(step.condition ?? "", step.name).toBe(told[step.name]);
  });

  it.each(steps.map((step) => [step.name, step] as const))(
    "%s says how it is taken back, or why it need not be",
    (_name, { undo }) => {
      const named = steps.some((step) => undo.startsWith(step.name));
      const told = undo.startsWith("none needed: ") || undo.split(" ").length > 4;
      expect(named || told, undo).toBe(true);
    },
  );

  it.each(steps.map((step) => [step.name, step] as const))(
    "%s has a limit and a reason its condition may carry",
    (_name, { limitSeconds, limitReason, condition }) => {
      expect(limitSeconds).toBeGreaterThan(0);
      const allowed: readonly string[] =
        nodeConditions[(condition ?? "Stalled") as keyof typeof nodeConditions].reasons;
      expect(allowed).toContain(limitReason);
      expect(nodeConditions.Stalled.reasons as readonly string[]).toContain(limitReason);
    },
  );

  it("disturb the node only before it is switched", () => {
    expect(steps.filter((step) => step.disruptive).map((step) => step.name)).toEqual([
      "Cordon",
      "Drain",
      "LeaveSource",
    ]);
  });

  it("lead one to the next, the last to Done", () => {
    const walked = ["Cordon"];
    while (walked.length < 20 && walked.at(-1) !== "Done") walked.push(nextStep(walked.at(-1) as NodeStep["name"]));
    expect(walked).toEqual([...steps.map((step) => step.name), "Done"]);
  });

  it("have nothing to run before the first and after the last", () => {
    expect(stepByName("Pending")).toBeUndefined();
    expect(stepByName("Done")).toBeUndefined();
    expect(stepByName("Drain")).toBe(nodeSteps[1]);
  });

  it("give no reason that users could not look up", () => {
    const used = reasonsIn(["node", "migration", "."]);
    expect(used.length).toBeGreaterThan(20);
    expect(used.filter((reason) => !Object.hasOwn(reasons, reason))).toEqual([]);
  });
});

/** Words in the source that are given as a reason: of an error, a wait, a step that is done, a condition. */
function reasonsIn(folders: readonly string[]): string[] {
  const patterns = [
    /new MigrationError\(\s*"(\w+)"/g,
    /\breason: "(\w+)"/g,
    /\b(?:done|wait)\(\s*"(\w+)"/g,
    /limitReason: "(\w+)"/g,
    /\["\w+", "(?:True|False|Unknown)", "(\w+)"/g,
  ];
  const texts = folders.flatMap((folder) => {
    const directory = new URL(`../${folder}/`, import.meta.url);
    const names = readdirSync(directory).filter((name) => /^[\w-]+\.ts$/.test(name));
    return names.map((name) => readFileSync(new URL(name, directory), "utf8"));
  });
  return texts.flatMap((text) => patterns.flatMap((pattern) => [...text.matchAll(pattern)].map((m) => m[1] ?? "")));
}
