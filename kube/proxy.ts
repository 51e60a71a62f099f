import http, { type ClientRequestArgs } from "node:http";
import https from "node:https";
import { BlockList, isIP } from "node:net";
import type { Duplex } from "node:stream";
import { ConfigError } from "./connection.ts";
import { failure } from "./failures.ts";

/** HTTP proxies, chosen the way kubectl does, and tunnels through them (CONNECT). SOCKS is not supported. */

type Environment = Readonly<Record<string, string | undefined>>;

/** The proxy for `server` by HTTPS_PROXY, HTTP_PROXY and NO_PROXY (or in lower case). Loopback is never proxied. */
export function proxyFromEnvironment(server: URL, env: Environment): URL | undefined {
  const [upper, lower] = server.protocol === "https:" ? ["HTTPS_PROXY", "https_proxy"] : ["HTTP_PROXY", "http_proxy"];
  const value = env[upper] || env[lower];
  if (!value || isExempt(server, env.NO_PROXY || env.no_proxy || "")) return undefined;
  return parseProxy(value, upper);
}

/** `where` names the setting, for the error. A bare "host:port" means http. */
export function parseProxy(value: string, where: string): URL {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  if (!URL.canParse(text)) throw new ConfigError(`${where}: not a URL of a proxy; give http://host:port`);
  const url = new URL(text);
  if (url.protocol === "http:" || url.protocol === "https:") return url;
  throw new ConfigError(`${where}: proxies of the kind ${url.protocol}// are not supported; give http://host:port`);
}

/** Items of NO_PROXY: a host (its subdomains too), ".domain", host:port, address, CIDR, "*". */
export function isExempt(server: URL, noProxy: string): boolean {
  const host = server.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const port = server.port || (server.protocol === "https:" ? "443" : "80");
  const family = isIP(host);
  if (host === "localhost" || host === "::1" || (family === 4 && host.startsWith("127."))) return true;
  return noProxy
    .split(/[,\s]+/)
    .filter((item) => item !== "")
    .some((item) => matches(item.toLowerCase(), host, port, family));
}

function matches(item: string, host: string, port: string, family: number): boolean {
  if (item === "*") return true;
  if (item.includes("/")) return family !== 0 && inCidr(item, host, family);
  const withPort = /^(.*):(\d+)$/.exec(item);
  const hasPort = withPort !== null && isIP(item) !== 6;
  if (hasPort && withPort[2] !== port) return false;
  const wanted = (hasPort ? (withPort[1] ?? "") : item).replace(/^\[|\]$/g, "").replace(/^\*\./, ".");
  if (wanted === host) return true;
  return family === 0 && host.endsWith(wanted.startsWith(".") ? wanted : `.${wanted}`);
}

function inCidr(cidr: string, host: string, family: number): boolean {
  const [address = "", length = ""] = cidr.split("/");
  if (isIP(address) !== family || !/^\d+$/.test(length) || Number(length) > (family === 4 ? 32 : 128)) return false;
  const type = family === 4 ? "ipv4" : "ipv6";
  const list = new BlockList();
  list.addSubnet(address, Number(length), type);
  return list.check(host, type);
}

/** How a proxy is named in messages: without its password. */
function nameOf(proxy: URL): string {
  return `${proxy.protocol}//${proxy.host}`;
}

const tunnelTimeoutMs = 10_000;

/** Node's own signature: there is no socket when there is an error. */
type OnSocket = (error: Error | null, socket: Duplex) => void;

/** Opens a tunnel to host:port of `options`; `onSocket` gets the raw socket, or an ApiError of reason Proxy. */
function openTunnel(
  proxy: URL,
  options: ClientRequestArgs,
  onSocket: (error: Error | null, socket?: Duplex) => void,
): void {
  const host = options.host ?? "";
  const target = `${isIP(host) === 6 ? `[${host}]` : host}:${options.port}`;
  const fail = (what: string, cause?: unknown) =>
    onSocket(
      failure("Proxy", `proxy ${nameOf(proxy)} ${what}; check HTTPS_PROXY or proxy-url`, `CONNECT ${target}`, cause),
    );
  const user = decodeURIComponent(proxy.username);
  const password = decodeURIComponent(proxy.password);
  const connect = (proxy.protocol === "https:" ? https : http).request({
    host: proxy.hostname.replace(/^\[|\]$/g, ""),
    port: proxy.port || (proxy.protocol === "https:" ? 443 : 80),
    method: "CONNECT",
    path: target,
    agent: false,
    timeout: tunnelTimeoutMs,
    headers: {
      host: target,
      ...(user === ""
        ? {}
        : { "proxy-authorization": `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}` }),
    },
  });
  connect.once("timeout", () => connect.destroy(new Error(`did not answer within ${tunnelTimeoutMs / 1000} s`)));
  connect.once("error", (error) => fail(`is of no use: ${error.message}`, error));
  connect.once("connect", (answer, socket) => {
    if (answer.statusCode === 200) return onSocket(null, socket);
    socket.destroy();
    fail(`refused to connect to ${target} (HTTP ${answer.statusCode})`);
  });
  connect.end();
}

/** Agent for https API servers behind `proxy`. */
export class TlsTunnelAgent extends https.Agent {
  readonly #proxy: URL;

  constructor(proxy: URL, options: https.AgentOptions) {
    super(options);
    this.#proxy = proxy;
  }

  override createConnection(options: https.RequestOptions, onSocket?: OnSocket): Duplex | null | undefined {
    openTunnel(this.#proxy, options as ClientRequestArgs, (error, socket) => {
      // The session cache of https.Agent stays in use: only the raw socket is ours.
      const secure =
        error === null ? super.createConnection({ ...options, socket } as https.RequestOptions) : undefined;
      onSocket?.(error, secure as Duplex);
    });
    return undefined;
  }
}

/** The same for plain http. */
export class TunnelAgent extends http.Agent {
  readonly #proxy: URL;

  constructor(proxy: URL, options: http.AgentOptions) {
    super(options);
    this.#proxy = proxy;
  }

  override createConnection(options: ClientRequestArgs, onSocket?: OnSocket): Duplex | null | undefined {
    openTunnel(this.#proxy, options, (error, socket) => onSocket?.(error, socket as Duplex));
    return undefined;
  }
}
