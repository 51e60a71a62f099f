import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { auditPolicy, auditPolicyPath } from "./audit.ts";
import { clusterSets, type LabNetwork, setsFor } from "./binaries.ts";
import { ensureSets } from "./build.ts";
import { cachePath, lock } from "./cache.ts";
import { LabError, type Progress, seconds, timed } from "./errors.ts";
import { startForwarder } from "./forward.ts";
import { bundlesFor } from "./images.ts";
import { initConfig, joinConfig } from "./kubeadm.ts";
import { keepLogs } from "./logs.ts";
import { networkObjects } from "./manifests.ts";
import { addHub, addNodeNetns } from "./netns.ts";
import { execInNode, startNode, untilNodeReady } from "./node.ts";
import { preflight } from "./preflight.ts";
import { bootId, identify } from "./processes.ts";
import { lastLine, run } from "./run.ts";
import { kubeconfigPath, type LabState, labCondition, nodeFolder, writeState } from "./state.ts";
import { removeLab } from "./teardown.ts";
import { cloneTemplate, ensureTemplate } from "./template.ts";
import {
  checkLabName,
  checkNodeCount,
  checkPodCidr,
  defaultLabName,
  defaultPodCidr,
  type LabNode,
  labNodes,
  podCidrFamilies,
  withIPv6,
} from "./topology.ts";

export interface LabOptions {
  name?: string | undefined;
  nodes?: number | undefined;
  /** Network the cluster starts with. */
  network?: LabNetwork | undefined;
  /** Networks whose images the nodes have too, to migrate to. Cilium's are only there when asked for. */
  ready?: readonly LabNetwork[] | undefined;
  /** One network, or an IPv4 and an IPv6 one with a comma between them: then nodes and Services have both families too. */
  podCidr?: string | undefined;
  /** Both families, with a default IPv6 network where `podCidr` has none. */
  dualStack?: boolean | undefined;
  /** The network's own range, where that is not the cluster's: Calico's pool. */
  networkCidr?: string | undefined;
  /** False: the controller manager gives nodes no podCIDRs, as in clusters set up for a network that does without. */
  nodeCidrs?: boolean | undefined;
  progress?: Progress | undefined;
}

/** A lab as asked for, defaults filled in and checked. */
export interface LabPlan {
  name: string;
  nodes: LabNode[];
  network: LabNetwork;
  /** All networks whose programs and images are needed. */
  networks: LabNetwork[];
  podCidr: string;
  networkCidr: string;
  nodeCidrs: boolean;
}

export function planLab(options: LabOptions): LabPlan {
  const asked = options.podCidr ?? defaultPodCidr;
  const podCidr = options.dualStack ? withIPv6(asked) : asked;
  const dualStack = podCidrFamilies(podCidr).v6 !== undefined;
  const nodes = labNodes(checkNodeCount(options.nodes ?? 3), dualStack);
  const network = options.network ?? "flannel";
  if (dualStack && !["flannel", "none"].includes(network))
    throw new LabError(`the lab starts with both families for flannel and none only, not for ${network}`);
  return {
    name: checkLabName(options.name ?? defaultLabName),
    nodes,
    network,
    networks: [...new Set([network, ...(options.ready ?? ["flannel", "calico"])])],
    podCidr: checkPodCidr(podCidr, nodes.length),
    networkCidr: checkPodCidr(options.networkCidr ?? podCidr, nodes.length),
    nodeCidrs: options.nodeCidrs ?? true,
  };
}

function isDualStack(plan: LabPlan): boolean {
  return podCidrFamilies(plan.podCidr).v6 !== undefined;
}

/**
 * Builds what is missing and starts the cluster: returns when all nodes, CoreDNS and the network's agents are Ready
 * (with network "none": when all nodes have joined). Remains of a lab of this name that died are cleared first; a
 * start that fails leaves nothing but its logs.
 */
export async function startCluster(plan: LabPlan, progress: Progress): Promise<LabState> {
  await preflight(plan.networks, progress);
  refuseWhenTaken(plan.name);
  const folders = await ensureSets(setsFor(plan.networks), progress);
  const template = await ensureTemplate(bundlesFor(plan.networks, isDualStack(plan)), progress);
  const state: LabState = {
    name: plan.name,
    phase: "starting",
    starter: identify(process.pid),
    nodes: plan.nodes,
    network: plan.network,
    podCidr: plan.podCidr,
    networkCidr: plan.networkCidr,
    nodeCidrs: plan.nodeCidrs,
    bin: folders.get(clusterSets[0]) ?? "",
    port: 0,
    bootId: bootId(),
  };
  const start = performance.now();
  await claim(state, progress);
  try {
    await bringUp(state, template, progress);
  } catch (error) {
    const logs = keepLogs(plan.name);
    await removeLab(plan.name);
    const reason = error instanceof Error ? error.message : String(error);
    throw new LabError(`lab ${plan.name} did not start: ${reason} (logs: ${logs})`, { exitCode: 1, cause: error });
  }
  state.phase = "up";
  state.starter = undefined;
  writeState(state);
  progress(`lab ${state.name} is up after ${seconds(start)}: ${describeLab(state)}`);
  return state;
}

async function bringUp(state: LabState, template: string, progress: Progress): Promise<void> {
  const { nodes, network } = state;
  await timed(progress, `starting ${nodes.length} nodes`, "nodes started", () => startNodes(state, template));
  await timed(progress, "kubeadm init on n1", "control plane up", () => initControlPlane(state));
  await timed(progress, `joining nodes, installing ${network}`, "joined", async () => {
    await Promise.all([applyNetwork(state), ...nodes.slice(1).map((node) => joinNode(state, node))]);
  });
  if (network === "none") return;
  await timed(progress, "waiting for nodes, CoreDNS and the network", "ready", () => untilClusterReady(state));
}

export function describeLab(state: LabState): string {
  const nodes = state.nodes.length === 1 ? "1 node" : `${state.nodes.length} nodes`;
  return `${nodes}, network ${state.network}, pods ${state.podCidr}, KUBECONFIG=${kubeconfigPath(state.name)}`;
}

function refuseWhenTaken(name: string): void {
  const condition = labCondition(name);
  if (condition.is === "up") throw new LabError(`lab ${name} is up already: ${describeLab(condition.state)}`);
  if (condition.is !== "starting") return;
  const pid = condition.state.starter?.pid;
  throw new LabError(`lab ${name} is being started by process ${pid}: wait for it, or end it`);
}

/** Takes the lab's name for this process, remains of an earlier lab cleared. Of two at once the second is refused. */
async function claim(state: LabState, progress: Progress): Promise<void> {
  const { name } = state;
  const release = await lock(cachePath("run", `.${name}.lock`), progress);
  try {
    refuseWhenTaken(name);
    const condition = labCondition(name);
    if (condition.is !== "broken") await removeLab(name);
    else {
      const what = `clearing the remains of lab ${name} (gone: ${condition.missing.join(", ")})`;
      await timed(progress, what, "cleared", () => removeLab(name));
    }
    writeState(state);
  } finally {
    release();
  }
}

async function startNodes(state: LabState, template: string): Promise<void> {
  await addHub(state.name);
  await Promise.all(
    state.nodes.map(async (node) => {
      await addNodeNetns(state.name, node);
      await cloneTemplate(template, join(nodeFolder(state.name, node.name), "own/var/lib/containerd"));
      startNode(state, node);
    }),
  );
  await Promise.all(state.nodes.map((node) => untilNodeReady(state, node)));
}

async function initControlPlane(state: LabState): Promise<void> {
  const [node] = state.nodes;
  if (node === undefined) throw new LabError("a lab needs at least one node");
  await execInNode(state, node, ["sh", "-c", `mkdir -p "$(dirname "$0")" && cat > "$0"`, auditPolicyPath], {
    input: JSON.stringify(auditPolicy),
  });
  await kubeadm(state, node, "init", initConfig(node, state));
  const result = await execInNode(state, node, ["cat", "/etc/kubernetes/admin.conf"]);
  state.port = await startForwarder(state);
  writeState(state);
  const kubeconfig = result.stdout.replace(/server: .*/, `server: https://127.0.0.1:${state.port}`);
  writeFileSync(kubeconfigPath(state.name), kubeconfig, { mode: 0o600 });
}

async function joinNode(state: LabState, node: LabNode): Promise<void> {
  const [controlPlane] = state.nodes;
  if (controlPlane) await kubeadm(state, node, "join", joinConfig(node, controlPlane));
}

/** Runs kubeadm in a node with the config given by file; its output is kept beside the node's other logs. */
async function kubeadm(state: LabState, node: LabNode, verb: "init" | "join", config: string): Promise<void> {
  const folder = nodeFolder(state.name, node.name);
  const configPath = join(folder, `kubeadm-${verb}.yaml`);
  writeFileSync(configPath, config);
  const result = await execInNode(state, node, ["kubeadm", verb, "--config", configPath]);
  writeFileSync(join(folder, "kubeadm.log"), `${result.stdout}${result.stderr}`);
  if (result.code === 0) return;
  // The reason comes first; advice on flags follows it.
  const reason = /^error.*$/m.exec(result.stderr)?.[0] ?? lastLine(result);
  throw new LabError(`kubeadm ${verb} on ${node.name} failed: ${reason}`, { exitCode: 1 });
}

async function applyNetwork(state: LabState): Promise<void> {
  const objects = await networkObjects(state.network, state.networkCidr);
  if (objects.length === 0) return;
  const input = objects.map((object) => JSON.stringify(object)).join("\n---\n");
  // The way the networks' own instructions say it: what is then in the cluster is what users have.
  const result = await kubectlOf(state, ["apply", "-f", "-"], input);
  if (result.code !== 0) throw new LabError(`installing ${state.network} failed: ${lastLine(result)}`, { exitCode: 1 });
}

const readyTimeout = "240s";

async function untilClusterReady(state: LabState): Promise<void> {
  const agents = (await networkObjects(state.network, state.networkCidr)).filter(({ kind }) => kind === "DaemonSet");
  const timeout = `--timeout=${readyTimeout}`;
  const rollout = (namespace: string, what: string) => ["-n", namespace, "rollout", "status", what, timeout];
  const waits = [
    ["wait", "--for=condition=Ready", timeout, ...state.nodes.map(({ name }) => `node/${name}`)],
    rollout("kube-system", "deployment/coredns"),
    ...agents.map(({ metadata }) => rollout(metadata.namespace ?? "default", `daemonset/${metadata.name}`)),
  ];
  const results = await Promise.all(waits.map((argv) => kubectlOf(state, argv)));
  const failed = results.find((result) => result.code !== 0);
  if (failed === undefined) return;
  throw new LabError(`it does not get ready: ${lastLine(failed)}`, { exitCode: 1 });
}

/** The lab's own kubectl, as the cluster's administrator, from the host. */
export function kubectlOf(state: LabState, args: readonly string[], input?: string) {
  return run([join(state.bin, "kubectl"), "--kubeconfig", kubeconfigPath(state.name), ...args], { input });
}
