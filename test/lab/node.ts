import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cgroupOf, removeCgroups } from "./cgroups.ts";
import { LabError } from "./errors.ts";
import { addNodeNetns, deleteNodeNetns } from "./netns.ts";
import { endAll, isAlive, type ProcessRecord } from "./processes.ts";
import { poll, type RunOptions, type RunResult, run } from "./run.ts";
import { type LabState, nodeFolder, nodeProcess } from "./state.ts";
import { hubAddress, type LabNode, nodeNetns } from "./topology.ts";

const initScript = fileURLToPath(new URL("node-init.sh", import.meta.url));

/** Starts a node's first process, detached; it writes its own record. The node's namespace and folder exist. */
export function startNode(state: LabState, node: LabNode): void {
  const folder = nodeFolder(state.name, node.name);
  mkdirSync(folder, { recursive: true });
  for (const stale of ["pid", "ready"]) rmSync(join(folder, stale), { force: true });
  const log = openSync(join(folder, "init.log"), "a");
  const namespaces = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--propagation", "private"];
  const child = spawn("nsenter", [`--net=${netnsPath(state, node)}`, "--", ...namespaces, "bash", initScript], {
    detached: true,
    cwd: "/",
    stdio: ["ignore", log, log],
    env: {
      PATH: process.env.PATH,
      LANG: "C.UTF-8",
      NODE: node.name,
      NODE_DIR: folder,
      BIN: state.bin,
      CGROUP: cgroupOf(state.name, node.name),
      NAMESERVER: hubAddress,
      HOSTS: state.nodes.map(({ name, address }) => `${address} ${name}`).join("\n"),
    },
  });
  closeSync(log);
  child.on("error", () => {});
  child.unref();
}

/** Until the node's containerd answers. */
export async function untilNodeReady(state: LabState, node: LabNode): Promise<void> {
  const folder = nodeFolder(state.name, node.name);
  const ready = await poll(
    () => {
      const record = nodeProcess(state.name, node.name);
      return existsSync(join(folder, "ready")) || (record !== undefined && !isAlive(record) ? "died" : undefined);
    },
    { timeoutMs: 60_000, intervalMs: 50 },
  );
  if (ready === true) return;
  throw new LabError(`node ${node.name} does not start: see its init.log and containerd.log`, { exitCode: 1 });
}

/** Ends a node at once, as a power cut would; the kernel ends all its processes with the first one. */
export async function stopNode(state: LabState, node: LabNode): Promise<void> {
  const record = nodeProcess(state.name, node.name);
  if (record) await endAll([record]);
  // A kubelet that finds the cgroups of containers which are gone spends seconds on each.
  await removeCgroups(state.name, node.name);
}

/**
 * Stops a node and starts it on the same disk. With `reboot` it also loses what a machine loses: links, addresses,
 * routes and firewall rules. Without, only its processes ended. Returns when containerd answers; the kubelet follows.
 */
export async function restartNode(state: LabState, node: LabNode, options: { reboot: boolean }): Promise<void> {
  await stopNode(state, node);
  if (options.reboot) {
    await deleteNodeNetns(state.name, node);
    await addNodeNetns(state.name, node);
  }
  startNode(state, node);
  await untilNodeReady(state, node);
}

/** Of a node's network namespace, for `nsenter --net=`. */
export function netnsPath(state: LabState, node: LabNode): string {
  return `/run/netns/${nodeNetns(state.name, node.name)}`;
}

/** The node's first process in the host's numbers: /proc/PID/root is the node's file system. */
export function nodePid(state: LabState, node: LabNode): number {
  return recordOf(state, node).pid;
}

function recordOf(state: LabState, node: LabNode): ProcessRecord {
  const record = nodeProcess(state.name, node.name);
  if (record && isAlive(record)) return record;
  throw new LabError(`node ${node.name} of lab ${state.name} does not run`, { exitCode: 1 });
}

/** The command line that runs `argv` inside a node: its file system, processes and network, the lab's programs on PATH. */
export function enterNode(state: LabState, node: LabNode, argv: readonly string[]): string[] {
  const pid = String(nodePid(state, node));
  const path = `PATH=${state.bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
  return ["nsenter", "-t", pid, "-m", "-u", "-i", "-n", "-p", "-C", "--", "env", path, ...argv];
}

export async function execInNode(
  state: LabState,
  node: LabNode,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  return run(enterNode(state, node, argv), options);
}

/** A process of this host in a node's network only; its end is the caller's business, or the lab's `down`. */
export function spawnInNetns(
  state: LabState,
  node: LabNode,
  argv: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  return spawn("nsenter", [`--net=${netnsPath(state, node)}`, "--", ...argv], options);
}

/** Imports a docker-archive into a node's containerd, for its pods to use at once. */
export async function importIntoNode(state: LabState, node: LabNode, archive: string): Promise<void> {
  // Given as standard input: the path may be one that the node does not see.
  const [file = "", ...args] = enterNode(state, node, ["ctr", "-n", "k8s.io", "images", "import", "-"]);
  const input = openSync(archive, "r");
  const result = await new Promise<{ code: number | null; text: string }>((resolve) => {
    const child = spawn(file, args, { stdio: [input, "pipe", "pipe"] });
    let text = "";
    child.stdout?.on("data", (chunk) => (text += chunk));
    child.stderr?.on("data", (chunk) => (text += chunk));
    child.on("error", (error) => resolve({ code: 127, text: error.message }));
    child.on("close", (code) => resolve({ code, text }));
  });
  closeSync(input);
  if (result.code !== 0) {
    throw new LabError(`importing ${archive} into ${node.name} failed: ${result.text.trim().split("\n").at(-1)}`, {
      exitCode: 1,
    });
  }
}
