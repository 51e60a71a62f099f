import { readFileSync } from "node:fs";
import { join } from "node:path";
import { dockerArchive, type Layer, sha256 } from "./archive/docker-archive.ts";
import { type TarEntry, tar } from "./archive/tar.ts";
import { buildPrograms } from "./build/programs.ts";
import { baseLayer } from "./image/base.ts";
import { dist, imageReference, main, ScriptError, toStderr, version, writeWhole } from "./project.ts";

const home = "opt/cni-migrate";
const architectures: Readonly<Partial<Record<NodeJS.Architecture, string>>> = { x64: "amd64", arm64: "arm64" };

/** The controller and the licences of what it contains: all that a rebuild changes. */
function programLayer(): Layer {
  const files = ["controller.cjs", "NOTICES"].map((name): TarEntry => {
    const path = join(dist, name);
    return { kind: "file", path: `${home}/${name}`, mode: 0o644, content: readFileSync(path) };
  });
  const folders = ["opt", home].map((path): TarEntry => ({ kind: "directory", path, mode: 0o755 }));
  const content = tar([...folders, ...files]);
  return { sha256: sha256(content), content };
}

await main("image", async () => {
  const architecture = architectures[process.arch];
  if (architecture === undefined) throw new ScriptError(`there are no images for ${process.arch}`);
  await buildPrograms(toStderr);
  const base = await baseLayer(toStderr);
  const archive = dockerArchive({
    reference: imageReference,
    architecture,
    entrypoint: ["/usr/local/bin/node", `/${home}/controller.cjs`],
    labels: { "org.opencontainers.image.version": version, "org.opencontainers.image.licenses": "Apache-2.0" },
    layers: [base, programLayer()],
  });
  writeWhole(join(dist, "image.tar"), archive);
  toStderr(`dist/image.tar  ${Math.ceil(archive.byteLength / 1024 ** 2)} MiB`);
  process.stdout.write(`${imageReference}\n`);
});
