import { type ClientRequest, createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Agent, request } from "node:https";
import type { AddressInfo } from "node:net";
import { pointOf, type Surroundings, type Write, writeOf } from "./points.ts";

/** One write that came by. */
export interface Seen extends Write {
  /** Name of the point, the how manieth of that name in brackets; undefined for what comes by the clock. */
  point: string | undefined;
  /** Of the API server's answer; undefined when none came, or none was waited for. */
  status: number | undefined;
}

/** When the controller is to be killed: as the write comes, or when the API server has done it. */
export interface Cut {
  /** Its name, or what the first one to be cut at looks like. */
  point: string | RegExp;
  when: "before" | "after";
}

export interface ProxyOptions {
  /** Of the API server. */
  url: string;
  ca: string;
  around: Surroundings;
  /** Counts over all processes of a run. */
  occurrences: Map<string, number>;
  /** Told of each write in the order in which they came. */
  onWrite(seen: Seen): void;
  /** Told of a NodeMigration as the API server answered it, before anybody else hears of it. */
  onAnswer(body: string): void;
  /** Those still to come; the one that is made is taken out. */
  cuts: Cut[];
  /** Kills the process. Nothing of what it has sent since gets through. */
  kill(cut: Cut): void;
}

/** Stands between one controller process and the API server, and can cut it off at one write. Plain HTTP on loopback. */
export class CutProxy {
  readonly #options: ProxyOptions;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #server: Server;
  /** Writes the API server has, and has not answered. */
  readonly #underWay = new Set<Promise<void>>();
  #cutOff = false;

  private constructor(options: ProxyOptions) {
    this.#options = options;
    this.#server = createServer((from, to) => void this.#pass(from, to));
  }

  static async start(options: ProxyOptions): Promise<CutProxy> {
    const proxy = new CutProxy(options);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /**
   * Ends every connection, once the API server has done all that has reached it: it gives up a request whose sender is gone,
   * at a moment nobody can choose, so that no two runs would be alike.
   */
  async stop(): Promise<void> {
    this.#cutOff = true;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await Promise.all(this.#underWay);
    this.#agent.destroy();
    await closed;
  }

  async #pass(from: IncomingMessage, to: ServerResponse): Promise<void> {
    const body = await bodyOf(from);
    if (this.#cutOff || body === undefined) return;
    const write = writeOf(from.method ?? "", from.url ?? "", body);
    if (write === undefined) {
      const call = this.#forward(from, to, body, (answer) => relay(answer, to));
      to.once("close", () => call.destroy());
      return;
    }
    const seen: Seen = { ...write, point: this.#name(write), status: undefined };
    this.#options.onWrite(seen);
    const { cuts } = this.#options;
    const cut = cuts.find((candidate) => seen.point !== undefined && isAt(candidate, seen.point));
    if (cut?.when === "before") return this.#kill(cut);
    const answered = this.#write(from, to, body, seen, cut);
    this.#underWay.add(answered);
    await answered;
    this.#underWay.delete(answered);
  }

  async #write(
    from: IncomingMessage,
    to: ServerResponse,
    body: string,
    seen: Seen,
    cut: Cut | undefined,
  ): Promise<void> {
    const answer = await new Promise<IncomingMessage | undefined>((resolve) => {
      this.#forward(from, to, body, resolve).once("error", () => resolve(undefined));
    });
    const text = answer === undefined ? undefined : await bodyOf(answer);
    if (answer === undefined || text === undefined) return;
    seen.status = answer.statusCode;
    if (seen.resource === "nodemigrations/status" && answer.statusCode === 200) this.#options.onAnswer(text);
    if (cut !== undefined && !this.#cutOff) this.#kill(cut);
    if (this.#cutOff) return;
    to.writeHead(answer.statusCode ?? 502, answer.headers);
    to.end(text);
  }

  #kill(cut: Cut): void {
    this.#cutOff = true;
    const { cuts, kill } = this.#options;
    cuts.splice(cuts.indexOf(cut), 1);
    kill(cut);
  }

  #name(write: Write): string | undefined {
    const name = pointOf(write, this.#options.around);
    if (name === undefined) return undefined;
    const count = (this.#options.occurrences.get(name) ?? 0) + 1;
    this.#options.occurrences.set(name, count);
    return count === 1 ? name : `${name} (${count})`;
  }

  #forward(
    from: IncomingMessage,
    to: ServerResponse,
    body: string,
    answered: (answer: IncomingMessage) => void,
  ): ClientRequest {
    const { url, ca } = this.#options;
    const { host: _, connection: __, ...headers } = from.headers;
    const options = { method: from.method, headers, ca, agent: this.#agent };
    const call = request(`${url}${from.url}`, options, answered);
    // The controller sees a closed connection and asks again; when it is gone itself nobody cares.
    call.on("error", () => to.destroy());
    call.end(body);
    return call;
  }
}

function isAt({ point }: Cut, name: string): boolean {
  return typeof point === "string" ? point === name : point.test(name);
}

function relay(answer: IncomingMessage, to: ServerResponse): void {
  to.writeHead(answer.statusCode ?? 502, answer.headers);
  to.flushHeaders();
  answer.on("error", () => to.destroy());
  answer.pipe(to);
  to.once("close", () => answer.destroy());
}

/** Undefined when the sender was cut off. */
async function bodyOf(from: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of from as AsyncIterable<Buffer>) chunks.push(chunk);
    return Buffer.concat(chunks).toString("utf8");
  } catch {
    return undefined;
  }
}
