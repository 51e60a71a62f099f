import type { Clock } from "../kube/clock.ts";
import { isApiError } from "../kube/errors.ts";
import type { KubeClient } from "../kube/types.ts";

const mostTries = 10;
/** Without a word from the server. */
const defaultWaitSeconds = 1;
const longestWaitSeconds = 10;

/**
 * A client that comes back when the API server says "not now" (429: it did nothing; overload, or the storage of a new custom
 * resource is being set up), as kubectl does. Evictions are not for it: their 429 has another meaning.
 */
export function patientClient(client: KubeClient, clock: Clock, signal: AbortSignal): KubeClient {
  const patiently = async <T>(request: () => Promise<T>): Promise<T> => {
    for (let tries = 1; ; tries++) {
      try {
        return await request();
      } catch (error) {
        if (!isApiError(error, 429) || tries === mostTries) throw error;
        await clock.sleep(Math.min(error.retryAfterSeconds ?? defaultWaitSeconds, longestWaitSeconds), signal);
        signal.throwIfAborted();
      }
    }
  };
  return {
    get requestCount() {
      return client.requestCount;
    },
    get: (...given) => patiently(() => client.get(...given)),
    list: (...given) => patiently(() => client.list(...given)),
    create: (...given) => patiently(() => client.create(...given)),
    apply: (...given) => patiently(() => client.apply(...given)),
    patch: (...given) => patiently(() => client.patch(...given)),
    replace: (...given) => patiently(() => client.replace(...given)),
    delete: (...given) => patiently(() => client.delete(...given)),
    logs: (...given) => patiently(() => client.logs(...given)),
    raw: (...given) => patiently(() => client.raw(...given)),
    evict: (...given) => client.evict(...given),
    // The reflector has a back-off of its own.
    watch: (...given) => client.watch(...given),
  };
}
