import { createHash, randomUUID } from "node:crypto";
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import type { Progress } from "./errors.ts";
import { bootId, identify, isAlive, type ProcessRecord } from "./processes.ts";
import { poll } from "./run.ts";

/** Everything the lab builds or runs on, outside the checkout, so that a clean checkout finds it again. */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env): string {
  if (env.CNI_MIGRATE_LAB_CACHE) return resolve(env.CNI_MIGRATE_LAB_CACHE);
  return resolve(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "cni-migrate-lab");
}

/** The kinds of things kept: binaries by version, image archives and node templates by content, labs by name. */
export type CacheArea = "bin" | "images" | "templates" | "run" | "logs";

export function cachePath(area: CacheArea, ...names: string[]): string {
  return join(cacheRoot(), area, ...names);
}

/** Short digest of anything that decides how an entry comes out: same inputs, same name. */
export function digest(...inputs: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(inputs)).digest("hex").slice(0, 10);
}

/**
 * Gives the cache entry (a file or a folder) at `path`, made by `make` when it is not there. `make` works at a
 * temporary path beside it, which is renamed when done, so an entry that exists is always whole. Two processes that
 * want the same entry do not make it twice: the second waits.
 */
export async function ensureEntry(
  path: string,
  make: (temporary: string) => Promise<void>,
  progress: Progress = () => {},
): Promise<string> {
  if (existsSync(path)) return path;
  const release = await lock(`${path}.lock`, progress);
  try {
    if (existsSync(path)) return path;
    const temporary = `${temporaryPrefix(path)}${randomUUID().slice(0, 8)}`;
    removeTemporaries(path);
    try {
      await make(temporary);
      renameSync(temporary, path);
    } finally {
      removeTemporaries(path);
    }
    return path;
  } finally {
    release();
  }
}

function temporaryPrefix(path: string): string {
  return join(dirname(path), `.new-${basename(path)}-`);
}

/** Half-made entries of makers that failed or were killed; only whoever holds the entry's lock may call it. */
function removeTemporaries(path: string): void {
  const folder = dirname(path);
  const stale = readdirSync(folder).filter((name) => join(folder, name).startsWith(temporaryPrefix(path)));
  for (const name of stale) rmSync(join(folder, name), { recursive: true, force: true });
}

/** Marks an entry as used now, and removes all of its area but the `keep` used last. Nodes made of a removed one stay whole. */
export function keepRecent(path: string, keep: number): void {
  const now = new Date();
  utimesSync(path, now, now);
  const folder = dirname(path);
  const entries = readdirSync(folder)
    .filter((name) => !name.startsWith(".new-") && !name.endsWith(".lock"))
    .map((name) => ({ path: join(folder, name), used: statSync(join(folder, name)).mtimeMs }))
    .sort((a, b) => b.used - a.used);
  for (const old of entries.slice(keep)) rmSync(old.path, { recursive: true, force: true });
}

/** Takes a lock that names its holder; a lock whose holder is gone is taken over. Gives the function that frees it. */
export async function lock(path: string, progress: Progress = () => {}): Promise<() => void> {
  let told = false;
  mkdirSync(dirname(path), { recursive: true });
  await poll(
    () => {
      if (takeLock(path)) return true;
      const holder = lockHolder(path);
      if (!told && holder) progress(`waiting for process ${holder.pid}, which is making ${basename(path, ".lock")}`);
      told ||= holder !== undefined;
      return false;
    },
    { timeoutMs: Number.POSITIVE_INFINITY, intervalMs: 200 },
  );
  return () => rmSync(path, { force: true });
}

function takeLock(path: string): boolean {
  // Linked into place, so that nobody ever sees a lock without its holder in it.
  const unique = `${path}.${randomUUID().slice(0, 8)}`;
  writeFileSync(unique, JSON.stringify(identify(process.pid)));
  try {
    linkSync(unique, path);
    return true;
  } catch {
    if (lockHolder(path) === undefined) dropStaleLock(path);
    return false;
  } finally {
    rmSync(unique, { force: true });
  }
}

/** Moved aside before it is judged once more: another waiter may have replaced the stale lock by its own meanwhile. */
function dropStaleLock(path: string): void {
  const aside = `${path}.${randomUUID().slice(0, 8)}`;
  try {
    renameSync(path, aside);
    if (lockHolder(aside) !== undefined) linkSync(aside, path);
  } catch {
    // Somebody else was quicker.
  } finally {
    rmSync(aside, { force: true });
  }
}

function lockHolder(path: string): ProcessRecord | undefined {
  try {
    const holder = JSON.parse(readFileSync(path, "utf8")) as ProcessRecord;
    return holder.bootId === bootId() && isAlive(holder) ? holder : undefined;
  } catch {
    return undefined;
  }
}

/** Free space in bytes where `path`, or the nearest folder above it that exists, lives. */
export function freeBytes(path: string): number {
  let folder = path;
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/** Writes a file that is either the old or the new one, also after a crash between. */
export function writeAtomic(path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.new`;
  writeFileSync(temporary, text, { mode });
  renameSync(temporary, path);
}
