import { describe, expect, it } from "vitest";
import { closingLine, isGood, type Report, sum, tallyOf } from "./tally.ts";

function report(...files: { status: string; tests: string[] }[]): Report {
  return {
    testResults: files.map(({ status, tests }) => ({ status, assertionResults: tests.map((status) => ({ status })) })),
  };
}

describe("tallyOf", () => {
  it.each([
    ["counts each end", report({ status: "failed", tests: ["passed", "failed", "pending", "todo"] }), 1, [1, 1, 2]],
    ["counts a file that does not load as a failure", report({ status: "failed", tests: [] }), 1, [0, 1, 0]],
    ["counts a hook that throws as a failure", report({ status: "failed", tests: ["skipped"] }), 1, [0, 1, 1]],
    ["counts an error outside of any test as a failure", report({ status: "passed", tests: ["passed"] }), 1, [1, 1, 0]],
    ["counts a run without a report as a failure", undefined, 1, [0, 1, 0]],
    ["counts no failure in a good run", report({ status: "passed", tests: ["passed", "passed"] }), 0, [2, 0, 0]],
  ] as const)("%s", (_, input, exitCode, [passed, failed, skipped]) => {
    expect(tallyOf(input, exitCode)).toEqual({ passed, failed, skipped });
  });
});

describe("the closing line", () => {
  it("sums all runs", () => {
    const total = sum([
      { passed: 10, failed: 0, skipped: 1 },
      { passed: 2, failed: 1, skipped: 0 },
    ]);

    expect(closingLine(total)).toBe("12 passed, 1 failed, 1 skipped");
  });

  it.each([
    ["something passed and nothing failed", { passed: 1, failed: 0, skipped: 5 }, true],
    ["nothing ran", { passed: 0, failed: 0, skipped: 0 }, false],
    ["everything was skipped", { passed: 0, failed: 0, skipped: 3 }, false],
    ["one failed", { passed: 9, failed: 1, skipped: 0 }, false],
  ])("when %s, good is as it should be", (_, tally, good) => {
    expect(isGood(tally)).toBe(good);
  });
});
