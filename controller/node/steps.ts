import type { StepName } from "../../crds/index.ts";
import type { NodeStep } from "./context.ts";
import { cordon, uncordon } from "./cordon.ts";
import { drain, recyclePods } from "./drain.ts";
import { adoptPods, cleanUp, joinTarget, leaveSource } from "./switch.ts";
import { verify } from "./verify.ts";

/**
 * The steps of a node, in order: the only place that knows it. The way back is the same list with the networks exchanged.
 * Drain ends by spec.drain.timeout and Verify by spec.verify.timeout, so their own limits are only a net.
 */
export const nodeSteps = [
  {
    name: "Cordon",
    run: cordon,
    condition: "Cordoned",
    limitSeconds: 60,
    limitReason: "Conflict",
    disruptive: true,
    undo: "Uncordon",
  },
  {
    name: "Drain",
    run: drain,
    condition: "Drained",
    limitSeconds: 86_400,
    limitReason: "DrainTimeout",
    disruptive: true,
    undo: "none needed: controllers make evicted pods anew",
  },
  {
    name: "LeaveSource",
    run: leaveSource,
    limitSeconds: 300,
    limitReason: "HostTaskFailed",
    disruptive: true,
    undo: "the same step with the networks exchanged",
  },
  {
    name: "AdoptPods",
    run: adoptPods,
    limitSeconds: 60,
    limitReason: "HostTaskFailed",
    disruptive: false,
    undo: "none needed: nothing is adopted",
  },
  {
    name: "JoinTarget",
    run: joinTarget,
    condition: "Switched",
    limitSeconds: 300,
    limitReason: "AgentNotReady",
    disruptive: false,
    undo: "LeaveSource with the networks exchanged",
  },
  {
    name: "RecyclePods",
    run: recyclePods,
    condition: "PodsRestarted",
    limitSeconds: 86_400,
    limitReason: "DrainTimeout",
    disruptive: false,
    undo: "none needed: controllers make evicted pods anew",
  },
  {
    name: "Verify",
    run: verify,
    condition: "ConnectivityVerified",
    limitSeconds: 86_400,
    limitReason: "ConnectivityFailed",
    disruptive: false,
    undo: "none needed: it only looks",
  },
  {
    name: "CleanUp",
    run: cleanUp,
    condition: "CleanedUp",
    limitSeconds: 180,
    limitReason: "HostTaskFailed",
    disruptive: false,
    undo: "the source's agent makes its rules and files anew",
  },
  {
    name: "Uncordon",
    run: uncordon,
    ends: "Cordoned",
    limitSeconds: 86_400,
    limitReason: "StepTimeout",
    disruptive: false,
    undo: "Cordon",
  },
] as const satisfies readonly NodeStep[];

const byName: ReadonlyMap<string, NodeStep> = new Map(nodeSteps.map((step) => [step.name, step]));

/** Undefined for Pending and Done, where there is nothing to run. */
export function stepByName(name: StepName): NodeStep | undefined {
  return byName.get(name);
}

export function nextStep(name: StepName): StepName {
  const index = nodeSteps.findIndex((step) => step.name === name);
  return nodeSteps[index + 1]?.name ?? "Done";
}
