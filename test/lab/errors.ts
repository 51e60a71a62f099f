/**
 * A lab problem as a person should read it: one line that says what is wrong, where, and what to do about it.
 * `exitCode` follows the plugin's table: 2 = the request or the machine is not fit, 1 = it was tried and failed.
 */
export class LabError extends Error {
  override readonly name = "LabError";
  readonly exitCode: 1 | 2;

  constructor(line: string, options: { exitCode?: 1 | 2; cause?: unknown } = {}) {
    super(line, options.cause === undefined ? undefined : { cause: options.cause });
    this.exitCode = options.exitCode ?? 2;
  }
}

/** Takes one line about what goes on. Long work says what it does when it starts, and how long it took when it ends. */
export type Progress = (line: string) => void;

/** Progress for people: standard error, so that standard output stays data. */
export const toStderr: Progress = (line) => process.stderr.write(`${line}\n`);

/** Runs `work` between two progress lines, the second with the seconds it took. */
export async function timed<T>(progress: Progress, what: string, done: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  progress(what);
  const result = await work();
  progress(`${done} in ${seconds(start)}`);
  return result;
}

/** Time since `start` (a `performance.now()`), e.g. "3.2 s" or "92 s". */
export function seconds(start: number): string {
  const value = (performance.now() - start) / 1000;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} s`;
}
