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
  const selection = {
    ...(key.namespace === undefined ? {} : { namespace: key.namespace }),
    fieldSelector: `metadata.name=${key.name}`,
  };
  return until(client, resource, selection, (store) => predicate(store.get(key)), options);
}

/** The same for all objects of a resource: what `predicate` gives, asked once they are listed and after each change. */
export function watchAllUntil<T extends KubeObject, R>(
  client: KubeClient,
  resource: Resource<T>,
  predicate: (store: Reflector<T>) => R | undefined | false,
  options: WaitOptions,
): Promise<R> {
  return until(client, resource, {}, predicate, options);
}

async function until<T extends KubeObject, R>(
  client: KubeClient,
  resource: Resource<T>,
  selection: { namespace?: string; fieldSelector?: string },
  predicate: (store: Reflector<T>) => R | undefined | false,
  options: WaitOptions,
): Promise<R> {
  const stop = new AbortController();
  const store = new Reflector(client, resource, {
    ...selection,
    signal: stop.signal,
    onError: (error) => {
      if (isHopeless(error)) stop.abort(error);
    },
  });
  try {
    return await store.waitFor(predicate, options);
  } finally {
    stop.abort();
  }
}

function isHopeless(error: unknown): boolean {
  const { status } = error as { status?: unknown };
  return typeof status === "number" && ((status >= 400 && status <= 405) || status === 422);
}
