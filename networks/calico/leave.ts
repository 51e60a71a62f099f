import type { PlanContext } from "../contract.ts";
import type { HostOp } from "../host-ops.ts";
import { calico } from "./facts.ts";

/**
 * calico-node is gone and the node drained. Its configuration sorts in front of others' and goes first. Blackhole routes of
 * the node's own blocks would swallow its pods' traffic on any other network; Felix's other routes lead to nodes still on
 * Calico and stay until CleanUp, as do chains, plugins and kubeconfig: old sandboxes may still be deleted.
 */
export function leave({ source, second }: PlanContext): HostOp[] {
  return [
    { op: "removeFile", path: `${source.cniConfDir}/${calico.conflist}` },
    // Beside another overlay Felix goes on, and no address of its blocks is another network's.
    ...(second === undefined
      ? [{ op: "deleteRoutes", protocol: calico.routeProtocol, blackholeOnly: true } as const]
      : []),
  ];
}
