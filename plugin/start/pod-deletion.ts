import type { CniMigrationSpec } from "../../crds/index.ts";
import { controllerName, managedBy, managedByLabel, migrationLabel, systemNamespace } from "../../crds/names.ts";
import type { UnknownObject } from "../../kube/types.ts";

const group = "rbac.authorization.k8s.io";

/**
 * The right to delete pods around their PodDisruptionBudgets, anywhere: given to the controller only where
 * spec.drain.disableEviction asks for it, for this one migration. Pure.
 */
export function podDeletionRole(migration: string, { drain }: Pick<CniMigrationSpec, "drain">): UnknownObject[] {
  if (drain?.disableEviction !== true) return [];
  const name = `cni-migrate-${migration}-delete-pods`;
  const metadata = { name, labels: { [managedByLabel]: managedBy, [migrationLabel]: migration } };
  const apiVersion = `${group}/v1`;
  return [
    {
      apiVersion,
      kind: "ClusterRole",
      metadata,
      rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["delete"] }],
    },
    {
      apiVersion,
      kind: "ClusterRoleBinding",
      metadata,
      roleRef: { apiGroup: group, kind: "ClusterRole", name },
      subjects: [{ kind: "ServiceAccount", name: controllerName, namespace: systemNamespace }],
    },
  ];
}
