import { CliError, usageError } from "./errors.ts";
import type { Io } from "./io.ts";

/**
 * Asks before acting; returns when the answer is yes. Where nobody can answer it never waits: a usage error says to pass -y.
 */
export async function confirm(io: Io, question: string, yes: boolean): Promise<void> {
  if (yes) return;
  if (!canAsk(io)) throw usageError("there is no terminal to ask on: pass -y (--yes) to go on without a question");
  io.stderr.write(`${question} [y/N] `);
  const answer = (await io.stdin.readLine())?.trim().toLowerCase();
  io.interrupt.throwIfAborted();
  if (answer === "y" || answer === "yes") return;
  throw new CliError("failed", "not confirmed; nothing was changed");
}

export function canAsk(io: Io): boolean {
  return io.stdin.isTTY && io.stderr.isTTY;
}
