import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ConfigMap } from "../kube/objects.ts";
import { configMaps } from "../kube/resources.ts";
import { settle } from "../kube/testing/fake-clock.ts";
import type { KubeClient, WatchEvent } from "../kube/types.ts";
import { Store } from "./store.ts";

const key = { name: "a", namespace: "ns" };
let stop: AbortController;
let lists: number;
let push: (event: WatchEvent<ConfigMap>) => Promise<void>;
let store: Store<ConfigMap>;

beforeEach(() => {
  stop = new AbortController();
  lists = 0;
});

afterEach(() => {
  vi.restoreAllMocks();
  stop.abort();
});

function object(version: string, text: string, name = "a", uid = "uid-a"): ConfigMap {
  const metadata = { ...key, name, uid, resourceVersion: version };
  return { apiVersion: "v1", kind: "ConfigMap", metadata, data: { text } };
}

/** A store of what is listed; `push` is the watch. */
async function started(...items: ConfigMap[]): Promise<void> {
  const waiting: WatchEvent<ConfigMap>[] = [];
  let wake = () => {};
  push = async (event) => {
    waiting.push(event);
    wake();
    await settle();
  };
  async function* watch(): AsyncGenerator<WatchEvent<ConfigMap>> {
    while (!stop.signal.aborted) {
      for (let event = waiting.shift(); event !== undefined; event = waiting.shift()) yield event;
      await new Promise<void>((resolve) => {
        wake = resolve;
        stop.signal.addEventListener("abort", () => resolve());
      });
    }
  }
  const list = async () => {
    lists++;
    return { items, resourceVersion: "10" };
  };
  store = new Store({ list, watch } as unknown as KubeClient, configMaps);
  await store.start(stop.signal);
}

const texts = () => store.list().map((o) => `${o.metadata.name}=${o.data?.text}`);

describe("own writes", () => {
  it("are seen at once, in get and in list", async () => {
    await started(object("5", "listed"));

    store.put(object("11", "written"));
    store.put(object("12", "new", "b", "uid-b"));

    expect(store.get(key)?.data?.text).toBe("written");
    expect(texts()).toEqual(["a=written", "b=new"]);
  });

  it("are not undone by an older event of the watch", async () => {
    await started(object("5", "listed"));
    store.put(object("12", "written"));

    await push({ type: "MODIFIED", object: object("11", "before") });

    expect(store.get(key)?.data?.text).toBe("written");
    expect(texts()).toEqual(["a=written"]);
  });

  it("are not undone by an older write whose answer came late", async () => {
    await started();
    store.put(object("12", "second"));
    store.put(object("11", "first"));

    expect(store.get(key)?.data?.text).toBe("second");
  });

  it.each([
    ["the write itself", "12", "written"],
    ["somebody's later one", "13", "theirs"],
  ])("give way to %s when the watch brings it", async (_title, version, text) => {
    await started(object("5", "listed"));
    store.put(object("12", "written"));

    await push({ type: "MODIFIED", object: object(version, text) });

    expect(texts()).toEqual([`a=${text}`]);
  });

  it("count versions as numbers, not as text", async () => {
    await started(object("9", "listed"));
    store.put(object("10", "written"));

    expect(store.get(key)?.data?.text).toBe("written");
  });

  it("are gone when the object is", async () => {
    await started(object("5", "listed"));
    store.put(object("12", "written"));

    await push({ type: "DELETED", object: object("13", "written") });

    expect(store.get(key)).toBeUndefined();
    expect(texts()).toEqual([]);
  });

  it("do not bring an object back whose end was seen before their answer", async () => {
    await started(object("5", "listed"));
    await push({ type: "DELETED", object: object("12", "last") });

    store.put(object("11", "written"));

    expect(store.get(key)).toBeUndefined();
    expect(texts()).toEqual([]);
    store.put(object("13", "made anew", "a", "uid-later"));
    expect(texts()).toEqual(["a=made anew"]);
  });

  it("outlive the late news that an earlier object of that name is gone", async () => {
    await started(object("5", "old"));
    store.put(object("12", "made anew", "a", "uid-later"));

    await push({ type: "DELETED", object: object("11", "old") });

    expect(store.get(key)?.data?.text).toBe("made anew");
  });

  it("that the watch never brings are forgotten after 30 s", async () => {
    const now = vi.spyOn(performance, "now");
    now.mockReturnValue(1000);
    await started();
    store.put(object("12", "phantom"));

    now.mockReturnValue(30_999);
    expect(texts()).toEqual(["a=phantom"]);
    now.mockReturnValue(31_000);
    expect(texts()).toEqual([]);
    expect(store.get(key)).toBeUndefined();
  });
});

describe("the copy", () => {
  it("is made once, however often it is started", async () => {
    await started(object("5", "listed"));

    await Promise.all([store.start(stop.signal), store.start(stop.signal)]);

    expect(lists).toBe(1);
    expect(store.isSynced).toBe(true);
  });

  it("is empty and not synced before it is started", () => {
    store = new Store({} as KubeClient, configMaps);

    expect(store.isSynced).toBe(false);
    expect(store.list()).toEqual([]);
  });

  it("tells of every change with the object as it is or last was", async () => {
    await started();
    const told: string[] = [];
    store.onChange((o) => told.push(`${o.metadata.name} ${o.data?.text}`));

    await push({ type: "ADDED", object: object("11", "one") });
    await push({ type: "MODIFIED", object: object("12", "two") });
    await push({ type: "DELETED", object: object("13", "two") });

    expect(told).toEqual(["a one", "a two", "a two"]);
  });
});
