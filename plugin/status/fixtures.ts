import type { CniMigration, NodeMigration } from "../../crds/index.ts";

/** A three-node migration in the middle: n1 done, n2 draining, n3 stalled. For tests. */
export const migration: CniMigration = {
  apiVersion: "cni-migrate.io/v1alpha1",
  kind: "CniMigration",
  metadata: { name: "flannel-to-calico", uid: "m1", generation: 1, creationTimestamp: "2026-11-21T11:58:00Z" },
  spec: { source: "flannel", target: "calico" },
  status: {
    observedGeneration: 1,
    startTime: "2026-11-21T11:58:30Z",
    strategy: "SharedOverlay",
    summary: "Stalled",
    message: "node n3: pod shop/debug has no controller; kubectl cni-migrate retry n3",
    progress: "1/3",
    nodes: { total: 3, pending: 0, inProgress: 1, migrated: 1, failed: 1, skipped: 0 },
    conditions: [
      condition("PreflightPassed", "True", "PreflightPassed"),
      condition("NodesMigrated", "False", "NodeFailed"),
      condition("Reverted", "Unknown", "NotStarted"),
      condition("Reconciling", "False", "NodeFailed"),
      condition("Stalled", "True", "NodeFailed"),
      condition("Succeeded", "False", "NodeFailed"),
    ],
  },
};

export const nodes: NodeMigration[] = [
  node("n1", {
    step: "Done",
    summary: "Done",
    message: "the node is on its new network",
    cordonedByUs: true,
    steps: [
      { name: "Cordon", startTime: "2026-11-21T11:58:30.000Z", completionTime: "2026-11-21T11:58:30.200Z" },
      { name: "Drain", startTime: "2026-11-21T11:58:30.200Z", completionTime: "2026-11-21T11:58:33.300Z" },
    ],
    conditions: [condition("Succeeded", "True", "Succeeded")],
  }),
  node("n2", {
    step: "Drain",
    summary: "Drain",
    message: "3 pods left",
    blockedBy: "PodDisruptionBudget shop/cart",
    drain: {
      pending: [
        { namespace: "shop", name: "cart-0", blockedBy: "PodDisruptionBudget shop/cart" },
        { namespace: "shop", name: "cart-1" },
        { namespace: "shop", name: "web-1" },
      ],
    },
    cordonedByUs: true,
    steps: [{ name: "Drain", startTime: "2026-11-21T11:59:57.900Z" }],
    conditions: [condition("Reconciling", "True", "EvictionBlocked")],
  }),
  node("n3", {
    step: "Drain",
    summary: "Stalled",
    message: "pod shop/debug has no controller; kubectl cni-migrate retry n3",
    conditions: [condition("Stalled", "True", "UnmanagedPod")],
  }),
];

/** A change of a part of the fixture's status. */
export function withStatus(change: NonNullable<CniMigration["status"]>): CniMigration {
  return { ...migration, status: { ...migration.status, ...change } };
}

export function condition(type: string, status: "True" | "False" | "Unknown", reason: string) {
  return { type, status, reason, message: `${reason} it is`, lastTransitionTime: "2026-11-21T11:59:00Z" };
}

export function node(name: string, status: NonNullable<NodeMigration["status"]>): NodeMigration {
  return {
    apiVersion: "cni-migrate.io/v1alpha1",
    kind: "NodeMigration",
    metadata: { name, uid: `u-${name}`, creationTimestamp: "2026-11-21T11:58:30Z" },
    spec: { migrationName: "flannel-to-calico", nodeName: name, nodeUID: `node-${name}` },
    status,
  };
}
