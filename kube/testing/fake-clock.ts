import type { Clock } from "../clock.ts";
import { onAbort } from "../signals.ts";

interface Sleeper {
  dueMs: number;
  wake(): void;
}

/** A clock that stands until it is moved. `sleeps` lists what was asked for, in seconds. */
export class FakeClock implements Clock {
  readonly sleeps: number[] = [];
  /** What `random` gives. */
  chance = 0;
  #ms: number;
  readonly #startMs: number;
  readonly #sleepers = new Set<Sleeper>();

  constructor(startMs = Date.parse("2030-01-01T00:00:00Z")) {
    this.#ms = startMs;
    this.#startMs = startMs;
  }

  nowMs(): number {
    return this.#ms;
  }

  monotonicMs(): number {
    return this.#ms - this.#startMs;
  }

  random(): number {
    return this.chance;
  }

  sleep(seconds: number, signal?: AbortSignal): Promise<void> {
    this.sleeps.push(seconds);
    return new Promise((resolve) => {
      const sleeper = {
        dueMs: this.#ms + seconds * 1000,
        wake: () => {
          this.#sleepers.delete(sleeper);
          ignore();
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      let ignore = () => {};
      ignore = onAbort(signal, sleeper.wake);
    });
  }

  /** Lets the time pass; sleepers wake in their order, each at its own time, and do what they do without waiting. */
  async advance(seconds: number): Promise<void> {
    const endMs = this.#ms + seconds * 1000;
    for (;;) {
      await settle();
      const next = [...this.#sleepers].sort((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined || next.dueMs > endMs) break;
      this.#ms = Math.max(this.#ms, next.dueMs);
      next.wake();
    }
    this.#ms = endMs;
    await settle();
  }

  /** The time passes, but nobody gets to run meanwhile: a process that was stopped. */
  freeze(seconds: number): void {
    this.#ms += seconds * 1000;
  }
}

/** Until promises that can go on have gone on. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
}
