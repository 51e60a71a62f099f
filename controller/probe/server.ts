import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, isIP, isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { askWho, plainAddress, reach, reasonOf, tokenHeader, type Who } from "./wire.ts";

/** What a server answers to "call back": whether it got through, and who answered. */
export interface CallBack {
  ok: boolean;
  detail: string;
  who?: Who;
}

export interface ProbeServer {
  port: number;
  close(): Promise<void>;
}

interface Options {
  /** 0: any free one. */
  port: number;
  node: string;
  pod: string;
  /** Callers without it are not called back, so that the server is no way around network policies. */
  token: string;
  /** Called when a caller with the token says that it needs this server no more. */
  onDone?: () => void;
}

const maxBodyBytes = 4 * 1024 * 1024;
const maxCallBackMs = 5_000;

/**
 * Answers probes on one TCP and UDP port: GET /who tells the server's name and the address it saw; POST /echo gives the
 * body back; POST /call-back?host=&port=&ms=&expect=who|any connects to the caller's side; a datagram is sent back as it came.
 */
export async function startProbeServer(options: Options): Promise<ProbeServer> {
  const server = createServer((request, response) => {
    // A caller that went away in the middle: there is nobody left to tell.
    answer(options, request, response).catch(() => response.destroy());
  });
  server.keepAliveTimeout = 1;
  server.listen(options.port);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  try {
    const datagrams = await Promise.all(ownAddresses().map((address) => bindEcho(port, address)));
    const bound = datagrams.filter((socket) => socket !== undefined);
    return { port, close: () => closeAll(server, bound) };
  } catch (error) {
    server.close();
    throw error;
  }
}

/** Each by itself: a datagram sent back from a socket of every address may carry another one than it was sent to (a bridge's). */
function ownAddresses(): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return [...new Set(addresses.map(({ address }) => address))].filter((address) => !/^fe80:/i.test(address));
}

/** For about a second after it was added, an IPv6 address is only claimed, and nothing can be bound to it. */
const claimMs = 3_000;
const claimPollMs = 100;

/** The echo on one address; undefined where the address is gone meanwhile, or never gets usable. */
async function bindEcho(port: number, address: string): Promise<Socket | undefined> {
  for (let waited = 0; waited < claimMs; waited += claimPollMs) {
    const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
    // A datagram that cannot be sent back is one its sender will miss: that is what the sender reports.
    socket.on("message", (message, from) => socket.send(message, from.port, from.address, () => {}));
    socket.bind(port, address);
    try {
      await once(socket, "listening");
      return socket;
    } catch (error) {
      socket.close();
      if ((error as NodeJS.ErrnoException).code !== "EADDRNOTAVAIL") throw error;
      await sleep(claimPollMs);
    }
  }
  return undefined;
}

async function closeAll(server: Server, datagrams: readonly Socket[]): Promise<void> {
  for (const socket of datagrams) socket.close();
  server.closeAllConnections();
  server.close();
  await once(server, "close");
}

async function answer(options: Options, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://probe");
  if (url.pathname === "/who") return reply(response, 200, whoIs(options, request));
  if (url.pathname === "/echo" && request.method === "POST") return echo(request, response);
  if (url.pathname === "/call-back" && request.method === "POST") {
    if (request.headers[tokenHeader] !== options.token)
      return reply(response, 403, { ok: false, detail: "wrong token" });
    return reply(response, 200, await callBack(url.searchParams));
  }
  if (url.pathname === "/done" && request.method === "POST" && request.headers[tokenHeader] === options.token) {
    reply(response, 200, {});
    options.onDone?.();
    return;
  }
  reply(response, 404, { error: "not found" });
}

function whoIs({ node, pod }: Options, request: IncomingMessage): Who {
  return { node, pod, peer: plainAddress(request.socket.remoteAddress) };
}

async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const bytes = Number(request.headers["content-length"] ?? maxBodyBytes + 1);
  if (bytes > maxBodyBytes) return reply(response, 413, { error: "too long" });
  response.writeHead(200, { "content-length": bytes });
  await pipeline(request, response);
}

async function callBack(query: URLSearchParams): Promise<CallBack> {
  const host = query.get("host") ?? "";
  const port = Number(query.get("port"));
  const timeoutMs = Math.min(Number(query.get("ms")) || maxCallBackMs, maxCallBackMs);
  if (isIP(host) === 0 || !(port > 0 && port < 65_536))
    return { ok: false, detail: "host is no address or port no port" };
  try {
    if (query.get("expect") === "any") return { ok: true, detail: await reach(host, port, timeoutMs) };
    const who = await askWho(host, port, timeoutMs);
    return { ok: true, detail: `answered by ${who.pod}`, who };
  } catch (error) {
    return { ok: false, detail: reasonOf(error) };
  }
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json", connection: "close" });
  response.end(JSON.stringify(body));
}
