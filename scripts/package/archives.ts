import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../archive/docker-archive.ts";
import { storedGzip } from "../archive/gzip.ts";
import { type TarEntry, tar } from "../archive/tar.ts";
import { dist, root, version } from "../project.ts";

/** Operating systems and processors, by krew's names, that there is an archive for. */
export const platforms = [
  { os: "linux", arch: "amd64" },
  { os: "linux", arch: "arm64" },
  { os: "darwin", arch: "amd64" },
  { os: "darwin", arch: "arm64" },
] as const;

export type Platform = (typeof platforms)[number];

/** The program krew links into the PATH. */
export const program = "kubectl-cni_migrate";

/**
 * What an archive holds. package.json keeps Node from taking the program for an ES module where a folder above says so.
 * The program is the same on every platform: Node is what differs.
 */
const contents = [
  join(dist, program),
  join(dist, "kubectl_complete-cni_migrate"),
  join(dist, "package.json"),
  join(dist, "NOTICES"),
  join(root, "LICENSE"),
];

export interface Archive {
  platform: Platform;
  fileName: string;
  content: Buffer;
  sha256: string;
}

/** The archives of a release, from dist/ as it is. The same build gives the same bytes. */
export function archives(): Archive[] {
  const entries = contents.map((path): TarEntry => {
    const mode = (statSync(path).mode & 0o111) === 0 ? 0o644 : 0o755;
    return { kind: "file", path: path.slice(path.lastIndexOf("/") + 1), mode, content: readFileSync(path) };
  });
  const content = storedGzip(tar(entries));
  return platforms.map((platform) => ({
    platform,
    fileName: `${program}_v${version}_${platform.os}_${platform.arch}.tar.gz`,
    content,
    sha256: sha256(content),
  }));
}
