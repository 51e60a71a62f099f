import { spawn } from "node:child_process";
import { ConfigError, type Connection } from "./connection.ts";
import type { ClusterEntry, Environment, ExecEntry } from "./kubeconfig.ts";

/** What an exec credential plugin gave: status of its ExecCredential. */
export interface ExecCredential {
  token?: string;
  clientCertificateData?: string;
  clientKeyData?: string;
  /** RFC 3339; missing: good until the server says 401. */
  expirationTimestamp?: string;
}

export interface ExecContext {
  /** 'user "me" of kubeconfig /home/me/.kube/config', for errors. */
  where: string;
  exec: ExecEntry;
  cluster: ClusterEntry;
  /** Authority of the cluster, as resolved. */
  ca: Connection["tls"]["ca"];
  env: Environment;
  /** Whether a person is at the terminal. */
  interactive: boolean;
}

const apiVersions = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];
/** A login in the browser takes a while; a plugin that hangs must end some day. */
const limitMs = 300_000;

/** Runs the plugin once. Its stderr goes to ours, so that a person can follow a login. Throws `ConfigError`. */
export async function runExecPlugin(context: ExecContext): Promise<ExecCredential> {
  const { exec, where } = context;
  const { apiVersion = "", command, interactiveMode = "IfAvailable" } = exec;
  if (!command) throw new ConfigError(`${where}: exec names no command`);
  if (!apiVersions.includes(apiVersion))
    throw new ConfigError(
      `${where}: exec apiVersion "${apiVersion}" is not supported; update the kubeconfig (${apiVersions[0]})`,
    );
  if (interactiveMode === "Always" && !context.interactive)
    throw new ConfigError(`${where}: exec plugin ${command} needs a terminal; run it from one`);
  const interactive = context.interactive && interactiveMode !== "Never";
  const output = await run(command, context, { ...execInfo(context, apiVersion, interactive) }, interactive);
  return parseCredential(output, apiVersion, `${where}: exec plugin ${command}`);
}

/** The environment of the plugin: ours, the entry's, and what it may know of the cluster. */
function execInfo(context: ExecContext, apiVersion: string, interactive: boolean): Environment {
  const { exec, cluster, ca } = context;
  const config = cluster.extensions?.find((e) => e.name === "client.authentication.k8s.io/exec")?.extension;
  const clusterInfo = {
    server: cluster.server,
    "tls-server-name": cluster["tls-server-name"],
    "insecure-skip-tls-verify": cluster["insecure-skip-tls-verify"],
    "certificate-authority-data": ca === undefined ? undefined : Buffer.from(ca).toString("base64"),
    "proxy-url": cluster["proxy-url"],
    config,
  };
  const spec = { interactive, ...(exec.provideClusterInfo ? { cluster: clusterInfo } : {}) };
  const info = JSON.stringify({ kind: "ExecCredential", apiVersion, spec });
  const own = Object.fromEntries((exec.env ?? []).map(({ name, value }) => [name, value]));
  return { ...context.env, ...own, KUBERNETES_EXEC_INFO: info };
}

function run(command: string, context: ExecContext, env: Environment, interactive: boolean): Promise<string> {
  const { exec, where } = context;
  return new Promise((resolve, reject) => {
    const child = spawn(command, exec.args ?? [], {
      env,
      stdio: [interactive ? "inherit" : "ignore", "pipe", "inherit"],
      timeout: limitMs,
    });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.once("error", (error: NodeJS.ErrnoException) => {
      const hint = exec.installHint === undefined ? "" : `: ${exec.installHint.replace(/\s+/g, " ").trim()}`;
      const what = error.code === "ENOENT" ? `is not installed${hint}` : `cannot be run (${error.code})`;
      reject(new ConfigError(`${where}: exec plugin ${command} ${what}`));
    });
    child.once("close", (code, signal) => {
      if (code === 0) return resolve(Buffer.concat(chunks).toString("utf8"));
      const how = signal === null ? `exit code ${code}` : signal;
      reject(new ConfigError(`${where}: exec plugin ${command} failed (${how}); log in again or see its own message`));
    });
  });
}

function parseCredential(output: string, apiVersion: string, who: string): ExecCredential {
  let value: { kind?: unknown; apiVersion?: unknown; status?: ExecCredential } | undefined;
  try {
    value = JSON.parse(output);
  } catch {
    // Never shown: it may hold a token.
  }
  if (value?.kind !== "ExecCredential") throw new ConfigError(`${who} did not print an ExecCredential`);
  if (value.apiVersion !== apiVersion)
    throw new ConfigError(`${who} answered in apiVersion "${value.apiVersion}", not "${apiVersion}"`);
  const { status } = value;
  if (status?.token === undefined && status?.clientCertificateData === undefined)
    throw new ConfigError(`${who} gave neither a token nor a client certificate`);
  return status;
}
