import http from "node:http";
import https from "node:https";
import type { Connection, Credentials } from "./connection.ts";
import { TlsTunnelAgent, TunnelAgent } from "./proxy.ts";

/** Below the idle limits of API servers (90 s) and usual load balancers (from 50 s), so that we close first. */
const idleSocketMs = 25_000;
/** Requests in flight at a time, per server; more wait their turn. */
const maxRequests = 16;

/** `call`: short requests over a few kept connections. `watch`: long ones, each on its own connection. */
export type Use = "call" | "watch";

/** The kept connections of one client certificate. Agents are made on first use, by scheme, proxy and use. */
export class Agents {
  readonly #connection: Connection;
  readonly #credentials: Credentials;
  readonly #agents = new Map<string, http.Agent>();

  constructor(connection: Connection, credentials: Credentials) {
    this.#connection = connection;
    this.#credentials = credentials;
  }

  /** False when a client certificate was renewed: connections made with the old one must not be used. */
  fits(credentials: Credentials): boolean {
    return credentials.cert === this.#credentials.cert && credentials.key === this.#credentials.key;
  }

  agentFor(server: URL, use: Use): http.Agent {
    const proxy = this.#connection.proxyFor?.(server);
    const id = `${server.protocol} ${proxy?.href ?? ""} ${use}`;
    let agent = this.#agents.get(id);
    if (agent === undefined) {
      agent = this.#make(server, proxy, use);
      this.#agents.set(id, agent);
    }
    return agent;
  }

  #make(server: URL, proxy: URL | undefined, use: Use): http.Agent {
    const keep: http.AgentOptions = {
      keepAlive: true,
      // TCP keep-alive probes begin after this time; dead peers are noticed by deadlines and idle limits long before.
      keepAliveMsecs: 30_000,
      maxSockets: use === "call" ? maxRequests : Number.POSITIVE_INFINITY,
      timeout: use === "call" ? idleSocketMs : 0,
    };
    if (server.protocol === "http:") return proxy === undefined ? new http.Agent(keep) : new TunnelAgent(proxy, keep);
    const { ca, servername, insecure } = this.#connection.tls;
    const { cert, key } = this.#credentials;
    const options: https.AgentOptions = {
      ...keep,
      ...(ca === undefined ? {} : { ca }),
      ...(servername === undefined ? {} : { servername }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      rejectUnauthorized: insecure !== true,
    };
    return proxy === undefined ? new https.Agent(options) : new TlsTunnelAgent(proxy, options);
  }

  /** Closes connections nobody uses now; requests under way are not touched. */
  closeIdle(): void {
    for (const agent of this.#agents.values())
      for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
  }
}
