import { isApiError } from "../kube/errors.ts";
import type { KubeObject, ObjectKey, Resource } from "../kube/types.ts";
import { watchUntil } from "../kube/wait.ts";
import { CliError } from "./errors.ts";
import type { Io } from "./io.ts";
import type { Session } from "./session.ts";

export interface WaitFor {
  io: Io;
  timeoutSeconds: number;
  /** Completes "waited 60 s in vain for ...". */
  what: string;
}

/**
 * Watches one object until `predicate` gives something; undefined stands for an object that does not exist. An API server
 * that is away for a moment is waited for. Throws `CliError` (timeout, interrupted) and `ApiError` when the right is missing.
 */
export async function waitForObject<T extends KubeObject, R>(
  session: Session,
  resource: Resource<T>,
  key: ObjectKey,
  predicate: (object: T | undefined) => R | undefined | false,
  { io, timeoutSeconds, what }: WaitFor,
): Promise<R> {
  try {
    return await watchUntil(session.client, resource, key, predicate, { signal: io.interrupt, timeoutSeconds, what });
  } catch (error) {
    throw isApiError(error, "Timeout") ? new CliError("timeout", error.message, error) : error;
  }
}
