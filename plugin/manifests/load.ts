import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { UnknownObject } from "../../kube/types.ts";
import { ManifestError, parseManifests } from "../../networks/manifests.ts";
import { usageError } from "../errors.ts";
import type { Io } from "../io.ts";

/** What is not read into memory at all; parsing has a lower limit of its own. */
const limitBytes = 20 * 1024 * 1024;
const downloadTimeoutMs = 30_000;
const extensions = [".yaml", ".yml", ".json"];

/**
 * All objects of `-f`: files, folders (their *.yaml, *.yml and *.json, by name), http(s) addresses and "-". Throws a usage
 * error for what cannot be read, holds no object, or holds one object twice.
 */
export async function loadManifests(sources: readonly string[], io: Io): Promise<UnknownObject[]> {
  const found: SourcedObject[] = [];
  // One after the other: standard input can be read once, and messages name the first file at fault.
  for (const source of sources) found.push(...(await load(source, io)));
  refuseTwins(found);
  return found.map(({ object }) => object);
}

interface SourcedObject {
  object: UnknownObject;
  /** Where it stands: "calico.yaml", "standard input". */
  source: string;
}

async function load(source: string, io: Io): Promise<SourcedObject[]> {
  const files = await readSource(source, io);
  if (files.length === 0) throw usageError(`${source}: no file named *.yaml, *.yml or *.json in this folder`);
  return files.flatMap(({ name, content }) =>
    parse(decode(content, name), name).map((object) => ({ object, source: name })),
  );
}

function parse(text: string, name: string): UnknownObject[] {
  try {
    return parseManifests(text.replace(/^\ufeff/, ""), name);
  } catch (error) {
    if (error instanceof ManifestError) throw usageError(error.message);
    throw error;
  }
}

interface SourceFile {
  name: string;
  content: Buffer;
}

async function readSource(source: string, io: Io): Promise<SourceFile[]> {
  if (source === "") throw usageError("-f needs a file, a folder, an address or -");
  if (source === "-") return [{ name: "standard input", content: await readStdin(io) }];
  if (/^https?:\/\//i.test(source)) return [{ name: source, content: await download(source, io) }];
  try {
    if ((await stat(source)).isDirectory()) return await readFolder(source);
    return [{ name: source, content: await readBounded(source) }];
  } catch (error) {
    throw unreadable(source, error);
  }
}

async function readFolder(folder: string): Promise<SourceFile[]> {
  const names = (await readdir(folder)).filter((name) => extensions.some((end) => name.endsWith(end))).sort();
  return Promise.all(
    names.map(async (name) => ({ name: join(folder, name), content: await readBounded(join(folder, name)) })),
  );
}

async function readBounded(path: string): Promise<Buffer> {
  if ((await stat(path)).size > limitBytes) throw tooLarge(path);
  return readFile(path);
}

async function readStdin(io: Io): Promise<Buffer> {
  if (io.stdin.isTTY) throw usageError("-f - reads manifests from standard input, which is a terminal: pipe them in");
  try {
    return await io.stdin.readAll(limitBytes);
  } catch (error) {
    throw usageError(`standard input: ${(error as Error).message}`);
  }
}

async function download(url: string, io: Io): Promise<Buffer> {
  const signal = AbortSignal.any([io.interrupt, AbortSignal.timeout(downloadTimeoutMs)]);
  try {
    const answer = await fetch(url, { signal });
    if (!answer.ok) throw usageError(`${url}: the server answered ${answer.status} ${answer.statusText}`);
    if (Number(answer.headers.get("content-length") ?? 0) > limitBytes) throw tooLarge(url);
    const content = Buffer.from(await answer.arrayBuffer());
    if (content.length > limitBytes) throw tooLarge(url);
    return content;
  } catch (error) {
    throw unreadable(url, error);
  }
}

/** Bytes as text; what is not UTF-8 is no manifest. */
function decode(content: Buffer, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    throw usageError(`${name}: not text (UTF-8), so no manifest`);
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "no such file or folder",
  EACCES: "permission denied",
  EPERM: "permission denied",
  ENOTDIR: "no such file or folder",
  ENOTFOUND: "the host name does not resolve",
  ECONNREFUSED: "the connection was refused",
};

function unreadable(source: string, error: unknown): Error {
  if (error instanceof Error && error.name === "CliError") return error;
  const { code, name, cause, message } = error as Error & {
    code?: string;
    cause?: { code?: string; message?: string };
  };
  const known =
    reasons[code ?? cause?.code ?? ""] ?? (name === "TimeoutError" ? "no complete answer within 30s" : undefined);
  return usageError(`cannot read ${source}: ${known ?? cause?.message ?? message}`);
}

function tooLarge(source: string): Error {
  return usageError(`${source}: larger than ${limitBytes / 1024 / 1024} MiB, which no network's manifests are`);
}

/** The same object twice: the later one would silently win. */
function refuseTwins(found: readonly SourcedObject[]): void {
  const seen = new Map<string, string>();
  for (const { object, source } of found) {
    const { namespace = "", name } = object.metadata;
    const key = JSON.stringify([object.apiVersion.split("/")[0], object.kind, namespace, name]);
    const before = seen.get(key);
    if (before !== undefined)
      throw usageError(
        `${object.kind} ${namespace === "" ? "" : `${namespace}/`}${name} is given twice, in ${before} and in ${source}: remove one`,
      );
    seen.set(key, source);
  }
}
