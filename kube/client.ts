import { type Clock, systemClock } from "./clock.ts";
import type { Connection } from "./connection.ts";
import { isApiError } from "./errors.ts";
import { failure, statusError } from "./failures.ts";
import { collectionPath, namespaceOf, objectPath, query } from "./paths.ts";
import { apiVersionOf, pods } from "./resources.ts";
import { type HttpAnswer, type HttpRequest, nameOf, Transport, type TransportOptions } from "./transport.ts";
import type {
  ApplyOptions,
  DeleteOptions,
  EvictOptions,
  KubeClient,
  KubeList,
  KubeObject,
  ListOptions,
  LogOptions,
  ObjectKey,
  PatchOptions,
  RequestOptions,
  Resource,
  Subresource,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from "./types.ts";
import { watchEvents } from "./watch.ts";

export interface ClientOptions extends TransportOptions {
  /** Manager of the fields written by create, patch and replace, where the call names none. */
  fieldManager?: string;
  clock?: Clock;
  /**
   * With nothing received on a watch for so long, it ends. API servers send a bookmark about once a minute, so that 75 s
   * cut no healthy watch but notice a half-open one. Of a resource that nobody writes, bookmarks come only where etcd
   * reports its progress (kubeadm sets that up); elsewhere its watch is made anew every 75 s, which costs one request.
   */
  watchIdleSeconds?: number;
  /** The server ends a watch after `least` and up to `spread` seconds more. Default 270 to 310 s. */
  watchSeconds?: { least: number; spread: number };
}

const patchTypes = {
  merge: "application/merge-patch+json",
  json: "application/json-patch+json",
  strategic: "application/strategic-merge-patch+json",
} as const;

const pageSize = 500;
/** Lists are read whole: 5,000 pods are about 40 MiB. */
const maxListBytes = 256 << 20;
/** Watches started together do not return together. */
const defaultWatchSeconds = { least: 270, spread: 40 };

/**
 * A client for `connection`. Objects are plain JSON, sent as given and returned as received.
 *
 * Exact numbers: JSON.parse rounds integers beyond 2^53 (the allocation sequence numbers of Calico's IPAMBlock are such).
 * Therefore the client never writes back what it has read: `patch` and `apply` send only what the caller wrote. Do not
 * `replace` an object that may hold such numbers.
 *
 * A call that fails with status 0 for another reason than Refused, Unreachable, Tls or Proxy, or with 500 or 504, may have
 * taken effect: read before trying again.
 */
export function createClient(connection: Connection, options: ClientOptions = {}): KubeClient {
  return new RestClient(connection, options);
}

class RestClient implements KubeClient {
  readonly #transport: Transport;
  readonly #options: ClientOptions;
  readonly #clock: Clock;

  constructor(connection: Connection, options: ClientOptions) {
    this.#transport = new Transport(connection, options);
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  get requestCount(): number {
    return this.#transport.requestCount;
  }

  async get<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, options?: RequestOptions) {
    return foundOrUndefined(this.#json<T>({ method: "GET", path: objectPath(resource, key), ...limits(options) }));
  }

  async list<T extends KubeObject>(resource: Resource<T>, options: ListOptions = {}): Promise<KubeList<T>> {
    try {
      return await this.#listPages(resource, options, options.limit ?? pageSize);
    } catch (error) {
      // The version the pages belong to was compacted away between two of them. One answer cannot fall apart so.
      if (!isApiError(error, 410)) throw error;
      return this.#listPages(resource, options, undefined);
    }
  }

  async create<T extends KubeObject>(resource: Resource<T>, object: T, options: WriteOptions = {}): Promise<T> {
    const path = collectionPath(resource, namespaceOf(resource, object.metadata)) + this.#writeQuery(options);
    return this.#json<T>({ method: "POST", path, ...json(object), ...limits(options) });
  }

  async apply<T extends KubeObject>(resource: Resource<T>, object: T, options: ApplyOptions): Promise<T> {
    const path = objectPath(resource, object.metadata) + this.#writeQuery(options, { force: options.force ?? false });
    const content = json(object, "application/apply-patch+yaml");
    return this.#json<T>({ method: "PATCH", path, ...content, ...limits(options) });
  }

  async patch<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    patch: unknown,
    options: PatchOptions = {},
  ): Promise<T> {
    const path = objectPath(resource, key, options.subresource) + this.#writeQuery(options);
    const content = json(patch, patchTypes[options.kind ?? "merge"]);
    return this.#json<T>({ method: "PATCH", path, ...content, ...limits(options) });
  }

  async replace<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options: WriteOptions & { subresource?: Subresource } = {},
  ): Promise<T> {
    const path = objectPath(resource, object.metadata, options.subresource) + this.#writeQuery(options);
    return this.#json<T>({ method: "PUT", path, ...json(object), ...limits(options) });
  }

  async delete<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, options: DeleteOptions = {}) {
    const { preconditions, propagationPolicy, gracePeriodSeconds } = options;
    // The server ignores the query of a delete that has a body: dryRun must be in the body.
    const dryRun = options.dryRun ? ["All"] : undefined;
    const body = {
      apiVersion: "v1",
      kind: "DeleteOptions",
      preconditions,
      propagationPolicy,
      gracePeriodSeconds,
      dryRun,
    };
    const path = objectPath(resource, key);
    const answer = this.#json({ method: "DELETE", path, ...json(body), ...limits(options) });
    return (await foundOrUndefined(answer)) !== undefined;
  }

  async evict(pod: { name: string; namespace: string }, options: EvictOptions): Promise<boolean> {
    const { uid, gracePeriodSeconds } = options;
    const dryRun = options.dryRun ? ["All"] : undefined;
    const body = {
      apiVersion: "policy/v1",
      kind: "Eviction",
      metadata: { name: pod.name, namespace: pod.namespace },
      deleteOptions: { preconditions: { uid }, gracePeriodSeconds, dryRun },
    };
    const path = objectPath(pods, pod, "eviction");
    const answer = this.#json({ method: "POST", path, ...json(body), ...limits(options) });
    return (await foundOrUndefined(answer)) !== undefined;
  }

  watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>> {
    const { least, spread } = this.#options.watchSeconds ?? defaultWatchSeconds;
    const parameters = query({
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion: options.resourceVersion,
      timeoutSeconds: least + Math.floor(this.#clock.random() * spread),
      labelSelector: options.labelSelector,
      fieldSelector: options.fieldSelector,
    });
    const path = collectionPath(resource, options.namespace) + parameters;
    return watchEvents<T>(
      this.#transport,
      { method: "GET", path, ...limits(options) },
      { idleSeconds: this.#options.watchIdleSeconds ?? 75, nowMs: this.#clock.nowMs() },
    );
  }

  async logs(pod: { name: string; namespace: string }, options: LogOptions = {}): Promise<string> {
    const { container, tailLines } = options;
    return this.raw(objectPath(pods, pod, "log") + query({ container, tailLines }), { ...options, accept: "*/*" });
  }

  async raw(path: string, options: RequestOptions & { accept?: string } = {}): Promise<string> {
    const headers = { accept: options.accept ?? "application/json, */*" };
    return (await this.#ok({ method: "GET", path, headers, ...limits(options) })).body;
  }

  async #listPages<T extends KubeObject>(
    resource: Resource<T>,
    options: ListOptions,
    limit: number | undefined,
  ): Promise<KubeList<T>> {
    const { labelSelector, fieldSelector } = options;
    const items: T[] = [];
    for (let token: string | undefined; ; ) {
      const path = collectionPath(resource, options.namespace);
      const page = await this.#json<ListPage<T>>({
        method: "GET",
        path: path + query({ labelSelector, fieldSelector, limit, continue: token }),
        maxBytes: maxListBytes,
        ...limits(options),
      });
      // Items of built-in lists come without apiVersion and kind.
      const type = { apiVersion: apiVersionOf(resource), kind: resource.kind };
      for (const item of page.items ?? []) items.push(item.kind === undefined ? { ...type, ...item } : item);
      token = page.metadata?.continue || undefined;
      if (token === undefined) return { items, resourceVersion: page.metadata?.resourceVersion ?? "" };
    }
  }

  #writeQuery(options: WriteOptions, more: { force?: boolean } = {}): string {
    const fieldManager = options.fieldManager ?? this.#options.fieldManager;
    return query({ fieldManager, dryRun: options.dryRun ? "All" : undefined, ...more });
  }

  async #json<T>(request: HttpRequest): Promise<T> {
    const answer = await this.#ok(request);
    try {
      return JSON.parse(answer.body) as T;
    } catch (error) {
      const type = answer.headers["content-type"] ?? "no content type";
      const text = `the answer is not JSON but ${type}; is the server of the kubeconfig a Kubernetes API server?`;
      throw failure("NotJson", text, nameOf(request), error, answer.status);
    }
  }

  async #ok(request: HttpRequest): Promise<HttpAnswer> {
    const answer = await this.#transport.send(request);
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw statusError(answer, nameOf(request), this.#clock.nowMs());
  }
}

interface ListPage<T> {
  metadata?: { resourceVersion?: string; continue?: string };
  items?: T[] | null;
}

function json(content: unknown, contentType = "application/json"): Pick<HttpRequest, "body" | "headers"> {
  return { body: JSON.stringify(content), headers: { "content-type": contentType } };
}

function limits(options: RequestOptions | undefined): Pick<HttpRequest, "signal" | "timeoutSeconds"> {
  return { signal: options?.signal, timeoutSeconds: options?.timeoutSeconds };
}

/** 404 as `undefined`. */
async function foundOrUndefined<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isApiError(error, 404)) return undefined;
    throw error;
  }
}
