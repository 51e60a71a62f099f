import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { UnknownObject } from "../../../kube/types.ts";
import { versions } from "../../../test/lab/binaries.ts";
import { cachePath } from "../../../test/lab/cache.ts";
import { parseManifests } from "../../manifests.ts";

/** Renders of the official chart for tests: from Cilium's own Go module, with the lab's helm, where the lab has brought both here. */
interface Chart {
  helm: string;
  folder: string;
}

function modulesFolder(env: NodeJS.ProcessEnv): string {
  return env.GOMODCACHE ?? join(env.GOPATH?.split(":")[0] ?? join(homedir(), "go"), "pkg", "mod");
}

/** Undefined on a machine that has not run `npm run lab -- up --ready cilium` yet: nothing is downloaded or built from here. */
export function findChart(env: NodeJS.ProcessEnv = process.env): Chart | undefined {
  const module = `cilium@v${versions.cilium}`;
  const folder = join(modulesFolder(env), "github.com", "cilium", module, "install", "kubernetes", "cilium");
  const bin = cachePath("bin");
  const helms = existsSync(bin) ? readdirSync(bin).filter((name) => name.startsWith("helm-")) : [];
  const helm = helms.map((name) => join(bin, name, "helm")).find((path) => existsSync(path));
  return helm === undefined || !existsSync(folder) ? undefined : { helm, folder };
}

/** What helm template writes, with values as --set takes them. */
function renderText({ helm, folder }: Chart, values: Record<string, string> = {}): string {
  const set = Object.entries(values).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  const args = ["template", "cilium", folder, "-n", "kube-system", "--kube-version", versions.kubernetes, ...set];
  return execFileSync(helm, args, { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
}

export function rendered(chart: Chart, values?: Record<string, string>): UnknownObject[] {
  return parseManifests(renderText(chart, values), "helm template");
}
