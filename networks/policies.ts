import { calicoPolicies, globalNetworkPolicies } from "../kube/resources.ts";
import type { KubeObject, Resource } from "../kube/types.ts";
import type { NetworkId } from "./contract.ts";

/** Whether a network makes NetworkPolicies hold. flannel by itself passes everything; Canal is flannel with Calico's policies. */
export const enforcesPolicies: Readonly<Record<NetworkId, boolean>> = {
  flannel: false,
  canal: true,
  calico: true,
  cilium: true,
};

const calicos = [calicoPolicies, globalNetworkPolicies];

/** Policies of a network's own kinds: no other network knows them. */
export const ownPolicies: Readonly<Record<NetworkId, readonly Resource<KubeObject>[]>> = {
  flannel: [],
  canal: calicos,
  calico: calicos,
  cilium: [],
};
