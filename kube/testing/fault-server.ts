import http, { type IncomingHttpHeaders, type ServerResponse } from "node:http";
import https from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Connection } from "../connection.ts";

/** A request as it came in. */
export interface Seen {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  body: string;
  /** Which of the server's connections it came on, from 1. */
  connection: number;
}

/** What the server does with one request. */
export type Answer = (response: ServerResponse, seen: Seen) => void;

export interface FaultServer {
  url: string;
  seen: Seen[];
  /** Connections accepted so far. */
  connections: number;
  /** One answer a request; the last one is repeated. */
  answer(...answers: Answer[]): void;
  close(): Promise<void>;
}

/** A real HTTP server on loopback that misbehaves as told. */
export async function startFaultServer(tls?: { key: string; cert: string }): Promise<FaultServer> {
  let answers: Answer[] = [];
  const numbers = new WeakMap<Socket, number>();
  const server = tls === undefined ? http.createServer() : https.createServer(tls);
  server.on(tls === undefined ? "connection" : "secureConnection", (socket: Socket) => {
    faults.connections++;
    numbers.set(socket, faults.connections);
  });
  server.on("request", (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { pathname, searchParams } = new URL(request.url ?? "/", "http://server");
      const seen: Seen = {
        method: request.method ?? "",
        path: pathname,
        query: searchParams,
        headers: request.headers,
        body: Buffer.concat(chunks).toString("utf8"),
        connection: numbers.get(request.socket) ?? 0,
      };
      faults.seen.push(seen);
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      (answer ?? status(404, "NotFound"))(response, seen);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const faults: FaultServer = {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    seen: [],
    connections: 0,
    answer: (...next) => {
      answers = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return faults;
}

/** The connection to these servers, with a token that no error may show. */
export function connectionTo(servers: string | string[], more: Partial<Connection> = {}): Connection {
  const credentials = { headers: { authorization: `Bearer ${secretToken}` } };
  return {
    servers: [servers].flat(),
    tls: {},
    namespace: "default",
    timeoutSeconds: 5,
    credentials: () => Promise.resolve(credentials),
    ...more,
  };
}

export const secretToken = "secret-token-4711";

/** A JSON body with status 200. */
export function json(value: unknown, headers: Record<string, string> = {}): Answer {
  return (response) => {
    response.writeHead(200, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify(value));
  };
}

/** A metav1.Status. */
export function status(
  code: number,
  reason: string,
  more: { headers?: Record<string, string>; details?: object } = {},
): Answer {
  return (response) => {
    response.writeHead(code, { "content-type": "application/json", ...more.headers });
    const message = `${reason} it is`;
    response.end(JSON.stringify({ kind: "Status", status: "Failure", message, reason, code, details: more.details }));
  };
}

export function text(code: number, body: string, contentType = "text/plain"): Answer {
  return (response) => {
    response.writeHead(code, { "content-type": contentType });
    response.end(body);
  };
}

/** Takes the request and closes the connection without a word. */
export const reset: Answer = (response) => response.socket?.destroy();

/** Takes the request and never answers. */
export const stall: Answer = () => {};

/** Begins to answer and never goes on. */
export const stallInBody: Answer = (response) => {
  response.writeHead(200, { "content-type": "application/json" });
  response.write('{"kind":');
};

/** Promises more than it sends. */
export const truncate: Answer = (response) => {
  response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
  response.write('{"kind":', () => response.socket?.destroy());
};

/** A stream of these pieces, each as a chunk of its own. `end`: how it ends. */
export function stream(pieces: readonly string[], end: "close" | "reset" | "open" = "close"): Answer {
  return async (response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    for (const piece of pieces) await new Promise((resolve) => response.write(piece, resolve));
    if (end === "close") response.end();
    if (end === "reset") response.socket?.destroy();
  };
}
