import { onAbort } from "./signals.ts";

/** Time and chance as parameters, so that tests decide both. */
export interface Clock {
  /** Wall clock, milliseconds since 1970: for stamps people read. */
  nowMs(): number;
  /** Never set back, not comparable between processes, goes on while the process is stopped: for measuring durations. */
  monotonicMs(): number;
  /** Resolves after the time, or at once when the signal fires. Never rejects. */
  sleep(seconds: number, signal?: AbortSignal): Promise<void>;
  /** In [0, 1). */
  random(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => Number(process.hrtime.bigint() / 1_000_000n),
  random: () => Math.random(),
  sleep(seconds, signal) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        ignore();
        resolve();
      }, seconds * 1000);
      const ignore = onAbort(signal, () => {
        clearTimeout(timer);
        resolve();
      });
    });
  },
};

/** RFC 3339 with six digits of a second: metav1.MicroTime. */
export function microTime(ms: number): string {
  return new Date(ms).toISOString().replace("Z", "000Z");
}
