/** Shapes every Kubernetes object shares, and the client's interface. Plain JSON: nothing is renamed, nothing dropped. */

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
}

export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

/** An object whose fields the caller does not know by type, e.g. one read from a user's manifest. */
export interface UnknownObject extends KubeObject {
  [field: string]: unknown;
}

export interface KubeList<T extends KubeObject> {
  items: T[];
  /** The version the list was taken at: where a watch continues. */
  resourceVersion: string;
}

/** One served resource. `group` is "" for the core group. */
export interface Resource<T extends KubeObject = UnknownObject> {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Type only: what the resource's objects look like. Never set. */
  readonly type?: T;
}

/** Names one object of a resource. */
export interface ObjectKey {
  name: string;
  namespace?: string;
}

export interface RequestOptions {
  signal?: AbortSignal;
  /** Seconds until the call fails with `ApiError`, reason Timeout. Default 30. */
  timeoutSeconds?: number;
}

export interface ListOptions extends RequestOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** Page size; all pages are fetched. Default 500. */
  limit?: number;
}

export interface WriteOptions extends RequestOptions {
  dryRun?: boolean;
  fieldManager?: string;
}

/** Guards that make a write fail with 409 instead of hitting another object or another version. */
export interface Preconditions {
  uid?: string;
  resourceVersion?: string;
}

export type PatchKind = "merge" | "json" | "strategic";
export type Subresource = "status" | "scale" | "eviction" | "log" | "binding";

export interface PatchOptions extends WriteOptions {
  kind?: PatchKind;
  subresource?: Subresource;
}

export interface ApplyOptions extends WriteOptions {
  fieldManager: string;
  /** Take over fields another manager owns. Default false: the conflict is reported. */
  force?: boolean;
}

export interface DeleteOptions extends WriteOptions {
  preconditions?: Preconditions;
  propagationPolicy?: "Foreground" | "Background" | "Orphan";
  gracePeriodSeconds?: number;
}

export interface EvictOptions extends WriteOptions {
  /**
   * The pod's UID: a namesake that took its place is left alone (409). Required on purpose. For a pod that is not Running
   * and Ready the API server tries 10 s before it says so; look at the UID first where that matters.
   */
  uid: string;
  gracePeriodSeconds?: number;
}

/**
 * The only way to talk to an API server. Every method throws `ApiError` (kube/errors.ts) on an answer
 * other than 2xx, except where `undefined` says "not found". No method retries by itself.
 */
export interface KubeClient {
  /** `undefined` when the object does not exist (404). */
  get<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, options?: RequestOptions): Promise<T | undefined>;
  /** All pages. */
  list<T extends KubeObject>(resource: Resource<T>, options?: ListOptions): Promise<KubeList<T>>;
  create<T extends KubeObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T>;
  /** Server-side apply. `object` holds exactly the fields the manager wants to own. */
  apply<T extends KubeObject>(resource: Resource<T>, object: T, options: ApplyOptions): Promise<T>;
  /** Default kind "merge". A merge patch with metadata.resourceVersion (and uid) is guarded by it: 409 on mismatch. */
  patch<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    patch: unknown,
    options?: PatchOptions,
  ): Promise<T>;
  /** PUT of the whole object (guarded by its resourceVersion). */
  replace<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options?: WriteOptions & { subresource?: Subresource },
  ): Promise<T>;
  /** False when there was nothing to delete (404). */
  delete<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, options?: DeleteOptions): Promise<boolean>;
  /** policy/v1 eviction with a UID precondition. False when the pod is gone (404). 429 is thrown with retryAfterSeconds. */
  evict(pod: { name: string; namespace: string }, options: EvictOptions): Promise<boolean>;
  /**
   * Events from `resourceVersion` on, until the server closes the stream, the signal fires, or nothing
   * (not even a bookmark) came for the idle limit. Throws ApiError 410 when the version is too old. Use
   * `Reflector` (kube/reflector.ts) unless you handle all that yourself.
   */
  watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>>;
  /** Container log as text; `follow` is not offered here. */
  logs(pod: { name: string; namespace: string }, options?: LogOptions): Promise<string>;
  /** A raw GET of a path such as /version or /readyz: body as text. */
  raw(path: string, options?: RequestOptions & { accept?: string }): Promise<string>;
  /** Number of requests sent so far (watches count one each). */
  readonly requestCount: number;
}

export interface WatchOptions extends ListOptions {
  resourceVersion: string;
}

export interface LogOptions extends RequestOptions {
  container?: string;
  tailLines?: number;
}

export type WatchEvent<T extends KubeObject> =
  | { type: "ADDED" | "MODIFIED" | "DELETED"; object: T }
  | { type: "BOOKMARK"; object: { metadata: { resourceVersion: string } } };
