import { constants, type FileHandle, open, readlink } from "node:fs/promises";
import { join, normalize } from "node:path";
import { HostError } from "./deps.ts";
import { isSingleFile, rootOf } from "./paths.ts";

/**
 * Ways into the node's file system. Below an allowed directory no symbolic link is followed: each directory on the way is
 * opened by its parent's descriptor (/proc/self/fd/N/name), so that nothing can be swapped in between. The allowed
 * directories themselves may be reached through links (/var/run is one on most systems): those are the node's own.
 */
export interface HostFiles {
  root: string;
}

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

/** Runs `act` with the opened directory that holds `path`; undefined when a directory on the way is absent. */
export async function inParent<T>(
  files: HostFiles,
  path: string,
  act: (parent: FileHandle, name: string) => Promise<T>,
): Promise<T | undefined> {
  const parent = await openParent(files, path);
  if (parent === undefined) return undefined;
  const name = rootOf(path) === path ? await resolveRoot(files, path) : path;
  try {
    return await act(parent, name.slice(name.lastIndexOf("/") + 1));
  } finally {
    await parent.close();
  }
}

async function openParent(files: HostFiles, path: string): Promise<FileHandle | undefined> {
  // What holds an allowed root or a single file is the node's own: its links may be followed.
  if (rootOf(path) === path) return openAbsolute(files, dirname(await resolveRoot(files, path)));
  if (isSingleFile(path)) return openAbsolute(files, await resolveRoot(files, dirname(path)));
  return openDirectory(files, dirname(path));
}

/** An allowed directory or one below it; undefined when absent. */
export async function openDirectory(files: HostFiles, path: string): Promise<FileHandle | undefined> {
  const root = rootOf(path);
  if (root === undefined) throw new HostError(`path ${path} is outside the directories a host task may touch`);
  let current = await openAbsolute(files, await resolveRoot(files, root));
  for (const name of path.slice(root.length).split("/").filter(Boolean)) {
    if (current === undefined) return undefined;
    const parent: FileHandle = current;
    try {
      current = await openChild(parent, name);
    } finally {
      await parent.close();
    }
  }
  return current;
}

async function openAbsolute(files: HostFiles, realDirectory: string): Promise<FileHandle | undefined> {
  try {
    return await open(join(files.root, realDirectory), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    return ignoreAbsent(error);
  }
}

export async function openChild(parent: FileHandle, name: string): Promise<FileHandle | undefined> {
  try {
    return await open(at(parent, name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOTDIR")
      throw new HostError(`${name} is a symbolic link or no directory: refused`);
    return ignoreAbsent(error);
  }
}

const maxLinks = 40;

/** An allowed root as the node has it, its symbolic links resolved inside the node's own root. */
async function resolveRoot(files: HostFiles, root: string): Promise<string> {
  let left = root.slice(1).split("/");
  let done = "/";
  for (let links = 0; left.length > 0; ) {
    const [name, ...rest] = left;
    const next = normalize(join(done, name ?? ""));
    const target = await readlink(join(files.root, next)).catch(() => undefined);
    left = rest;
    if (target === undefined) {
      done = next;
      continue;
    }
    links += 1;
    if (links > maxLinks) throw new HostError(`${root}: too many symbolic links`);
    if (target.startsWith("/")) done = "/";
    left = [...target.split("/").filter(Boolean), ...rest];
  }
  return done;
}

/** Where a path below an allowed root really is, as this process sees it. */
export async function realPath(files: HostFiles, path: string): Promise<string> {
  const root = rootOf(path) ?? "";
  return join(files.root, await resolveRoot(files, root), path.slice(root.length)).replace(/\/$/, "");
}

function dirname(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

/** The path of an entry by its directory's descriptor. */
export function at(directory: FileHandle, name = ""): string {
  return `/proc/self/fd/${directory.fd}/${name}`;
}

export function ignoreAbsent(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
  throw error;
}
