import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { LabNetwork } from "./binaries.ts";
import { cachePath, writeAtomic } from "./cache.ts";
import { bootId, isAlive, type ProcessRecord, readRecord } from "./processes.ts";
import type { LabNode } from "./topology.ts";

/** What a lab is, on disk: enough for another process to find it, use it and take it down. */
export interface LabState {
  name: string;
  /** "starting" until everything asked for is ready: a lab found so, whose starter is gone, is a wreck. */
  phase: "starting" | "up";
  /** Who runs `up`. */
  starter: ProcessRecord | undefined;
  nodes: LabNode[];
  network: LabNetwork;
  podCidr: string;
  /** The network's own range. */
  networkCidr: string;
  /** Whether nodes get podCIDRs. */
  nodeCidrs: boolean;
  /** Folder of the Kubernetes programs, for everything done in the lab later. */
  bin: string;
  /** Loopback port of the API server on the host; 0 before there is one. */
  port: number;
  bootId: string;
}

/**
 * What a lab's record and its processes say together. "none": no trace of it. "broken": remains of a crash or a
 * reboot, or a node that died; `missing` names the processes that should run and do not.
 */
export type LabCondition =
  | { is: "none" }
  | { is: "starting"; state: LabState }
  | { is: "up"; state: LabState }
  | { is: "broken"; state: LabState | undefined; missing: string[] };

export function labFolder(name: string): string {
  return cachePath("run", name);
}

export function nodeFolder(lab: string, node: string): string {
  return join(labFolder(lab), node);
}

export function kubeconfigPath(lab: string): string {
  return join(labFolder(lab), "kubeconfig");
}

export function writeState(state: LabState): void {
  writeAtomic(join(labFolder(state.name), "lab.json"), `${JSON.stringify(state, null, 2)}\n`);
}

function readState(name: string): LabState | undefined {
  try {
    return JSON.parse(readFileSync(join(labFolder(name), "lab.json"), "utf8")) as LabState;
  } catch {
    return undefined;
  }
}

/** Every lab that left anything on disk. */
export function labNames(): string[] {
  const folder = cachePath("run");
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names.filter((name) => !name.startsWith(".")).sort();
}

/** The first process of a node, in the host's numbers; the node wrote it itself. */
export function nodeProcess(lab: string, node: string): ProcessRecord | undefined {
  return readRecord(join(nodeFolder(lab, node), "pid"));
}

export function forwarderProcess(lab: string): ProcessRecord | undefined {
  return readRecord(join(labFolder(lab), "forwarder.pid"));
}

export function labCondition(name: string): LabCondition {
  if (!existsSync(labFolder(name))) return { is: "none" };
  const state = readState(name);
  if (state === undefined) return { is: "broken", state, missing: ["lab.json"] };
  if (state.phase === "starting") {
    const starting = state.starter !== undefined && isAlive(state.starter);
    return starting ? { is: "starting", state } : { is: "broken", state, missing: ["the process that started it"] };
  }
  const missing = state.bootId === bootId() ? deadNodes(state) : state.nodes.map((node) => node.name);
  return missing.length === 0 ? { is: "up", state } : { is: "broken", state, missing };
}

function deadNodes(state: LabState): string[] {
  const dead = state.nodes.filter((node) => {
    const record = nodeProcess(state.name, node.name);
    return record === undefined || !isAlive(record);
  });
  return dead.map((node) => node.name);
}
