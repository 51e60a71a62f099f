import type { Clock } from "./clock.ts";

/** Exponential back-off with jitter: 0.5 s, 1 s, 2 s ... 30 s, each less up to half of itself. */
export class Backoff {
  readonly #clock: Pick<Clock, "random">;
  readonly #minSeconds: number;
  readonly #maxSeconds: number;
  #failures = 0;

  constructor(clock: Pick<Clock, "random">, minSeconds = 0.5, maxSeconds = 30) {
    this.#clock = clock;
    this.#minSeconds = minSeconds;
    this.#maxSeconds = maxSeconds;
  }

  /** How long to wait before the next attempt; grows with each call. */
  nextSeconds(): number {
    const full = Math.min(this.#minSeconds * 2 ** this.#failures, this.#maxSeconds);
    this.#failures++;
    return full * (1 - this.#clock.random() / 2);
  }

  reset(): void {
    this.#failures = 0;
  }
}
