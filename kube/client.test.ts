import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ClientOptions, createClient } from "./client.ts";
import { configMaps, nodes, pods } from "./resources.ts";
import {
  type Answer,
  connectionTo,
  type FaultServer,
  json,
  startFaultServer,
  status,
  stream,
  text,
} from "./testing/fault-server.ts";
import type { KubeClient, KubeObject, WatchEvent } from "./types.ts";

let server: FaultServer;
let client: KubeClient;

beforeEach(async () => {
  server = await startFaultServer();
  client = clientWith({});
});

afterEach(() => server.close());

function clientWith(options: ClientOptions): KubeClient {
  return createClient(connectionTo(server.url), { fieldManager: "me", ...options });
}

const page = (names: string[], next?: string) =>
  json({
    kind: "NodeList",
    metadata: { resourceVersion: "7", continue: next },
    items: names.map((name) => ({ metadata: { name } })),
  });
const sent = () => server.seen.map(({ method, path, query }) => `${method} ${path}?${query}`);

describe("list", () => {
  it("follows the pages and completes the items", async () => {
    server.answer(page(["a", "b"], "t1"), page(["c"], "t2"), page([]));

    const list = await client.list(nodes, { limit: 2, labelSelector: "a=b", fieldSelector: "c=d" });

    expect(list.resourceVersion).toBe("7");
    expect(list.items.map((node) => `${node.apiVersion} ${node.kind} ${node.metadata.name}`)).toEqual(
      ["a", "b", "c"].map((name) => `v1 Node ${name}`),
    );
    const base = "GET /api/v1/nodes?labelSelector=a%3Db&fieldSelector=c%3Dd&limit=2";
    expect(sent()).toEqual([base, `${base}&continue=t1`, `${base}&continue=t2`]);
  });

  it("begins again in one piece when the version of the pages is gone", async () => {
    server.answer(page(["a"], "t1"), status(410, "Expired"), page(["a", "b"]));

    expect((await client.list(nodes)).items).toHaveLength(2);
    expect(sent()).toEqual([
      "GET /api/v1/nodes?limit=500",
      "GET /api/v1/nodes?limit=500&continue=t1",
      "GET /api/v1/nodes?",
    ]);
  });

  it("takes null for no items", async () => {
    server.answer(json({ items: null, metadata: { resourceVersion: "1" } }));

    expect((await client.list(nodes)).items).toEqual([]);
  });
});

describe("requests", () => {
  const key = { namespace: "shop", name: "a/b" };
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: "shop", name: "c" } };

  it.each<[string, (c: KubeClient) => Promise<unknown>, string, string | undefined, unknown]>([
    ["get", (c) => c.get(configMaps, key), "GET /api/v1/namespaces/shop/configmaps/a%2Fb?", undefined, ""],
    [
      "create",
      (c) => c.create(configMaps, object),
      "POST /api/v1/namespaces/shop/configmaps?fieldManager=me",
      "application/json",
      object,
    ],
    [
      "apply",
      (c) => c.apply(configMaps, object, { fieldManager: "you", force: true, dryRun: true }),
      "PATCH /api/v1/namespaces/shop/configmaps/c?fieldManager=you&dryRun=All&force=true",
      "application/apply-patch+yaml",
      object,
    ],
    [
      "patch",
      (c) => c.patch(nodes, { name: "n" }, { spec: {} }, { subresource: "status" }),
      "PATCH /api/v1/nodes/n/status?fieldManager=me",
      "application/merge-patch+json",
      { spec: {} },
    ],
    [
      "replace",
      (c) => c.replace(configMaps, object),
      "PUT /api/v1/namespaces/shop/configmaps/c?fieldManager=me",
      "application/json",
      object,
    ],
    [
      "delete",
      (c) => c.delete(configMaps, key, { preconditions: { uid: "u" }, propagationPolicy: "Orphan", dryRun: true }),
      "DELETE /api/v1/namespaces/shop/configmaps/a%2Fb?",
      "application/json",
      {
        apiVersion: "v1",
        kind: "DeleteOptions",
        preconditions: { uid: "u" },
        propagationPolicy: "Orphan",
        dryRun: ["All"],
      },
    ],
    [
      "evict",
      (c) => c.evict({ namespace: "shop", name: "p" }, { uid: "u", gracePeriodSeconds: 5 }),
      "POST /api/v1/namespaces/shop/pods/p/eviction?",
      "application/json",
      {
        apiVersion: "policy/v1",
        kind: "Eviction",
        metadata: { name: "p", namespace: "shop" },
        deleteOptions: { preconditions: { uid: "u" }, gracePeriodSeconds: 5 },
      },
    ],
    [
      "logs",
      (c) => c.logs({ namespace: "shop", name: "p" }, { container: "main", tailLines: 5 }),
      "GET /api/v1/namespaces/shop/pods/p/log?container=main&tailLines=5",
      undefined,
      "",
    ],
  ])("%s", async (_, call, request, type, body) => {
    server.answer(json({}));

    await call(client);

    expect(sent()).toEqual([request]);
    expect(server.seen[0]?.headers["content-type"]).toBe(type);
    const received = server.seen[0]?.body ?? "";
    expect(received === "" ? "" : JSON.parse(received)).toEqual(body);
  });

  it("refuses a namespaced object without a namespace before anything is sent", async () => {
    await expect(client.get(pods, { name: "p" })).rejects.toThrow("pods p: the namespace is missing");
    expect(server.seen).toEqual([]);
  });
});

describe("answers", () => {
  const pod = { namespace: "a", name: "b" };

  it("turn 404 into undefined or false where that says it", async () => {
    server.answer(status(404, "NotFound"));

    expect(await client.get(pods, pod)).toBeUndefined();
    expect(await client.delete(pods, pod)).toBe(false);
    expect(await client.evict(pod, { uid: "u" })).toBe(false);
    await expect(client.patch(pods, pod, {})).rejects.toMatchObject({ status: 404 });
  });

  it.each([
    [409, "Conflict"],
    [410, "Expired"],
    [422, "Invalid"],
    [429, "TooManyRequests"],
    [500, "InternalError"],
    [503, "ServiceUnavailable"],
  ])("%i is thrown as %s, after one request", async (code, reason) => {
    server.answer(status(code, reason, { headers: { "retry-after": "3" } }));

    await expect(client.patch(pods, pod, {})).rejects.toMatchObject({ status: code, reason, retryAfterSeconds: 3 });
    expect(client.requestCount).toBe(1);
  });

  it("that are not JSON are told apart from an API server's", async () => {
    server.answer(text(200, "<html>please log in</html>", "text/html"));

    await expect(client.get(pods, pod)).rejects.toMatchObject({
      status: 200,
      reason: "NotJson",
      message:
        "the answer is not JSON but text/html; is the server of the kubeconfig a Kubernetes API server? (GET /api/v1/namespaces/a/pods/b)",
    });
  });
});

describe("watch", () => {
  const event = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`;
  const added = (name: string) => event("ADDED", { kind: "Node", metadata: { name, resourceVersion: "8" } });

  async function read(answer: Answer, options: ClientOptions = {}) {
    server.answer(answer);
    const events: WatchEvent<KubeObject>[] = [];
    let error: unknown;
    try {
      for await (const one of clientWith(options).watch(nodes, { resourceVersion: "7" })) events.push(one);
    } catch (e) {
      error = e;
    }
    const names = events.map((e) => (e.type === "BOOKMARK" ? "BOOKMARK" : `${e.type} ${e.object.metadata.name}`));
    return { names, error };
  }

  it("asks for bookmarks and an end in 270 to 310 s", async () => {
    await read(stream([]));

    const query = Object.fromEntries(server.seen[0]?.query ?? []);
    expect(query).toMatchObject({ watch: "true", allowWatchBookmarks: "true", resourceVersion: "7" });
    expect(Number(query.timeoutSeconds)).toBeGreaterThanOrEqual(270);
    expect(Number(query.timeoutSeconds)).toBeLessThan(310);
  });

  it("puts lines together that come in pieces", async () => {
    const all = added("ä") + added("b") + event("BOOKMARK", { metadata: { resourceVersion: "9" } });

    const { names, error } = await read(stream([...all]));

    expect(error).toBeUndefined();
    expect(names).toEqual(["ADDED ä", "ADDED b", "BOOKMARK"]);
  });

  it("bears an object of 10 MB", async () => {
    const big = event("ADDED", { metadata: { name: "big" }, data: "x".repeat(10 << 20) });

    expect(await read(stream([big]))).toEqual({ names: ["ADDED big"], error: undefined });
  });

  it.each([
    [
      "an ERROR event as what it says",
      stream([added("a"), event("ERROR", { kind: "Status", code: 410, reason: "Expired" })]),
      410,
      "Expired",
    ],
    ["a refusal", status(403, "Forbidden"), 403, "Forbidden"],
    ["a connection that breaks as Truncated", stream([added("a")], "reset"), 0, "Truncated"],
    ["a line that is not JSON as NotJson", stream(["<html>\n"]), 200, "NotJson"],
    ["a line that is no event as NotJson", stream(['{"kind":"Node"}\n']), 200, "NotJson"],
  ])("throws %s", async (_, answer, code, reason) => {
    expect((await read(answer)).error).toMatchObject({ status: code, reason });
  });

  it("ends without an error when nothing came for the idle limit", async () => {
    const start = performance.now();

    const { names, error } = await read(stream([added("a")], "open"), { watchIdleSeconds: 0.2 });

    expect({ names, error }).toEqual({ names: ["ADDED a"], error: undefined });
    expect(performance.now() - start).toBeGreaterThanOrEqual(190);
  });

  it("gives up when the server takes the request but sends no head", async () => {
    server.answer(() => {});
    const reading = clientWith({}).watch(nodes, { resourceVersion: "7", timeoutSeconds: 0.1 });

    await expect(reading[Symbol.asyncIterator]().next()).rejects.toMatchObject({ reason: "Timeout" });
  });

  it("closes the connection when the reader has had enough", async () => {
    let closed = false;
    server.answer((response, seen) => {
      response.on("close", () => {
        closed = true;
      });
      stream([added("a")], "open")(response, seen);
    });

    for await (const _ of clientWith({}).watch(nodes, { resourceVersion: "7" })) break;

    await expect.poll(() => closed).toBe(true);
  });
});
