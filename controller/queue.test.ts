import { describe, expect, it } from "vitest";
import { WorkQueue } from "./queue.ts";

function harness(handle: (key: string) => Promise<{ afterSeconds: number } | undefined>, workers = 2) {
  const timers: { due: number; callback: () => void; cancelled: boolean }[] = [];
  const failures: { key: string; backoffSeconds: number }[] = [];
  const queue = new WorkQueue({
    workers,
    minBackoffSeconds: 1,
    maxBackoffSeconds: 8,
    handle,
    failed: (key, _error, backoffSeconds) => failures.push({ key, backoffSeconds }),
    setTimer: (callback, milliseconds) => {
      const timer = { due: milliseconds, callback, cancelled: false };
      timers.push(timer);
      return { cancel: () => (timer.cancelled = true) };
    },
    random: () => 1,
  });
  const fire = () => {
    for (const timer of timers.splice(0)) if (!timer.cancelled) timer.callback();
  };
  const settle = async () => {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  };
  return { queue, timers, failures, fire, settle };
}

describe("WorkQueue", () => {
  it("never handles one key twice at a time, and runs it once more when asked meanwhile", async () => {
    let active = 0;
    let most = 0;
    let runs = 0;
    const release: (() => void)[] = [];
    const h = harness(async () => {
      runs++;
      most = Math.max(most, ++active);
      await new Promise<void>((resolve) => release.push(resolve));
      active--;
    });

    h.queue.add("node/n1");
    h.queue.add("node/n1");
    h.queue.add("node/n1");
    await h.settle();
    release.shift()?.();
    await h.settle();
    release.shift()?.();
    await h.settle();

    expect({ runs, most }).toEqual({ runs: 2, most: 1 });
  });

  it("backs off per key, doubling up to the limit, and is not hurried by events", async () => {
    let runs = 0;
    const h = harness(async () => {
      runs++;
      throw new Error("refused");
    });

    h.queue.add("node/n1");
    await h.settle();
    for (let i = 0; i < 5; i++) {
      h.queue.add("node/n1");
      await h.settle();
      h.fire();
      await h.settle();
    }

    expect(h.failures.map((f) => f.backoffSeconds)).toEqual([1, 2, 4, 8, 8, 8]);
    expect(runs).toBe(6);
  });

  it("keeps the earlier of two wishes for later, and an event wins over both", async () => {
    let runs = 0;
    const h = harness(async () => {
      runs++;
    });

    h.queue.addAfter("a", 30);
    h.queue.addAfter("a", 5);
    h.queue.addAfter("a", 60);
    expect(h.timers.filter((t) => !t.cancelled).map((t) => t.due)).toEqual([5000]);
    h.queue.add("a");
    await h.settle();
    h.fire();
    await h.settle();

    expect(runs).toBe(1);
  });

  it("is idle when what runs has come to its end, after a stop too", async () => {
    const release: (() => void)[] = [];
    const h = harness(() => new Promise<undefined>((resolve) => release.push(() => resolve(undefined))));
    await h.queue.idle();
    h.queue.add("node/n1");
    h.queue.add("node/n2");
    h.queue.add("node/n3");
    h.queue.stop();
    let idle = false;
    void h.queue.idle().then(() => {
      idle = true;
    });

    release.shift()?.();
    await h.settle();
    expect(idle).toBe(false);
    release.shift()?.();
    await h.settle();

    expect([idle, release.length]).toEqual([true, 0]);
  });
});
