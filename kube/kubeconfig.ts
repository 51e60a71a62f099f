import { readFile } from "node:fs/promises";
import path from "node:path";
import { ConfigError } from "./connection.ts";

/**
 * Reading kubeconfig files as kubectl does: several are merged, the first to say something wins, relative paths belong to
 * the file they stand in. Nothing of a file's content gets into an error but names.
 */

export interface ClusterEntry {
  server?: string;
  "certificate-authority"?: string;
  "certificate-authority-data"?: string;
  "insecure-skip-tls-verify"?: boolean;
  "tls-server-name"?: string;
  "proxy-url"?: string;
  extensions?: { name?: string; extension?: unknown }[];
}

export interface UserEntry {
  "client-certificate"?: string;
  "client-certificate-data"?: string;
  "client-key"?: string;
  "client-key-data"?: string;
  token?: string;
  tokenFile?: string;
  username?: string;
  password?: string;
  as?: string;
  "as-uid"?: string;
  "as-groups"?: string[];
  "as-user-extra"?: Record<string, string[]>;
  exec?: ExecEntry;
  "auth-provider"?: { name?: string; config?: Record<string, string> };
}

export interface ExecEntry {
  apiVersion?: string;
  command?: string;
  args?: string[];
  env?: { name: string; value: string }[];
  installHint?: string;
  provideClusterInfo?: boolean;
  interactiveMode?: "Never" | "IfAvailable" | "Always";
}

export interface ContextEntry {
  cluster?: string;
  user?: string;
  namespace?: string;
}

/** All files together. Paths in the entries are absolute. */
export interface KubeconfigData {
  /** For messages: "kubeconfig /home/me/.kube/config". */
  source: string;
  currentContext: string | undefined;
  clusters: Map<string, ClusterEntry>;
  users: Map<string, UserEntry>;
  contexts: Map<string, ContextEntry>;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Throws `ConfigError`. Undefined when no file was named and the default one does not exist. */
export async function readKubeconfig(flag: string | undefined, env: Environment): Promise<KubeconfigData | undefined> {
  if (flag !== undefined) {
    const content = await read(flag);
    if (content === undefined) throw new ConfigError(`kubeconfig ${flag} does not exist; check --kubeconfig`);
    return merge([await parse(flag, content)]);
  }
  const listed = (env.KUBECONFIG ?? "").split(path.delimiter).filter((file) => file !== "");
  const files = listed.length > 0 ? listed : defaultFiles(env);
  const found: KubeconfigData[] = [];
  for (const file of files) {
    const content = await read(file);
    if (content !== undefined) found.push(await parse(file, content));
  }
  if (found.length > 0) return merge(found);
  if (listed.length === 0) return undefined;
  throw new ConfigError(`kubeconfig ${listed.join(", ")} does not exist; check the environment variable KUBECONFIG`);
}

function defaultFiles(env: Environment): string[] {
  const home = env.HOME ?? env.USERPROFILE;
  return home === undefined || home === "" ? [] : [path.join(home, ".kube", "config")];
}

/** Undefined when there is no such file. */
async function read(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new ConfigError(`kubeconfig ${file} cannot be read (${code ?? "unknown error"}); check its permissions`);
  }
}

async function parse(file: string, content: string): Promise<KubeconfigData> {
  const source = `kubeconfig ${file}`;
  const value = (await parseYaml(source, content)) ?? {};
  if (!isMap(value)) throw new ConfigError(`${source} is not a kubeconfig: no clusters, users and contexts in it`);
  const directory = path.dirname(path.resolve(file));
  const clusters = entries<ClusterEntry>(source, value, "clusters", "cluster");
  const users = entries<UserEntry>(source, value, "users", "user");
  const contexts = entries<ContextEntry>(source, value, "contexts", "context");
  for (const cluster of clusters.values()) absolute(cluster, ["certificate-authority"], directory);
  for (const user of users.values()) {
    absolute(user, ["client-certificate", "client-key", "tokenFile"], directory);
    // A bare command is looked up in PATH.
    if (user.exec?.command?.includes("/")) absolute(user.exec, ["command"], directory);
  }
  const current = value["current-context"];
  return {
    source,
    currentContext: typeof current === "string" && current !== "" ? current : undefined,
    clusters,
    users,
    contexts,
  };
}

async function parseYaml(source: string, content: string): Promise<unknown> {
  // Loaded only when there is a kubeconfig to read: it costs 27 ms unbundled.
  const { parse: parseText, YAMLParseError } = await import("yaml");
  try {
    return parseText(content);
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    const { line, col } = error.linePos?.[0] ?? { line: 1, col: 1 };
    throw new ConfigError(`${source} is not valid YAML (line ${line}, column ${col}); correct or recreate the file`);
  }
}

/** The named entries of one list; the first by a name wins. */
function entries<E extends object>(
  source: string,
  file: Record<string, unknown>,
  list: string,
  member: string,
): Map<string, E> {
  const found = new Map<string, E>();
  const items = file[list] ?? [];
  if (!Array.isArray(items)) throw new ConfigError(`${source}: ${list} is not a list`);
  for (const [index, item] of items.entries()) {
    if (!isMap(item) || typeof item.name !== "string")
      throw new ConfigError(`${source}: ${list}[${index}] has no name`);
    const value = item[member] ?? {};
    if (!isMap(value)) throw new ConfigError(`${source}: ${member} of ${list}[${index}] is not a map`);
    if (!found.has(item.name)) found.set(item.name, value as E);
  }
  return found;
}

function absolute<E>(entry: E, members: readonly (keyof E)[], directory: string): void {
  for (const member of members) {
    const value = entry[member];
    if (typeof value === "string" && value !== "") entry[member] = path.resolve(directory, value) as E[keyof E];
  }
}

function merge(files: readonly KubeconfigData[]): KubeconfigData {
  const firstWins = <E>(pick: (file: KubeconfigData) => Map<string, E>) =>
    new Map(files.toReversed().flatMap((file) => [...pick(file)]));
  return {
    source:
      files.length === 1 ? (files[0]?.source ?? "") : `kubeconfig ${files.map((f) => f.source.slice(11)).join(", ")}`,
    currentContext: files.find((file) => file.currentContext !== undefined)?.currentContext,
    clusters: firstWins((file) => file.clusters),
    users: firstWins((file) => file.users),
    contexts: firstWins((file) => file.contexts),
  };
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
