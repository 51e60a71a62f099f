import { createHash } from "node:crypto";
import { createReadStream, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { setOfProgram } from "./binaries.ts";
import { ensureSets } from "./build.ts";
import { cachePath, digest, ensureEntry, keepRecent } from "./cache.ts";
import { type Progress, timed, toStderr } from "./errors.ts";
import { type BundleId, type ImageSpec, imagesOf } from "./images.ts";
import { addEntries, baseKey, machine, makeBase } from "./layers.ts";
import { must } from "./run.ts";

/** Bundles and base layers; up to half a GiB each. */
const keptArchives = 16;

/** Raised when the way images are put together changes, so that old archives are not used. */
const formatVersion = 2;

/** Path of the bundle's archive (docker-archive, as `ctr images import` takes it), made first where the cache has none. */
export async function ensureBundle(bundle: BundleId, progress: Progress = toStderr): Promise<string> {
  const images = imagesOf(bundle);
  const key = await bundleKey(images, progress);
  const path = await ensureEntry(
    cachePath("images", `${bundle}-${key}.tar`),
    (temporary) =>
      timed(progress, `packing images: ${bundle}`, `packed images: ${bundle}`, () => writeBundle(images, temporary)),
    progress,
  );
  keepRecent(path, keptArchives);
  return path;
}

/** Everything that decides the content: the table, the programs' builds, the base, our own sources. */
async function bundleKey(images: readonly ImageSpec[], progress: Progress): Promise<string> {
  const programs = images.flatMap((image) =>
    image.layer.flatMap((entry) => ("program" in entry ? [entry.program] : [])),
  );
  const sets = [...new Set(programs.map((program) => setOfProgram(program)))].filter((set) => set !== undefined);
  const folders = [...(await ensureSets(sets, progress)).values()].map((folder) => basename(folder)).sort();
  return digest(formatVersion, images, folders, baseKey(formatVersion), nativeSources());
}

function nativeSources(): string[] {
  const folder = fileURLToPath(new URL("native", import.meta.url));
  return readdirSync(folder)
    .sort()
    .map((name) => readFileSync(join(folder, name), "utf8"));
}

async function writeBundle(images: readonly ImageSpec[], archive: string): Promise<void> {
  const base = await ensureEntry(cachePath("images", `base-${baseKey(formatVersion)}.tar`), async (temporary) => {
    await withFolder(`${temporary}.root`, async (root) => {
      await makeBase(root);
      await packFolder(root, temporary);
    });
  });
  await withFolder(`${archive}.parts`, async (parts) => {
    symlinkSync(base, join(parts, "base.tar"));
    const baseDigest = await sha256(base);
    const manifest = [];
    for (const [index, image] of images.entries()) manifest.push(await addImage(parts, index, image, baseDigest));
    writeFileSync(join(parts, "manifest.json"), JSON.stringify(manifest));
    // The base is linked in, not copied: -h stores what the link points to.
    await must(["tar", "-C", parts, "-h", "-cf", archive, "."]);
  });
}

/** Writes one image's layer and config into the archive folder; gives its manifest entry. */
async function addImage(parts: string, index: number, image: ImageSpec, baseDigest: string): Promise<unknown> {
  const layer = `layer-${index}.tar`;
  await withFolder(`${parts}.root`, async (root) => {
    await addEntries(root, image.layer);
    await packFolder(root, join(parts, layer));
  });
  const layers = [...(image.base ? ["base.tar"] : []), layer];
  const layerDigest = await sha256(join(parts, layer));
  const config = `config-${index}.json`;
  writeFileSync(
    join(parts, config),
    JSON.stringify(imageConfig(image, [...(image.base ? [baseDigest] : []), layerDigest])),
  );
  return { Config: config, RepoTags: [image.ref], Layers: layers };
}

function imageConfig(image: ImageSpec, layerDigests: readonly string[]): unknown {
  return {
    architecture: machine().go,
    os: "linux",
    config: {
      Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      Entrypoint: image.entrypoint ?? null,
      Cmd: image.cmd ?? null,
    },
    rootfs: { type: "layers", diff_ids: layerDigests.map((hex) => `sha256:${hex}`) },
  };
}

/** A tar that comes out the same for the same files: sorted, no times, no owners. */
function packFolder(folder: string, archive: string): Promise<string> {
  const fixed = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];
  return must(["tar", ...fixed, "-C", folder, "-cf", archive, "."]);
}

async function withFolder(path: string, work: (path: string) => Promise<void>): Promise<void> {
  mkdirSync(path, { recursive: true });
  try {
    await work(path);
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest("hex");
}
