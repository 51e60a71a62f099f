import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ApiError } from "./errors.ts";
import type { ConfigMap } from "./objects.ts";
import { type Change, Reflector, type ReflectorOptions } from "./reflector.ts";
import { configMaps } from "./resources.ts";
import { FakeClock, settle } from "./testing/fake-clock.ts";
import type { KubeClient, KubeList, WatchEvent } from "./types.ts";

type Event = WatchEvent<ConfigMap>;
/** What the server does with one list or watch; the last one is repeated. A watch that gives nothing stays open. */
interface Script {
  lists: (() => KubeList<ConfigMap>)[];
  watches: ((from: string) => AsyncIterable<Event>)[];
}

let clock: FakeClock;
let stop: AbortController;
let asked: string[];
let errors: unknown[];
let changes: string[];
let push: (event: Event) => void;

beforeEach(() => {
  clock = new FakeClock();
  stop = new AbortController();
  asked = [];
  errors = [];
  changes = [];
  push = () => {};
});

afterEach(() => stop.abort());

function object(name: string, resourceVersion: string, uid = name): ConfigMap {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "a", resourceVersion, uid } };
}

function list(resourceVersion: string, ...items: ConfigMap[]) {
  return () => ({ items, resourceVersion });
}

function fails(status: number, reason: string, retryAfterSeconds?: number) {
  return () => {
    throw new ApiError(reason, { status, reason, request: "GET", retryAfterSeconds });
  };
}

/** A watch that brings these events and ends, after so many seconds. */
function brings(events: Event[], lastsSeconds = 0) {
  return async function* (): AsyncGenerator<Event> {
    yield* events;
    if (lastsSeconds > 0) await clock.sleep(lastsSeconds);
  };
}

/** A watch that stays open; `push` sends events through it. */
function open() {
  return async function* (): AsyncGenerator<Event> {
    const waiting: Event[] = [];
    let wake = () => {};
    push = (event) => {
      waiting.push(event);
      wake();
    };
    for (;;) {
      for (let event = waiting.shift(); event !== undefined; event = waiting.shift()) yield event;
      if (stop.signal.aborted) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
        stop.signal.addEventListener("abort", () => resolve());
      });
    }
  };
}

function reflect(script: Script, options: Partial<ReflectorOptions<ConfigMap>> = {}): Reflector<ConfigMap> {
  const next = <S>(steps: S[]): S => (steps.length > 1 ? steps.shift() : steps[0]) as S;
  const client = {
    list: async () => {
      asked.push("list");
      return next(script.lists)();
    },
    watch: (_: unknown, { resourceVersion }: { resourceVersion: string }) => {
      asked.push(`watch ${resourceVersion}`);
      return next(script.watches)(resourceVersion);
    },
  } as unknown as KubeClient;
  const reflector = new Reflector(client, configMaps, {
    signal: stop.signal,
    clock,
    onError: (error) => errors.push(error),
    ...options,
  });
  reflector.onChange((change: Change<ConfigMap>) => {
    const { name, resourceVersion } = change.object.metadata;
    changes.push(`${change.type} ${name} ${resourceVersion}`);
  });
  return reflector;
}

describe("Reflector", () => {
  it("keeps a copy and tells what changes", async () => {
    const store = reflect({ lists: [list("5", object("a", "1"), object("b", "2"))], watches: [open()] });
    await store.synced();

    push({ type: "ADDED", object: object("c", "6") });
    push({ type: "MODIFIED", object: object("a", "7") });
    push({ type: "DELETED", object: object("b", "8") });
    await settle();

    expect(changes).toEqual(["added a 1", "added b 2", "added c 6", "updated a 7", "deleted b 8"]);
    expect(store.list().map((o) => o.metadata.name)).toEqual(["a", "c"]);
    expect(store.get({ namespace: "a", name: "a" })?.metadata.resourceVersion).toBe("7");
    expect(store.has({ namespace: "a", name: "b" })).toBe(false);
    expect(errors).toEqual([]);
  });

  it("does not keep managedFields, nor what `trim` takes away", async () => {
    const full = { ...object("a", "1"), data: { big: "x" } };
    Object.assign(full.metadata, { managedFields: [{}] });

    const store = reflect({ lists: [list("5", full)], watches: [open()] }, { trim: ({ data: _, ...rest }) => rest });
    await store.synced();

    expect(store.list()).toEqual([object("a", "1")]);
  });

  it("goes on from the last version seen, bookmarks included, without a new list", async () => {
    const bookmark: Event = { type: "BOOKMARK", object: { metadata: { resourceVersion: "9" } } };
    reflect({
      lists: [list("5")],
      watches: [brings([{ type: "ADDED", object: object("a", "6") }], 280), brings([bookmark], 280), open()],
    });

    await clock.advance(561);

    expect(asked).toEqual(["list", "watch 5", "watch 6", "watch 9"]);
    expect(errors).toEqual([]);
  });

  it("follows a healthy watch by the next one at once", async () => {
    reflect({ lists: [list("5")], watches: [brings([], 280), open()] });

    await clock.advance(280.001);

    expect(asked).toEqual(["list", "watch 5", "watch 5"]);
  });

  it("backs off from a server that closes at once, up to 30 s", async () => {
    reflect({ lists: [list("5")], watches: [brings([])] });

    await clock.advance(200);

    expect(clock.sleeps.slice(0, 9)).toEqual([0.5, 1, 2, 4, 8, 16, 30, 30, 30]);
    expect(asked.length).toBeLessThan(15);
  });

  it("takes up to half off each back-off, by chance", async () => {
    clock.chance = 0.999;
    reflect({ lists: [fails(500, "InternalError")], watches: [] });

    await clock.advance(3);

    expect(clock.sleeps[0]).toBeCloseTo(0.25, 2);
    expect(clock.sleeps[2]).toBeCloseTo(1, 2);
  });

  it("starts the back-off afresh after a healthy watch", async () => {
    reflect({ lists: [list("5")], watches: [brings([]), brings([]), brings([], 60), brings([])] });

    await clock.advance(70);

    expect(clock.sleeps.slice(0, 5)).toEqual([0.5, 1, 60, 0.5, 1]);
  });

  it("does not take requests that hang for health", async () => {
    const hangs = async function* (): AsyncGenerator<Event> {
      await clock.sleep(30);
      yield* fails(0, "Timeout")() as Event[];
    };
    reflect({ lists: [list("5")], watches: [hangs] });

    await clock.advance(100);

    expect(clock.sleeps.slice(0, 6)).toEqual([30, 0.5, 30, 1, 30, 2]);
  });

  it("waits as long as the server asks for", async () => {
    reflect({ lists: [fails(429, "TooManyRequests", 12), list("5")], watches: [open()] });

    await clock.advance(13);

    expect(clock.sleeps).toEqual([12]);
    expect(asked).toEqual(["list", "list", "watch 5"]);
    expect(errors).toHaveLength(1);
  });

  it("lists anew on 410 and tells the difference, namesakes included", async () => {
    reflect({
      lists: [
        list("5", object("same", "1"), object("gone", "2"), object("changed", "3"), object("replaced", "4", "old")),
        list("9", object("same", "1"), object("changed", "7"), object("replaced", "8", "new"), object("new", "9")),
      ],
      watches: [fails(410, "Expired"), open()],
    });
    await settle();
    changes.length = 0;

    await clock.advance(1);

    expect(changes).toEqual([
      "deleted gone 2",
      "updated changed 7",
      "deleted replaced 4",
      "added replaced 8",
      "added new 9",
    ]);
    expect(asked).toEqual(["list", "watch 5", "list", "watch 9"]);
  });

  it("backs off from a server that answers every watch with 410", async () => {
    reflect({ lists: [list("5")], watches: [fails(410, "Expired")] });

    await clock.advance(120);

    expect(asked.filter((what) => what === "list").length).toBeLessThan(12);
  });

  it("never gives up, and is not synced before the first list", async () => {
    const store = reflect({ lists: [fails(403, "Forbidden"), fails(0, "Refused"), list("5")], watches: [open()] });
    await settle();
    expect(store.isSynced).toBe(false);

    await clock.advance(600);

    expect(store.isSynced).toBe(true);
    expect(errors).toHaveLength(2);
  });

  it("goes on when a listener throws, and reports it", async () => {
    const store = reflect({ lists: [list("5", object("a", "1"))], watches: [open()] });
    store.onChange(() => {
      throw new Error("listener broke");
    });
    await store.synced();
    push({ type: "ADDED", object: object("b", "6") });
    await settle();

    expect(store.list()).toHaveLength(2);
    expect(errors.map(String)).toEqual(["Error: listener broke", "Error: listener broke"]);
  });

  it("stops with the signal, and says so to those who wait", async () => {
    const store = reflect({ lists: [fails(500, "InternalError")], watches: [] });
    const waiting = store.synced();

    stop.abort(new Error("stopped"));

    await expect(waiting).rejects.toThrow("stopped");
    const count = asked.length;
    await clock.advance(60);
    expect(asked).toHaveLength(count);
  });
});

describe("waitFor", () => {
  it("gives the first answer after a change", async () => {
    const store = reflect({ lists: [list("5")], watches: [open()] });
    const waiting = store.waitFor((s) => s.get({ namespace: "a", name: "b" }), { timeoutSeconds: 5, what: "b" });
    await settle();

    push({ type: "ADDED", object: object("b", "6") });

    expect((await waiting).metadata.name).toBe("b");
  });

  it("does not ask before the store is synced", async () => {
    const store = reflect({ lists: [fails(500, "InternalError"), list("5", object("a", "1"))], watches: [open()] });
    const counts: number[] = [];
    const waiting = store.waitFor((s) => counts.push(s.list().length) > 0, { timeoutSeconds: 5, what: "a list" });

    await clock.advance(1);
    await waiting;

    expect(counts).toEqual([1]);
  });

  it("says what it waited for in vain", async () => {
    const store = reflect({ lists: [list("5")], watches: [open()] });

    await expect(
      store.waitFor(() => false, { timeoutSeconds: 0.05, what: "node n1 to be Ready" }),
    ).rejects.toMatchObject({
      reason: "Timeout",
      message: "waited 0.05 s in vain for node n1 to be Ready",
    });
  });

  it("ends with the caller's signal, or with what the predicate throws", async () => {
    const store = reflect({ lists: [list("5")], watches: [open()] });
    const own = new AbortController();
    const waiting = store.waitFor(() => false, { timeoutSeconds: 5, what: "", signal: own.signal });
    own.abort(new Error("interrupted"));

    await expect(waiting).rejects.toThrow("interrupted");
    const failing = store.waitFor(
      () => {
        throw new Error("failed");
      },
      { timeoutSeconds: 5, what: "" },
    );
    await expect(failing).rejects.toThrow("failed");
  });
});
