/**
 * The lab as test suites, the demo and benchmarks use it: a real cluster on this machine, each node in namespaces of
 * its own. `npm run lab` is the same by hand.
 */
import type { ChildProcess, SpawnOptions } from "node:child_process";
import { existsSync } from "node:fs";
import { kubectlOf, type LabOptions, planLab, startCluster } from "./cluster.ts";
import { LabError, toStderr } from "./errors.ts";
import { forwarderIsAlive, startForwarder } from "./forward.ts";
import {
  execInNode,
  importIntoNode,
  netnsPath,
  nodePid,
  restartNode,
  spawnInNetns,
  startNode,
  stopNode,
  untilNodeReady,
} from "./node.ts";
import type { RunOptions, RunResult } from "./run.ts";
import { kubeconfigPath, type LabState, labCondition } from "./state.ts";
import { removeLab } from "./teardown.ts";
import { checkLabName, defaultLabName, type LabNode } from "./topology.ts";

export { ensureBundle } from "./archives.ts";
export { ensureBinaries } from "./build.ts";
export { ciliumManifestPath } from "./chart.ts";
export type { LabOptions } from "./cluster.ts";
export { LabError } from "./errors.ts";
export { probeImage } from "./images.ts";
export { calicoManifestPath, flannelManifest } from "./manifests.ts";
export type { RunResult } from "./run.ts";
export type { LabNode } from "./topology.ts";

export interface Lab {
  readonly name: string;
  /** n1 is the control plane. */
  readonly nodes: readonly LabNode[];
  /** Of the cluster's administrator; the server is at 127.0.0.1. */
  readonly kubeconfigPath: string;
  /** Folder of kubectl and the other Kubernetes programs. */
  readonly bin: string;
  /** Runs a program inside a node: its files, processes, host name and network. Does not throw for its failure. */
  exec(node: string, argv: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Starts a program of this host in the node's network only: for probes. Ends with the lab at the latest. */
  spawnInNode(node: string, argv: readonly string[], options?: SpawnOptions): ChildProcess;
  /** Of the node's network namespace, for `nsenter --net=`. */
  netnsPath(node: string): string;
  /** The node's first process as this host numbers it: /proc/PID/root is the node's file system. Changes with a restart. */
  nodePid(node: string): number;
  kubectl(args: readonly string[], options?: { input?: string }): Promise<RunResult>;
  /** Gives all nodes the images of a docker-archive, at once. */
  importImage(archive: string): Promise<void>;
  /** Ends a node as a power cut would. */
  stopNode(node: string): Promise<void>;
  /** Starts a stopped node on its disk; its network is as the stop left it. */
  startNode(node: string): Promise<void>;
  /** Stop and start; with `reboot` the node also loses links, routes and rules, as a machine does. */
  restartNode(node: string, options: { reboot: boolean }): Promise<void>;
  down(): Promise<void>;
}

/** Starts a lab; builds what is missing first. Throws a LabError when one of this name is up. A failed start leaves only its logs. */
export async function upLab(options: LabOptions = {}): Promise<Lab> {
  const plan = planLab(options);
  const state = await startCluster(plan, options.progress ?? toStderr);
  return labOf(state);
}

/** The lab of this name, whoever started it; undefined unless it is up. */
export async function findLab(name: string = defaultLabName): Promise<Lab | undefined> {
  const condition = labCondition(checkLabName(name));
  if (condition.is !== "up") return undefined;
  // The one process a lab can lose and get back unnoticed.
  if (!forwarderIsAlive(name)) await startForwarder(condition.state);
  return labOf(condition.state);
}

/** Takes the lab of this name down, up or half up; nothing there is success. */
export function downLab(name: string = defaultLabName): Promise<void> {
  return removeLab(checkLabName(name));
}

function labOf(state: LabState): Lab {
  const node = (name: string): LabNode => {
    const found = state.nodes.find((candidate) => candidate.name === name);
    if (found) return found;
    throw new LabError(
      `lab ${state.name} has no node ${name}: it has ${state.nodes.map((each) => each.name).join(", ")}`,
    );
  };
  return {
    name: state.name,
    nodes: state.nodes,
    kubeconfigPath: kubeconfigPath(state.name),
    bin: state.bin,
    exec: (name, argv, options) => execInNode(state, node(name), argv, options),
    spawnInNode: (name, argv, options = {}) => spawnInNetns(state, node(name), argv, options),
    netnsPath: (name) => netnsPath(state, node(name)),
    nodePid: (name) => nodePid(state, node(name)),
    kubectl: (args, options) => kubectlOf(state, args, options?.input),
    importImage: async (archive) => {
      if (!existsSync(archive)) throw new LabError(`no such image archive: ${archive}`);
      await Promise.all(state.nodes.map((each) => importIntoNode(state, each, archive)));
    },
    stopNode: (name) => stopNode(state, node(name)),
    startNode: async (name) => {
      startNode(state, node(name));
      await untilNodeReady(state, node(name));
    },
    restartNode: (name, options) => restartNode(state, node(name), options),
    down: () => removeLab(state.name),
  };
}
