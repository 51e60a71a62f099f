import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BinarySet, type GoBuild, moduleVersionOf, programsOf, setOfProgram, sourceMain } from "./binaries.ts";
import { cachePath, digest, ensureEntry } from "./cache.ts";
import { LabError, type Progress, seconds, toStderr } from "./errors.ts";
import { goModText } from "./go-mod.ts";
import { lastLine, must, run } from "./run.ts";

/** Go builds at once: one alone leaves cores idle while it links. */
const parallelBuilds = 2;

/** The linker drops debug information anyway (-s -w): not making it saves a tenth of a cold build. */
const noDebugInfo = "-gcflags=all=-dwarf=false";

const goEnv = { GOFLAGS: "-mod=mod -buildvcs=false" };
const labFolder = fileURLToPath(new URL(".", import.meta.url));

/** Paths of the programs by name, built first where the cache has none. */
export async function ensureBinaries<Name extends string>(
  names: readonly Name[],
  progress: Progress = toStderr,
): Promise<Record<Name, string>> {
  const sets = new Map<string, BinarySet>();
  for (const name of names) {
    const set = setOfProgram(name);
    if (set === undefined) throw new LabError(`the lab does not know how to build ${name}: see test/lab/binaries.ts`);
    sets.set(set.id, set);
  }
  const folders = await ensureSets([...sets.values()], progress);
  const entries = names.map((name) => [name, join(folders.get(setOfProgram(name)?.id ?? "") ?? "", name)]);
  return Object.fromEntries(entries) as Record<Name, string>;
}

/** Folders of the sets' programs by set id; what is missing is built, at most `parallelBuilds` at once. */
export async function ensureSets(
  sets: readonly BinarySet[],
  progress: Progress = toStderr,
): Promise<Map<string, string>> {
  const go = await goVersion();
  const folders = new Map(sets.map((set) => [set.id, setFolder(set, go)]));
  const missing = sets.filter((set) => !existsSync(folders.get(set.id) ?? ""));
  const queue = missing.map((set, index) => ({ set, label: `(${index + 1}/${missing.length})` }));
  const worker = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      await buildSet(next.set, folders.get(next.set.id) ?? "", next.label, progress);
    }
  };
  await Promise.all(Array.from({ length: parallelBuilds }, worker));
  return folders;
}

/** Sets of these that the cache does not have: decides how much disk and time `up` needs. */
export async function missingSets(sets: readonly BinarySet[]): Promise<BinarySet[]> {
  const go = await goVersion();
  return sets.filter((set) => !existsSync(setFolder(set, go)));
}

/** One folder per set, version, Go version and recipe. */
function setFolder(set: BinarySet, go: string): string {
  return cachePath("bin", `${set.id}-${set.version}-${go}-${digest(set, sourcesOf(set))}`);
}

function sourcesOf(set: BinarySet): [string, string][] {
  if (set.source === undefined) return [];
  const folder = join(labFolder, set.source);
  return readdirSync(folder)
    .sort()
    .map((name) => [name, readFileSync(join(folder, name), "utf8")]);
}

async function buildSet(set: BinarySet, folder: string, label: string, progress: Progress): Promise<void> {
  const programs = programsOf(set).join(", ");
  await ensureEntry(
    folder,
    async (temporary) => {
      const start = performance.now();
      progress(`building ${programs} (${set.id} ${set.version}) ${label}`);
      const work = join(temporary, "src");
      await writeModule(set, work);
      for (const build of set.builds) await goBuild(set, build, work, temporary);
      progress(`built ${set.id} ${set.version} in ${seconds(start)} ${label}`);
    },
    progress,
  );
}

/** The build's own small module: go.mod, and our package main where the set has one. Kept beside the programs. */
async function writeModule(set: BinarySet, work: string): Promise<void> {
  mkdirSync(work, { recursive: true });
  const ownGoMod = set.replaces === "none" ? "" : readFileSync((await downloadModule(set)).goMod, "utf8");
  writeFileSync(join(work, "go.mod"), goModText(set, ownGoMod));
  if (set.source !== undefined) cpSync(join(labFolder, set.source), work, { recursive: true });
}

async function goBuild(set: BinarySet, build: GoBuild, work: string, out: string): Promise<void> {
  const targets = Object.entries(build.programs);
  const log = `${cachePath("logs", set.id)}.log`;
  const single = targets.length === 1 ? join(out, targets[0]?.[0] ?? "") : `${out}/`;
  const argv = ["go", "build", "-trimpath", noDebugInfo, "-ldflags", linkerFlags(build), "-o", single];
  if (build.tags) argv.push(`-tags=${build.tags.join(",")}`);
  const env = { ...goEnv, CGO_ENABLED: build.cgo ? "1" : "0" };
  const result = await run([...argv, ...targets.map(([, path]) => path)], { cwd: work, env });
  mkdirSync(cachePath("logs"), { recursive: true });
  writeFileSync(log, `${argv.join(" ")}\n${result.stdout}${result.stderr}`);
  if (result.code !== 0) {
    throw new LabError(`building ${set.id} ${set.version} failed: ${lastLine(result)} (all of it: ${log})`, {
      exitCode: 1,
    });
  }
  for (const [name, path] of targets) {
    if (targets.length > 1 && goOutputName(path) !== name) renameSync(join(out, goOutputName(path)), join(out, name));
  }
}

function linkerFlags(build: GoBuild): string {
  const stamps = Object.entries(build.stamps ?? {}).map(([name, value]) => `-X ${name}=${value}`);
  return ["-s", "-w", ...(build.static ? ["-extldflags", "-static"] : []), ...stamps].join(" ");
}

/** The file name `go build` gives a package: its last path element, major version suffixes aside. */
export function goOutputName(importPath: string): string {
  const parts = importPath.split("/").filter((part) => part !== sourceMain);
  const last = parts.at(-1) ?? "";
  return /^v[0-9]+$/.test(last) ? (parts.at(-2) ?? last) : last;
}

/** The fetched module's go.mod file and its unpacked folder: manifests and scripts of the lab's networks come from there. */
export async function downloadModule(set: BinarySet): Promise<{ goMod: string; folder: string }> {
  const spec = `${set.module}@${moduleVersionOf(set)}`;
  const result = await run(["go", "mod", "download", "-json", spec], { env: goEnv, cwd: "/" });
  if (result.code !== 0) {
    throw new LabError(`cannot fetch the Go module ${spec}: ${lastLine(result)}; check the network and GOPROXY`, {
      exitCode: 1,
    });
  }
  const { GoMod, Dir } = JSON.parse(result.stdout) as { GoMod: string; Dir: string };
  return { goMod: GoMod, folder: Dir };
}

let knownGoVersion: string | undefined;

/** The local toolchain, e.g. "go1.26.8". */
async function goVersion(): Promise<string> {
  knownGoVersion ??= (await must(["go", "env", "GOVERSION"])).trim();
  return knownGoVersion;
}
