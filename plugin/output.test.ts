import { describe, expect, it } from "vitest";
import { escapeText, fields, painter, serialize, someOf, span, table } from "./output.ts";

describe("plugin/output", () => {
  it.each([
    ["ESC", "a\u001b[31mb", "a\\u001b[31mb"],
    ["carriage return and newline", "a\r\nb", "a\\u000d\\u000ab"],
    ["an OSC 8 link", "\u001b]8;;http://x\u0007y", "\\u001b]8;;http://x\\u0007y"],
    ["a C1 control", "\u009b2J", "\\u009b2J"],
    ["right-to-left override", "a\u202eb", "a\\u202eb"],
    ["zero width space", "a\u200bb", "a\\u200bb"],
    ["a lone surrogate", "a\ud800b", "a\\ud800b"],
    ["nothing else: umlauts, emoji, CJK", "ü 😀 漢", "ü 😀 漢"],
  ])("makes %s visible", (_name, text, expected) => {
    expect(escapeText(text)).toBe(expected);
  });

  it("aligns columns, fills empty cells and ends lines without blanks", () => {
    const text = table(
      ["NAME", "STATUS", "WHY"],
      [
        ["a", { text: "Done", tone: "good" }, ""],
        ["longer", "", "x"],
      ],
      painter(false),
    );

    expect(text).toBe("NAME     STATUS   WHY\na        Done     <none>\nlonger   <none>   x\n");
  });

  it("colours a cell without moving the columns behind it", () => {
    const text = table(["A", "B"], [[{ text: "bad", tone: "bad" }, "x"]], painter(true));

    expect(text).toBe("A     B\n\u001b[31mbad\u001b[39m   x\n");
  });

  it("escapes what a cell holds", () => {
    expect(table(["A"], [["x\u001b[2J"]], painter(true))).toBe("A\nx\\u001b[2J\n");
  });

  it("leaves out fields without a value", () => {
    expect(
      fields(
        [
          ["Name", "x"],
          ["Nothing", undefined],
          ["Empty", ""],
          ["Longer", "y"],
        ],
        painter(false),
      ),
    ).toBe("Name:     x\nLonger:   y\n");
  });

  it.each([
    [0, "0s"],
    [-3, "0s"],
    [59.4, "59s"],
    [60, "1m"],
    [190, "3m10s"],
    [7_500, "2h5m"],
    [356_400, "4d3h"],
  ])("shows %d seconds as %s", (seconds, expected) => {
    expect(span(seconds)).toBe(expected);
  });

  it("names a few of many", () => {
    expect(someOf(["a", "b", "c"])).toBe("a, b, c");
    expect(someOf(["a", "b", "c", "d", "e"])).toBe("a, b, c and 2 more");
  });

  it("keeps hostile text and large numbers of JSON as they are", () => {
    const value = { name: "\u202e", list: [1, "1"] };

    expect(JSON.parse(serialize("json", [value]))).toEqual(value);
    expect(serialize("yaml", [{ a: 1 }, { b: "2" }])).toBe('a: 1\n---\nb: "2"\n');
  });
});
