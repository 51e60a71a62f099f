import type { PlanContext, PlanNode } from "../contract.ts";
import type { HostOp } from "../host-ops.ts";
import { calico, migrationLabel } from "./facts.ts";

/** Seconds the agent may take to serve a node: pulling its images is part of it. */
const limitSeconds = 240;

/**
 * Calico's block collector passes over nodes that carry the label with another value than "calico": blocks made ahead, and
 * empty until the node moves, would be gone after 15 minutes.
 */
export function nodeLabels(state: "in" | "out"): Record<string, string> {
  return { [migrationLabel]: state === "in" ? "calico" : "none" };
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
  const { overlay, source } = context;
  const mac = source.vteps[node.name]?.mac;
  const marks = { vni: overlay.vni, port: overlay.port, ...(mac === undefined ? {} : { mac }) };
  return [
    { op: "awaitHttp", url: calico.readiness, statuses: [200, 204], timeoutSeconds: limitSeconds },
    { op: "awaitVxlan", name: calico.link, marks, timeoutSeconds: limitSeconds },
    { op: "awaitFile", path: `${source.cniConfDir}/${calico.conflist}`, timeoutSeconds: limitSeconds },
  ];
}
