import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, delimiter, dirname, join } from "node:path";
import type { TarEntry } from "../archive/tar.ts";
import { ScriptError } from "../project.ts";

/** What host tasks run on a node, and the Debian package that has it. */
const tools = [
  { name: "ip", debian: "iproute2" },
  { name: "bridge", debian: "iproute2" },
  { name: "tc", debian: "iproute2" },
  { name: "umount", debian: "mount" },
  { name: "xtables-nft-multi", debian: "iptables" },
  { name: "xtables-legacy-multi", debian: "iptables" },
  { name: "nft", debian: "nftables" },
  { name: "ipset", debian: "ipset" },
] as const;

/** iptables is two programs under many names; each name chooses what it does. Names without nft or legacy mean nft. */
const iptablesNames = ["iptables", "ip6tables"].flatMap((family) =>
  ["", "-save", "-restore"].flatMap((action) => [
    { name: `${family}${action}`, program: "xtables-nft-multi" },
    { name: `${family}-nft${action}`, program: "xtables-nft-multi" },
    { name: `${family}-legacy${action}`, program: "xtables-legacy-multi" },
  ]),
);

const nodePath = "usr/local/bin/node";

/** Folders and links of a Debian root with merged /usr, and the few files that libraries look for. */
const skeleton: readonly TarEntry[] = [
  ...["bin", "sbin", "lib", "lib64"].map((name): TarEntry => ({ kind: "symlink", path: name, target: `usr/${name}` })),
  ...["dev", "etc", "proc", "root", "run", "sys", "usr", "var"].map(
    (path): TarEntry => ({ kind: "directory", path, mode: 0o755 }),
  ),
  ...["bin", "sbin", "lib", "lib64", "local"].map(
    (name): TarEntry => ({ kind: "directory", path: `usr/${name}`, mode: 0o755 }),
  ),
  { kind: "directory", path: "tmp", mode: 0o1777 },
  { kind: "symlink", path: "var/run", target: "../run" },
  textFile(
    "etc/passwd",
    "root:x:0:0:root:/root:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
  ),
  textFile("etc/group", "root:x:0:\nnogroup:x:65534:\n"),
  textFile("etc/nsswitch.conf", "hosts: files dns\n"),
];

function textFile(path: string, text: string): TarEntry {
  return { kind: "file", path, mode: 0o644, content: Buffer.from(text) };
}

/** Which file of this machine goes where in the image. */
export interface Sources {
  /** Path in the image -> path here. */
  files: ReadonlyMap<string, string>;
}

/**
 * Finds Node, the tools, iptables' extensions and every library they load. Reads no file's content.
 * Throws a ScriptError that names all missing Debian packages at once.
 */
export function findSources(): Sources {
  if (process.platform !== "linux")
    throw new ScriptError(
      "an image for Linux nodes cannot be put together on this system; build the Dockerfile instead",
    );
  const found = tools.map((tool) => ({ ...tool, path: onPath(tool.name) }));
  const missing = found.flatMap(({ path, debian }) => (path === undefined ? [debian] : []));
  if (missing.length > 0)
    throw new ScriptError(
      `the image needs ${[...new Set(missing)].join(", ")}: apt-get install --no-install-recommends ${[...new Set(missing)].join(" ")}`,
    );

  const node = realpathSync(process.execPath);
  const programs = found.flatMap(({ path }) => (path === undefined ? [] : [realpathSync(path)]));
  const files = new Map<string, string>([[nodePath, node]]);
  for (const path of programs) files.set(placeOf(path), path);
  const libraries = librariesOf([node, ...programs]);
  for (const path of [...libraries, ...extensions(libraries)]) files.set(placeOf(path), path);
  return { files };
}

/** The image's files with their contents. `content` gives a file's bytes, so that a caller may change them on the way. */
export function rootEntries(sources: Sources, content: (path: string) => Uint8Array = readFileSync): TarEntry[] {
  const entries = new Map<string, TarEntry>(skeleton.map((entry) => [entry.path, entry]));
  for (const [path, source] of sources.files) {
    for (const folder of foldersOf(path))
      if (!entries.has(folder)) entries.set(folder, { kind: "directory", path: folder, mode: 0o755 });
    const mode = (statSync(source).mode & 0o111) === 0 ? 0o644 : 0o755;
    entries.set(path, { kind: "file", path, mode, content: content(source) });
  }
  for (const { name, program } of iptablesNames)
    entries.set(`usr/sbin/${name}`, { kind: "symlink", path: `usr/sbin/${name}`, target: program });
  return [...entries.values()];
}

function foldersOf(path: string): string[] {
  const folders: string[] = [];
  for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) folders.push(folder);
  return folders;
}

function onPath(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin", "/sbin"];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** "/lib/x/libc.so.6" and "/usr/lib/x/libc.so.6" are one file; a name that is a link to a version keeps its name. */
function placeOf(path: string): string {
  const place = join(realpathSync(dirname(path)), basename(path)).slice(1);
  return /^(bin|sbin|lib|lib64)\//.test(place) ? `usr/${place}` : place;
}

/** What the dynamic loader would load for these files, the loader included. */
function librariesOf(paths: readonly string[]): string[] {
  const listed = execFileSync("ldd", [...paths], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  return [...new Set([...listed.matchAll(/^\s+(?:\S+ => )?(\/\S+) \(0x/gm)].flatMap((match) => match[1] ?? []))].sort();
}

/** iptables loads one small library for each kind of match and target that a rule names. */
function extensions(libraries: readonly string[]): string[] {
  const library = libraries.find((path) => basename(path).startsWith("libxtables.so"));
  if (library === undefined) throw new ScriptError("iptables here does not load libxtables; install Debian's iptables");
  const folder = join(realpathSync(dirname(library)), "xtables");
  const modules = readdirSync(folder)
    .filter((name) => name.endsWith(".so"))
    .map((name) => join(folder, name));
  return [...modules, ...librariesOf(modules)];
}
