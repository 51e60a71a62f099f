import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Connection } from "./connection.ts";
import { makeCertificate } from "./testing/certificates.ts";
import { connectionTo, type FaultServer, json, startFaultServer } from "./testing/fault-server.ts";
import { Transport } from "./transport.ts";

let folder: string;
let ours: ReturnType<typeof makeCertificate>;
let others: ReturnType<typeof makeCertificate>;
let server: FaultServer;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "cni-migrate-tls-"));
  ours = makeCertificate(folder, "ours");
  others = makeCertificate(folder, "others", "DNS:kubernetes.default.svc");
  server = await startFaultServer(ours);
  server.answer(json({ ok: true }));
});

afterAll(async () => {
  await server?.close();
  rmSync(folder, { recursive: true });
});

const get = { method: "GET", path: "/api" } as const;

function failureOf(connection: Connection): Promise<unknown> {
  return new Transport(connection).send(get).catch((error: unknown) => error);
}

describe("TLS", () => {
  it("trusts the authority of the connection, over one connection", async () => {
    const before = server.connections;
    const transport = new Transport(connectionTo(server.url, { tls: { ca: ours.cert } }));

    for (let i = 0; i < 5; i++) expect((await transport.send(get)).status).toBe(200);

    expect(server.connections - before).toBe(1);
  });

  it("leaves no listener behind on a connection that many requests take turns on", async () => {
    const warnings: string[] = [];
    const note = (warning: Error) => warnings.push(warning.name);
    process.on("warning", note);
    const transport = new Transport(connectionTo(server.url, { tls: { ca: ours.cert } }));

    await Promise.all(Array.from({ length: 16 * 12 }, () => transport.send(get)));

    // Warnings are told on the next turn.
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", note);
    expect(warnings).toEqual([]);
  });

  it("refuses a server of another authority", async () => {
    expect(await failureOf(connectionTo(server.url, { tls: { ca: others.cert } }))).toMatchObject({
      status: 0,
      reason: "Tls",
      message: `the certificate of the API server ${server.url} is not signed by the authority of the kubeconfig; check certificate-authority (GET /api)`,
    });
  });

  it("takes any certificate when told so", async () => {
    expect(await failureOf(connectionTo(server.url, { tls: { insecure: true } }))).toMatchObject({ status: 200 });
  });

  it("asks for the name it was given instead of the address", async () => {
    const wrong = connectionTo(server.url, { tls: { ca: ours.cert, servername: "kubernetes.default.svc" } });
    expect(await failureOf(wrong)).toMatchObject({
      reason: "Tls",
      message: expect.stringContaining("is for other names"),
    });

    const named = await startFaultServer(others);
    named.answer(json({}));
    const right = connectionTo(named.url, { tls: { ca: others.cert, servername: "kubernetes.default.svc" } });
    expect(await failureOf(right)).toMatchObject({ status: 200 });
    await named.close();
  });

  it("says so when the port does not speak TLS, or speaks nothing else", async () => {
    const plain = await startFaultServer();
    plain.answer(json({}));

    const https = connectionTo(plain.url.replace("http:", "https:"));
    expect(await failureOf(https)).toMatchObject({
      reason: "Tls",
      message: expect.stringContaining("does not speak TLS"),
    });
    const http = connectionTo(server.url.replace("https:", "http:"));
    expect(await failureOf(http)).toMatchObject({ status: 0, reason: "Reset" });
    await plain.close();
  });

  it("makes new connections when the client certificate is renewed", async () => {
    let renewed = false;
    const credentials = () => Promise.resolve({ headers: {}, ...(renewed ? { cert: ours.cert, key: ours.key } : {}) });
    const transport = new Transport(connectionTo(server.url, { tls: { ca: ours.cert }, credentials }));
    await transport.send(get);
    const before = server.connections;

    renewed = true;
    await transport.send(get);
    await transport.send(get);

    expect(server.connections - before).toBe(1);
  });
});

describe("a proxy", () => {
  let proxy: Server;
  let asked: { target: string; authorization: string | undefined }[];
  let allow: boolean;

  beforeAll(async () => {
    proxy = createServer();
    proxy.on("connect", (asking, socket) => {
      asked.push({ target: asking.url ?? "", authorization: asking.headers["proxy-authorization"] });
      if (!allow) return socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
      const [host, port] = (asking.url ?? "").split(":");
      const onward = connect(Number(port), host, () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        onward.pipe(socket).pipe(onward);
      });
      onward.on("error", () => socket.destroy());
      socket.on("error", () => onward.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  });

  afterAll(() => {
    proxy.closeAllConnections();
    proxy.close();
  });

  const through = (url: URL) => connectionTo(server.url, { tls: { ca: ours.cert }, proxyFor: () => url });
  const proxyUrl = () => new URL(`http://me:pass%20word@127.0.0.1:${(proxy.address() as AddressInfo).port}`);

  it("is asked for a tunnel, in which TLS is spoken with the server itself", async () => {
    asked = [];
    allow = true;
    const transport = new Transport(through(proxyUrl()));

    for (let i = 0; i < 3; i++) expect((await transport.send(get)).body).toBe('{"ok":true}');

    const authorization = `Basic ${Buffer.from("me:pass word").toString("base64")}`;
    expect(asked).toEqual([{ target: new URL(server.url).host, authorization }]);
  });

  it("that refuses is named, without its password", async () => {
    asked = [];
    allow = false;

    const error = await failureOf(through(proxyUrl()));

    expect(error).toMatchObject({
      reason: "Proxy",
      message: `proxy http://${proxyUrl().host} refused to connect to ${new URL(server.url).host} (HTTP 403); check HTTPS_PROXY or proxy-url (CONNECT ${new URL(server.url).host})`,
    });
    expect(String(error)).not.toContain("pass");
  });

  it("that is not there is named", async () => {
    const error = await failureOf(through(new URL("http://127.0.0.1:1")));

    expect(error).toMatchObject({
      reason: "Proxy",
      message: expect.stringContaining("proxy http://127.0.0.1:1 is of no use"),
    });
  });

  it("is used for plain http too", async () => {
    asked = [];
    allow = true;
    const plain = await startFaultServer();
    plain.answer(json({}));

    const answer = await failureOf(connectionTo(plain.url, { proxyFor: () => proxyUrl() }));

    expect(answer).toMatchObject({ status: 200 });
    expect(asked).toHaveLength(1);
    await plain.close();
  });
});
