import type { Clock } from "../kube/clock.ts";

/**
 * When something that costs many requests was last looked at, so that not every event of the cluster has it looked at anew.
 * Lost with the process: the next one looks at once. Keys are free; a migration's begin with its UID.
 */
export class Looks {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #lastMs = new Map<string, number>();

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  note(key: string): void {
    this.#lastMs.set(key, this.#clock.monotonicMs());
  }

  forget(key: string): void {
    this.#lastMs.delete(key);
  }

  /** Seconds until it is due again, 0 or less when it is; undefined when it was not looked at. */
  dueInSeconds(key: string, everySeconds: number): number | undefined {
    const lastMs = this.#lastMs.get(key);
    return lastMs === undefined ? undefined : everySeconds - (this.#clock.monotonicMs() - lastMs) / 1000;
  }
}
