import type { PlanContext } from "../contract.ts";
import type { HostOp } from "../host-ops.ts";
import { cilium } from "./facts.ts";

/** Seconds an agent may take to start again and serve the node. */
const limitSeconds = 240;

function conflist({ source }: PlanContext): string {
  return `${source.cniConfDir}/${cilium.conflist}`;
}

/** A configuration of an earlier run would look like one the restarted agent wrote. */
export function join(context: PlanContext): HostOp[] {
  return [{ op: "removeFile", path: conflist(context) }];
}

/**
 * Only an agent that has started with the node's own settings writes the file, so that its presence proves the restart, too: the
 * health endpoint alone may still be the earlier agent's, which ran on the node all the time.
 */
export function awaitJoined(context: PlanContext): HostOp[] {
  return [
    { op: "awaitFile", path: conflist(context), timeoutSeconds: limitSeconds },
    { op: "awaitHttp", url: cilium.health, statuses: [200], timeoutSeconds: limitSeconds },
  ];
}

/**
 * Off the node goes only what gives new pods an address. An agent writes the file once, when it starts (it watches the directory
 * only where cni-exclusive is true), so that one that still runs does not bring it back. Its overlay stays for the nodes that are
 * on it.
 */
export function leave(context: PlanContext): HostOp[] {
  return [{ op: "removeFile", path: conflist(context) }];
}
