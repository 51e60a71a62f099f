import { describe, expect, it } from "vitest";
import { cutsOf, groupsOf } from "./runner.ts";

const points = Array.from({ length: 20 }, (_, index) => `p${index}`);

describe("the cuts", () => {
  it("are both of every point, in an order that only the seed decides", () => {
    const cuts = cutsOf(points, 7);

    expect(new Set(cuts.map(({ point, when }) => `${when} ${point}`)).size).toBe(40);
    expect(cutsOf(points, 7)).toEqual(cuts);
    expect(cutsOf(points, 8)).not.toEqual(cuts);
  });

  it("of one run lie in different parts of it, and none is lost", () => {
    const groups = groupsOf(cutsOf(points, 7), points, 4);

    for (const group of groups) {
      const parts = group.map(({ point }) => Math.floor(Number(String(point).slice(1)) / 5));
      expect(new Set(parts).size).toBe(group.length);
    }
    expect(groups.flat()).toHaveLength(40);
    expect(groups).toHaveLength(10);
  });
});
