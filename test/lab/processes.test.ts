import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { endAll, identify, isAlive, parseStartTime } from "./processes.ts";

const fields = (state: string) => `${state} 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21`;

test("the start time is found behind any command name", () => {
  expect(parseStartTime(`42 (bash) ${fields("S")}`)).toBe("4711");
  expect(parseStartTime(`42 (a) b (c)) ${fields("R")}`)).toBe("4711");
});

test("a zombie counts as gone", () => {
  expect(parseStartTime(`42 (bash) ${fields("Z")}`)).toBeUndefined();
});

test("a process that took over the number of a recorded one is left alone", async () => {
  const child = spawn("sleep", ["60"]);
  await once(child, "spawn");
  const record = identify(child.pid ?? 0);
  if (record === undefined) throw new Error("the child has no /proc entry");

  expect(await endAll([{ ...record, startTime: "1" }])).toEqual([]);
  expect(await endAll([{ ...record, bootId: "another boot" }])).toEqual([]);
  expect(isAlive(record)).toBe(true);

  expect(await endAll([record])).toEqual([]);
  expect(isAlive(record)).toBe(false);
});
