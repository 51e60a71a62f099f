import { Reflector, type WaitOptions } from "./reflector.ts";
import type { KubeClient, KubeObject, ObjectKey, Resource } from "./types.ts";

/**
 * Watches one object until `predicate`, given it or undefined while it does not exist, gives something other than
 * undefined and false. Throws `ApiError` (reason Timeout), what the predicate throws, the first error of the API that
 * waiting cannot cure (400 to 405, 422), or the reason of the signal.
 */
export async function watchUntil<T extends KubeObject, R>(
  client: KubeClient,
  resource: Resource<T>,
  key: ObjectKey,
  predicate: (object: T | undefined) => R | undefined | false,
  options: WaitOptions,
): Promise<R> {
  const stop = new AbortController();
  const store = new Reflector(client, resource, {
    ...(key.namespace === undefined ? {} : { namespace: key.namespace }),
    fieldSelector: `metadata.name=${key.name}`,
    signal: stop.signal,
    onError: (error) => {
      if (isHopeless(error)) stop.abort(error);
    },
  });
  try {
    return await store.waitFor(() => predicate(store.get(key)), options);
  } finally {
    stop.abort();
  }
}

function isHopeless(error: unknown): boolean {
  const { status } = error as { status?: unknown };
  return typeof status === "number" && ((status >= 400 && status <= 405) || status === 422);
}
