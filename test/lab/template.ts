import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { ensureBundle } from "./archives.ts";
import { cachePath, digest, ensureEntry, keepRecent } from "./cache.ts";
import { endComponents, startComponent } from "./component.ts";
import { LabError, type Progress, timed, toStderr } from "./errors.ts";
import type { BundleId } from "./images.ts";
import { must, poll, run } from "./run.ts";

/** One and a half GiB each. */
const keptTemplates = 4;

/**
 * containerd's root folder with the bundles' images imported and unpacked, made once and then given to every node as
 * hard links: a node has its images in a second instead of half a minute. Nothing in it is ever written in place
 * (layers are overlay's lower folders, blobs are only added or removed) except the databases, which are copied.
 */
export async function ensureTemplate(bundles: readonly BundleId[], progress: Progress = toStderr): Promise<string> {
  const archives: string[] = [];
  for (const bundle of bundles) archives.push(await ensureBundle(bundle, progress));
  const path = cachePath("templates", digest(archives.map((archive) => basename(archive))));
  await ensureEntry(
    path,
    (temporary) => timed(progress, "unpacking images", "unpacked images", () => importInto(temporary, archives)),
    progress,
  );
  keepRecent(path, keptTemplates);
  return path;
}

/** Gives `root` (of a node that does not run) everything the template has; seconds, and no disk but the databases. */
export async function cloneTemplate(template: string, root: string): Promise<void> {
  mkdirSync(root, { recursive: true });
  await must(["cp", "-al", `${template}/.`, root]);
  for (const folder of readdirSync(root, { withFileTypes: true })) {
    if (!folder.isDirectory()) continue;
    for (const name of readdirSync(join(root, folder.name))) {
      if (name.endsWith(".db")) unlinkByCopy(join(root, folder.name, name));
    }
  }
}

/** Replaces a hard link by a file of its own. */
function unlinkByCopy(path: string): void {
  copyFileSync(path, `${path}.own`);
  renameSync(`${path}.own`, path);
}

/** Runs a containerd of its own on `root` just long enough to import the archives. */
async function importInto(root: string, archives: readonly string[]): Promise<void> {
  // In the system's temporary folder: a socket's path is limited to 107 bytes.
  const state = mkdtempSync(join(tmpdir(), "cni-migrate-images-"));
  const socket = join(state, "containerd.sock");
  mkdirSync(root, { recursive: true });
  writeFileSync(join(state, "config.toml"), importerConfig(root, state, socket));
  const log = join(state, "containerd.log");
  const containerd = startComponent("containerd", ["containerd", "-c", join(state, "config.toml")], log);
  try {
    const ctr = ["ctr", "-a", socket, "-n", "k8s.io"];
    const up = await poll(async () => containerd.ended() || (await run([...ctr, "version"])).code === 0, {
      timeoutMs: 20_000,
    });
    if (!up || containerd.ended()) {
      throw new LabError(`containerd does not start: ${containerd.lastWords()}`, { exitCode: 1 });
    }
    for (const archive of archives) await must([...ctr, "images", "import", archive]);
  } finally {
    await endComponents([containerd]);
    rmSync(state, { recursive: true, force: true });
  }
}

function importerConfig(root: string, state: string, socket: string): string {
  return [
    "version = 2",
    `root = ${JSON.stringify(root)}`,
    `state = ${JSON.stringify(join(state, "state"))}`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
    "[grpc]",
    `  address = ${JSON.stringify(socket)}`,
    "",
  ].join("\n");
}
