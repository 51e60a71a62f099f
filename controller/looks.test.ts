import { expect, it } from "vitest";
import { FakeClock } from "../kube/testing/fake-clock.ts";
import { Looks } from "./looks.ts";

it("says when a look is due again, key by key", () => {
  const clock = new FakeClock();
  const looks = new Looks(clock);
  looks.note("a");
  clock.freeze(4);
  looks.note("b");

  expect([looks.dueInSeconds("a", 10), looks.dueInSeconds("b", 10), looks.dueInSeconds("c", 10)]).toEqual([
    6,
    10,
    undefined,
  ]);
  clock.freeze(7);
  expect(looks.dueInSeconds("a", 10)).toBe(-1);
  looks.forget("a");
  expect(looks.dueInSeconds("a", 10)).toBeUndefined();
});
