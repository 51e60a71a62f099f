import type { PlanContext, PlanNode } from "../contract.ts";
import type { HostOp } from "../host-ops.ts";
import { awaitDevices } from "../overlays.ts";
import { flannel, linkName } from "./facts.ts";

/** Seconds the agent may take to serve a node: pulling its images is part of it. */
const limitSeconds = 240;

/**
 * Files of an earlier run would look like an agent that is up: subnet.env survives until the next boot, the conflist even
 * that. Without them their presence proves that this agent wrote them.
 */
export function join(context: PlanContext): HostOp[] {
  const { cniConfDir } = context.source;
  return [
    { op: "removeFile", path: flannel.subnetEnv },
    { op: "removeFile", path: `${cniConfDir}/${flannel.conflist}` },
    { op: "removeFile", path: `${cniConfDir}/${flannel.conf}` },
  ];
}

/** flanneld writes subnet.env when its lease is taken and its device is up; install-cni wrote the conflist before that. */
export function awaitJoined(context: PlanContext, node: PlanNode): HostOp[] {
  return [
    { op: "awaitFile", path: flannel.subnetEnv, timeoutSeconds: limitSeconds },
    ...awaitDevices(context, node, linkName, limitSeconds),
    { op: "awaitFile", path: `${context.source.cniConfDir}/${flannel.conflist}`, timeoutSeconds: limitSeconds },
  ];
}
