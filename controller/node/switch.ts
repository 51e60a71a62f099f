import { networkLabel } from "../../crds/names.ts";
import { exemptions, nodesOwn } from "../../networks/dual-overlay.ts";
import { footprintOf, onlyOf } from "../../networks/footprints.ts";
import type { Footprint } from "../../networks/host-ops.ts";
import { handOver } from "../../networks/overlays.ts";
import { ensureNodeChanges } from "../changes.ts";
import { isReady } from "../drain/pods.ts";
import { ensureTask } from "../tasks.ts";
import { leaveBeside, replaceAgent } from "./beside.ts";
import { done, type NodeContext, type StepResult, wait } from "./context.ts";
import {
  agentPods,
  agentState,
  arm,
  holdOp,
  nodeTask,
  podReference,
  podsOnOldNetwork,
  setLabels,
  withChanges,
} from "./work.ts";

/** Takes the node off its network: nothing can start on it until the next agent serves it. */
export async function leaveSource(context: NodeContext): Promise<StepResult> {
  return context.plan.second === undefined ? leaveShared(context) : leaveBeside(context);
}

/** The agent goes, and its device is handed over. */
async function leaveShared(context: NodeContext): Promise<StepResult> {
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
  const beside = plan.second !== undefined;
  const request = nodeTask(context, "join", 300, [
    ...to.awaitJoined(plan, planNode),
    // The agent that has just started may have put rules of its own in front.
    ...(beside ? [{ op: "exempt", ways: exemptions(plan) } as const] : []),
    { op: "removeFile", path: holdOp(context.cniConfDir).path },
  ]);
  await arm(context, "JoinTarget", request);
  if (!beside) await exchangeObjects(context);
  await setLabels(context, { [networkLabel]: to.id, ...to.nodeLabels("in") });
  const replacing = beside ? await replaceAgent(context, "JoinTarget", context.toAgent) : undefined;
  const task = await ensureTask(scope, request);
  if (replacing !== undefined) return wait("AgentNotReady", replacing);
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

/** What of the old network's footprint goes with the node; the rest is for nodes still on it. */
function nodesPart({ from, to, plan, cniConfDir, cniBinDir }: NodeContext): Footprint {
  const facts = { cniConfDir, cniBinDir, overlay: plan.overlay, detected: plan.source.detected };
  const left = onlyOf(from.footprint(facts), to.footprint(facts));
  if (plan.second !== undefined) return nodesOwn(left, cniConfDir);
  return onlyOf(left, footprintOf(from.id, from.lingers(facts)));
}

/**
 * Removes what the old network left on the node, then reads the node again. What leads to nodes still on that network stays until
 * the end (migration/sweep.ts).
 */
export async function cleanUp(context: NodeContext): Promise<StepResult> {
  const { from, scope } = context;
  const footprint = nodesPart(context);
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
  const what = context.plan.second === undefined ? "nothing" : "no pod and no configuration";
  return done("Clean", `${what} of ${from.displayName} is left on the node`, { evidence });
}
