import type { PolicyRule } from "../contract.ts";

/**
 * What detection reads, and the objects made ahead of the migration with the way to take them back. Not one right on
 * policies, on workloads, or on what grants rights.
 */
export const permissions: readonly PolicyRule[] = [
  { apiGroups: ["apps"], resources: ["daemonsets"], verbs: ["get", "list"] },
  { apiGroups: ["operator.tigera.io"], resources: ["installations"], verbs: ["get", "list"] },
  {
    apiGroups: ["crd.projectcalico.org"],
    resources: ["clusterinformations", "hostendpoints", "bgppeers", "bgpconfigurations"],
    verbs: ["get", "list"],
  },
  { apiGroups: [""], resources: ["namespaces"], verbs: ["get", "list"] },
  {
    apiGroups: ["crd.projectcalico.org"],
    resources: [
      "felixconfigurations",
      "ippools",
      "ipamconfigs",
      "ipamblocks",
      "blockaffinities",
      "ipamhandles",
      "ipreservations",
    ],
    verbs: ["get", "list", "create", "patch", "delete"],
  },
];
