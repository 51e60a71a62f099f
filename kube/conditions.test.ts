import { describe, expect, it } from "vitest";
import { isTrue, setCondition } from "./conditions.ts";

const early = new Date("2030-01-01T00:00:00.123Z");
const late = new Date("2030-01-01T01:00:00Z");
const drained = { type: "Drained", status: "True", reason: "Done", message: "" } as const;

describe("setCondition", () => {
  it("adds a condition with the time in whole seconds", () => {
    expect(setCondition(undefined, drained, early)).toEqual([
      { ...drained, lastTransitionTime: "2030-01-01T00:00:00Z" },
    ]);
  });

  it("keeps the time while the status stays, and takes over the rest", () => {
    const before = setCondition([], drained, early);

    const after = setCondition(before, { ...drained, reason: "Again", message: "m", observedGeneration: 2 }, late);

    expect(after).toEqual([
      { ...drained, reason: "Again", message: "m", observedGeneration: 2, lastTransitionTime: "2030-01-01T00:00:00Z" },
    ]);
    expect(before[0]?.reason).toBe("Done");
  });

  it("takes the new time when the status changes, in the same place of the list", () => {
    const before = setCondition(setCondition([], drained, early), { ...drained, type: "Cordoned" }, early);

    const after = setCondition(before, { ...drained, status: "False" }, late);

    expect(after.map((c) => [c.type, c.status, c.lastTransitionTime])).toEqual([
      ["Drained", "False", "2030-01-01T01:00:00Z"],
      ["Cordoned", "True", "2030-01-01T00:00:00Z"],
    ]);
  });
});

describe("isTrue", () => {
  it.each([
    ["True", true],
    ["False", false],
    ["Unknown", false],
  ])("status %s: %s", (status, expected) => {
    expect(isTrue([{ type: "Ready", status }], "Ready")).toBe(expected);
  });

  it("is false for a condition that is missing", () => {
    expect(isTrue(undefined, "Ready")).toBe(false);
  });
});
