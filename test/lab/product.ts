import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { CniMigration, NodeMigration } from "../../crds/index.ts";
import { LabError, type Progress, timed, toStderr } from "./errors.ts";
import type { Lab } from "./index.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const pluginPath = `${root}dist/kubectl-cni_migrate`;
const imagePath = `${root}dist/image.tar`;

export interface RunOutcome {
  code: number;
  seconds: number;
  stdout: string;
  stderr: string;
}

/** Runs a program with the lab's kubeconfig. With `show` it has this process's terminal, and nothing is kept of its output. */
function runWith(
  lab: Lab,
  command: string,
  args: readonly string[],
  options: { show?: boolean; input?: string } = {},
): Promise<RunOutcome> {
  const started = performance.now();
  const env = { ...process.env, KUBECONFIG: lab.kubeconfigPath };
  const stdin = options.show && options.input === undefined ? "inherit" : "pipe";
  const output = options.show ? "inherit" : "pipe";
  const child = spawn(command, args, { env, stdio: [stdin, output, output] });
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (data: Buffer) => {
    stdout += data;
  });
  child.stderr?.on("data", (data: Buffer) => {
    stderr += data;
  });
  child.stdin?.end(options.input ?? "");
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) =>
      resolve({ code: code ?? 1, seconds: (performance.now() - started) / 1000, stdout, stderr }),
    );
  });
}

/** `kubectl cni-migrate ARGS` as a user would run it: the built plugin, found by kubectl on PATH. */
export function cniMigrate(
  lab: Lab,
  args: readonly string[],
  options: { show?: boolean; input?: string } = {},
): Promise<RunOutcome> {
  return runWith(lab, "env", [`PATH=${root}dist:${process.env.PATH}`, "kubectl", "cni-migrate", ...args], options);
}

/** Builds plugin and image, loads the image on every node, installs the controller. */
export async function installProduct(lab: Lab, progress: Progress = toStderr): Promise<void> {
  await timed(progress, "building the plugin and the image", "built", buildProduct);
  await timed(progress, "loading the image on the nodes", "loaded", () => lab.importImage(imagePath));
  await timed(progress, "kubectl cni-migrate install", "installed", () =>
    succeed(cniMigrate(lab, ["install", "--timeout", "60s"]), "install"),
  );
}

async function buildProduct(): Promise<void> {
  const npm = spawn("npm", ["run", "--silent", "image"], { cwd: root, stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  npm.stderr.on("data", (data: Buffer) => {
    stderr += data;
  });
  const code = await new Promise((resolve) => npm.once("close", resolve));
  if (code !== 0 || !existsSync(pluginPath)) throw new LabError(`npm run image failed: ${stderr.trim()}`);
}

/** Waits for a run that must succeed. */
export async function succeed(run: Promise<RunOutcome>, what: string): Promise<RunOutcome> {
  const outcome = await run;
  if (outcome.code !== 0)
    throw new LabError(`${what} ended with ${outcome.code}: ${outcome.stderr.trim().split("\n").at(-1)}`);
  return outcome;
}

export async function getJson<T>(lab: Lab, args: readonly string[]): Promise<T> {
  const result = await lab.kubectl(["get", ...args, "-o", "json"]);
  if (result.code !== 0) throw new LabError(`kubectl get ${args.join(" ")}: ${result.stderr.trim()}`);
  return JSON.parse(result.stdout) as T;
}

export async function migrationState(lab: Lab): Promise<{ migration: CniMigration; nodes: NodeMigration[] }> {
  const { items } = await getJson<{ items: CniMigration[] }>(lab, ["cnimigrations"]);
  const nodes = await getJson<{ items: NodeMigration[] }>(lab, ["nodemigrations"]);
  const [migration] = items;
  if (migration === undefined) throw new LabError("there is no CniMigration");
  return { migration, nodes: nodes.items };
}

export interface StepSeconds {
  node: string;
  total: number;
  steps: Record<string, number>;
}

/** Where each node's time went, from the persisted step times. */
export function stepSeconds(nodes: readonly NodeMigration[]): StepSeconds[] {
  return nodes.map((nm) => {
    const steps: Record<string, number> = {};
    for (const { name, startTime, completionTime } of nm.status?.steps ?? [])
      if (startTime !== undefined && completionTime !== undefined)
        steps[name] = (Date.parse(completionTime) - Date.parse(startTime)) / 1000;
    const total = Object.values(steps).reduce((sum, s) => sum + s, 0);
    return { node: nm.spec.nodeName, total, steps };
  });
}
