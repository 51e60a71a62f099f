import { describe, expect, it } from "vitest";
import type { NodeMigration } from "../../crds/index.ts";
import { MigrationError } from "../errors.ts";
import { condition, nodeMigration } from "../testing.ts";
import type { NodeStatus, NodeStep } from "./context.ts";
import { nodeSteps, stepByName } from "./steps.ts";
import { type Outcome, outcomeOf, statusAfter, statusForRetry } from "./view.ts";

const began = "2030-01-01T00:00:00.000Z";
const now = new Date("2030-01-01T00:01:00Z");
const stamp = "2030-01-01T00:01:00Z";

function step(name: NodeStep["name"]): NodeStep {
  const found = stepByName(name);
  if (found === undefined) throw new Error(`no step ${name}`);
  return found;
}

/** A node in a step that began a minute ago. */
function inStep(name: NodeStep["name"], status: NodeStatus = {}): NodeMigration {
  return nodeMigration("n1", name, { status: { steps: [{ name, startTime: began }], ...status } });
}

/** The status as the next pass would read it. */
function withStatus(of: NodeMigration, status: NodeStatus): NodeMigration {
  return { ...of, status };
}

const said = (status: NodeStatus, type: string) => {
  const found = status.conditions?.find((c) => c.type === type);
  return found === undefined ? undefined : `${found.status} ${found.reason}: ${found.message}`;
};

const done = (next: NodeStep["name"]): Outcome => ({ kind: "done", reason: "Drained", message: "all left", next });
const wait: Outcome = { kind: "wait", reason: "Draining", message: "2 pods are to leave" };
const failed: Outcome = { kind: "failed", reason: "DrainTimeout", message: "took too long; mend that" };

describe("statusAfter", () => {
  it.each<[string, Outcome, { summary: string; message: string; step: string } & Record<string, string | undefined>]>([
    [
      "a step that is done: the next begins",
      done("LeaveSource"),
      {
        step: "LeaveSource",
        summary: "LeaveSource",
        message: "all left",
        Drained: "True Drained: all left",
        Stalled: "False Progressing: ",
        Reconciling: "True Progressing: LeaveSource begins",
        Succeeded: undefined,
      },
    ],
    [
      "a step that waits: nothing but the reason",
      wait,
      {
        step: "Drain",
        summary: "Drain",
        message: "2 pods are to leave",
        Drained: undefined,
        Stalled: "False Progressing: ",
        Reconciling: "True Draining: 2 pods are to leave",
        Succeeded: undefined,
      },
    ],
    [
      "a step that failed: the node is stalled where it is",
      failed,
      {
        step: "Drain",
        summary: "Stalled",
        message: "took too long; mend that",
        Drained: "False DrainTimeout: took too long; mend that",
        Stalled: "True DrainTimeout: took too long; mend that",
        Reconciling: "False DrainTimeout: took too long; mend that",
        Succeeded: "False DrainTimeout: took too long; mend that",
      },
    ],
  ])("shows %s", (_title, outcome, expected) => {
    const after = statusAfter(inStep("Drain"), step("Drain"), outcome, {}, now);
    const { step: at, summary, message, ...conditions } = expected;

    expect([after.step, after.summary, after.message]).toEqual([at, summary, message]);
    for (const [type, text] of Object.entries(conditions)) expect(said(after, type), type).toBe(text);
    expect(after.observedGeneration).toBe(1);
  });

  it("ends a step's time where the next one's begins", () => {
    const after = statusAfter(inStep("Drain"), step("Drain"), done("LeaveSource"), {}, now);

    expect(after.steps).toEqual([
      { name: "Drain", startTime: began, completionTime: now.toISOString() },
      { name: "LeaveSource", startTime: now.toISOString() },
    ]);
  });

  it("keeps a step's times once while it waits or has failed", () => {
    for (const outcome of [wait, failed])
      expect(statusAfter(inStep("Drain"), step("Drain"), outcome, {}, now).steps).toEqual([
        { name: "Drain", startTime: began },
      ]);
  });

  it("after the last step is Done and Succeeded", () => {
    const after = statusAfter(inStep("Uncordon"), step("Uncordon"), done("Done"), {}, now);

    expect([after.step, after.summary]).toEqual(["Done", "Done"]);
    expect(said(after, "Succeeded")).toBe("True Succeeded: the node is on its new network");
    expect(said(after, "Reconciling")).toBe("False Succeeded: ");
    expect(after.steps).toEqual([{ name: "Uncordon", startTime: began, completionTime: now.toISOString() }]);
  });

  it.each([
    ["open again, which we had cordoned", true, "False Uncordoned: schedulable again"],
    ["cordoned, as a person had left it", false, "True Cordoned: was cordoned before"],
  ])("leaves the node %s", (_title, cordonedByUs, expected) => {
    const conditions = [condition("Cordoned", "True", "Cordoned", "was cordoned before")];
    const outcome: Outcome = { kind: "done", reason: "Uncordoned", message: "schedulable again", next: "Done" };

    const after = statusAfter(inStep("Uncordon", { conditions, cordonedByUs }), step("Uncordon"), outcome, {}, now);

    expect(said(after, "Cordoned")).toBe(expected);
  });

  it("names every step once from the first to the last, whichever is tried again", () => {
    let nm = inStep("Cordon");
    for (const [index, current] of nodeSteps.entries()) {
      nm = withStatus(nm, statusAfter(nm, current, failed, {}, now));
      nm = withStatus(nm, statusForRetry(nm, now));
      if (nm.status?.step !== current.name)
        nm = withStatus(nm, statusAfter(nm, step("Cordon"), done("Drain"), {}, now));
      nm = withStatus(nm, statusAfter(nm, current, wait, {}, now));
      nm = withStatus(nm, statusAfter(nm, current, done(nodeSteps[index + 1]?.name ?? "Done"), {}, now));
    }

    expect(nm.status?.steps?.map((s) => s.name)).toEqual(nodeSteps.map((s) => s.name));
    expect(nm.status?.steps?.every((s) => s.completionTime !== undefined)).toBe(true);
    expect(nm.status?.step).toBe("Done");
  });

  it.each([
    ["waits", wait],
    ["has failed", failed],
  ])("says the same when the same is seen again, a step that %s", (_title, outcome) => {
    const seen = { drain: { pending: [{ namespace: "shop", name: "cart-0" }] } };
    const once = statusAfter(inStep("Drain"), step("Drain"), outcome, seen, now);
    const twice = statusAfter(withStatus(inStep("Drain"), once), step("Drain"), outcome, seen, new Date("2030-01-02"));

    expect(twice).toEqual(once);
  });

  it("dates a condition by its last change", () => {
    const earlier = [condition("Stalled", "False"), condition("Reconciling", "True")];
    const after = statusAfter(inStep("Drain", { conditions: earlier }), step("Drain"), failed, {}, now);

    const dates = Object.fromEntries((after.conditions ?? []).map((c) => [c.type, c.lastTransitionTime]));
    expect(dates).toEqual({ Stalled: stamp, Reconciling: stamp, Drained: stamp, Succeeded: stamp });
    const again = statusAfter(withStatus(inStep("Drain"), after), step("Drain"), failed, {}, new Date("2030-01-02"));
    expect(again.conditions).toEqual(after.conditions);
  });

  it("forgets what was in the way once it is seen no more, and keeps what it found", () => {
    const before = inStep("Drain", {
      drain: { pending: [{ namespace: "shop", name: "cart-0" }] },
      blockedBy: "PodDisruptionBudget shop/cart",
      recycle: [],
      evidence: { removed: ["x"] },
    });

    const after = statusAfter(before, step("Drain"), done("LeaveSource"), {}, now);

    expect(after).not.toHaveProperty("drain");
    expect(after).not.toHaveProperty("blockedBy");
    expect(after).toMatchObject({ recycle: [], evidence: { removed: ["x"] } });
  });

  it("leaves the object it was given as it was", () => {
    const before = inStep("Drain");
    const copy = structuredClone(before);
    statusAfter(before, step("Drain"), done("LeaveSource"), {}, now);
    expect(before).toEqual(copy);
  });
});

describe("statusForRetry", () => {
  it("begins the step anew, as another attempt", () => {
    const stalled = withStatus(inStep("CleanUp"), statusAfter(inStep("CleanUp"), step("CleanUp"), failed, {}, now));
    const later = new Date("2030-01-01T00:02:00Z");

    const after = statusForRetry(stalled, later);

    expect(after).toMatchObject({ step: "CleanUp", summary: "CleanUp", message: "tried again, as asked", attempts: 1 });
    expect(after.steps).toEqual([{ name: "CleanUp", startTime: later.toISOString() }]);
    expect(said(after, "Stalled")).toBe("False Progressing: tried again, as asked");
    expect(said(after, "Reconciling")).toBe("True Progressing: tried again, as asked");
    expect(said(after, "Succeeded")).toBe("Unknown Progressing: tried again, as asked");
    expect(statusForRetry(withStatus(stalled, after), later).attempts).toBe(2);
  });

  it("begins a drain with the cordon, which a drain that stopped has given back", () => {
    const steps = [
      { name: "Cordon" as const, startTime: began, completionTime: began },
      { name: "Drain" as const, startTime: began },
    ];

    const after = statusForRetry(inStep("Drain", { steps }), now);

    expect(after).toMatchObject({ step: "Cordon", summary: "Cordon", attempts: 1 });
    expect(after.steps).toEqual([{ name: "Cordon", startTime: now.toISOString() }]);
  });
});

describe("outcomeOf", () => {
  it.each([
    ["stalled", "failed"],
    ["usage", "failed"],
    ["wait", "wait"],
    ["retry", "wait"],
  ] as const)("an error of kind %s is %s, with message and hint in one line", (kind, expected) => {
    const error = new MigrationError("HostTaskFailed", "switch failed", { kind, hint: "try again" });
    expect(outcomeOf(error)).toEqual({ kind: expected, reason: "HostTaskFailed", message: "switch failed; try again" });
  });
});
