import { readFileSync, writeFileSync } from "node:fs";
import type { LabNetwork } from "./binaries.ts";
import { setsFor } from "./binaries.ts";
import { missingSets } from "./build.ts";
import { cacheRoot, freeBytes } from "./cache.ts";
import { LabError, type Progress } from "./errors.ts";
import { ensurePackages, isOnMachine } from "./packages.ts";
import { run } from "./run.ts";

/** Free disk needed where the cache lives, in GiB: module and build caches, binaries, images, and nodes. */
const coldDiskGiB = 10;
/** The same when everything is built already: the nodes and their logs. */
const warmDiskGiB = 4;
/** Oldest Go that all modules of the table accept. */
const minimumGo = { major: 1, minor: 26 };
/** Of all processes of root, nodes of all labs together; many kernels allow 128, which two labs need. */
const inotifyInstances = 1024;
const inotifyPath = "/proc/sys/fs/inotify/max_user_instances";

/** Checks that this machine can run a lab, and installs missing packages; throws one line with the cure otherwise. */
export async function preflight(networks: readonly LabNetwork[], progress: Progress): Promise<void> {
  requireRoot("up");
  await requireGo();
  await ensurePackages(networks, progress);
  const cold = (await missingSets(setsFor(networks))).length > 0;
  requireDisk(cold ? coldDiskGiB : warmDiskGiB, freeBytes(cacheRoot()));
  raiseLimit(inotifyPath, inotifyInstances, progress);
}

/** Kubelets and agents that are short of it end with "too many open files", and are started again later and later. */
export function raiseLimit(path: string, wanted: number, progress: Progress): void {
  const limit = Number(readFileSync(path, "utf8"));
  if (limit >= wanted) return;
  writeFileSync(path, `${wanted}\n`);
  progress(`${path}: raised from ${limit} to ${wanted}`);
}

/** Namespaces, mounts and containerd need root. */
export function requireRoot(verb: string, uid = process.getuid?.()): void {
  if (process.platform !== "linux") throw new LabError(`the lab runs on Linux only, this is ${process.platform}`);
  if (uid !== 0) {
    throw new LabError(
      `lab ${verb} needs root (namespaces, mounts): run it as root, e.g. sudo -E npm run lab -- ${verb}`,
    );
  }
}

async function requireGo(): Promise<void> {
  const wanted = `Go ${minimumGo.major}.${minimumGo.minor} or newer`;
  if (!isOnMachine("go")) {
    throw new LabError(`go is not on PATH: install ${wanted} (https://go.dev/dl), the lab builds its programs with it`);
  }
  const version = (await run(["go", "env", "GOVERSION"])).stdout.trim();
  if (!goIsEnough(version)) throw new LabError(`go on PATH is ${version}: the lab needs ${wanted} (https://go.dev/dl)`);
}

/** "go1.26.8" and newer; development versions ("devel ...") are taken as new enough. */
export function goIsEnough(version: string): boolean {
  const match = /^go(\d+)\.(\d+)/.exec(version);
  if (match === null) return version.startsWith("devel");
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > minimumGo.major || (major === minimumGo.major && minor >= minimumGo.minor);
}

export function requireDisk(neededGiB: number, free: number): void {
  const freeGiB = free / 2 ** 30;
  if (freeGiB >= neededGiB) return;
  throw new LabError(
    `${freeGiB.toFixed(1)} GiB free at ${cacheRoot()}, the lab needs ${neededGiB}: free some, or set CNI_MIGRATE_LAB_CACHE to a larger disk`,
  );
}
