import type { NodeMigration } from "../../crds/index.ts";
import { networkLabel } from "../../crds/names.ts";
import { hasLabels } from "../../kube/labels.ts";
import type { Node, Pod } from "../../kube/objects.ts";
import { nodes } from "../../kube/resources.ts";
import { footprintOf, onlyOf } from "../../networks/footprints.ts";
import type { HostOp } from "../../networks/host-ops.ts";
import { handOver } from "../../networks/overlays.ts";
import { ensureNodeChanges } from "../changes.ts";
import { isReady } from "../drain/pods.ts";
import { walked } from "../migration/places.ts";
import { labelPatch } from "../nodes.ts";
import { ensureTask, ownerOf, type TaskRequest, type TaskState, taskPodName } from "../tasks.ts";
import { done, type NodeContext, type StepResult, wait } from "./context.ts";

type Armed = NonNullable<NonNullable<NodeMigration["status"]>["tasks"]>[number];

/**
 * A CNI configuration that is valid and names a plugin that does not exist: the node stays Ready, and no sandbox can start
 * while its network changes.
 */
function holdOp(cniConfDir: string): HostOp & { op: "writeFile" } {
  const content = JSON.stringify({
    cniVersion: "0.3.1",
    name: "cni-migrate-hold",
    plugins: [{ type: "cni-migrate-hold" }],
  });
  return { op: "writeFile", path: `${cniConfDir}/00-cni-migrate-hold.conflist`, content: `${content}\n`, mode: 0o600 };
}

/** Takes the node off its network: agent gone, device handed over, nothing can start until the next agent serves it. */
export async function leaveSource(context: NodeContext): Promise<StepResult> {
  const { from, to, plan, planNode, fromAgent, scope } = context;
  const request = nodeTask(context, "switch", 300, [
    { op: "awaitProcessGone", names: from.agentProcesses, timeoutSeconds: 240 },
    holdOp(context.cniConfDir),
    ...from.leave(plan, planNode),
    ...handOver(from, to, plan.overlay),
    ...to.join(plan, planNode),
  ]);
  await arm(context, "LeaveSource", request);
  await setLabels(context, { [networkLabel]: "none", ...from.nodeLabels("out") });
  const agents = agentPods(context, fromAgent);
  const [agent] = agents;
  const leaving = `waiting for pod ${agent?.metadata.namespace}/${agent?.metadata.name} to leave the node`;
  // The task waits for the agent's processes to end; those of an agent that has just begun may come after its look.
  if (!agents.every(isReady)) return wait("Switching", leaving);
  const task = await ensureTask(scope, request);
  if (agents.length > 0) return wait("Switching", leaving);
  if (task.state === "running") return wait("Switching", `handing the overlay over: ${task.message}`);
  return done("SourceAgentGone", `${from.displayName}'s agent is gone, its device handed over`, {
    evidence: withChanges(context, task),
  });
}

/** Adopting running pods is not offered yet: they are drained and made anew. */
export async function adoptPods(): Promise<StepResult> {
  return done("Switching", "no pod is adopted: pods are made anew");
}

/** Lets the target's agent in and waits, on the host, until it serves the node. */
export async function joinTarget(context: NodeContext): Promise<StepResult> {
  const { to, plan, planNode, nodeMigration, scope } = context;
  // Recorded before any pod can start on the new network: those made later have its address already.
  if (nodeMigration.status?.recycle === undefined)
    await context.record({ recycle: podsOnOldNetwork(context).map(podReference) });
  const request = nodeTask(context, "join", 300, [
    ...to.awaitJoined(plan, planNode),
    { op: "removeFile", path: holdOp(context.cniConfDir).path },
  ]);
  await arm(context, "JoinTarget", request);
  await exchangeObjects(context);
  await setLabels(context, { [networkLabel]: to.id, ...to.nodeLabels("in") });
  const task = await ensureTask(scope, request);
  if (task.state === "running")
    return wait("AgentNotReady", `waiting for ${to.displayName} on the node: ${agentState(context)}`);
  return done("Switched", `${to.displayName} serves the node`, { evidence: withChanges(context, task) });
}

/** What a node has in the API for one network only: exchanged before the agent that goes by it can start. */
async function exchangeObjects({ from, to, plan, planNode, node, scope }: NodeContext): Promise<void> {
  if (node.metadata.labels?.[networkLabel] === to.id) return;
  const changes = [...from.nodeObjects(plan, planNode, "out"), ...to.nodeObjects(plan, planNode, "in")];
  await ensureNodeChanges(scope.client, changes);
}

/**
 * Removes what the old network left on the node, then reads the node again. What leads to nodes still on that network stays until
 * the end (migration/sweep.ts).
 */
export async function cleanUp(context: NodeContext): Promise<StepResult> {
  const { from, to, plan, scope } = context;
  const facts = { ...context, overlay: plan.overlay, detected: plan.source.detected };
  const left = onlyOf(from.footprint(facts), to.footprint(facts));
  const footprint = onlyOf(left, footprintOf(from.id, from.lingers(facts)));
  const request = nodeTask(context, "cleanup", 120, [
    { op: "removeFootprint", footprint },
    { op: "scanFootprint", footprint },
  ]);
  await arm(context, "CleanUp", request);
  const task = await ensureTask(scope, request);
  if (task.state === "running")
    return wait("HostTaskRunning", `removing what ${from.displayName} left: ${task.message}`);
  const leftovers = (task.result.leftovers ?? []).map((l) => `${l.kind} ${l.name}`);
  const evidence = { ...withChanges(context, task), leftovers };
  if (leftovers.length > 0)
    return {
      outcome: "failed",
      reason: "LeftoversFound",
      message: `${leftovers.length} left of ${from.displayName} on the node: ${leftovers.slice(0, 3).join(", ")}${leftovers.length > 3 ? ` and ${leftovers.length - 3} more` : ""}`,
      status: { evidence },
    };
  return done("Clean", `nothing of ${from.displayName} is left on the node`, { evidence });
}

/** Pods with a network of their own that were on the node before the switch; ours and finished ones aside. */
function podsOnOldNetwork(context: NodeContext): Pod[] {
  return podsOnNode(context).filter(
    (pod) => pod.spec.hostNetwork !== true && pod.status?.phase !== "Succeeded" && pod.status?.phase !== "Failed",
  );
}

function podsOnNode(context: NodeContext): Pod[] {
  return context.scope.stores.pods.list().filter((pod) => pod.spec.nodeName === context.node.metadata.name);
}

function agentPods(context: NodeContext, agent: NodeContext["fromAgent"]): Pod[] {
  return podsOnNode(context).filter(
    (pod) => pod.metadata.namespace === agent.namespace && hasLabels(agent.podLabels, pod.metadata.labels),
  );
}

/** What the target's agent pod is doing, for the message of a wait. */
function agentState(context: NodeContext): string {
  const [pod] = agentPods(context, context.toAgent);
  if (pod === undefined) return "no agent pod on it yet";
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  const waiting = statuses.find((s) => s.state?.waiting !== undefined && s.state.waiting.reason !== "PodInitializing");
  const why = waiting?.state?.waiting?.reason ?? pod.status?.phase ?? "Pending";
  return `pod ${pod.metadata.namespace}/${pod.metadata.name} is ${why}`;
}

function podReference(pod: Pod): { namespace: string; name: string; uid: string } {
  return { namespace: pod.metadata.namespace ?? "", name: pod.metadata.name, uid: pod.metadata.uid ?? "" };
}

function nodeTask(context: NodeContext, task: string, deadlineSeconds: number, ops: HostOp[]): TaskRequest {
  return {
    task,
    nodeName: context.node.metadata.name,
    ops,
    deadlineSeconds,
    owner: ownerOf(context.nodeMigration),
    attempt: attemptOf(context.nodeMigration),
  };
}

/** Tells forward from revert and one retry from the next, so that each has pods of its own. */
function attemptOf(nodeMigration: NodeMigration): string {
  return `${walked(nodeMigration)}-${nodeMigration.status?.attempts ?? 0}`;
}

/** Intent before effect: the task stands in status before its pod is made. */
async function arm(context: NodeContext, step: Armed["step"], request: TaskRequest): Promise<void> {
  const podName = taskPodName(request);
  const tasks = context.nodeMigration.status?.tasks ?? [];
  if (tasks.some((t) => t.podName === podName)) return;
  await context.record({
    tasks: [...tasks.filter((t) => t.name !== request.task), { name: request.task, step, podName }],
  });
}

async function setLabels(context: NodeContext, labels: Record<string, string>): Promise<void> {
  const patch = labelPatch(context.node, labels);
  if (patch === undefined) return;
  const key = { name: context.node.metadata.name };
  const node: Node = await context.scope.client.patch(nodes, key, patch);
  context.scope.stores.nodes.put(node);
  context.node = node;
}

function withChanges(
  context: NodeContext,
  task: TaskState & { state: "done" },
): NonNullable<NonNullable<NodeMigration["status"]>["evidence"]> {
  const before = context.nodeMigration.status?.evidence ?? {};
  const removed = [...new Set([...(before.removed ?? []), ...(task.result.changes ?? [])])];
  return { ...before, removed: removed.slice(-200) };
}
