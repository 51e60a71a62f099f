import { describe, expect, it } from "vitest";
import { recoveries } from "./controllers.ts";

describe("test/lab/controllers", () => {
  const at = (seconds: number) => new Date(1_000_000 + seconds * 1000);
  const kill = (seconds: number) => ({ at: at(seconds), node: "n1" });

  it("a recovery lasts until the next write that is not one under way when the kill came", () => {
    expect(recoveries([kill(0), kill(20)], [at(-1), at(0.4), at(12), at(13), at(20.9), at(21.5)])).toEqual([12, 1.5]);
  });

  it("a kill after the last write has nothing to recover", () => {
    expect(recoveries([kill(5)], [at(1), at(5.5)])).toEqual([]);
  });
});
