import type { PlanContext } from "../contract.ts";
import type { HostOp } from "../host-ops.ts";
import { flannel } from "./facts.ts";

/**
 * flanneld is gone and the node drained. The configuration goes first, so that no sandbox starts on a bridge that is about
 * to go. The VXLAN device with its routes stays: it is handed over. Plugin, address files and packet filter rules wait for
 * CleanUp: old sandboxes may still be deleted.
 */
export function leave(context: PlanContext): HostOp[] {
  const { cniConfDir } = context.source;
  return [
    { op: "removeFile", path: `${cniConfDir}/${flannel.conflist}` },
    { op: "removeFile", path: `${cniConfDir}/${flannel.conf}` },
    { op: "deleteLink", name: flannel.bridge, kind: "bridge" },
  ];
}
