import { closeSync, constants, openSync, writeSync } from "node:fs";
import { parseArgs } from "node:util";
import { type HostDeps, realDeps } from "./deps.ts";
import { renderResult } from "./result.ts";
import { runHostTask } from "./task.ts";

/** Where the kubelet reads a container's last words. Made by the container runtime; not made here. */
const terminationLog = "/dev/termination-log";

/**
 * `host-task --ops JSON [--root DIR]`: carries the operations out and leaves the result, as JSON, in the
 * termination message and on stdout. Gives the exit code: 0 done, 1 an operation failed, 2 bad input.
 */
export async function runHostTaskMain(argv: readonly string[], overrides: Partial<HostDeps> = {}): Promise<number> {
  const input = readArguments(argv);
  if ("problem" in input) return conclude({ ok: false, error: { op: "input", message: input.problem }, elapsedMs: 0 });
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  process.once("SIGTERM", onSignal);
  try {
    return conclude(await runHostTask(input.ops, realDeps({ root: input.root, stop: stop.signal, ...overrides })));
  } finally {
    process.off("SIGTERM", onSignal);
  }
}

function conclude(result: Parameters<typeof renderResult>[0]): number {
  leaveMessage(renderResult(result));
  if (result.ok) return 0;
  return result.error?.op === "input" ? 2 : 1;
}

/** Writes to stdout and, in a pod, to the termination message. */
export function leaveMessage(text: string): void {
  process.stdout.write(`${text}\n`);
  try {
    const file = openSync(terminationLog, constants.O_WRONLY | constants.O_TRUNC);
    writeSync(file, text);
    closeSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT")
      process.stderr.write(`${terminationLog}: ${String(error)}\n`);
  }
}

function readArguments(argv: readonly string[]): { ops: unknown; root: string } | { problem: string } {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: { ops: { type: "string" }, root: { type: "string" } },
    });
    return { ops: JSON.parse(values.ops ?? ""), root: values.root ?? "/" };
  } catch (error) {
    return { problem: `the arguments are not --ops JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
}
