import type { IncomingMessage, OutgoingHttpHeaders } from "node:http";
import { Agents, type Use } from "./agents.ts";
import { attempt, type Progress } from "./attempt.ts";
import type { Connection, Credentials } from "./connection.ts";
import { Deadline } from "./deadline.ts";
import { failure, transportError } from "./failures.ts";
import { onAbort } from "./signals.ts";

export interface HttpRequest {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path and query below the server's base URL: "/api/v1/pods?limit=500". */
  path: string;
  headers?: Readonly<Record<string, string>>;
  body?: string | undefined;
  signal?: AbortSignal | undefined;
  /** Until the whole answer is there; of a stream: until its head is. Default 30. */
  timeoutSeconds?: number | undefined;
  /** Largest body accepted. Default 64 MiB. */
  maxBytes?: number;
}

export interface HttpAnswer {
  status: number;
  headers: IncomingMessage["headers"];
  body: string;
}

/** An answer whose body goes on. Whoever gets it destroys `body`. */
export interface HttpStream {
  status: number;
  headers: IncomingMessage["headers"];
  body: IncomingMessage;
  server: string;
}

export interface TransportOptions {
  /** Default "cni-migrate". */
  userAgent?: string;
  /** While there is another server left to try, a connection must stand within this time. Default 5. */
  connectSeconds?: number;
  /** Called before each request; what it throws goes to the caller and nothing is sent. */
  onRequest?: (request: { method: string; path: string }) => void | Promise<void>;
}

const defaultTimeoutSeconds = 30;
const defaultMaxBytes = 64 << 20;
const maxErrorBytes = 1 << 20;
const defaultConnectSeconds = 5;

/**
 * HTTP to the API servers of one connection: kept connections, a deadline for each call, bounded sizes, the next server
 * when one takes no connection. A request is sent once. It goes out a second time only where the first cannot have had
 * an effect: no connection stood, the credentials were stale (401), or a GET met a kept connection that was closed.
 */
export class Transport {
  readonly #connection: Connection;
  readonly #options: TransportOptions;
  #agents: Agents | undefined;
  /** Index of the server that answered last. */
  #preferred = 0;
  #requestCount = 0;

  constructor(connection: Connection, options: TransportOptions = {}) {
    this.#connection = connection;
    this.#options = options;
  }

  get requestCount(): number {
    return this.#requestCount;
  }

  /** The whole answer, whatever its status. Throws `ApiError` when there is none, or the reason of the caller's signal. */
  send(request: HttpRequest): Promise<HttpAnswer> {
    return this.#authenticated(request, async (credentials, deadline) => {
      const stream = await this.#open(request, "call", credentials, deadline);
      return this.#read(stream, request, request.maxBytes ?? defaultMaxBytes, deadline);
    });
  }

  /** The head of an answer whose body goes on (a watch); an answer other than 200 comes whole. */
  stream(request: HttpRequest): Promise<HttpStream | HttpAnswer> {
    return this.#authenticated<HttpStream | HttpAnswer>(request, async (credentials, deadline) => {
      const stream = await this.#open(request, "watch", credentials, deadline);
      return stream.status === 200 ? stream : this.#read(stream, request, maxErrorBytes, deadline);
    });
  }

  /** Once more with fresh credentials after a 401, if they are other ones. Getting credentials is not under the deadline. */
  async #authenticated<T extends { status: number }>(
    request: HttpRequest,
    call: (credentials: Credentials, deadline: Deadline) => Promise<T>,
  ): Promise<T> {
    request.signal?.throwIfAborted();
    await this.#options.onRequest?.({ method: request.method, path: request.path });
    const seconds = request.timeoutSeconds ?? this.#connection.timeoutSeconds ?? defaultTimeoutSeconds;
    const limited = async (credentials: Credentials) => {
      const deadline = new Deadline(seconds, request.signal);
      try {
        return await call(credentials, deadline);
      } finally {
        deadline.clear();
      }
    };
    const credentials = await this.#connection.credentials(false);
    const answer = await limited(credentials);
    if (answer.status !== 401) return answer;
    const fresh = await this.#connection.credentials(true);
    return JSON.stringify(fresh) === JSON.stringify(credentials) ? answer : limited(fresh);
  }

  async #open(request: HttpRequest, use: Use, credentials: Credentials, deadline: Deadline): Promise<HttpStream> {
    const { servers } = this.#connection;
    const { method, body, path } = request;
    if (servers.length === 0) throw failure("Refused", "no address of an API server is known", nameOf(request));
    const agents = this.#agentsFor(credentials);
    const once = { method, body, headers: this.#headers(request, credentials), signal: deadline.signal };
    let staleLeft = method === "GET" ? 1 : 0;
    for (let serversLeft = servers.length; ; ) {
      const index = this.#preferred % servers.length;
      const server = servers[index] ?? "";
      const url = new URL(server.replace(/\/$/, "") + path);
      const connectSeconds = serversLeft === 1 ? undefined : (this.#options.connectSeconds ?? defaultConnectSeconds);
      const progress: Progress = { connected: false, reused: false };
      this.#requestCount++;
      try {
        const answer = await attempt({ ...once, url, agent: agents.agentFor(url, use), connectSeconds }, progress);
        return { status: answer.statusCode ?? 0, headers: answer.headers, body: answer, server };
      } catch (error) {
        if (deadline.signal.aborted) {
          if (deadline.timedOut) this.#leave(index, agents);
          throw deadline.error(nameOf(request), server);
        }
        if (progress.reused && staleLeft-- > 0) {
          agents.closeIdle();
          continue;
        }
        this.#leave(index, agents);
        serversLeft--;
        if (progress.connected || serversLeft === 0)
          throw transportError(error, { server, request: nameOf(request), stage: "head" });
      }
    }
  }

  #headers(request: HttpRequest, credentials: Credentials): OutgoingHttpHeaders {
    return {
      accept: "application/json",
      "user-agent": this.#options.userAgent ?? "cni-migrate",
      ...(request.body === undefined ? {} : { "content-length": String(Buffer.byteLength(request.body)) }),
      ...request.headers,
      ...credentials.headers,
    };
  }

  #agentsFor(credentials: Credentials): Agents {
    if (this.#agents?.fits(credentials)) return this.#agents;
    this.#agents?.closeIdle();
    this.#agents = new Agents(this.#connection, credentials);
    return this.#agents;
  }

  /** Prefers the next server from now on, and forgets kept connections: they may be as dead as the one that failed. */
  #leave(index: number, agents: Agents | undefined): void {
    const count = this.#connection.servers.length;
    if (this.#preferred % count === index) this.#preferred = (index + 1) % count;
    agents?.closeIdle();
  }

  async #read(stream: HttpStream, request: HttpRequest, maxBytes: number, deadline: Deadline): Promise<HttpAnswer> {
    const { status, headers, server } = stream;
    const ignoreSignal = onAbort(deadline.signal, () => stream.body.destroy(new Error("stopped")));
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of stream.body as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > maxBytes)
          throw failure("TooLarge", `the answer of ${server} is larger than ${maxBytes >> 20} MiB`, nameOf(request));
        chunks.push(chunk);
      }
    } catch (error) {
      if (deadline.timedOut) this.#leave(this.#connection.servers.indexOf(server), this.#agents);
      if (deadline.signal.aborted) throw deadline.error(nameOf(request), server);
      throw transportError(error, { server, request: nameOf(request), stage: "body" });
    } finally {
      ignoreSignal();
    }
    return { status, headers, body: Buffer.concat(chunks, size).toString("utf8") };
  }
}

/** How errors name a request: without its query, and a watch by its name. */
export function nameOf({ method, path }: HttpRequest): string {
  const [place = "", parameters = ""] = path.split("?");
  return `${parameters.includes("watch=true") ? "WATCH" : method} ${place}`;
}
