import { readFileSync } from "node:fs";
import { constants, type FileHandle, lstat, open, readdir, rename, rmdir, unlink } from "node:fs/promises";
import { HostError } from "./deps.ts";
import { at, type HostFiles, ignoreAbsent, inParent, openChild, openDirectory, realPath } from "./walk.ts";

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
const temporaryName = ".cni-migrate.tmp";
const maxReadBytes = 64 * 1024;

export interface Entry {
  name: string;
  kind: "file" | "directory" | "other";
  executable: boolean;
  modifiedMs: number;
}

/** Entries of a directory, sorted by name; undefined when there is no such directory. */
export async function listDirectory(files: HostFiles, path: string): Promise<Entry[] | undefined> {
  const directory = await openDirectory(files, path);
  if (directory === undefined) return undefined;
  try {
    const names = await readdir(at(directory));
    const entries = await Promise.all(names.map((name) => entryOf(directory, name)));
    return entries.filter((entry) => entry !== undefined).sort((a, b) => (a.name < b.name ? -1 : 1));
  } finally {
    await directory.close();
  }
}

/** One entry; undefined when absent. Does not follow a link. */
export function statEntry(files: HostFiles, path: string): Promise<Entry | undefined> {
  return inParent(files, path, entryOf);
}

/** Text of a regular file of 64 KiB at most; undefined when absent. */
export function readText(files: HostFiles, path: string): Promise<string | undefined> {
  return inParent(files, path, async (parent, name) => {
    if ((await regularEntry(parent, name, path)) === undefined) return undefined;
    const file = await open(at(parent, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      if (!(await file.stat()).isFile()) throw new HostError(`${path} is not a regular file`);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(maxReadBytes + 1), 0, maxReadBytes + 1, 0);
      if (bytesRead > maxReadBytes) throw new HostError(`${path} is larger than 64 KiB`);
      return buffer.toString("utf8", 0, bytesRead);
    } finally {
      await file.close();
    }
  });
}

/** Whole or not at all: temporary file, sync, rename, sync of the directory. True when something changed. */
export async function writeText(files: HostFiles, path: string, content: string, mode: number): Promise<boolean> {
  if ((await readText(files, path)) === content) return false;
  const written = await inParent(files, path, async (parent, name) => {
    const temporary = at(parent, temporaryName);
    await unlink(temporary).catch(ignoreAbsent);
    const file = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    try {
      await file.chmod(mode);
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, at(parent, name));
    await parent.sync();
    return true;
  });
  if (written === undefined) throw new HostError(`${path}: its directory does not exist`);
  return true;
}

/** Removes a regular file. False when absent; anything but a regular file is refused. */
export async function removeFile(files: HostFiles, path: string): Promise<boolean> {
  const removed = await inParent(files, path, async (parent, name) => {
    if ((await regularEntry(parent, name, path)) === undefined) return false;
    await unlink(at(parent, name)).catch(ignoreAbsent);
    return true;
  });
  return removed ?? false;
}

/**
 * Removes a directory with all it holds. Links inside are removed, not followed. A directory that is a mount point itself
 * is emptied and stays; one that holds a mount is refused before anything is removed.
 */
export async function removeDirectory(files: HostFiles, path: string): Promise<boolean> {
  const entry = await statEntry(files, path);
  if (entry === undefined) return false;
  if (entry.kind !== "directory") throw new HostError(`${path} is not a directory`);
  const mount = mountsBelow(await realPath(files, path))[0];
  if (mount !== undefined) throw new HostError(`${path} holds the mount point ${mount}: unmount it first`);
  await inParent(files, path, async (parent, name) => {
    await emptyDirectory(parent, name);
    await rmdir(at(parent, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EBUSY") ignoreAbsent(error);
    });
  });
  return true;
}

/** Whether a directory is there and is no empty mount point, which nobody can remove from here. */
export async function hasDirectory(files: HostFiles, path: string): Promise<boolean> {
  const entry = await statEntry(files, path);
  if (entry?.kind !== "directory") return false;
  const real = await realPath(files, path);
  if (!mountPoints().includes(real)) return true;
  return ((await listDirectory(files, path)) ?? []).length > 0;
}

/** `above` is the device of the directory it is in: what is mounted meanwhile is not walked into. */
async function emptyDirectory(parent: FileHandle, name: string, above?: number): Promise<void> {
  const directory = await openChild(parent, name);
  if (directory === undefined) return;
  try {
    const { dev } = await directory.stat();
    if (above !== undefined && dev !== above) throw new HostError(`${name} has become a mount point: refused`);
    for (const entry of await readdir(at(directory), { withFileTypes: true })) {
      if (!entry.isDirectory()) await unlink(at(directory, entry.name)).catch(ignoreAbsent);
      else {
        await emptyDirectory(directory, entry.name, dev);
        await rmdir(at(directory, entry.name)).catch(ignoreAbsent);
      }
    }
  } finally {
    await directory.close();
  }
}

async function entryOf(parent: FileHandle, name: string): Promise<Entry | undefined> {
  try {
    const stat = await lstat(at(parent, name));
    const kind = stat.isFile() ? "file" : stat.isDirectory() ? "directory" : "other";
    return { name, kind, executable: kind === "file" && (stat.mode & 0o111) !== 0, modifiedMs: stat.mtimeMs };
  } catch (error) {
    return ignoreAbsent(error);
  }
}

async function regularEntry(parent: FileHandle, name: string, path: string): Promise<Entry | undefined> {
  const entry = await entryOf(parent, name);
  if (entry !== undefined && entry.kind !== "file") throw new HostError(`${path} is not a regular file`);
  return entry;
}

/** Where file systems are mounted, as this process sees it; one place may be there more than once. */
export function mountPoints(): string[] {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return lines.map((line) =>
    (line.split(" ")[4] ?? "").replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))),
  );
}

function mountsBelow(directory: string): string[] {
  return mountPoints().filter((point) => point.startsWith(`${directory}/`));
}
