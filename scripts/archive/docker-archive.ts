import { createHash } from "node:crypto";
import { tar } from "./tar.ts";

/** A layer as an image names it: the sha256 of its tar archive. */
export interface Layer {
  sha256: string;
  content: Uint8Array;
}

export interface Image {
  /** Name and tag: "ghcr.io/cni-migrate/cni-migrate:0.1.0". */
  reference: string;
  /** As Go names it: amd64, arm64. */
  architecture: string;
  entrypoint: readonly string[];
  labels: Readonly<Record<string, string>>;
  /** Lowest first. */
  layers: readonly Layer[];
}

export function sha256(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("hex");
}

/** The archive that `docker load` and `ctr images import` take. The same image gives the same bytes. */
export function dockerArchive(image: Image): Buffer {
  const config = JSON.stringify({
    architecture: image.architecture,
    os: "linux",
    created: "1970-01-01T00:00:00Z",
    config: {
      Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      Entrypoint: image.entrypoint,
      Labels: image.labels,
    },
    rootfs: { type: "layers", diff_ids: image.layers.map((layer) => `sha256:${layer.sha256}`) },
  });
  const configName = `${sha256(config)}.json`;
  const layerName = (layer: Layer) => `${layer.sha256}.tar`;
  const manifest = JSON.stringify([
    { Config: configName, RepoTags: [image.reference], Layers: image.layers.map(layerName) },
  ]);
  const file = (path: string, content: Uint8Array | string) =>
    ({ kind: "file", path, mode: 0o644, content: Buffer.from(content) }) as const;
  return tar([
    file("manifest.json", manifest),
    file(configName, config),
    ...image.layers.map((layer) => file(layerName(layer), layer.content)),
  ]);
}
