import type { PlanContext } from "../contract.ts";
import type { HostOp } from "../host-ops.ts";
import { canal } from "./facts.ts";

/**
 * Its agent is gone. The configuration goes, so that no pod gets an address of host-local any more. All else stays: the device
 * is handed over, pods hang on links of Calico's kind, and Felix's rules hold while no Felix runs.
 */
export function leave({ source }: PlanContext): HostOp[] {
  return [{ op: "removeFile", path: `${source.cniConfDir}/${canal.conflist}` }];
}
