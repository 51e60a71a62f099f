import type { PolicyRule } from "../contract.ts";

/** flannel has no API objects of its own; its annotations are on the Nodes, which the engine may change anyway. */
export const permissions: readonly PolicyRule[] = [
  { apiGroups: ["apps"], resources: ["daemonsets"], verbs: ["get", "list"] },
];
