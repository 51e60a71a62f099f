import { isDeepStrictEqual } from "node:util";
import { migrationLabel, migrationRoleName } from "../../crds/names.ts";
import type { ObjectKey, UnknownObject } from "../../kube/types.ts";
import type { AgentRef, PolicyRule } from "../../networks/contract.ts";
import { identityOf, sameObject } from "../finalize/record.ts";
import { role } from "../install/rbac.ts";

/**
 * What the controller may do for one migration beyond its ClusterRole: patch the DaemonSets of the two agents, and read
 * the ConfigMaps that detection looks at, each by name. One Role and RoleBinding a namespace. Pure.
 */
export function migrationRoles(
  migration: string,
  agents: readonly AgentRef[],
  configMaps: readonly Required<ObjectKey>[],
): UnknownObject[] {
  const daemonSets = agents.flatMap(({ namespace, daemonSets: names }) => names.map((name) => ({ namespace, name })));
  const namespaces = [...new Set([...daemonSets, ...configMaps].map((key) => key.namespace))].sort();
  return namespaces.flatMap((namespace) => {
    const rules = [
      ...rule("apps", "daemonsets", ["get", "patch"], namesIn(daemonSets, namespace)),
      ...rule("", "configmaps", ["get"], namesIn(configMaps, namespace)),
    ];
    return role(migrationRoleName(migration), namespace, rules, { [migrationLabel]: migration });
  });
}

/** Kinds whose objects two networks may share by name, each with rules of its own. */
export const sharedKinds: readonly string[] = ["ClusterRole", "Role"];

/**
 * A role of the manifests with the rules the one in the cluster has too: both networks work by it while the migration lasts.
 * Any other object as it is. Pure.
 */
export function withRulesOf(existing: readonly UnknownObject[], object: UnknownObject): UnknownObject {
  const found = existing.find((other) => sameObject(identityOf(other), identityOf(object)));
  if (!sharedKinds.includes(object.kind) || found === undefined) return object;
  const own = rulesOf(object);
  const more = rulesOf(found).filter((rule) => !own.some((other) => isDeepStrictEqual(rule, other)));
  return more.length === 0 ? object : { ...object, rules: [...own, ...more] };
}

function rulesOf(role: UnknownObject): unknown[] {
  return Array.isArray(role.rules) ? role.rules : [];
}

function rule(group: string, resource: string, verbs: string[], resourceNames: string[]): PolicyRule[] {
  // Without names the rule would stand for all objects of the resource.
  return resourceNames.length === 0 ? [] : [{ apiGroups: [group], resources: [resource], verbs, resourceNames }];
}

function namesIn(keys: readonly Required<ObjectKey>[], namespace: string): string[] {
  return [...new Set(keys.filter((key) => key.namespace === namespace).map((key) => key.name))].sort();
}
