import type { KubeObject, ObjectKey, Resource } from "./types.ts";

/** What an API server (or the way to it) answered instead of success. One class; facts are fields. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** HTTP status; 0 when no answer came (refused, reset, timed out, truncated). */
  readonly status: number;
  /** metav1.Status.reason such as Conflict, AlreadyExists, Forbidden, Expired; or one of kube/failures.ts: Refused, Tls, Timeout ... */
  readonly reason: string;
  /** What was asked: "GET /api/v1/nodes/n1". */
  readonly request: string;
  /** From the Retry-After header or Status.details.retryAfterSeconds. */
  readonly retryAfterSeconds: number | undefined;
  /** Status.details.causes, e.g. the PodDisruptionBudget that blocks an eviction. */
  readonly causes: readonly ApiErrorCause[];

  constructor(
    message: string,
    facts: {
      status: number;
      reason: string;
      request: string;
      retryAfterSeconds?: number | undefined;
      causes?: readonly ApiErrorCause[];
      cause?: unknown;
    },
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.status = facts.status;
    this.reason = facts.reason;
    this.request = facts.request;
    this.retryAfterSeconds = facts.retryAfterSeconds;
    this.causes = facts.causes ?? [];
  }
}

export interface ApiErrorCause {
  reason?: string;
  message?: string;
  field?: string;
}

export function isApiError(error: unknown, ...statusOrReason: (number | string)[]): error is ApiError {
  if (!(error instanceof ApiError)) return false;
  return statusOrReason.length === 0 || statusOrReason.some((s) => s === error.status || s === error.reason);
}

/** The object or the version a write was guarded by is no longer there: look again, then decide again. */
export function isConflict(error: unknown): error is ApiError {
  return isApiError(error, 409, 412);
}

/** "nodes n1", "daemonsets.apps kube-flannel/kube-flannel-ds": the way kubectl names an object. */
export function describe(resource: Resource<KubeObject>, key: ObjectKey): string {
  const kind = resource.group === "" ? resource.plural : `${resource.plural}.${resource.group}`;
  return `${kind} ${key.namespace === undefined ? "" : `${key.namespace}/`}${key.name}`;
}
