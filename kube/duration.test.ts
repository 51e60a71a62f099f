import { expect, it } from "vitest";
import { parseDuration } from "./duration.ts";

it.each([
  ["30", 30],
  ["1.5", 1.5],
  ["30s", 30],
  ["5m", 300],
  ["1h30m", 5400],
  ["500ms", 0.5],
  ["0", 0],
  ["", undefined],
  ["5 m", undefined],
  ["-5s", undefined],
  ["5d", undefined],
])('a duration of "%s" is %s s', (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds);
});
