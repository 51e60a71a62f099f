import { createSocket } from "node:dgram";
import { type RequestOptions, request } from "node:http";
import { request as requestTls } from "node:https";
import { connect, isIPv6 } from "node:net";

/** The few ways a probe talks to the network. Each call makes a connection of its own and ends within its time. */

/** What a probe server answers about itself and its caller. */
export interface Who {
  node: string;
  pod: string;
  /** The address the caller seemed to have. */
  peer: string;
}

export const tokenHeader = "x-probe-token";

export interface Answer {
  status: number;
  body: Buffer;
}

const maxAnswerBytes = 4 * 1024 * 1024;

/** One HTTP request on a connection of its own; with `tls`, the certificate is not looked at. Throws what went wrong. */
export function ask(
  host: string,
  port: number,
  path: string,
  timeoutMs: number,
  more: { method?: string; body?: Buffer; headers?: Record<string, string>; tls?: boolean } = {},
): Promise<Answer> {
  const options: RequestOptions = { host, port, path, agent: false, method: more.method ?? "GET" };
  if (more.headers !== undefined) options.headers = more.headers;
  return within(timeoutMs, (resolve, reject) => {
    const call = more.tls ? requestTls({ ...options, rejectUnauthorized: false }) : request(options);
    call.on("error", reject);
    call.on("response", (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on("error", reject);
      response.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > maxAnswerBytes) call.destroy(new Error("the answer is too long"));
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
      response.on("aborted", () => reject(new Error("the answer was cut off")));
    });
    call.end(more.body);
    return () => call.destroy();
  });
}

/** Who answers there. */
export async function askWho(host: string, port: number, timeoutMs: number): Promise<Who> {
  const { status, body } = await ask(host, port, "/who", timeoutMs);
  if (status !== 200) throw new Error(`HTTP status ${status}`);
  return JSON.parse(body.toString()) as Who;
}

/** A refusal is an answer of the host too: the path to it and back works. */
export function reach(host: string, port: number, timeoutMs: number): Promise<"connected" | "refused"> {
  return within(timeoutMs, (resolve, reject) => {
    const socket = connect({ host, port });
    socket.on("connect", () => resolve("connected"));
    socket.on("error", (error: NodeJS.ErrnoException) =>
      error.code === "ECONNREFUSED" ? resolve("refused") : reject(error),
    );
    return () => socket.destroy();
  });
}

/**
 * Sends one datagram and waits for its echo. On Linux a UDP socket sets DF on what fits the path's known MTU, so a packet
 * that is too large for the overlay is dropped, not cut into pieces.
 */
export function echoDatagram(host: string, port: number, bytes: number, timeoutMs: number): Promise<void> {
  return within(timeoutMs, (resolve, reject) => {
    const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
    socket.on("error", reject);
    socket.on("message", (echo) =>
      echo.length === bytes ? resolve() : reject(new Error(`${echo.length} of ${bytes} bytes came back`)),
    );
    socket.connect(port, host, () => socket.send(Buffer.alloc(bytes, 0x5a)));
    return () => socket.close();
  });
}

/** Address without the IPv6 coat an IPv4 peer of a dual-stack socket wears. */
export function plainAddress(address: string | undefined): string {
  return (address ?? "").replace(/^::ffff:(?=\d+\.)/, "");
}

/** In words: "ECONNREFUSED", "no answer within 300 ms". */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code;
  return code === undefined ? error.message : code;
}

/** Runs `start` until it settles or the time is up; the function it gives cleans up in every case. */
function within<T>(
  timeoutMs: number,
  start: (resolve: (value: T) => void, reject: (error: Error) => void) => () => void,
): Promise<T> {
  let cleanUp = () => {};
  let timer: NodeJS.Timeout | undefined;
  const outcome = new Promise<T>((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${Math.round(timeoutMs)} ms`)), timeoutMs);
    cleanUp = start(resolve, reject);
  });
  return outcome.finally(() => {
    clearTimeout(timer);
    cleanUp();
  });
}
