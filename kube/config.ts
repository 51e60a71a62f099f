import { checkAuthority, checkClientCertificate, readPem } from "./certificates.ts";
import { type Clock, systemClock } from "./clock.ts";
import { ConfigError, type Connection } from "./connection.ts";
import {
  basic,
  bearer,
  type CredentialSource,
  execPlugin,
  fixed,
  oidc,
  tokenFile,
  withCertificate,
  withHeaders,
} from "./credentials.ts";
import { parseDuration } from "./duration.ts";
import { inClusterConnection, isInCluster } from "./in-cluster.ts";
import {
  type ClusterEntry,
  type ContextEntry,
  type Environment,
  type KubeconfigData,
  readKubeconfig,
  type UserEntry,
} from "./kubeconfig.ts";
import { parseProxy, proxyFromEnvironment } from "./proxy.ts";

/** kubectl's connection flags, by their names in camel case. */
export interface ConnectionFlags {
  kubeconfig?: string;
  context?: string;
  cluster?: string;
  user?: string;
  namespace?: string;
  server?: string;
  token?: string;
  as?: string;
  asGroup?: readonly string[];
  asUid?: string;
  /** "30s", "1m", "45"; "0" is kubectl's default and means ours (30 s). */
  requestTimeout?: string;
  insecureSkipTlsVerify?: boolean;
  tlsServerName?: string;
  certificateAuthority?: string;
  clientCertificate?: string;
  clientKey?: string;
}

export interface Surroundings {
  env: Environment;
  /** Whether a person is at the terminal: lets exec plugins ask. */
  interactive: boolean;
  clock: Clock;
}

/**
 * The connection kubectl would make of the same flags and environment. Reads kubeconfig and certificates; asks no server
 * and runs no exec plugin yet. Throws `ConfigError`.
 */
export async function loadConnection(
  flags: ConnectionFlags,
  around: Surroundings = { env: process.env, interactive: process.stdin.isTTY === true, clock: systemClock },
): Promise<Connection> {
  const timeoutSeconds = requestTimeout(flags.requestTimeout);
  const data = await readKubeconfig(flags.kubeconfig, around.env);
  if (data === undefined && flags.server === undefined) {
    if (isInCluster(around.env)) return inClusterConnection(around);
    throw new ConfigError("there is no kubeconfig; set KUBECONFIG or give --kubeconfig", { noCluster: true });
  }
  const { context, cluster, user, where } = choose(data, flags);
  const ca = await authority(cluster, flags, where);
  const tls = {
    ...(ca === undefined ? {} : { ca }),
    ...(cluster["tls-server-name"] ? { servername: cluster["tls-server-name"] } : {}),
    ...(cluster["insecure-skip-tls-verify"] ? { insecure: true } : {}),
  };
  const proxy = cluster["proxy-url"] ? parseProxy(cluster["proxy-url"], `proxy-url of ${where.cluster}`) : undefined;
  const source = await credentialSource({ user, cluster, ca, where: where.user, around });
  return {
    servers: [serverUrl(cluster.server, where.cluster)],
    tls,
    namespace: flags.namespace ?? (context.namespace || "default"),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    proxyFor: (server) => proxy ?? proxyFromEnvironment(server, around.env),
    credentials: withHeaders(source, impersonation(user, where.user)),
  };
}

interface Choice {
  context: ContextEntry;
  cluster: ClusterEntry;
  user: UserEntry;
  /** For errors: 'cluster "prod" of kubeconfig /home/me/.kube/config'. */
  where: { cluster: string; user: string };
}

/** The context's cluster and user with the flags laid over them. */
function choose(data: KubeconfigData | undefined, flags: ConnectionFlags): Choice {
  const source = data?.source ?? "the flags";
  const contextName = flags.context ?? data?.currentContext;
  const context = contextName === undefined ? undefined : data?.contexts.get(contextName);
  if (data !== undefined && contextName !== undefined && context === undefined)
    throw new ConfigError(`${source} has no context "${contextName}"; it has ${some(data.contexts)}`);
  const clusterName = flags.cluster ?? context?.cluster;
  if (clusterName === undefined && flags.server === undefined) throw noContext(data, source);
  const cluster = pick(data?.clusters, clusterName, `${source} has no cluster`, "--cluster");
  const user = pick(data?.users, flags.user ?? context?.user, `${source} has no user`, "--user");
  return {
    context: context ?? {},
    cluster: overlayCluster(cluster, flags),
    user: overlayUser(user, flags),
    where: {
      cluster: `cluster "${clusterName ?? ""}" of ${source}`,
      user: `user "${flags.user ?? context?.user ?? ""}" of ${source}`,
    },
  };
}

function noContext(data: KubeconfigData | undefined, source: string): ConfigError {
  if (data === undefined || data.contexts.size === 0)
    return new ConfigError(`${source} is empty: it names no cluster; give another one`, { noCluster: true });
  return new ConfigError(`${source} sets no current-context; choose one with --context: ${some(data.contexts)}`);
}

/** An entry by name; the empty entry when no name is asked for. */
function pick<E extends object>(
  entries: Map<string, E> | undefined,
  name: string | undefined,
  lack: string,
  flag: string,
): E {
  if (name === undefined || name === "") return {} as E;
  const entry = entries?.get(name);
  if (entry === undefined) throw new ConfigError(`${lack} "${name}"; correct the context or give ${flag}`);
  return entry;
}

function overlayCluster(cluster: ClusterEntry, flags: ConnectionFlags): ClusterEntry {
  return {
    ...cluster,
    ...(flags.server === undefined ? {} : { server: flags.server }),
    ...(flags.tlsServerName === undefined ? {} : { "tls-server-name": flags.tlsServerName }),
    ...(flags.insecureSkipTlsVerify === undefined ? {} : { "insecure-skip-tls-verify": flags.insecureSkipTlsVerify }),
    ...(flags.certificateAuthority === undefined
      ? {}
      : { "certificate-authority": flags.certificateAuthority, "certificate-authority-data": "" }),
  };
}

function overlayUser(user: UserEntry, flags: ConnectionFlags): UserEntry {
  const overlaid: UserEntry = {
    ...user,
    ...(flags.as === undefined ? {} : { as: flags.as }),
    ...(flags.asUid === undefined ? {} : { "as-uid": flags.asUid }),
    ...(flags.asGroup === undefined || flags.asGroup.length === 0 ? {} : { "as-groups": [...flags.asGroup] }),
    ...(flags.clientCertificate === undefined
      ? {}
      : { "client-certificate": flags.clientCertificate, "client-certificate-data": "" }),
    ...(flags.clientKey === undefined ? {} : { "client-key": flags.clientKey, "client-key-data": "" }),
  };
  if (flags.token === undefined) return overlaid;
  const { exec, tokenFile: file, username, "auth-provider": provider, ...rest } = overlaid;
  return { ...rest, token: flags.token };
}

async function authority(
  cluster: ClusterEntry,
  flags: ConnectionFlags,
  where: Choice["where"],
): Promise<string | undefined> {
  if (cluster["insecure-skip-tls-verify"]) return undefined;
  const from =
    flags.certificateAuthority === undefined ? `certificate-authority of ${where.cluster}` : "--certificate-authority";
  const ca = await readPem(cluster["certificate-authority-data"], cluster["certificate-authority"], from);
  if (ca !== undefined) checkAuthority(ca, from);
  return ca;
}

async function credentialSource(facts: {
  user: UserEntry;
  cluster: ClusterEntry;
  ca: string | undefined;
  where: string;
  around: Surroundings;
}): Promise<CredentialSource> {
  const { user, cluster, ca, where, around } = facts;
  const { clock, env, interactive } = around;
  const provider = user["auth-provider"];
  const certificate = await clientCertificate(user, where, clock);
  if (user.exec !== undefined) return execPlugin({ where, exec: user.exec, cluster, ca, env, interactive }, clock);
  if (user.tokenFile) return withCertificate(tokenFile(user.tokenFile, where, clock), certificate);
  if (user.token) return fixed({ ...bearer(user.token), ...certificate });
  if (user.username) return fixed({ ...basic(user.username, user.password ?? ""), ...certificate });
  if (provider?.name === "oidc") return oidc(provider.config ?? {}, where);
  if (provider !== undefined)
    throw new ConfigError(
      `${where}: auth-provider "${provider.name}" is no longer part of Kubernetes; use an exec plugin`,
    );
  return fixed({ headers: {}, ...certificate });
}

async function clientCertificate(
  user: UserEntry,
  where: string,
  clock: Clock,
): Promise<{ cert?: string; key?: string }> {
  const cert = await readPem(user["client-certificate-data"], user["client-certificate"], where);
  const key = await readPem(user["client-key-data"], user["client-key"], where);
  if (cert === undefined) return {};
  checkClientCertificate(cert, key, where, new Date(clock.nowMs()));
  return { cert, ...(key === undefined ? {} : { key }) };
}

function impersonation(user: UserEntry, where: string): Record<string, string | string[]> {
  const { as, "as-uid": uid, "as-groups": groups = [], "as-user-extra": extra = {} } = user;
  if (!as) {
    if (groups.length > 0 || uid) throw new ConfigError(`${where}: --as-group and --as-uid need --as`);
    return {};
  }
  const headers: Record<string, string | string[]> = { "impersonate-user": as };
  if (uid) headers["impersonate-uid"] = uid;
  if (groups.length > 0) headers["impersonate-group"] = [...groups];
  for (const [name, values] of Object.entries(extra))
    headers[`impersonate-extra-${encodeURIComponent(name)}`] = [...values];
  return headers;
}

/** "https://host:6443" without a final slash; a bare host:port means https. */
function serverUrl(server: string | undefined, where: string): string {
  if (!server) throw new ConfigError(`${where} has no server; give --server`);
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(server) ? server : `https://${server}`;
  if (!URL.canParse(text) || !/^https?:/i.test(text))
    throw new ConfigError(`server "${server}" is not a URL such as https://host:6443; correct ${where} or --server`);
  return text.replace(/\/+$/, "");
}

function requestTimeout(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = parseDuration(text);
  if (seconds === undefined) throw new ConfigError(`--request-timeout "${text}" is not a duration such as 30s or 2m`);
  return seconds === 0 ? undefined : seconds;
}

/** At most three names, sorted. */
function some(names: ReadonlyMap<string, unknown>): string {
  const sorted = [...names.keys()].sort();
  const more = sorted.length - 3;
  return sorted.length === 0 ? "none" : sorted.slice(0, 3).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
