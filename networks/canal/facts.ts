import type { KubeObject } from "../../kube/types.ts";
import { containersOf } from "../workloads.ts";

/** Names differ between distributions (canal, rke2-canal); calico-node and flanneld in one pod are the same in all. */
export function isAgent(daemonSet: KubeObject): boolean {
  const names = new Set(containersOf(daemonSet).map((c) => c.name));
  return names.has("calico-node") && names.has("kube-flannel");
}
