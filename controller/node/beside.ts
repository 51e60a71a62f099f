import type { NodeMigration, StepName } from "../../crds/index.ts";
import { networkLabel } from "../../crds/names.ts";
import type { AgentRef } from "../../networks/contract.ts";
import { evictPod } from "../drain/evict.ts";
import { MigrationError } from "../errors.ts";
import { ensureTask } from "../tasks.ts";
import { done, type NodeContext, type StepResult, wait } from "./context.ts";
import { agentPods, arm, holdOp, nodeTask, setLabels, withChanges } from "./work.ts";

/** The switch where two overlays stand side by side: both agents run on the node before and after. */

type Restart = NonNullable<NonNullable<NodeMigration["status"]>["restart"]>;

/** No pod starts on the earlier network any more; its agent goes on for the nodes that are still on it. */
export async function leaveBeside(context: NodeContext): Promise<StepResult> {
  const { from, to, plan, planNode, fromAgent, scope } = context;
  const request = nodeTask(context, "switch", 300, [
    holdOp(context.cniConfDir),
    ...from.leave(plan, planNode),
    ...to.join(plan, planNode),
  ]);
  await arm(context, "LeaveSource", request);
  await setLabels(context, { [networkLabel]: "none", ...from.nodeLabels("out") });
  // Before the host's part: the earlier agent could undo it.
  const replacing = from.restartsToLeave ? await replaceAgent(context, "LeaveSource", fromAgent) : undefined;
  if (replacing !== undefined) return wait("Switching", replacing);
  const task = await ensureTask(scope, request);
  if (task.state === "running") return wait("Switching", `taking the node off ${from.displayName}: ${task.message}`);
  return done("Switching", `no pod starts on ${from.displayName} any more`, { evidence: withChanges(context, task) });
}

/**
 * An agent goes by the label its node has when it starts: the pod that was there before this step goes, and only that one. Says
 * what is waited for; undefined when it is gone.
 */
export async function replaceAgent(context: NodeContext, step: StepName, agent: AgentRef): Promise<string | undefined> {
  const restart = await recordRestart(context, step, agent);
  const old = agentPods(context, agent).find(({ metadata }) => metadata.uid === restart.uid);
  if (old === undefined) return undefined;
  const name = `pod ${old.metadata.namespace}/${old.metadata.name}`;
  const waiting = `waiting for ${name} to be replaced`;
  if (old.metadata.deletionTimestamp !== undefined) return waiting;
  const answer = await evictPod(old, [], {
    client: context.scope.client,
    policy: { disableEviction: false, gracePeriodSeconds: undefined },
    random: () => 0,
  });
  if (answer.result === "refused")
    throw new MigrationError(answer.reason, answer.message, { kind: "stalled", object: name, hint: answer.hint });
  if (answer.result === "blocked")
    throw new MigrationError("AgentNotReady", `${name} cannot be replaced yet: ${answer.blockedBy}`, {
      kind: "wait",
      object: name,
      retryAfterSeconds: answer.retryAfterSeconds,
    });
  return waiting;
}

/** Which pod it is stands in status before it is evicted: the one that follows must not go, too. */
async function recordRestart(context: NodeContext, step: StepName, agent: AgentRef): Promise<Restart> {
  const known = context.nodeMigration.status?.restart;
  if (known?.step === step) return known;
  const restart = { step, uid: agentPods(context, agent)[0]?.metadata.uid ?? "" };
  await context.record({ restart });
  return restart;
}
