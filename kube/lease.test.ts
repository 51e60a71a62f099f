import { beforeEach, describe, expect, it } from "vitest";
import { ApiError } from "./errors.ts";
import { LeaderElection } from "./lease.ts";
import type { Lease } from "./objects.ts";
import { FakeClock, settle } from "./testing/fake-clock.ts";
import type { KubeClient, WatchEvent } from "./types.ts";

let clock: FakeClock;
let server: FakeLeases;

beforeEach(() => {
  clock = new FakeClock();
  server = new FakeLeases();
});

/** One Lease with the API server's rules for writing it. */
class FakeLeases {
  lease: Lease | undefined;
  writes = 0;
  requests = 0;
  #version = 0;
  readonly #watchers = new Set<(event: WatchEvent<Lease>) => void>();

  /** A way to this server; `broken` makes each request over it fail, after as long as the request may last. */
  client(): { client: KubeClient; link: { broken: boolean } } {
    const link = { broken: false };
    const ask = async <R>(seconds: number | undefined, action: () => R): Promise<R> => {
      this.requests++;
      if (link.broken) {
        await clock.sleep(seconds ?? 30);
        throw new ApiError("no answer", { status: 0, reason: "Timeout", request: "lease" });
      }
      return action();
    };
    const client = {
      get: (_: unknown, __: unknown, o?: { timeoutSeconds?: number }) => ask(o?.timeoutSeconds, () => this.lease),
      create: (_: unknown, lease: Lease, o?: { timeoutSeconds?: number }) =>
        ask(o?.timeoutSeconds, () => (this.lease === undefined ? this.write(lease) : conflict())),
      replace: (_: unknown, lease: Lease, o?: { timeoutSeconds?: number }) =>
        ask(o?.timeoutSeconds, () => {
          if (lease.metadata.resourceVersion !== this.lease?.metadata.resourceVersion) return conflict();
          return this.write(lease);
        }),
      list: () =>
        ask(30, () => ({ items: this.lease === undefined ? [] : [this.lease], resourceVersion: `${this.#version}` })),
      watch: (_: unknown, o: { signal: AbortSignal }) => this.#watch(link, o.signal),
    };
    return { client: client as unknown as KubeClient, link };
  }

  write(lease: Lease): Lease {
    this.writes++;
    const type = this.lease === undefined ? "ADDED" : "MODIFIED";
    this.lease = { ...lease, metadata: { ...lease.metadata, uid: "u", resourceVersion: `${++this.#version}` } };
    this.#tell({ type, object: this.lease });
    return this.lease;
  }

  delete(): void {
    const { lease } = this;
    this.lease = undefined;
    if (lease !== undefined)
      this.#tell({
        type: "DELETED",
        object: { ...lease, metadata: { ...lease.metadata, resourceVersion: `${++this.#version}` } },
      });
  }

  get holder(): string | undefined {
    return this.lease?.spec?.holderIdentity;
  }

  #tell(event: WatchEvent<Lease>): void {
    for (const watcher of [...this.#watchers]) watcher(event);
  }

  async *#watch(link: { broken: boolean }, signal: AbortSignal): AsyncGenerator<WatchEvent<Lease>> {
    const waiting: WatchEvent<Lease>[] = [];
    let wake = () => {};
    const watcher = (event: WatchEvent<Lease>) => {
      if (!link.broken) waiting.push(event);
      wake();
    };
    this.#watchers.add(watcher);
    signal.addEventListener("abort", () => wake());
    while (!signal.aborted) {
      for (let event = waiting.shift(); event !== undefined; event = waiting.shift()) yield event;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    this.#watchers.delete(watcher);
  }
}

function conflict(): never {
  throw new ApiError("conflict", { status: 409, reason: "Conflict", request: "lease" });
}

interface Candidate {
  election: LeaderElection;
  link: { broken: boolean };
  stop: AbortController;
  run: Promise<void>;
  log: string[];
  /** Signal of the latest term. */
  term: AbortSignal | undefined;
}

function join(
  identity: string,
  more: { onLost?: (reason: string) => Promise<void>; clock?: FakeClock; isGone?: (holder: string) => boolean } = {},
): Candidate {
  const { client, link } = server.client();
  const stop = new AbortController();
  const log: string[] = [];
  const election = new LeaderElection(client, {
    namespace: "cni-migrate",
    name: "controller",
    identity,
    ...(more.isGone === undefined ? {} : { isGone: more.isGone }),
    clock: more.clock ?? clock,
    onGained: (term) => {
      candidate.term = term;
      log.push("gained");
    },
    onLost: (reason) => {
      log.push(`lost: ${reason}`);
      return more.onLost?.(reason);
    },
    onError: (error) => log.push(String(error)),
  });
  const candidate: Candidate = { election, link, stop, log, term: undefined, run: election.run(stop.signal) };
  return candidate;
}

describe("LeaderElection", () => {
  it("leads when nobody holds the Lease, and writes what others expect to read", async () => {
    const a = join("a");
    await settle();

    expect(a.election.isLeader()).toBe(true);
    expect(a.election.holder).toBe("a");
    expect(server.lease).toMatchObject({
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: "controller", namespace: "cni-migrate" },
      spec: {
        holderIdentity: "a",
        leaseDurationSeconds: 15,
        leaseTransitions: 0,
        acquireTime: "2030-01-01T00:00:00.000000Z",
        renewTime: "2030-01-01T00:00:00.000000Z",
      },
    });
  });

  it("costs 0.2 requests a second for any number of candidates", async () => {
    join("a");
    await settle();
    join("b");
    join("c");
    await clock.advance(10);
    const before = server.requests;

    await clock.advance(600);

    expect((server.requests - before) / 600).toBeCloseTo(0.2, 2);
  });

  it("takes the Lease at once from a holder it knows to be gone, and from no other", async () => {
    const first = join("pod-a_1");
    await settle();
    first.link.broken = true;
    const other = join("pod-b_1", { isGone: (holder) => holder.startsWith("pod-b_") });
    await clock.advance(1);
    expect(other.election.isLeader()).toBe(false);
    const second = join("pod-a_2", { isGone: (holder) => holder.startsWith("pod-a_") });
    await settle();

    expect(second.election.isLeader()).toBe(true);
    expect(server.holder).toBe("pod-a_2");
    expect(other.election.isLeader()).toBe(false);
  });

  it("lets nobody else lead while it renews", async () => {
    const a = join("a");
    await settle();
    const b = join("b");

    await clock.advance(3600);

    expect([a.election.isLeader(), b.election.isLeader()]).toEqual([true, false]);
    expect(b.election.holder).toBe("a");
    expect(a.log).toEqual(["gained"]);
  });

  it("is given free by a clean stop, after the promise of onLost: the next one leads at once", async () => {
    let drained = () => {};
    const a = join("a", {
      onLost: () =>
        new Promise((resolve) => {
          drained = resolve;
        }),
    });
    await settle();
    const b = join("b");
    await clock.advance(7);

    a.stop.abort();
    await settle();
    expect([a.election.isLeader(), a.term?.aborted, b.election.isLeader(), server.holder]).toEqual([
      false,
      true,
      false,
      "a",
    ]);
    drained();
    await a.run;
    await settle();

    expect(b.election.isLeader()).toBe(true);
    expect(a.log).toEqual(["gained", "lost: stopped"]);
    expect(server.lease?.spec?.leaseTransitions).toBe(1);
  });

  it("is lost by a leader that gets no answers before anyone else can lead", async () => {
    const a = join("a");
    await settle();
    const b = join("b");
    await clock.advance(6);
    a.link.broken = true;
    const timeline: [number, boolean, boolean][] = [];

    for (let second = 1; second <= 30; second++) {
      await clock.advance(1);
      timeline.push([second, a.election.isLeader(), b.election.isLeader()]);
    }

    // The last renewal was 1 s before the link broke.
    expect(timeline.find(([, leads]) => !leads)?.[0]).toBe(9);
    expect(timeline.find(([, , leads]) => leads)?.[0]).toBe(14);
    expect(timeline.some(([, one, other]) => one && other)).toBe(false);
    expect(a.log).toContain("lost: the Lease was not renewed for 10 s");
    expect(a.term?.aborted).toBe(true);
  });

  it("does not survive a leader being stopped: after it goes on it knows at once that it does not lead", async () => {
    const own = new FakeClock();
    const a = join("a", { clock: own });
    await settle();
    const b = join("b");
    a.link.broken = true;
    await clock.advance(20);
    expect(b.election.isLeader()).toBe(true);

    own.freeze(60);

    expect(a.election.isLeader()).toBe(false);
    await own.advance(1);
    expect(a.log[1]).toMatch(/^lost/);
  });

  it("is not taken from a holder whose clock is wrong, nor left with one that died", async () => {
    server.write({
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: "controller", namespace: "cni-migrate" },
      spec: { holderIdentity: "x", leaseDurationSeconds: 86_400, renewTime: "2001-01-01T00:00:00.000000Z" },
    });
    const b = join("b");

    await clock.advance(14);
    expect(b.election.isLeader()).toBe(false);
    await clock.advance(2);

    expect(b.election.isLeader()).toBe(true);
  });

  it("is made anew by its holder when it was deleted: no one else leads", async () => {
    const a = join("a");
    await settle();
    const b = join("b");
    await clock.advance(7);

    server.delete();
    await clock.advance(60);

    expect([a.election.isLeader(), b.election.isLeader(), server.holder]).toEqual([true, false, "a"]);
  });

  it("is not free for being deleted: its holder may lead on, though it cannot be reached", async () => {
    const a = join("a");
    await settle();
    const b = join("b");
    await clock.advance(6);
    a.link.broken = true;

    server.delete();
    await clock.advance(8);
    expect([a.election.isLeader(), b.election.isLeader()]).toEqual([true, false]);
    await clock.advance(8);

    expect([a.election.isLeader(), b.election.isLeader()]).toEqual([false, true]);
  });

  it("is given up at once by a leader that sees another name in it", async () => {
    const a = join("a");
    await settle();
    await clock.advance(1);
    const { lease } = server;
    if (lease === undefined) throw new Error("unreachable");

    server.write({ ...lease, spec: { ...lease.spec, holderIdentity: "intruder" } });
    await settle();

    expect(a.election.isLeader()).toBe(false);
    expect(a.log).toEqual(["gained", "lost: the Lease is held by intruder"]);
    await clock.advance(20);
    expect(a.election.isLeader()).toBe(true);
  });

  it("bears that somebody annotates it", async () => {
    const a = join("a");
    await settle();
    for (let i = 0; i < 5; i++) {
      const { lease } = server;
      if (lease === undefined) throw new Error("unreachable");
      server.write({ ...lease, metadata: { ...lease.metadata, annotations: { n: `${i}` } } });
      await clock.advance(6);
    }

    expect(a.election.isLeader()).toBe(true);
    expect(a.log).toEqual(["gained"]);
  });

  it("goes to one only when many want it", async () => {
    const all = ["a", "b", "c", "d"].map((name) => join(name));

    for (let second = 0; second < 20; second++) {
      await clock.advance(1);
      expect(all.filter((one) => one.election.isLeader())).toHaveLength(1);
    }
  });

  it("is tried for again and again while the API server is away", async () => {
    const a = join("a");
    a.link.broken = true;
    await clock.advance(120);
    expect(a.election.isLeader()).toBe(false);

    a.link.broken = false;
    await clock.advance(10);

    expect(a.election.isLeader()).toBe(true);
  });
});
