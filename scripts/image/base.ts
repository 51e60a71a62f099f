import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cacheRoot, digest, ensureEntry } from "../../test/lab/cache.ts";
import { type Layer, sha256 } from "../archive/docker-archive.ts";
import { tar } from "../archive/tar.ts";
import { findSources, rootEntries, type Sources } from "./rootfs.ts";

/** To be raised when the same sources are to give another layer. */
const recipe = 1;

/** Node and the tools: kept outside the checkout, made again when one of the files it comes from changes. */
export async function baseLayer(progress: (line: string) => void): Promise<Layer> {
  const sources = findSources();
  const folder = join(cacheRoot(), "image-base", keyOf(sources));
  await ensureEntry(folder, async (temporary) => {
    progress("making the base layer: Node, iproute2, iptables, nftables, ipset");
    const content = tar(rootEntries(sources));
    mkdirSync(temporary, { recursive: true });
    writeFileSync(join(temporary, "layer.tar"), content);
    writeFileSync(join(temporary, "sha256"), sha256(content));
  });
  return { sha256: readFileSync(join(folder, "sha256"), "utf8"), content: readFileSync(join(folder, "layer.tar")) };
}

function keyOf(sources: Sources): string {
  const files = [...sources.files].map(([path, source]) => {
    const { size, mtimeMs } = statSync(source);
    return [path, source, size, mtimeMs];
  });
  return digest(recipe, files);
}
