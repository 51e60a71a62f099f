import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import path from "node:path";
import { type Clock, systemClock } from "./clock.ts";
import { ConfigError, type Connection } from "./connection.ts";
import { tokenFile } from "./credentials.ts";
import type { Environment } from "./kubeconfig.ts";
import { proxyFromEnvironment } from "./proxy.ts";
import { endpointSlices } from "./resources.ts";
import type { KubeClient, RequestOptions } from "./types.ts";

export interface InClusterOptions {
  env: Environment;
  /** Where the ServiceAccount's files are mounted. */
  root?: string;
  /** Base URLs of API servers to use instead of the Service `kubernetes`. */
  servers?: readonly string[];
  clock?: Clock;
}

const mountPath = "/var/run/secrets/kubernetes.io/serviceaccount";
/** Name in every API server's certificate: lets one be reached by an address that is not in it. */
const serverName = "kubernetes.default.svc";

export function isInCluster(env: Environment): boolean {
  return Boolean(env.KUBERNETES_SERVICE_HOST && env.KUBERNETES_SERVICE_PORT);
}

/** The connection of a pod, by its ServiceAccount. The token is read again as it rotates. Throws `ConfigError`. */
export async function inClusterConnection(options: InClusterOptions): Promise<Connection> {
  const { env, root = mountPath, clock = systemClock } = options;
  const servers = options.servers ?? serviceAddress(env);
  const ca = await readFile(path.join(root, "ca.crt"), "utf8").catch(() => {
    throw new ConfigError(`${root}/ca.crt cannot be read; the pod needs automountServiceAccountToken`);
  });
  const namespace = await readFile(path.join(root, "namespace"), "utf8").catch(() => "default");
  const byAddress = servers.every((server) => isIP(new URL(server).hostname.replace(/^\[|\]$/g, "")) !== 0);
  return {
    servers,
    tls: { ca, ...(byAddress ? { servername: serverName } : {}) },
    namespace: namespace.trim(),
    proxyFor: (server) => proxyFromEnvironment(server, env),
    credentials: tokenFile(path.join(root, "token"), "in-cluster configuration", clock),
  };
}

function serviceAddress(env: Environment): string[] {
  if (!isInCluster(env))
    throw new ConfigError("not in a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set");
  return [baseUrl(env.KUBERNETES_SERVICE_HOST ?? "", env.KUBERNETES_SERVICE_PORT ?? "")];
}

/**
 * The API servers' own addresses, from the EndpointSlice they keep for the Service `kubernetes`: what to put into
 * `Connection.servers` where the Service network itself is being changed. Needs get on that one endpointslice.
 */
export async function directServers(client: KubeClient, options: RequestOptions = {}): Promise<string[]> {
  const slice = await client.get(endpointSlices, { namespace: "default", name: "kubernetes" }, options);
  const port = slice?.ports?.find((p) => p.name === "https")?.port ?? slice?.ports?.[0]?.port ?? 443;
  const ready = (slice?.endpoints ?? []).filter((endpoint) => endpoint.conditions?.ready !== false);
  return [...new Set(ready.flatMap((endpoint) => endpoint.addresses.map((address) => baseUrl(address, port))))].sort();
}

function baseUrl(host: string, port: string | number): string {
  return `https://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}
