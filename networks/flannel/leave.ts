import type { PlanContext } from "../contract.ts";
import type { HostOp } from "../host-ops.ts";
import { flannel } from "./facts.ts";

/**
 * flanneld is gone and the node drained. The configuration goes first, so that no sandbox starts on a bridge that is about
 * to go. The VXLAN device with its routes stays: it is handed over. Plugin, address files and packet filter rules wait for
 * CleanUp: old sandboxes may still be deleted.
 */
export function leave({ source, second }: PlanContext): HostOp[] {
  const { cniConfDir } = source;
  return [
    { op: "removeFile", path: `${cniConfDir}/${flannel.conflist}` },
    { op: "removeFile", path: `${cniConfDir}/${flannel.conf}` },
    // Beside another overlay the pods that are left go on until they are recycled.
    ...(second === undefined ? [{ op: "deleteLink", name: flannel.bridge, kind: "bridge" } as const] : []),
  ];
}
