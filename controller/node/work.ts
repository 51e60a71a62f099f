import type { NodeMigration } from "../../crds/index.ts";
import { hasLabels } from "../../kube/labels.ts";
import type { Node, Pod } from "../../kube/objects.ts";
import { nodes } from "../../kube/resources.ts";
import type { HostOp } from "../../networks/host-ops.ts";
import { walked } from "../migration/places.ts";
import { labelPatch } from "../nodes.ts";
import { ownerOf, type TaskRequest, type TaskState, taskPodName } from "../tasks.ts";
import type { NodeContext } from "./context.ts";

/** What the steps of a switch have in common, whether the overlay is shared or there are two. */

type Armed = NonNullable<NonNullable<NodeMigration["status"]>["tasks"]>[number];

/**
 * A CNI configuration that is valid and names a plugin that does not exist: the node stays Ready, and no sandbox can start
 * while its network changes.
 */
export function holdOp(cniConfDir: string): HostOp & { op: "writeFile" } {
  const content = JSON.stringify({
    cniVersion: "0.3.1",
    name: "cni-migrate-hold",
    plugins: [{ type: "cni-migrate-hold" }],
  });
  return { op: "writeFile", path: `${cniConfDir}/00-cni-migrate-hold.conflist`, content: `${content}\n`, mode: 0o600 };
}

/** Pods with a network of their own that were on the node before the switch; ours and finished ones aside. */
export function podsOnOldNetwork(context: NodeContext): Pod[] {
  return podsOnNode(context).filter(
    (pod) => pod.spec.hostNetwork !== true && pod.status?.phase !== "Succeeded" && pod.status?.phase !== "Failed",
  );
}

function podsOnNode(context: NodeContext): Pod[] {
  return context.scope.stores.pods.list().filter((pod) => pod.spec.nodeName === context.node.metadata.name);
}

export function agentPods(context: NodeContext, agent: NodeContext["fromAgent"]): Pod[] {
  return podsOnNode(context).filter(
    (pod) => pod.metadata.namespace === agent.namespace && hasLabels(agent.podLabels, pod.metadata.labels),
  );
}

/** What the target's agent pod is doing, for the message of a wait. */
export function agentState(context: NodeContext): string {
  const [pod] = agentPods(context, context.toAgent);
  if (pod === undefined) return "no agent pod on it yet";
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  const waiting = statuses.find((s) => s.state?.waiting !== undefined && s.state.waiting.reason !== "PodInitializing");
  const why = waiting?.state?.waiting?.reason ?? pod.status?.phase ?? "Pending";
  return `pod ${pod.metadata.namespace}/${pod.metadata.name} is ${why}`;
}

export function podReference(pod: Pod): { namespace: string; name: string; uid: string } {
  return { namespace: pod.metadata.namespace ?? "", name: pod.metadata.name, uid: pod.metadata.uid ?? "" };
}

export function nodeTask(context: NodeContext, task: string, deadlineSeconds: number, ops: HostOp[]): TaskRequest {
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
export async function arm(context: NodeContext, step: Armed["step"], request: TaskRequest): Promise<void> {
  const podName = taskPodName(request);
  const tasks = context.nodeMigration.status?.tasks ?? [];
  if (tasks.some((t) => t.podName === podName)) return;
  await context.record({
    tasks: [...tasks.filter((t) => t.name !== request.task), { name: request.task, step, podName }],
  });
}

export async function setLabels(context: NodeContext, labels: Record<string, string>): Promise<void> {
  const patch = labelPatch(context.node, labels);
  if (patch === undefined) return;
  const key = { name: context.node.metadata.name };
  const node: Node = await context.scope.client.patch(nodes, key, patch);
  context.scope.stores.nodes.put(node);
  context.node = node;
}

export function withChanges(
  context: NodeContext,
  task: TaskState & { state: "done" },
): NonNullable<NonNullable<NodeMigration["status"]>["evidence"]> {
  const before = context.nodeMigration.status?.evidence ?? {};
  const removed = [...new Set([...(before.removed ?? []), ...(task.result.changes ?? [])])];
  return { ...before, removed: removed.slice(-200) };
}
