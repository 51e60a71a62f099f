import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { binarySets } from "./binaries.ts";
import { downloadModule, ensureBinaries } from "./build.ts";
import { digest } from "./cache.ts";
import { LabError } from "./errors.ts";
import type { LayerEntry } from "./images.ts";
import { must, run } from "./run.ts";

const nativeFolder = fileURLToPath(new URL("native", import.meta.url));

/** Programs of this host that make up the base layer, with the libraries they need. */
const basePrograms = [
  "bash",
  "ip",
  "bridge",
  "tc",
  "ss",
  "ethtool",
  "ipset",
  "nft",
  "conntrack",
  "xtables-nft-multi",
  "xtables-legacy-multi",
  "sysctl",
  "modprobe",
  "mount",
  "umount",
  "runsvdir",
  "runsv",
  "sv",
];

/** Debian's name of the machine in library paths, and Go's. */
const machines: Readonly<Record<string, { libraries: string; go: string }>> = {
  x64: { libraries: "x86_64-linux-gnu", go: "amd64" },
  arm64: { libraries: "aarch64-linux-gnu", go: "arm64" },
};

export function machine(): { libraries: string; go: string } {
  const found = machines[process.arch];
  if (found) return found;
  throw new LabError(`the lab runs on amd64 and arm64 only, this machine is ${process.arch}`);
}

/** Names the base layer by the files it is copied from: an upgraded package makes a new one. */
export function baseKey(formatVersion: number): string {
  const sources = [...basePrograms.map(findProgram), busybox, xtablesFolder()].map((path) => {
    const { size, mtimeMs } = statSync(realpathSync(path));
    return [path, size, mtimeMs];
  });
  return digest("base", formatVersion, sources);
}

const busybox = "/bin/busybox";

function xtablesFolder(): string {
  return `/usr/lib/${machine().libraries}/xtables`;
}

/** Fills `root` with a small system: shell, busybox, and the network tools that CNI agents call. */
export async function makeBase(root: string): Promise<void> {
  for (const folder of [
    "bin",
    "sbin",
    "usr/bin",
    "usr/sbin",
    "lib",
    "lib64",
    "etc",
    "var/log",
    "run",
    "root",
    "proc",
    "sys",
    "dev",
  ]) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  mkdirSync(join(root, "tmp"));
  chmodSync(join(root, "tmp"), 0o1777);
  for (const program of basePrograms) await copyProgram(findProgram(program), root);
  linkIptables(root);
  cpSync(xtablesFolder(), join(root, xtablesFolder()), { recursive: true, dereference: true });
  await copyProgram(busybox, root);
  await linkApplets(root);
  writeFileSync(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  writeFileSync(join(root, "etc/group"), "root:x:0:\n");
  writeFileSync(join(root, "etc/nsswitch.conf"), "hosts: files dns\n");
}

/** Both iptables variants under the names of Debian; the plain names are the nft one, as on most hosts today. */
function linkIptables(root: string): void {
  for (const tool of ["iptables", "ip6tables"]) {
    for (const verb of ["", "-save", "-restore"]) {
      link(root, `/usr/sbin/${tool}${verb}`, "xtables-nft-multi");
      link(root, `/usr/sbin/${tool}-nft${verb}`, "xtables-nft-multi");
      link(root, `/usr/sbin/${tool}-legacy${verb}`, "xtables-legacy-multi");
    }
  }
}

/** Everything busybox can be and no copied program is already. */
async function linkApplets(root: string): Promise<void> {
  link(root, "/bin/bash", "/usr/bin/bash");
  const applets = (await must([busybox, "--list"])).trim().split("\n");
  // Calico's start script calls it by this path.
  link(root, "/usr/bin/which", busybox);
  for (const applet of applets) {
    const taken = ["bin", "sbin", "usr/bin", "usr/sbin"].some((folder) => exists(join(root, folder, applet)));
    if (!taken) link(root, `/bin/${applet}`, busybox);
  }
}

/** Puts an image's own files under `root`. */
export async function addEntries(root: string, entries: readonly LayerEntry[]): Promise<void> {
  for (const entry of entries) await addEntry(root, entry);
}

async function addEntry(root: string, entry: LayerEntry): Promise<void> {
  if ("program" in entry) {
    const paths = await ensureBinaries([entry.program]);
    copy(paths[entry.program] ?? "", join(root, entry.to), 0o755);
  } else if ("hostProgram" in entry) await copyProgram(findProgram(entry.hostProgram), root);
  else if ("host" in entry) cpSync(entry.host, join(root, entry.to), { recursive: true, dereference: true });
  else if ("module" in entry) await addFromModule(root, entry);
  else if ("native" in entry) await compile(join(nativeFolder, entry.native), join(root, entry.to));
  else if ("script" in entry) copy(join(nativeFolder, entry.script), join(root, entry.to), 0o755);
  else if ("link" in entry) link(root, entry.link, entry.target);
  else mkdirSync(join(root, entry.folder), { recursive: true });
}

async function addFromModule(root: string, entry: Extract<LayerEntry, { module: string }>): Promise<void> {
  const set = binarySets.find(({ id }) => id === entry.module);
  if (set === undefined) throw new LabError(`no module ${entry.module} in test/lab/binaries.ts`);
  const { folder } = await downloadModule(set);
  const to = join(root, entry.to);
  cpSync(join(folder, entry.from), to, { recursive: true });
  // The module cache is read-only, and has no executable files.
  await must(["chmod", "-R", entry.executable ? "u+w,a+rx" : "u+w", to]);
}

async function compile(source: string, to: string): Promise<void> {
  mkdirSync(dirname(to), { recursive: true });
  await must(["gcc", "-Os", "-static", "-o", to, source]);
}

/** Copies a program of this host and every library the loader would give it. */
async function copyProgram(path: string, root: string): Promise<void> {
  const real = realpathSync(path);
  copy(real, join(root, real), 0o755);
  if (real !== path) link(root, path, real);
  const { stdout } = await run(["ldd", real]);
  for (const [library] of stdout.matchAll(/\/\S+/g)) {
    if (existsSync(library)) copy(realpathSync(library), join(root, library), 0o755);
  }
}

/** Where a program of this host is: on PATH, or in the folders only root's PATH has. */
function findProgram(name: string): string {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
  if (found === undefined) throw new LabError(`${name} is not on this machine's PATH: install the package that has it`);
  return found;
}

function copy(from: string, to: string, mode: number): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { dereference: true });
  chmodSync(to, mode);
}

function link(root: string, path: string, target: string): void {
  const at = join(root, path);
  mkdirSync(dirname(at), { recursive: true });
  if (!exists(at)) symlinkSync(target, at);
}

/** Also true for a link whose target is missing here. */
function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
