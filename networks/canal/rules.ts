import type { PolicyRule } from "../contract.ts";

/** What detection reads, and the settings of Felix that a node has while it is on Canal. */
export const permissions: readonly PolicyRule[] = [
  { apiGroups: ["apps"], resources: ["daemonsets"], verbs: ["get", "list"] },
  { apiGroups: ["crd.projectcalico.org"], resources: ["ippools"], verbs: ["get", "list"] },
  {
    apiGroups: ["crd.projectcalico.org"],
    resources: ["felixconfigurations"],
    verbs: ["get", "list", "create", "patch", "delete"],
  },
];
