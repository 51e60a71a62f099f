import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { buildPrograms } from "./build/programs.ts";
import { archives } from "./package/archives.ts";
import { fillManifest } from "./package/manifest.ts";
import { dist, main, root, toStderr, writeWhole } from "./project.ts";

const folder = join(dist, "krew");
const manifest = join(root, "krew-manifest.yaml");

await main("package", async () => {
  await buildPrograms(toStderr);
  const made = archives();
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const { fileName, content, sha256 } of made) {
    writeWhole(join(folder, fileName), content);
    process.stdout.write(`${sha256}  dist/krew/${fileName}\n`);
  }
  const before = readFileSync(manifest, "utf8");
  const after = fillManifest(before, made);
  if (after !== before) writeWhole(manifest, after);
  toStderr(`krew-manifest.yaml ${after === before ? "is as it should be" : "has been filled in"}`);
});
