import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Difference, difference, withDifference } from "./difference.ts";

describe("plugin/finalize/difference", () => {
  const leaf = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom("a", "b"), fc.boolean());
  const keys = fc.constantFrom("x", "y", "z");
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.dictionary(keys, tie("tree"), { maxKeys: 3 }),
      fc.array(leaf, { maxLength: 3 }),
      fc
        .uniqueArray(fc.record({ name: keys, value: tie("tree") }), { selector: ({ name }) => name, maxLength: 3 })
        .map((items) => items as unknown[]),
    ),
  }));
  const json = (value: unknown): unknown => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));

  it("makes the one of the other, and nothing where they are equal", () => {
    fc.assert(
      fc.property(tree, tree, (given, wanted) => {
        const [from, to] = [json(given), json(wanted)];
        const change = difference(from, to);
        expect(change === undefined ? from : withDifference(from, change)).toEqual(to);
        expect(difference(to, structuredClone(to))).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });

  it("made a second time changes nothing more, also read back from JSON", () => {
    fc.assert(
      fc.property(tree, tree, (given, wanted) => {
        const change = difference(json(given), json(wanted));
        if (change === undefined) return;
        const once = withDifference(json(given), json(change) as Difference);
        expect(withDifference(once, change)).toEqual(once);
      }),
      { numRuns: 500 },
    );
  });

  it("leaves alone what somebody else changed: an image, a variable, a container of their own", () => {
    const spec = (containers: object[], rest: object = {}) => ({ spec: { containers, ...rest } });
    const during = spec([{ name: "node", image: "node:1", env: [{ name: "A", value: "1" }] }], {
      selector: { ours: "x" },
    });
    const final = spec([
      { name: "init", image: "init:1" },
      { name: "node", image: "node:1", env: [{ name: "A", value: "2" }] },
    ]);
    const edited = spec(
      [
        {
          name: "node",
          image: "node:2",
          env: [
            { name: "A", value: "1" },
            { name: "B", value: "7" },
          ],
        },
        { name: "theirs" },
      ],
      { selector: { ours: "x", theirs: "y" } },
    );

    expect(withDifference(edited, difference(during, final) as Difference)).toEqual(
      spec([
        { name: "init", image: "init:1" },
        {
          name: "node",
          image: "node:2",
          env: [
            { name: "A", value: "2" },
            { name: "B", value: "7" },
          ],
        },
        { name: "theirs" },
      ]),
    );
  });
});
