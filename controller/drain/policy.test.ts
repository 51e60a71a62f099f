import { describe, expect, test } from "vitest";
import { drainPolicy } from "./policy.ts";

describe("drainPolicy", () => {
  test("without settings the defaults of the CRD hold", () => {
    expect(drainPolicy()).toEqual({
      timeoutSeconds: 600,
      gracePeriodSeconds: undefined,
      deleteEmptyDirData: true,
      force: false,
      disableEviction: false,
      ignore: [],
    });
  });

  test.each([
    ["90s", 90],
    ["10m", 600],
    ["1h30m", 5400],
    ["1h1m1s", 3661],
  ])("a timeout of %s is %d seconds", (timeout, seconds) => {
    expect(drainPolicy({ timeout }).timeoutSeconds).toBe(seconds);
  });

  test.each([
    [-1, undefined],
    [0, 0],
    [30, 30],
  ])("a grace period of %d is %s", (gracePeriodSeconds, expected) => {
    expect(drainPolicy({ gracePeriodSeconds }).gracePeriodSeconds).toBe(expected);
  });
});
