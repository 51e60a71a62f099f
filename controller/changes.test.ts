import { describe, expect, it } from "vitest";
import { inverse, missing } from "./changes.ts";

describe("missing", () => {
  it.each([
    ["nothing when all is there", { spec: { a: 1, b: [1] } }, { spec: { a: 1, b: [1] } }, undefined],
    ["only the fields that differ", { spec: { a: 1, b: 2 } }, { spec: { a: 1, b: 3 } }, { spec: { b: 3 } }],
    ["all when there is nothing", undefined, { spec: { a: 1 } }, { spec: { a: 1 } }],
    ["null only for what is there", { a: { x: 1 } }, { a: { x: null, y: null } }, { a: { x: null } }],
    ["a list as one value", { l: [1, 2] }, { l: [1] }, { l: [1] }],
  ])("%s", (_title, existing, wanted, expected) => {
    expect(missing(existing, wanted)).toEqual(expected);
  });
});

describe("inverse", () => {
  it("puts back previous values and takes away what was not there", () => {
    const existing = {
      spec: { updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1 } }, sel: {} },
    };
    const patch = { spec: { updateStrategy: { type: "OnDelete", rollingUpdate: null }, sel: { network: "flannel" } } };

    expect(inverse(existing, patch)).toEqual({
      spec: { updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1 } }, sel: { network: null } },
    });
  });
});
