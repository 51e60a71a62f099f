import { type Change, Reflector, type ReflectorOptions } from "../kube/reflector.ts";
import type { KubeClient, KubeObject, ObjectKey, Resource } from "../kube/types.ts";

const maxLagMs = 30_000;

type Options<T extends KubeObject> = Omit<ReflectorOptions<T>, "signal">;

/**
 * A live copy of a resource in which the controller's own writes are seen at once, not when the watch brings them: otherwise
 * each pass would begin with a state it has itself left behind. Started when it is needed.
 */
export class Store<T extends KubeObject> {
  readonly #client: KubeClient;
  readonly #resource: Resource<T>;
  readonly #options: Options<T>;
  readonly #listeners: ((object: T) => void)[] = [];
  /** Objects as our writes returned them, until the watch has caught up. */
  readonly #written = new Map<string, { object: T; atMs: number }>();
  /** UIDs of objects whose end the watch has brought, for as long as an answer to a write may come after it. */
  readonly #gone = new Map<string, number>();
  #reflector: Reflector<T> | undefined;

  constructor(client: KubeClient, resource: Resource<T>, options: Options<T> = {}) {
    this.#client = client;
    this.#resource = resource;
    this.#options = options;
  }

  /** Begins to watch, until the signal fires; resolves when the first list is in. Calling it again only waits. */
  start(signal: AbortSignal): Promise<void> {
    if (this.#reflector === undefined) {
      this.#reflector = new Reflector(this.#client, this.#resource, { ...this.#options, signal });
      this.#reflector.onChange((change) => this.#changed(change));
    }
    return this.#reflector.synced();
  }

  get isSynced(): boolean {
    return this.#reflector?.isSynced ?? false;
  }

  get(key: ObjectKey): T | undefined {
    return this.#newer(this.#reflector?.get(key), this.#own(id(key)));
  }

  list(): T[] {
    const seen = this.#reflector?.list() ?? [];
    const known = new Set(seen.map((object) => id(object.metadata)));
    const own = [...this.#written.keys()].filter((key) => !known.has(key)).map((key) => this.#own(key));
    return [
      ...seen.map((object) => this.#newer(object, this.#own(id(object.metadata))) ?? object),
      ...own.filter((object) => object !== undefined),
    ];
  }

  /** Takes over what one of our own writes returned; answers may come in another order than the writes were made. */
  put(object: T): void {
    if (this.#gone.has(object.metadata.uid ?? "")) return;
    const key = id(object.metadata);
    const before = this.#written.get(key);
    if (before === undefined || !isNewer(before.object, object))
      this.#written.set(key, { object, atMs: performance.now() });
  }

  /** Told of every change the watch brings, with the object as it is or last was. */
  onChange(listener: (object: T) => void): void {
    this.#listeners.push(listener);
  }

  #changed(change: Change<T>): void {
    const key = id(change.object.metadata);
    if (change.type === "deleted") this.#forget(change.object);
    const written = this.#written.get(key)?.object;
    // News of the end of an earlier object of that name says nothing of the one we made since.
    const gone = change.type === "deleted" && written?.metadata.uid === change.object.metadata.uid;
    if (written !== undefined && (gone || !isNewer(written, change.object))) this.#written.delete(key);
    for (const listener of this.#listeners) listener(change.object);
  }

  #forget({ metadata: { uid } }: T): void {
    const nowMs = performance.now();
    for (const [other, atMs] of this.#gone) if (nowMs - atMs > maxLagMs) this.#gone.delete(other);
    if (uid !== undefined) this.#gone.set(uid, nowMs);
  }

  /** What we wrote, for as long as the watch may lag; one it never brings was deleted while a list was made anew. */
  #own(key: string): T | undefined {
    const written = this.#written.get(key);
    if (written === undefined || performance.now() - written.atMs < maxLagMs) return written?.object;
    this.#written.delete(key);
    return undefined;
  }

  #newer(seen: T | undefined, written: T | undefined): T | undefined {
    if (written === undefined) return seen;
    return seen === undefined || isNewer(written, seen) ? written : seen;
  }
}

/** resourceVersions of one resource grow: they are revisions of the store behind the API server. */
function isNewer(a: KubeObject, b: KubeObject): boolean {
  return BigInt(a.metadata.resourceVersion ?? 0) > BigInt(b.metadata.resourceVersion ?? 0);
}

function id(key: ObjectKey): string {
  return `${key.namespace ?? ""}/${key.name}`;
}
