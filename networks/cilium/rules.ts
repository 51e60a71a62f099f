import type { PolicyRule } from "../contract.ts";

/**
 * What detection reads, the settings of nodes that are made for the migration, and what agents leave in the API when a revert
 * ends. Restarting an agent's pod is the engine's own right.
 */
export const permissions: readonly PolicyRule[] = [
  { apiGroups: ["apps"], resources: ["daemonsets"], verbs: ["get", "list"] },
  { apiGroups: ["cilium.io"], resources: ["ciliumnodeconfigs"], verbs: ["get", "list", "create", "patch", "delete"] },
  {
    apiGroups: ["cilium.io"],
    resources: ["ciliumnodes", "ciliumendpoints", "ciliumidentities"],
    verbs: ["get", "list", "delete"],
  },
];
