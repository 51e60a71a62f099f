import type { KubeObject } from "../../kube/types.ts";
import { containersOf } from "../workloads.ts";

/**
 * Canal's names, beside those of its two halves (flannel's overlay, Calico's plugin and policies). Read in canal.yaml of Calico
 * v3.28, and seen on the lab with v3.28.5.
 */
export const canal = {
  conflist: "10-canal.conflist",
  /** Where the plugin host-local keeps who has which address. */
  addresses: "/var/lib/cni/networks/k8s-pod-network",
} as const;

/** Names differ between distributions (canal, rke2-canal); calico-node and flanneld in one pod are the same in all. */
export function isAgent(daemonSet: KubeObject): boolean {
  const names = new Set(containersOf(daemonSet).map((c) => c.name));
  return names.has("calico-node") && names.has("kube-flannel");
}
