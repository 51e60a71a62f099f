import { expect, test } from "vitest";
import { lastLine, must, poll, run } from "./run.ts";

test("input goes in, both outputs and the code come out", async () => {
  const result = await run(["sh", "-c", "cat; echo bad >&2; exit 3"], { input: "in" });
  expect(result).toEqual({ code: 3, stdout: "in", stderr: "bad\n" });
});

test("a program that is not there is a result, not a crash", async () => {
  expect((await run(["no-such-program-here"])).code).toBe(127);
});

test.each([
  ["KILL", 137],
  ["SEGV", 139],
])("the code of a program that SIG%s has ended says so", async (signal, code) => {
  expect((await run(["sh", "-c", `kill -${signal} $$`])).code).toBe(code);
});

test("must names the command and its last words", async () => {
  await expect(must(["sh", "-c", "echo one; echo two >&2; exit 1"])).rejects.toThrow(/^sh -c .* failed: two$/);
});

test("a silent failure still says something", () => {
  expect(lastLine({ code: 4, stdout: "", stderr: "" })).toBe("exit code 4");
});

test("poll gives the first value, or undefined when the time is over", async () => {
  let asked = 0;
  expect(await poll(() => (++asked === 3 ? "third" : undefined), { timeoutMs: 1000, intervalMs: 1 })).toBe("third");
  expect(await poll(() => false, { timeoutMs: 5, intervalMs: 1 })).toBeUndefined();
});
