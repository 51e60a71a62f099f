import { createServer } from "node:net";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isApiError } from "./errors.ts";
import {
  type Answer,
  connectionTo,
  type FaultServer,
  json,
  reset,
  secretToken,
  stall,
  stallInBody,
  startFaultServer,
  status,
  text,
  truncate,
} from "./testing/fault-server.ts";
import { Transport } from "./transport.ts";

let server: FaultServer;

beforeEach(async () => {
  server = await startFaultServer();
});

afterEach(() => server.close());

const get = { method: "GET", path: "/api" } as const;
const post = { method: "POST", path: "/api", body: "{}" } as const;

/** An address nobody listens on. */
async function deadUrl(): Promise<string> {
  const dead = await startFaultServer();
  await dead.close();
  return dead.url;
}

async function failureOf(promise: Promise<unknown>) {
  const error: unknown = await promise.then(
    () => new Error("no failure"),
    (e: unknown) => e,
  );
  if (!isApiError(error)) throw error;
  return error;
}

describe("transport", () => {
  it("uses one connection for many requests", async () => {
    server.answer(json({}));
    const transport = new Transport(connectionTo(server.url));

    for (let i = 0; i < 20; i++) await transport.send(get);

    expect(server.connections).toBe(1);
    expect(transport.requestCount).toBe(20);
  });

  it("keeps the path of the server's URL and sends who it is", async () => {
    server.answer(json({}));

    await new Transport(connectionTo(`${server.url}/clusters/one/`), { userAgent: "test/1" }).send(get);

    expect(server.seen[0]).toMatchObject({
      path: "/clusters/one/api",
      headers: { "user-agent": "test/1", authorization: `Bearer ${secretToken}`, accept: "application/json" },
    });
  });

  it.each<{ fault: string; answer: Answer; reason: string; message: RegExp; once: typeof get | typeof post }>([
    {
      fault: "a reset",
      answer: reset,
      reason: "Reset",
      message: /closed the connection without an answer/,
      once: post,
    },
    {
      fault: "a cut answer",
      answer: truncate,
      reason: "Truncated",
      message: /ended before it was complete/,
      once: post,
    },
    { fault: "silence", answer: stall, reason: "Timeout", message: /no complete answer .* within 0.1 s/, once: post },
    { fault: "a body that stops", answer: stallInBody, reason: "Timeout", message: /within 0.1 s/, once: get },
  ])("reports $fault as $reason and sends the request once", async ({ answer, reason, message, once }) => {
    server.answer(answer);
    const transport = new Transport(connectionTo(server.url));

    const error = await failureOf(transport.send({ ...once, timeoutSeconds: 0.1 }));

    expect(error).toMatchObject({ status: 0, reason, request: `${once.method} /api` });
    expect(error.message).toMatch(message);
    expect(error.message).toContain(server.url);
    expect(server.seen).toHaveLength(1);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(secretToken);
  });

  it("refuses a body that is too large", async () => {
    server.answer(text(200, "x".repeat(3 << 20)));

    const error = await failureOf(new Transport(connectionTo(server.url)).send({ ...get, maxBytes: 1 << 20 }));

    expect(error).toMatchObject({
      reason: "TooLarge",
      message: `the answer of ${server.url} is larger than 1 MiB (GET /api)`,
    });
  });

  it("reports a server that is not there", async () => {
    const url = await deadUrl();

    const error = await failureOf(new Transport(connectionTo(url)).send(get));

    expect(error).toMatchObject({
      status: 0,
      reason: "Refused",
      message: `the API server ${url} refused the connection; check the address and that it is running (GET /api)`,
    });
  });

  it("stops for the caller's signal with its reason", async () => {
    server.answer(stall);
    const stop = new AbortController();
    const sent = new Transport(connectionTo(server.url)).send({ ...get, signal: stop.signal });

    setTimeout(() => stop.abort(new Error("enough")), 20);

    await expect(sent).rejects.toThrow("enough");
  });

  it("sends nothing when the hook throws", async () => {
    const onRequest = ({ method }: { method: string }) => {
      if (method !== "GET") throw new Error("not the leader");
    };
    server.answer(json({}));
    const transport = new Transport(connectionTo(server.url), { onRequest });

    await transport.send(get);
    await expect(transport.send(post)).rejects.toThrow("not the leader");

    expect(server.seen.map((seen) => seen.method)).toEqual(["GET"]);
  });
});

describe("a kept connection that the server closes", () => {
  it("makes a read go out again on a new one", async () => {
    server.answer(json({}), reset, json({ second: true }));
    const transport = new Transport(connectionTo(server.url));
    await transport.send(get);

    const answer = await transport.send(get);

    expect(answer.body).toBe('{"second":true}');
    expect(server.seen.map((seen) => seen.connection)).toEqual([1, 1, 2]);
  });

  it("makes a write fail: it may have been done", async () => {
    server.answer(json({}), reset, json({}));
    const transport = new Transport(connectionTo(server.url));
    await transport.send(get);

    expect(await failureOf(transport.send(post))).toMatchObject({ reason: "Reset" });
    expect(server.seen).toHaveLength(2);
  });
});

describe("more requests than connections", () => {
  const most = 16;

  /** Answers as many requests as there are connections when all of them are in; what comes then met a kept connection. */
  function answerTogether(...later: Answer[]): void {
    const held: (() => void)[] = [];
    const hold: Answer = (response, seen) => {
      held.push(() => json({})(response, seen));
      if (held.length === most) for (const answer of held) answer();
    };
    server.answer(...Array.from({ length: most }, () => hold), ...later);
  }

  it("wait for a connection of another one and are sent over it", async () => {
    answerTogether(json({}));
    const transport = new Transport(connectionTo(server.url));

    await Promise.all(Array.from({ length: 3 * most }, () => transport.send(post)));

    expect([server.connections, server.seen.length]).toEqual([most, 3 * most]);
  });

  it("a read that waited goes out again when that connection was closed", async () => {
    answerTogether(reset, json({ second: true }));
    const transport = new Transport(connectionTo(server.url));

    const answers = await Promise.all(Array.from({ length: most + 1 }, () => transport.send(get)));

    expect(answers.at(-1)?.body).toBe('{"second":true}');
    expect(server.seen).toHaveLength(most + 2);
  });

  it("a write that waited is not given to the next server: it may have been done", async () => {
    const other = await startFaultServer();
    other.answer(json({}));
    answerTogether(reset);
    const transport = new Transport(connectionTo([server.url, other.url]));

    const sent = Array.from({ length: most + 1 }, () => transport.send(post));

    expect(await failureOf(sent.at(-1) ?? Promise.resolve())).toMatchObject({ reason: "Reset" });
    await Promise.all(sent.slice(0, most));
    expect(other.seen).toHaveLength(0);
    await other.close();
  });
});

describe("several servers", () => {
  it("goes on to the next when one refuses, and stays there", async () => {
    server.answer(json({}));
    const transport = new Transport(connectionTo([await deadUrl(), await deadUrl(), server.url]));

    await transport.send(post);
    const { requestCount } = transport;
    await transport.send(post);

    expect([requestCount, transport.requestCount]).toEqual([3, 4]);
    expect(server.seen).toHaveLength(2);
  });

  it("goes on when one does not answer the handshake", async () => {
    // Accepts TCP but never speaks TLS: what a host behind a broken forwarder looks like.
    const mute = createServer();
    await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
    const address = mute.address();
    const port = typeof address === "object" ? address?.port : 0;
    server.answer(json({}));
    const servers = [`https://127.0.0.1:${port}`, server.url];

    const answer = await new Transport(connectionTo(servers), { connectSeconds: 0.1 }).send(post);

    expect(answer.status).toBe(200);
    mute.close();
  });

  it("does not give the next one a request that may have been done by the one that broke", async () => {
    const other = await startFaultServer();
    server.answer(reset);
    other.answer(json({}));

    const sent = new Transport(connectionTo([server.url, other.url])).send(post);

    expect(await failureOf(sent)).toMatchObject({ reason: "Reset" });
    expect([server.seen.length, other.seen.length]).toEqual([1, 0]);
    await other.close();
  });

  it("asks the other one after a time-out, but does not repeat the write", async () => {
    const other = await startFaultServer();
    server.answer(stall);
    other.answer(json({}));
    const transport = new Transport(connectionTo([server.url, other.url]));

    expect(await failureOf(transport.send({ ...post, timeoutSeconds: 0.1 }))).toMatchObject({ reason: "Timeout" });
    expect(other.seen).toHaveLength(0);
    await transport.send(post);

    expect(other.seen).toHaveLength(1);
    await other.close();
  });

  it("takes up servers that are put in while it runs", async () => {
    const connection = connectionTo(await deadUrl());
    const transport = new Transport(connection);
    await failureOf(transport.send(get));
    server.answer(json({}));

    connection.servers = [server.url];

    expect((await transport.send(get)).status).toBe(200);
  });

  it("says so when none is known", async () => {
    expect(await failureOf(new Transport(connectionTo([])).send(get))).toMatchObject({ reason: "Refused" });
  });
});

describe("401", () => {
  it("leads to one more attempt with fresh credentials", async () => {
    server.answer(status(401, "Unauthorized"), json({ ok: true }));
    const asked: boolean[] = [];
    const credentials = (refresh: boolean) => {
      asked.push(refresh);
      return Promise.resolve({ headers: { authorization: `Bearer ${refresh ? "new" : "old"}` } });
    };

    const answer = await new Transport(connectionTo(server.url, { credentials })).send(post);

    expect(answer.status).toBe(200);
    expect(asked).toEqual([false, true]);
    expect(server.seen.map((seen) => seen.headers.authorization)).toEqual(["Bearer old", "Bearer new"]);
  });

  it("is the answer when there are no others", async () => {
    server.answer(status(401, "Unauthorized"));

    expect((await new Transport(connectionTo(server.url)).send(post)).status).toBe(401);
    expect(server.seen).toHaveLength(1);
  });
});
