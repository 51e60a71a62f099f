import type { Check } from "./checks.ts";
import type { ProbeCheck } from "./spec.ts";
import { reasonOf } from "./wire.ts";

export interface Clock {
  /** Milliseconds, of any start. */
  now(): number;
  sleep(milliseconds: number): Promise<void>;
}

/**
 * Part of the deadline a check may go on failing before it counts: a route may be programmed a moment after the agent is
 * ready. Two seconds of the usual ten.
 */
const windowShare = 1 / 5;
/** Time of the first attempt, as part of the window. It doubles with each up to the whole window. */
const firstAttemptShare = 1 / 8;
const pauseMs = 100;

/**
 * Runs all checks at once. One that fails is tried again until its window is over: with short attempts at first, so that a
 * lost packet costs little, with long ones at last, so that a slow answer is still heard. Takes half the deadline at most.
 */
export function runChecks(checks: readonly Check[], deadlineSeconds: number, clock: Clock): Promise<ProbeCheck[]> {
  const windowMs = deadlineSeconds * 1000 * windowShare;
  return Promise.all(checks.map((check) => runCheck(check, windowMs, clock)));
}

async function runCheck({ path, kind, attempt }: Check, windowMs: number, clock: Clock): Promise<ProbeCheck> {
  const start = clock.now();
  const elapsed = () => Math.round(clock.now() - start);
  for (let tries = 1, limitMs = windowMs * firstAttemptShare; ; tries++, limitMs = Math.min(2 * limitMs, windowMs)) {
    try {
      const detail = await attempt(limitMs);
      return { path, kind, ok: true, detail, ms: elapsed(), tries };
    } catch (error) {
      if (elapsed() >= windowMs) return { path, kind, ok: false, detail: reasonOf(error), ms: elapsed(), tries };
      await clock.sleep(pauseMs);
    }
  }
}
