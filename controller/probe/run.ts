import type { Check } from "./checks.ts";
import type { ProbeCheck } from "./spec.ts";
import { reasonOf } from "./wire.ts";

export interface Clock {
  /** Milliseconds, of any start. */
  now(): number;
  sleep(milliseconds: number): Promise<void>;
}

/** How long a check may fail before it counts: a route may be programmed a moment after the agent is ready. */
const windowMs = 2_000;
const pauseMs = 100;
/** Longest first attempt. Each further one may take twice as long, the last one what is left of the window. */
const firstAttemptMs = 250;
/** Kept free before the deadline, so that the report is out in time. */
const reserveMs = 200;

/** Runs all checks at once; each is tried again within its window. Takes `deadlineSeconds` at most. */
export function runChecks(checks: readonly Check[], deadlineSeconds: number, clock: Clock): Promise<ProbeCheck[]> {
  const start = clock.now();
  const end = start + Math.min(windowMs, deadlineSeconds * 1000 - reserveMs);
  return Promise.all(checks.map((check) => runCheck(check, start, end, clock)));
}

async function runCheck({ path, kind, attempt }: Check, start: number, end: number, clock: Clock): Promise<ProbeCheck> {
  for (let tries = 1; ; tries++) {
    try {
      const detail = await attempt(attemptMs(tries, end - clock.now()));
      return { path, kind, ok: true, detail, ms: Math.round(clock.now() - start), tries };
    } catch (error) {
      if (clock.now() + pauseMs >= end)
        return { path, kind, ok: false, detail: reasonOf(error), ms: Math.round(clock.now() - start), tries };
      await clock.sleep(pauseMs);
    }
  }
}

/** Short at first, so that one lost packet costs little; then longer, so that a slow answer is still heard. */
function attemptMs(tries: number, leftMs: number): number {
  const wanted = firstAttemptMs * 2 ** (tries - 1);
  // What would be left for one more attempt is too short to be of use: this one takes it.
  return Math.max(leftMs - wanted < 2 * wanted ? leftMs : wanted, pauseMs);
}
