import type { NetworkId } from "./contract.ts";

/** Whether a network makes NetworkPolicies hold. flannel by itself passes everything; Canal is flannel with Calico's policies. */
export const enforcesPolicies: Readonly<Record<NetworkId, boolean>> = {
  flannel: false,
  canal: true,
  calico: true,
  cilium: true,
};
