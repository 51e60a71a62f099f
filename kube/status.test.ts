import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mergeDiff } from "./status.ts";

/** RFC 7386, section 2, as the API server does it. */
function applyMerge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const base = typeof target === "object" && target !== null && !Array.isArray(target) ? target : {};
  const result = new Map<string, unknown>(Object.entries(base));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) result.delete(key);
    else result.set(key, applyMerge(result.get(key), value));
  }
  return Object.fromEntries(result);
}

const { tree } = fc.letrec((tie) => ({
  tree: fc.dictionary(fc.constantFrom("a", "b", "c"), fc.oneof({ depthSize: "small" }, tie("leaf"), tie("tree")), {
    maxKeys: 3,
  }),
  leaf: fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.array(fc.integer(), { maxLength: 2 })),
}));

describe("mergeDiff", () => {
  it("makes the one out of the other, whatever they are, and is undefined exactly when they are equal", () => {
    fc.assert(
      fc.property(tree, tree, (from, to) => {
        const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
        const diff = mergeDiff(from, to);
        expect(plain(diff === undefined ? from : applyMerge(from, diff))).toEqual(plain(to));
        expect(diff === undefined).toBe(JSON.stringify(sorted(from)) === JSON.stringify(sorted(to)));
      }),
    );
  });

  it.each([
    ["a field that is gone", { a: 1, b: 2 }, { a: 1 }, { b: null }],
    ["a field that became undefined", { a: 1, b: 2 }, { a: 1, b: undefined }, { b: null }],
    ["a list as one value", { l: [1, 2] }, { l: [1, 3] }, { l: [1, 3] }],
    ["only what changed inside", { n: { a: 1, b: 2 } }, { n: { a: 1, b: 3 } }, { n: { b: 3 } }],
    ["a map in place of a value", { a: 1 }, { a: { b: 2, c: undefined } }, { a: { b: 2 } }],
  ])("gives %s", (_, from, to, expected) => {
    expect(mergeDiff(from, to)).toEqual(expected);
  });
});

function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => [key, sorted(inner)]);
}
