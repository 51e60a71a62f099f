import { Backoff } from "./backoff.ts";
import { type Clock, systemClock } from "./clock.ts";
import { ApiError, isApiError } from "./errors.ts";
import { collectionPath } from "./paths.ts";
import { onAbort } from "./signals.ts";
import type { KubeClient, KubeObject, ObjectKey, Resource, WatchEvent } from "./types.ts";

export interface ReflectorOptions<T extends KubeObject> {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** The only way to stop it. */
  signal: AbortSignal;
  /** Told of each failed list or watch and of each listener that throws; the reflector goes on. */
  onError?: (error: unknown, facts: { resource: Resource<T>; retryAfterSeconds: number }) => void;
  /** Drops what nobody needs before an object is kept. metadata.managedFields is dropped anyway. */
  trim?: (object: T) => T;
  clock?: Clock;
}

export type Change<T extends KubeObject> =
  | { type: "added"; object: T }
  | { type: "updated"; object: T; previous: T }
  | { type: "deleted"; object: T };

export interface WaitOptions {
  signal?: AbortSignal;
  timeoutSeconds: number;
  /** For the error: "node n1 to be Ready". */
  what: string;
}

/** A watch that lived so long is healthy: its end is followed by the next one at once, and the back-off starts afresh. */
const healthySeconds = 10;

const maxRetryAfterSeconds = 60;

/**
 * A live copy of the objects of one resource: lists, then watches, for ever. Breaks, errors, 410, a server that closes at
 * once, a connection that fell silent: all lead to a new watch or list, after a back-off of 0.5 s to 30 s with jitter.
 * Retry-After is honoured up to a minute. Objects are shared with every reader: never change one. They carry no
 * managedFields. Level-triggered: events may be merged, so that a listener sees states, not each step between them.
 */
export class Reflector<T extends KubeObject> {
  readonly resource: Resource<T>;
  readonly #client: KubeClient;
  readonly #options: ReflectorOptions<T>;
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  readonly #objects = new Map<string, T>();
  readonly #listeners = new Set<(change: Change<T>) => void>();
  readonly #waiters = new Set<() => void>();
  #synced = false;
  #resourceVersion = "";

  /** Starts at once. */
  constructor(client: KubeClient, resource: Resource<T>, options: ReflectorOptions<T>) {
    this.resource = resource;
    this.#client = client;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#backoff = new Backoff(this.#clock);
    void this.#run();
  }

  get(key: ObjectKey): T | undefined {
    return this.#objects.get(id(key));
  }

  has(key: ObjectKey): boolean {
    return this.#objects.has(id(key));
  }

  /** All objects, in no particular order. */
  list(): T[] {
    return [...this.#objects.values()];
  }

  /** Whether the first list is in. It never turns false again: a copy that lags is still the best there is. */
  get isSynced(): boolean {
    return this.#synced;
  }

  /** Resolves when the first list is in; rejects with the reason of the reflector's signal. */
  async synced(): Promise<void> {
    await this.#until(() => this.#synced, []);
  }

  /** Called after each change, with the store already changed. Returns the way to stop it. */
  onChange(listener: (change: Change<T>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * The first value other than undefined and false that `predicate` gives, asked once the store is synced and after each
   * change. Throws `ApiError` (reason Timeout) when it is not met in time, or the reason of a signal that fired.
   */
  async waitFor<R>(predicate: (store: Reflector<T>) => R | undefined | false, options: WaitOptions): Promise<R> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(this.#timeout(options)), options.timeoutSeconds * 1000);
    try {
      return await this.#until(() => this.#synced && predicate(this), [late.signal, options.signal]);
    } finally {
      clearTimeout(timer);
    }
  }

  #timeout(options: WaitOptions): ApiError {
    const request = `WATCH ${collectionPath(this.resource, this.#options.namespace)}`;
    const facts = { status: 0, reason: "Timeout", request };
    return new ApiError(`waited ${options.timeoutSeconds} s in vain for ${options.what}`, facts);
  }

  #until<R>(predicate: () => R | undefined | false, more: readonly (AbortSignal | undefined)[]): Promise<R> {
    const signals = [this.#options.signal, ...more].filter((signal) => signal !== undefined);
    return new Promise<R>((resolve, reject) => {
      const end = () => {
        this.#waiters.delete(look);
        for (const ignore of ignoreSignals) ignore();
      };
      const look = () => {
        try {
          const value = predicate();
          if (value === undefined || value === false) return;
          end();
          resolve(value);
        } catch (error) {
          end();
          reject(error);
        }
      };
      const fired = signals.find((signal) => signal.aborted);
      if (fired !== undefined) return reject(fired.reason);
      const ignoreSignals = signals.map((signal) =>
        onAbort(signal, () => {
          end();
          reject(signal.reason);
        }),
      );
      this.#waiters.add(look);
      look();
    });
  }

  async #run(): Promise<void> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      const startedMs = this.#clock.monotonicMs();
      let failure: unknown;
      try {
        if (this.#resourceVersion === "") await this.#relist();
        await this.#watch();
      } catch (error) {
        if (signal.aborted) return;
        failure = error;
        if (isApiError(error, 410)) this.#resourceVersion = "";
      }
      const stood = failure === undefined || isApiError(failure, "Truncated", 410);
      const healthy = stood && this.#clock.monotonicMs() - startedMs >= healthySeconds * 1000;
      if (healthy) this.#backoff.reset();
      if (healthy && failure === undefined) continue;
      await this.#pause(failure);
    }
  }

  async #pause(failure: unknown): Promise<void> {
    const asked = isApiError(failure) ? (failure.retryAfterSeconds ?? 0) : 0;
    const seconds = Math.max(this.#backoff.nextSeconds(), Math.min(asked, maxRetryAfterSeconds));
    if (failure !== undefined) this.#report(failure, seconds);
    await this.#clock.sleep(seconds, this.#options.signal);
  }

  async #relist(): Promise<void> {
    const list = await this.#client.list(this.resource, this.#selection());
    const found = new Map(list.items.map((object) => [id(object.metadata), this.#trim(object)]));
    for (const [key, object] of [...this.#objects]) if (!found.has(key)) this.#remove(key, object);
    for (const [key, object] of found) this.#put(key, object);
    this.#resourceVersion = list.resourceVersion;
    this.#synced = true;
    this.#wake();
  }

  async #watch(): Promise<void> {
    const options = { ...this.#selection(), resourceVersion: this.#resourceVersion };
    for await (const event of this.#client.watch(this.resource, options)) {
      if (this.#options.signal.aborted) return;
      this.#take(event);
    }
  }

  #take(event: WatchEvent<T>): void {
    this.#resourceVersion = event.object.metadata.resourceVersion ?? this.#resourceVersion;
    if (event.type === "BOOKMARK") return;
    const object = this.#trim(event.object);
    const key = id(object.metadata);
    if (event.type === "DELETED") this.#remove(key, object);
    else this.#put(key, object);
    this.#wake();
  }

  #put(key: string, object: T): void {
    let previous = this.#objects.get(key);
    if (previous !== undefined && previous.metadata.uid !== object.metadata.uid) {
      // A namesake took its place while we were not looking.
      this.#remove(key, previous);
      previous = undefined;
    }
    if (previous !== undefined && previous.metadata.resourceVersion === object.metadata.resourceVersion) return;
    this.#objects.set(key, object);
    this.#tell(previous === undefined ? { type: "added", object } : { type: "updated", object, previous });
  }

  #remove(key: string, object: T): void {
    if (this.#objects.delete(key)) this.#tell({ type: "deleted", object });
  }

  #tell(change: Change<T>): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(change);
      } catch (error) {
        this.#report(error, 0);
      }
    }
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }

  #report(error: unknown, retryAfterSeconds: number): void {
    this.#options.onError?.(error, { resource: this.resource, retryAfterSeconds });
  }

  #selection(): { namespace?: string; labelSelector?: string; fieldSelector?: string; signal: AbortSignal } {
    const { namespace, labelSelector, fieldSelector, signal } = this.#options;
    return {
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
      signal,
    };
  }

  #trim(object: T): T {
    const { managedFields: _, ...metadata } = object.metadata as T["metadata"] & { managedFields?: unknown };
    const kept = { ...object, metadata };
    return this.#options.trim?.(kept) ?? kept;
  }
}

function id(key: ObjectKey): string {
  return `${key.namespace ?? ""}/${key.name}`;
}
