import { ConfigError } from "../kube/connection.ts";
import { ApiError } from "../kube/errors.ts";
import { escapeText } from "./output.ts";

/** What the process ends with. The migration itself goes on in the cluster whatever this says. */
export const exitCodes = { done: 0, failed: 1, usage: 2, blocked: 3, timeout: 124, interrupted: 130 } as const;

export type FailureKind = Exclude<keyof typeof exitCodes, "done">;

/** The one error of the commands: a line for the user (what, where, what to do), and a kind that is the exit code. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
  }
}

/** Bad usage or bad input: refused before anything is sent (exit 2). */
export function usageError(message: string): CliError {
  return new CliError("usage", message);
}

/** The cluster is not fit for it: refused before anything is written (exit 3). */
export function blockedError(message: string): CliError {
  return new CliError("blocked", message);
}

/** An error as one line without control characters, and the exit code it means. */
export function describeError(error: unknown): { line: string; exitCode: number } {
  if (error instanceof CliError) return { line: oneLine(error.message), exitCode: exitCodes[error.kind] };
  if (error instanceof ConfigError) return { line: oneLine(error.message), exitCode: exitCodes.failed };
  if (error instanceof ApiError) return { line: oneLine(describeApiError(error)), exitCode: exitCodes.failed };
  const message = error instanceof Error ? error.message : String(error);
  return {
    line: oneLine(`unexpected failure: ${message}; set CNI_MIGRATE_DEBUG=1 to see where`),
    exitCode: exitCodes.failed,
  };
}

/** What an answer of the API server, or the lack of one, means to the person at the keyboard. */
function describeApiError(error: ApiError): string {
  if (error.status === 0) return `Unable to connect to the server: ${error.message}`;
  if (error.status === 401)
    return `the API server refuses the credentials: ${error.message}; renew them, or choose others with --context or --token`;
  return `the API server answers: ${error.message}`;
}

function oneLine(text: string): string {
  return escapeText(text.trim().replace(/\s*\n\s*/g, " "));
}
