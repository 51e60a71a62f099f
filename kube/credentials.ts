import { readFile } from "node:fs/promises";
import type { Clock } from "./clock.ts";
import { ConfigError, type Credentials } from "./connection.ts";
import { type ExecContext, runExecPlugin } from "./exec-plugin.ts";

/** Ways to prove who one is. Each is a function as `Connection.credentials` wants it. */
export type CredentialSource = (refresh: boolean) => Promise<Credentials>;

/** Kubelets renew projected tokens well before they expire; client-go looks once a minute too. */
const tokenFileSeconds = 60;
/** A credential is renewed so long before its end, against clocks that differ. */
const marginSeconds = 30;

export function bearer(token: string): Credentials {
  return { headers: { authorization: `Bearer ${token}` } };
}

export function basic(username: string, password: string): Credentials {
  return { headers: { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` } };
}

/** What does not change. */
export function fixed(credentials: Credentials): CredentialSource {
  return () => Promise.resolve(credentials);
}

/** A file that someone else rewrites: read again after a minute, and after a 401. */
export function tokenFile(file: string, where: string, clock: Clock): CredentialSource {
  return cached(clock, async () => {
    try {
      const token = (await readFile(file, "utf8")).trim();
      return { credentials: bearer(token), validForSeconds: tokenFileSeconds };
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
      throw new ConfigError(`${where}: token file ${file} cannot be read (${code})`);
    }
  });
}

/** An exec plugin: run on first use, when what it gave ends, and after a 401. */
export function execPlugin(context: ExecContext, clock: Clock): CredentialSource {
  return cached(clock, async () => {
    const { token, clientCertificateData, clientKeyData, expirationTimestamp } = await runExecPlugin(context);
    const end = expirationTimestamp === undefined ? Number.POSITIVE_INFINITY : Date.parse(expirationTimestamp);
    return {
      credentials: {
        headers: token === undefined ? {} : bearer(token).headers,
        ...(clientCertificateData === undefined ? {} : { cert: clientCertificateData }),
        ...(clientKeyData === undefined ? {} : { key: clientKeyData }),
      },
      validForSeconds: (end - clock.nowMs()) / 1000 - marginSeconds,
    };
  });
}

/**
 * The auth-provider "oidc". A token renewed here is not written back to the kubeconfig: an issuer that takes each refresh
 * token once only will ask for a new login.
 */
export function oidc(config: Record<string, string>, where: string): CredentialSource {
  const user = { name: "", authProvider: { name: "oidc", config: { ...config } } };
  let auth: Promise<{ applyAuthentication(user: object, options: object): Promise<void> }> | undefined;
  return async () => {
    auth ??= import("@kubernetes/client-node/dist/oidc_auth.js").then((m) => new m.OpenIDConnectAuth());
    const headers: Record<string, string> = {};
    try {
      await (await auth).applyAuthentication(user, { headers });
    } catch (error) {
      const why = error instanceof Error ? error.message.replace(/\s+/g, " ") : "unknown error";
      throw new ConfigError(`${where}: the OIDC token could not be renewed (${why}); log in again`);
    }
    const { Authorization: authorization } = headers;
    if (authorization === undefined) throw new ConfigError(`${where}: the OIDC token has expired; log in again`);
    return { headers: { authorization } };
  };
}

/** Adds headers, such as Impersonate-User, to what another source gives. */
export function withHeaders(source: CredentialSource, headers: Record<string, string | string[]>): CredentialSource {
  if (Object.keys(headers).length === 0) return source;
  return async (refresh) => {
    const credentials = await source(refresh);
    return { ...credentials, headers: { ...credentials.headers, ...headers } };
  };
}

/** Adds a client certificate to what another source gives. */
export function withCertificate(
  source: CredentialSource,
  certificate: Pick<Credentials, "cert" | "key">,
): CredentialSource {
  return async (refresh) => ({ ...(await source(refresh)), ...certificate });
}

/** One `load` at a time, whoever asks meanwhile shares it; its result is kept while it is valid. */
function cached(
  clock: Clock,
  load: () => Promise<{ credentials: Credentials; validForSeconds: number }>,
): CredentialSource {
  let kept: { credentials: Credentials; endMs: number } | undefined;
  let loading: Promise<Credentials> | undefined;
  return (refresh) => {
    if (loading !== undefined) return loading;
    if (!refresh && kept !== undefined && clock.monotonicMs() < kept.endMs) return Promise.resolve(kept.credentials);
    loading = load()
      .then(({ credentials, validForSeconds }) => {
        kept = { credentials, endMs: clock.monotonicMs() + validForSeconds * 1000 };
        return credentials;
      })
      .finally(() => {
        loading = undefined;
      });
    return loading;
  };
}
