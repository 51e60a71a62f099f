/**
 * A keyed work queue: a key is handled by one worker at a time, asked for again while it is handled it runs once more
 * afterwards, and failures back off per key. Time is passed in.
 */
export interface QueueOptions {
  /** Keys handled at the same time. */
  workers: number;
  /** First back-off after a failure, doubled each time. */
  minBackoffSeconds: number;
  maxBackoffSeconds: number;
  handle(key: string): Promise<{ afterSeconds: number } | undefined>;
  /** Told of every failure; the queue goes on. */
  failed(key: string, error: unknown, backoffSeconds: number): void;
  setTimer(callback: () => void, milliseconds: number): { cancel(): void };
  random(): number;
}

interface Entry {
  failures: number;
  timer: { cancel(): void; dueAt: number } | undefined;
  running: boolean;
  again: boolean;
}

export class WorkQueue {
  readonly #options: QueueOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #ready: string[] = [];
  readonly #idle: (() => void)[] = [];
  #running = 0;
  #stopped = false;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  /** Handles `key` as soon as a worker is free. Asking twice before that is asking once. */
  add(key: string): void {
    if (this.#stopped) return;
    const entry = this.#entry(key);
    if (entry.running) {
      entry.again = true;
      return;
    }
    // After a failure the back-off is waited out, so that a hot event stream is no hot retry.
    if (entry.failures > 0 && entry.timer !== undefined) return;
    this.#enqueue(key, entry);
  }

  #enqueue(key: string, entry: Entry): void {
    entry.timer?.cancel();
    entry.timer = undefined;
    if (!this.#ready.includes(key)) this.#ready.push(key);
    this.#pump();
  }

  /** Handles `key` after a time unless it is asked for sooner. The earlier of two such wishes wins. */
  addAfter(key: string, seconds: number): void {
    if (this.#stopped) return;
    const entry = this.#entry(key);
    const dueAt = performance.now() + seconds * 1000;
    if (entry.timer !== undefined) {
      if (entry.timer.dueAt <= dueAt) return;
      entry.timer.cancel();
    }
    const timer = this.#options.setTimer(() => {
      entry.timer = undefined;
      if (!this.#stopped) this.#enqueue(key, entry);
    }, seconds * 1000);
    entry.timer = { cancel: () => timer.cancel(), dueAt };
  }

  /** Nothing is started any more; what runs comes to its end. */
  stop(): void {
    this.#stopped = true;
    this.#ready.length = 0;
    for (const entry of this.#entries.values()) entry.timer?.cancel();
  }

  /** Resolves when nothing runs. After `stop`, for good. */
  idle(): Promise<void> {
    return this.#running === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Keys waiting for a worker. */
  get depth(): number {
    return this.#ready.length;
  }

  #entry(key: string): Entry {
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { failures: 0, timer: undefined, running: false, again: false };
      this.#entries.set(key, entry);
    }
    return entry;
  }

  #pump(): void {
    while (!this.#stopped && this.#running < this.#options.workers) {
      const key = this.#ready.shift();
      if (key === undefined) return;
      void this.#run(key, this.#entry(key));
    }
  }

  async #run(key: string, entry: Entry): Promise<void> {
    entry.running = true;
    entry.again = false;
    this.#running++;
    let next: number | undefined;
    let failed = false;
    try {
      const result = await this.#options.handle(key);
      entry.failures = 0;
      next = result?.afterSeconds;
    } catch (error) {
      failed = true;
      next = this.#backoff(entry);
      this.#options.failed(key, error, next);
    }
    entry.running = false;
    this.#running--;
    if (entry.again && !failed) this.add(key);
    else if (next !== undefined) this.addAfter(key, next);
    this.#pump();
    if (this.#running === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #backoff(entry: Entry): number {
    const base = Math.min(this.#options.minBackoffSeconds * 2 ** entry.failures, this.#options.maxBackoffSeconds);
    entry.failures++;
    return base * (0.5 + this.#options.random() / 2);
  }
}
