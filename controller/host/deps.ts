import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

/** What a program said. `code` 127: there is no such program. */
export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}

/** All a host task needs from outside. Tests give their own root and clock. */
export interface HostDeps {
  /** Directory where the node's file system is seen: `/host` in the pod. */
  root: string;
  /** Runs a program without a shell; never throws, never reads this process's standard input. */
  run(argv: readonly string[], input?: string): Promise<Finished>;
  /** Milliseconds since 1970. */
  now(): number;
  /** Throws HostError when the pod is being deleted. */
  sleep(milliseconds: number): Promise<void>;
  /** Fires when the pod is being deleted: the operation under way is finished, a wait is given up, none is begun. */
  stop: AbortSignal;
  /** Rename devices as kernels before 6.2 need it: set down first. For tests; such a kernel is recognised without it. */
  renameWhileDown: boolean;
}

/** An expected failure of one operation: the message goes to a person, the stack to nobody. */
export class HostError extends Error {
  override readonly name = "HostError";
}

/** What a task says that was ended before it was done. */
export const stoppedText = "ended before it was done: its pod is being deleted";

/** Longest a single program may take. A full iptables-save of 50,000 rules takes about one second. */
const programTimeoutMs = 60_000;
const programOutputBytes = 256 * 1024 * 1024;

export function realDeps(overrides: Partial<HostDeps> = {}): HostDeps {
  const root = overrides.root ?? "/";
  const stop = overrides.stop ?? new AbortController().signal;
  return {
    root,
    run: (argv, input) => runProgram(argv, input, `${root}/run/xtables.lock`),
    now: Date.now,
    async sleep(milliseconds) {
      try {
        await sleep(milliseconds, undefined, { signal: stop });
      } catch {
        throw new HostError(stoppedText);
      }
    },
    stop,
    renameWhileDown: false,
    ...overrides,
  };
}

/** Runs a program that has to succeed and gives its output; otherwise throws what it said last. */
export async function must(deps: HostDeps, argv: readonly string[], input?: string): Promise<string> {
  const finished = await deps.run(argv, input);
  if (finished.code === 0) return finished.stdout;
  throw new HostError(`${argv.slice(0, 8).join(" ")}: ${lastWords(finished)}`);
}

export function lastWords({ code, stderr }: Finished): string {
  // Tools of iptables end with a hint at their help, after an empty line.
  const said = stderr.split("\n").filter((line) => line.trim() !== "" && !/^Try [`']/.test(line));
  return said.slice(-2).join("; ") || `exit code ${code}`;
}

/** Output of a tool with a JSON option as a list; those tools print nothing at all for an empty one. */
export async function jsonList(deps: HostDeps, argv: readonly string[]): Promise<Record<string, unknown>[]> {
  const text = (await must(deps, argv)).trim();
  if (text === "") return [];
  const value: unknown = JSON.parse(text);
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function runProgram(argv: readonly string[], input: string | undefined, lockFile: string): Promise<Finished> {
  const [program, ...args] = argv;
  const env = { PATH: process.env.PATH ?? "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C", XTABLES_LOCKFILE: lockFile };
  const options = { env, timeout: programTimeoutMs, maxBuffer: programOutputBytes, encoding: "utf8" } as const;
  return new Promise((resolve) => {
    const child = execFile(program ?? "", args, options, (error, stdout, stderr) => {
      if (error === null) return resolve({ code: 0, stdout, stderr });
      if (error.code === "ENOENT") return resolve({ code: 127, stdout, stderr: `the image has no program ${program}` });
      resolve({ code: typeof error.code === "number" ? error.code : 1, stdout, stderr: stderr || error.message });
    });
    child.stdin?.on("error", () => {}); // a program that ends without reading its input says why by itself
    child.stdin?.end(input ?? "");
  });
}
