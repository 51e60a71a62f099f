import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import type { Socket } from "node:net";
import { onAbort } from "./signals.ts";

/** How far one attempt got: decides whether sending the request again could do its work twice. */
export interface Progress {
  /** A connection stood, so that bytes may have reached the server. */
  connected: boolean;
  /** The connection was a kept one, which the server may have closed meanwhile. */
  reused: boolean;
}

export interface AttemptOptions {
  url: URL;
  method: string;
  headers: http.OutgoingHttpHeaders;
  body: string | undefined;
  agent: http.Agent;
  /** Ends the attempt whatever its state. */
  signal: AbortSignal;
  /** Time for the connection to stand; undefined: as long as the signal lets it. */
  connectSeconds: number | undefined;
}

/**
 * Connections that stood before. Node's own mark (reusedSocket) is missing on a request that waited in the agent's queue and
 * was handed the connection of another one.
 */
const standing = new WeakSet<Socket>();

/** Sends one request once; resolves with the head of the answer. Rejects with Node's own error. */
export function attempt(options: AttemptOptions, progress: Progress): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const secure = options.url.protocol === "https:";
    const { method, headers, agent, signal } = options;
    const request = (secure ? https : http).request(options.url, { method, headers, agent });
    let connectTimer: NodeJS.Timeout | undefined;
    const settle = () => {
      clearTimeout(connectTimer);
      ignoreSignal();
    };
    request.on("socket", (socket) => {
      progress.reused = standing.has(socket);
      // A tunnel hands over a connection that stands; where TLS is spoken the handshake is still to come.
      progress.connected = progress.reused || (!secure && !socket.connecting);
      if (progress.connected) {
        standing.add(socket);
        return;
      }
      if (options.connectSeconds !== undefined) {
        const late = Object.assign(new Error(`no connection after ${options.connectSeconds} s`), { code: "ETIMEDOUT" });
        connectTimer = setTimeout(() => request.destroy(late), options.connectSeconds * 1000);
      }
      socket.once(secure ? "secureConnect" : "connect", () => {
        standing.add(socket);
        progress.connected = true;
        clearTimeout(connectTimer);
      });
    });
    request.once("response", (response) => {
      settle();
      resolve(response);
    });
    // Stays on: an error after the head is the body reader's, yet must not be unhandled here.
    request.on("error", (error) => {
      settle();
      reject(error);
    });
    const ignoreSignal = onAbort(signal, () => request.destroy(new Error("stopped")));
    request.end(options.body);
  });
}
