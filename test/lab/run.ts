import { spawn } from "node:child_process";
import { constants } from "node:os";
import { LabError } from "./errors.ts";

export interface RunResult {
  /** Exit code; 128 + n when signal n ended it, 127 when it could not be started. */
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** Given to standard input, which is closed after it. */
  input?: string | undefined;
  cwd?: string | undefined;
  /** Added to this process's environment. */
  env?: Readonly<Record<string, string>> | undefined;
}

/** Runs a program (never through a shell) to its end. Does not throw for its failure: look at `code`. */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [file = "", ...args] = argv;
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    // A program may end without reading its input; that is its right, and its exit code tells the rest.
    child.stdin.on("error", () => {});
    child.stdin.end(options.input ?? "");
    child.on("error", (error) => resolve({ code: 127, stdout: "", stderr: error.message }));
    child.on("close", (code, signal) => {
      resolve({
        code: code ?? 128 + constants.signals[signal ?? "SIGTERM"],
        stdout: Buffer.concat(stdout).toString("utf8"),
        stderr: Buffer.concat(stderr).toString("utf8"),
      });
    });
  });
}

/** Like `run`, and gives standard output; throws a LabError with the last line of standard error when it fails. */
export async function must(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await run(argv, options);
  if (result.code !== 0) throw new LabError(`${argv.join(" ")} failed: ${lastLine(result)}`, { exitCode: 1 });
  return result.stdout;
}

/** The last line a failed program wrote: where most programs put the reason. */
export function lastLine(result: RunResult): string {
  const lines = `${result.stdout}\n${result.stderr}`.trim().split("\n");
  return lines.at(-1)?.trim() || `exit code ${result.code}`;
}

/** Waits until `holds` gives something other than undefined or false; undefined when the time is over. For files and sockets: nothing to watch there. */
export async function poll<T>(
  holds: () => T | undefined | false | Promise<T | undefined | false>,
  limits: { timeoutMs: number; intervalMs?: number },
): Promise<T | undefined> {
  const end = performance.now() + limits.timeoutMs;
  for (;;) {
    const value = await holds();
    if (value !== undefined && value !== false) return value;
    if (performance.now() >= end) return undefined;
    await new Promise((resolve) => setTimeout(resolve, limits.intervalMs ?? 100));
  }
}
