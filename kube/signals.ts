import { setMaxListeners } from "node:events";

/**
 * Calls `listener` once when `signal` fires, at once when it has. Returns the way to stop listening. One signal ends all
 * requests of a process: Node's warning about many listeners, meant for leaks, is turned off for it.
 */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal === undefined) return () => {};
  if (signal.aborted) {
    listener();
    return () => {};
  }
  setMaxListeners(0, signal);
  signal.addEventListener("abort", listener, { once: true });
  return () => signal.removeEventListener("abort", listener);
}
