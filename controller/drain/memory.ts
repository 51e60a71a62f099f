import type { Pod } from "../../kube/objects.ts";
import { isTerminating, uidOf } from "./pods.ts";

/**
 * What one process remembers between passes, shared by all nodes that drain: evictions the watch has not shown yet, so that
 * a copy that lags by a moment takes no second replica, and when the API server wants to be asked again. Losing it is
 * harmless: a new process begins with a fresh list of pods.
 */
export class EvictionMemory {
  readonly #claims = new Map<string, number>();
  readonly #pauses = new Map<string, { untilMs: number; budgets: string; blockedBy: string }>();

  /** Forgets what the pods as they are now show by themselves. Call at the start of a pass. */
  settle(pods: readonly Pod[], nowMs: number): void {
    const staying = new Set(pods.filter((pod) => !isTerminating(pod)).map(uidOf));
    for (const [uid, untilMs] of this.#claims) if (!staying.has(uid) || untilMs <= nowMs) this.#claims.delete(uid);
    for (const [uid, { untilMs }] of this.#pauses) if (!staying.has(uid) || untilMs <= nowMs) this.#pauses.delete(uid);
  }

  /** UIDs of pods on their way out although the copy does not show it. */
  get claimed(): ReadonlySet<string> {
    return new Set(this.#claims.keys());
  }

  /** Before the request goes out, so that no other node's pass counts the pod as staying. Ends by itself at `untilMs`. */
  claim(pod: Pod, untilMs: number): void {
    this.#claims.set(uidOf(pod), untilMs);
  }

  /** The pod stays after all. */
  release(pod: Pod): void {
    this.#claims.delete(uidOf(pod));
  }

  /** Not to be asked again before `untilMs`, unless the budgets (budgetVersions) change before. */
  pause(pod: Pod, untilMs: number, budgets: string, blockedBy: string): void {
    this.#pauses.set(uidOf(pod), { untilMs, budgets, blockedBy });
  }

  pausedBy(pod: Pod, budgets: string): { untilMs: number; blockedBy: string } | undefined {
    const pause = this.#pauses.get(uidOf(pod));
    return pause?.budgets === budgets ? pause : undefined;
  }
}
