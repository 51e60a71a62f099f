import type { Pod } from "../../kube/objects.ts";
import type { ClusterView } from "../drain/cluster.ts";
import { type DrainOutcome, drainNode, recycle } from "../drain/engine.ts";
import { drainPolicy } from "../drain/policy.ts";
import { removeServers } from "../probes.ts";
import type { Scope } from "../scope.ts";
import { done, type NodeContext, type StepResult } from "./context.ts";
import { giveBack, keepCordoned } from "./cordoning.ts";
import { startProbes } from "./verify.ts";

/**
 * Moves the node's pods elsewhere, one Ready replica of an owner at a time. One that cannot be ended leaves the node open
 * again: it is as it was, but for the pods that have moved.
 */
export async function drain(context: NodeContext): Promise<StepResult> {
  const lost = await keepCordoned(context);
  if (lost !== undefined) return lost;
  const outcome = await drainNode(sweepInput(context));
  if (outcome.state === "stuck" && outcome.error.kind !== "wait") await giveBack(context);
  return resultOf(outcome, "Drained", "no pod that has to move is left");
}

/** After the switch: pods that were on the node before it are made anew, DaemonSets' included. */
export async function recyclePods(context: NodeContext): Promise<StepResult> {
  const { scope, migration, nodeMigration } = context;
  const before = nodeMigration.status?.recycle ?? [];
  await removeServers(
    scope,
    before.map(({ uid }) => uid),
  );
  if (migration.spec.verify?.enabled !== false) await startProbes(context);
  const result = await recyclePass(context);
  // Once all are on their way out, only the node's return to work has to wait for their end.
  if (result.outcome === "wait" && oldPods(context).every((pod) => pod.metadata.deletionTimestamp !== undefined))
    return done("PodsRestarted", "every pod with an address of the old network is being replaced");
  return result;
}

/** Done when no pod of the old network is left on the node. */
export async function recyclePass(context: NodeContext): Promise<StepResult> {
  const pods = context.nodeMigration.status?.recycle ?? [];
  const outcome = await recycle({ ...sweepInput(context), pods });
  return resultOf(outcome, "PodsRestarted", "every pod on the node has its address from the new network");
}

/** Pods that were on the node before the switch and are still there. */
function oldPods(context: NodeContext): Pod[] {
  const before = new Set((context.nodeMigration.status?.recycle ?? []).map((pod) => pod.uid));
  return context.scope.stores.pods.list().filter((pod) => before.has(pod.metadata.uid ?? ""));
}

export function clusterView(scope: Scope): ClusterView {
  const { nodes, pods, services, replicaSets, statefulSets, budgets } = scope.stores;
  return {
    pods: pods.list(),
    services: services.list(),
    workloads: [...replicaSets.list(), ...statefulSets.list()],
    budgets: budgets.list(),
    nodes: nodes.list(),
  };
}

function sweepInput(context: NodeContext) {
  const { scope, migration, node, stepStartedAt } = context;
  return {
    client: scope.client,
    look: () => clusterView(scope),
    memory: scope.evictions,
    policy: drainPolicy(migration.spec.drain),
    clock: scope.clock,
    node: node.metadata.name,
    startedAtMs: stepStartedAt.getTime(),
    draining: drainingNodes(scope),
  };
}

/** Every node that drains now: a batch shares one rule about replicas. */
function drainingNodes(scope: Scope): { node: string; startedAtMs: number }[] {
  return scope.stores.nodeMigrations.list().flatMap((nm) => {
    const started = nm.status?.steps?.findLast((s) => s.name === "Drain")?.startTime;
    if (nm.status?.step !== "Drain" || started === undefined) return [];
    return [{ node: nm.spec.nodeName, startedAtMs: Date.parse(started) }];
  });
}

function resultOf(outcome: DrainOutcome, reason: string, message: string): StepResult {
  if (outcome.state === "done") {
    const stay = outcome.left.length;
    return done(reason, stay === 0 ? message : `${message}; ${stay} stay as spec.drain.ignore asks`);
  }
  const blocker = outcome.pending.find((p) => p.blockedBy !== undefined)?.blockedBy;
  const status = {
    drain: { pending: outcome.pending },
    ...(blocker === undefined ? {} : { blockedBy: blocker.slice(0, 1024) }),
  };
  if (outcome.state === "waiting")
    return {
      outcome: "wait",
      reason: outcome.reason,
      message: outcome.message,
      status,
      afterSeconds: outcome.nextCheckSeconds,
    };
  const { error } = outcome;
  if (error.kind === "wait") throw error;
  return {
    outcome: "failed",
    reason: error.reason,
    message: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    status,
  };
}
