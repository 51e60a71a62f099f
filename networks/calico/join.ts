import type { PlanContext, PlanNode } from "../contract.ts";
import type { HostOp } from "../host-ops.ts";
import { awaitDevices } from "../overlays.ts";
import { calico, linkName, migrationLabel } from "./facts.ts";

/** Seconds the agent may take to serve a node: pulling its images is part of it. */
const limitSeconds = 240;

/**
 * Calico's block collector passes over nodes that carry the label with another value than "calico": a node's empty blocks would
 * be gone after 15 minutes, and with them the routes to what comes into them later, whichever network gives it out.
 */
export function nodeLabels(): Record<string, string> {
  return { [migrationLabel]: "none" };
}

/** A configuration left by an earlier run would be taken for the one this agent writes. */
export function join(context: PlanContext): HostOp[] {
  return [{ op: "removeFile", path: `${context.source.cniConfDir}/${calico.conflist}` }];
}

/**
 * Felix says on the node that its dataplane is in sync seconds before the pod's readiness probe comes by. It does not say so
 * of the tunnel device, which is looked at by itself.
 */
export function awaitJoined(context: PlanContext, node: PlanNode): HostOp[] {
  return [
    // First: a pod writes it before its Felix starts, so that it is not an earlier one that answers.
    { op: "awaitFile", path: `${context.source.cniConfDir}/${calico.conflist}`, timeoutSeconds: limitSeconds },
    { op: "awaitHttp", url: calico.readiness, statuses: [200, 204], timeoutSeconds: limitSeconds },
    ...awaitDevices(context, node, linkName, limitSeconds),
  ];
}
