import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CallBack, type ProbeServer, startProbeServer } from "./server.ts";
import { ask, askWho, echoDatagram, reach, tokenHeader } from "./wire.ts";

let server: ProbeServer;
let other: ProbeServer;

beforeAll(async () => {
  server = await startProbeServer({ port: 0, node: "n1", pod: "server-n1", token: "secret" });
  other = await startProbeServer({ port: 0, node: "n2", pod: "one-shot", token: "secret" });
});
afterAll(() => Promise.all([server.close(), other.close()]));

async function callBack(
  query: Record<string, string>,
  token = "secret",
): Promise<{ status: number; answer: CallBack }> {
  const path = `/call-back?${new URLSearchParams(query)}`;
  const { status, body } = await ask("127.0.0.1", server.port, path, 1000, {
    method: "POST",
    headers: { [tokenHeader]: token },
  });
  return { status, answer: JSON.parse(body.toString()) };
}

test("tells who it is and the address it saw, over IPv4 and IPv6", async () => {
  expect(await askWho("127.0.0.1", server.port, 1000)).toEqual({ node: "n1", pod: "server-n1", peer: "127.0.0.1" });
  expect(await askWho("::1", server.port, 1000)).toMatchObject({ peer: "::1" });
});

test("gives a body back, and refuses one of more than 4 MiB", async () => {
  const body = Buffer.from("some bytes");
  const post = (length: number) =>
    ask("127.0.0.1", server.port, "/echo", 1000, {
      method: "POST",
      body,
      headers: { "content-length": String(length) },
    });
  expect((await post(body.length)).body).toEqual(body);
  expect(
    (await ask("127.0.0.1", server.port, "/echo", 1000, { method: "POST", headers: { "content-length": "4194305" } }))
      .status,
  ).toBe(413);
});

test("goes on when a caller goes away in the middle of its body", async () => {
  const socket = connect(server.port, "127.0.0.1");
  await once(socket, "connect");
  socket.write("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf");
  await once(socket, "data");
  socket.resetAndDestroy();
  expect(await askWho("127.0.0.1", server.port, 1000)).toMatchObject({ pod: "server-n1" });
});

test("sends datagrams back; a port where nobody is fails", async () => {
  await echoDatagram("127.0.0.1", server.port, 1422, 1000);
  await expect(echoDatagram("127.0.0.1", 1, 1422, 1000)).rejects.toThrow("ECONNREFUSED");
});

describe("call back", () => {
  const there = { host: "127.0.0.1", expect: "who", ms: "500" };

  test("connects to the caller's side and says who answered", async () => {
    const { answer } = await callBack({ ...there, port: String(other.port) });
    expect(answer).toEqual({
      ok: true,
      detail: "answered by one-shot",
      who: { node: "n2", pod: "one-shot", peer: "127.0.0.1" },
    });
  });

  test("takes a refusal as an answer only where any answer will do", async () => {
    expect((await callBack({ ...there, port: "1" })).answer).toEqual({ ok: false, detail: "ECONNREFUSED" });
    expect((await callBack({ ...there, port: "1", expect: "any" })).answer).toEqual({ ok: true, detail: "refused" });
    expect(await reach("127.0.0.1", other.port, 1000)).toBe("connected");
  });

  test("is not done for a caller without the token, for a name, or for a bad port", async () => {
    expect(await callBack({ ...there, port: String(other.port) }, "wrong")).toEqual({
      status: 403,
      answer: { ok: false, detail: "wrong token" },
    });
    const refusal = { ok: false, detail: "host is no address or port no port" };
    expect((await callBack({ ...there, host: "localhost", port: "80" })).answer).toEqual(refusal);
    expect((await callBack({ ...there, port: "0" })).answer).toEqual(refusal);
  });
});
