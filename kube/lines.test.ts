import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LineSplitter } from "./lines.ts";

function feed(splitter: LineSplitter, bytes: Buffer, cuts: readonly number[]): string[] {
  const ends = [...new Set([...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b);
  let start = 0;
  return ends.flatMap((end) => {
    const lines = [...splitter.push(bytes.subarray(start, end))];
    start = end;
    return lines;
  });
}

describe("LineSplitter", () => {
  it("gives the same lines wherever the bytes are cut, within characters too", () => {
    const line = fc
      .string({ unit: "grapheme", minLength: 1 })
      .filter((text) => text.trim() === text && !/[\r\n]/.test(text));
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat()), (lines, cuts) => {
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(""));
        expect(feed(new LineSplitter(1 << 20), bytes, cuts)).toEqual(lines);
      }),
    );
  });

  it("bears a line of 10 MB in small pieces", () => {
    const splitter = new LineSplitter(32 << 20);
    const piece = Buffer.alloc(16 << 10, "x");
    const start = performance.now();
    for (let i = 0; i < 640; i++) expect([...splitter.push(piece)]).toEqual([]);

    const [line] = splitter.push(Buffer.from("\n"));

    expect(line).toHaveLength(10 << 20);
    expect(performance.now() - start).toBeLessThan(2000);
  });

  it("leaves out empty lines and keeps what has not ended", () => {
    const splitter = new LineSplitter(100);

    expect([...splitter.push(Buffer.from("a\n\r\n\nb\r\nc"))]).toEqual(["a", "b"]);
    expect(splitter.pending).toBe(1);
  });

  it("throws on a line that grows too long", () => {
    const splitter = new LineSplitter(4);

    expect(() => [...splitter.push(Buffer.from("abcde"))]).toThrow(RangeError);
  });
});
