import { type Clock, microTime, systemClock } from "./clock.ts";
import { isApiError, isConflict } from "./errors.ts";
import type { Lease } from "./objects.ts";
import { Reflector } from "./reflector.ts";
import { leases } from "./resources.ts";
import { onAbort } from "./signals.ts";
import type { KubeClient } from "./types.ts";

export interface ElectionOptions {
  namespace: string;
  name: string;
  /** Must be unique to this start of the process: the pod's name and a random part. */
  identity: string;
  /** Whether a holder is known to be gone, such as an earlier start of this very process: its Lease is free at once. */
  isGone?: (holder: string) => boolean;
  /** Others take over when they have seen no renewal for so long. Default 15. */
  durationSeconds?: number;
  /** Without a successful renewal for so long the leader steps down. Default 10; less than the duration. */
  renewDeadlineSeconds?: number;
  /** Time between renewals that succeed. Default 5. */
  renewSeconds?: number;
  /** Time between attempts after one that failed. Default 2. */
  retrySeconds?: number;
  clock?: Clock;
  /** This process leads from now on. The signal fires when it does not any more. */
  onGained?: (term: AbortSignal) => void;
  /** It does not lead any more. On a stop, the Lease is given free only after the promise. */
  onLost?: (reason: string) => void | Promise<void>;
  /** A request failed; the election goes on. */
  onError?: (error: unknown) => void;
}

/**
 * Leader election on a Lease. Idle cost: one renewal each 5 s by the leader (0.2 requests/s) and one watch a candidate
 * (a request each 5 minutes). Takeover: at once after a clean stop, 15 s after the last renewal seen otherwise. Expiry is
 * judged by when this process saw the Lease change, never by the stamps in it: clocks may differ.
 * Two processes may lead for the time of one request in flight: guard writes by resourceVersion and UID all the same.
 */
export class LeaderElection {
  readonly #client: KubeClient;
  readonly #options: Required<
    Pick<ElectionOptions, "durationSeconds" | "renewDeadlineSeconds" | "renewSeconds" | "retrySeconds">
  > &
    ElectionOptions;
  readonly #clock: Clock;
  /** The Lease as this candidate last saw it change, and when (monotonic). */
  #seen: { version: string; holder: string; atMs: number } | undefined;
  /** The Lease as we wrote it last. */
  #held: Lease | undefined;
  #leading = false;
  #renewedMs = 0;
  /** Someone else changed or removed the Lease we hold. */
  #disturbed = false;
  #nap: AbortController | undefined;

  constructor(client: KubeClient, options: ElectionOptions) {
    this.#client = client;
    this.#clock = options.clock ?? systemClock;
    this.#options = { durationSeconds: 15, renewDeadlineSeconds: 10, renewSeconds: 5, retrySeconds: 2, ...options };
  }

  /** Whether this process leads now. Ask before each write: it turns false in time even if the process was stopped. */
  isLeader(): boolean {
    return this.#leading && this.#clock.monotonicMs() < this.#deadlineMs();
  }

  /** Who holds the Lease as far as this process has seen; undefined: nobody. */
  get holder(): string | undefined {
    return this.isLeader() ? this.#options.identity : this.#seen?.holder || undefined;
  }

  /** Takes part until the signal fires; resolves when the Lease, if held, has been given free. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { namespace, name } = this.#options;
    const reflector = new Reflector(this.#client, leases, {
      namespace,
      fieldSelector: `metadata.name=${name}`,
      signal,
      clock: this.#clock,
      onError: (error) => this.#options.onError?.(error),
    });
    reflector.onChange((change) => this.#notice(change.object, change.type === "deleted"));
    const stopListening = onAbort(signal, () => this.#nap?.abort());
    while (!signal.aborted) {
      if (!(await this.#tryAcquire(signal))) continue;
      const reason = await this.#lead(signal);
      await this.#safely(() => this.#options.onLost?.(reason));
      if (signal.aborted) await this.#safely(() => this.#release());
    }
    stopListening();
  }

  #notice(lease: Lease, deleted: boolean): void {
    const holder = lease.spec?.holderIdentity ?? "";
    if (deleted || holder !== this.#options.identity) {
      this.#disturbed = true;
      // A Lease that was deleted under its holder is still held: the holder makes it anew.
      this.#see(deleted ? "" : (lease.metadata.resourceVersion ?? ""), holder);
    }
    this.#nap?.abort();
  }

  #see(version: string, holder: string): void {
    if (this.#seen?.version === version && this.#seen.holder === holder) return;
    this.#seen = { version, holder, atMs: this.#clock.monotonicMs() };
  }

  /** One look at the Lease, and the attempt to take it if it is free. Waits before it returns false. */
  async #tryAcquire(signal: AbortSignal): Promise<boolean> {
    const waitSeconds = this.#secondsUntilFree();
    if (waitSeconds > 0) {
      await this.#sleep(waitSeconds, signal);
      return false;
    }
    try {
      const startedMs = this.#clock.monotonicMs();
      const lease = await this.#takeIfFree(signal);
      if (lease === undefined) return false;
      this.#held = lease;
      this.#renewedMs = startedMs;
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      // A conflict means that somebody was faster: no error, but look again.
      if (!isConflict(error)) this.#options.onError?.(error);
      await this.#sleep(this.#options.retrySeconds * (0.5 + this.#clock.random()), signal);
      return false;
    }
  }

  #secondsUntilFree(): number {
    if (this.#seen === undefined || this.#seen.holder === "" || this.#isGone(this.#seen.holder)) return 0;
    return this.#options.durationSeconds - (this.#clock.monotonicMs() - this.#seen.atMs) / 1000;
  }

  #isGone(holder: string): boolean {
    return holder !== this.#options.identity && this.#options.isGone?.(holder) === true;
  }

  /** Undefined when another one holds it and has just been seen to. */
  async #takeIfFree(signal: AbortSignal): Promise<Lease | undefined> {
    const { namespace, name, identity, renewDeadlineSeconds } = this.#options;
    const limits = { signal, timeoutSeconds: renewDeadlineSeconds / 2 };
    const found = await this.#client.get(leases, { namespace, name }, limits);
    if (found === undefined) return this.#client.create(leases, this.#record(undefined), limits);
    const holder = found.spec?.holderIdentity ?? "";
    this.#see(found.metadata.resourceVersion ?? "", holder);
    // Ours: an attempt whose answer was lost, or a term that ended for want of answers.
    if (holder !== identity && this.#secondsUntilFree() > 0) return undefined;
    return this.#client.replace(leases, this.#record(found), limits);
  }

  /** Renews until it cannot; resolves with why. */
  async #lead(signal: AbortSignal): Promise<string> {
    const term = new AbortController();
    this.#disturbed = false;
    this.#leading = true;
    void this.#safely(() => this.#options.onGained?.(term.signal));
    try {
      while (!signal.aborted) {
        const dueMs = this.#renewedMs + this.#options.renewSeconds * 1000;
        const waitSeconds = this.#disturbed ? 0 : (dueMs - this.#clock.monotonicMs()) / 1000;
        if (waitSeconds > 0) {
          await this.#sleep(waitSeconds, signal);
          continue;
        }
        const lost = await this.#renew(signal);
        if (lost !== undefined) return lost;
      }
      return "stopped";
    } finally {
      this.#leading = false;
      term.abort();
    }
  }

  /** Undefined: still the leader, though perhaps not renewed. */
  async #renew(signal: AbortSignal): Promise<string | undefined> {
    const startedMs = this.#clock.monotonicMs();
    const leftSeconds = (this.#deadlineMs() - startedMs) / 1000;
    if (leftSeconds <= 0) return `the Lease was not renewed for ${this.#options.renewDeadlineSeconds} s`;
    this.#disturbed = false;
    // A server that hangs must leave time to ask another one.
    const limits = { timeoutSeconds: Math.min(leftSeconds, this.#options.renewDeadlineSeconds / 3) };
    try {
      this.#held = await this.#client.replace(leases, this.#record(this.#held), limits);
      this.#renewedMs = startedMs;
      return undefined;
    } catch (error) {
      if (isApiError(error, 404, 409)) return this.#recover(signal);
      return this.#failed(error, signal);
    }
  }

  /** The Lease is not as we left it: gone, changed by hand, or another's. */
  async #recover(signal: AbortSignal): Promise<string | undefined> {
    const { namespace, name, identity, retrySeconds } = this.#options;
    const limits = { signal, timeoutSeconds: retrySeconds };
    try {
      const found = await this.#client.get(leases, { namespace, name }, limits);
      const holder = found?.spec?.holderIdentity ?? "";
      if (found !== undefined && holder !== identity) {
        this.#see(found.metadata.resourceVersion ?? "", holder);
        return holder === "" ? "the Lease was given free by hand" : `the Lease is held by ${holder}`;
      }
      this.#held = found ?? (await this.#client.create(leases, this.#record(undefined), limits));
      await this.#sleep(retrySeconds / 4, signal);
      return undefined;
    } catch (error) {
      return signal.aborted ? undefined : this.#failed(error, signal);
    }
  }

  async #failed(error: unknown, signal: AbortSignal): Promise<undefined> {
    this.#options.onError?.(error);
    const leftSeconds = (this.#deadlineMs() - this.#clock.monotonicMs()) / 1000;
    await this.#sleep(Math.min(this.#options.retrySeconds, Math.max(leftSeconds, 0)), signal);
  }

  async #release(): Promise<void> {
    if (this.#held === undefined) return;
    const { spec, ...lease } = this.#held;
    const free = { ...lease, spec: { ...spec, holderIdentity: "", leaseDurationSeconds: 1 } };
    await this.#client.replace(leases, free, { timeoutSeconds: this.#options.retrySeconds });
  }

  async #safely(action: () => void | Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.#options.onError?.(error);
    }
  }

  /** The Lease as it is to be written: ours from now on. */
  #record(current: Lease | undefined): Lease {
    const { namespace, name, identity, durationSeconds } = this.#options;
    const now = microTime(this.#clock.nowMs());
    const mine = current?.spec?.holderIdentity === identity;
    const transitions = current?.spec?.leaseTransitions ?? 0;
    return {
      ...(current ?? { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name, namespace } }),
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: Math.ceil(durationSeconds),
        leaseTransitions: mine || current === undefined ? transitions : transitions + 1,
        acquireTime: mine ? (current.spec?.acquireTime ?? now) : now,
        renewTime: now,
      },
    };
  }

  #deadlineMs(): number {
    return this.#renewedMs + this.#options.renewDeadlineSeconds * 1000;
  }

  /** Until the time, a change of the Lease, or the signal. */
  async #sleep(seconds: number, signal: AbortSignal): Promise<void> {
    this.#nap = new AbortController();
    if (signal.aborted) this.#nap.abort();
    await this.#clock.sleep(seconds, this.#nap.signal);
    this.#nap = undefined;
  }
}
