import {
  apiGroup,
  controllerName,
  hostServiceAccount,
  managedBy,
  managedByLabel,
  systemNamespace,
} from "../../crds/names.ts";
import type { UnknownObject } from "../../kube/types.ts";
import type { Network, PolicyRule } from "../../networks/contract.ts";

/**
 * What the engine itself may do in the whole cluster. No Secrets, no exec, no wildcard, no writes to RBAC, CRDs or
 * DaemonSets: the two agents' DaemonSets are named one by one in the Roles that `start` makes.
 */
export const engineRules: readonly PolicyRule[] = [
  { apiGroups: [""], resources: ["nodes"], verbs: ["get", "list", "watch", "patch"] },
  { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"] },
  { apiGroups: [""], resources: ["pods/eviction"], verbs: ["create"] },
  { apiGroups: [""], resources: ["services"], verbs: ["get", "list", "watch"] },
  { apiGroups: ["apps"], resources: ["daemonsets", "replicasets", "statefulsets"], verbs: ["get", "list", "watch"] },
  { apiGroups: ["policy"], resources: ["poddisruptionbudgets"], verbs: ["get", "list", "watch"] },
  { apiGroups: ["networking.k8s.io"], resources: ["networkpolicies"], verbs: ["get", "list"] },
  { apiGroups: ["networking.k8s.io"], resources: ["servicecidrs"], verbs: ["list"] },
  { apiGroups: [apiGroup], resources: ["cnimigrations"], verbs: ["get", "list", "watch", "patch"] },
  {
    apiGroups: [apiGroup],
    resources: ["nodemigrations"],
    verbs: ["get", "list", "watch", "create", "patch", "delete"],
  },
  {
    apiGroups: [apiGroup],
    resources: ["cnimigrations/status", "nodemigrations/status"],
    verbs: ["patch", "update"],
  },
  // For a finalizer and for owner references that block deletion.
  { apiGroups: [apiGroup], resources: ["cnimigrations/finalizers", "nodemigrations/finalizers"], verbs: ["update"] },
  { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
];

/** In its own namespace: host tasks, probes and the Lease. */
export const ownNamespaceRules: readonly PolicyRule[] = [
  { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch", "create", "delete"] },
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["create"] },
  {
    apiGroups: ["coordination.k8s.io"],
    resources: ["leases"],
    resourceNames: [controllerName],
    verbs: ["get", "list", "watch", "update"],
  },
];

/** Single objects read in namespaces of Kubernetes' own. */
const namedReads: readonly { name: string; namespace: string; rule: PolicyRule }[] = [
  {
    name: `${controllerName}-api-servers`,
    namespace: "default",
    rule: {
      apiGroups: ["discovery.k8s.io"],
      resources: ["endpointslices"],
      resourceNames: ["kubernetes"],
      verbs: ["get"],
    },
  },
  {
    name: `${controllerName}-kubeadm-config`,
    namespace: "kube-system",
    rule: { apiGroups: [""], resources: ["configmaps"], resourceNames: ["kubeadm-config"], verbs: ["get"] },
  },
];

const rbac = "rbac.authorization.k8s.io";

/** ServiceAccounts, roles and bindings; the networks' own permissions are part of the ClusterRole. */
export function rbacObjects(networks: readonly Network[]): UnknownObject[] {
  const rules = mergeRules([...engineRules, ...networks.flatMap((network) => network.permissions)]);
  return [
    serviceAccount(controllerName),
    serviceAccount(hostServiceAccount),
    { apiVersion: `${rbac}/v1`, kind: "ClusterRole", metadata: metadata(controllerName), rules },
    {
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRoleBinding",
      metadata: metadata(controllerName),
      ...bindingTo("ClusterRole", controllerName),
    },
    ...role(controllerName, systemNamespace, ownNamespaceRules),
    ...namedReads.flatMap(({ name, namespace, rule }) => role(name, namespace, [rule])),
  ];
}

/** A Role for the controller, and its binding. */
export function role(
  name: string,
  namespace: string,
  rules: readonly PolicyRule[],
  labels: Record<string, string> = {},
): UnknownObject[] {
  const own = metadata(name, namespace, labels);
  return [
    { apiVersion: `${rbac}/v1`, kind: "Role", metadata: own, rules },
    { apiVersion: `${rbac}/v1`, kind: "RoleBinding", metadata: own, ...bindingTo("Role", name) },
  ];
}

/** One rule for all resources of the same groups, verbs and names; sorted, so that the output never jumps about. */
export function mergeRules(rules: readonly PolicyRule[]): PolicyRule[] {
  const byKey = new Map<string, PolicyRule>();
  for (const rule of rules) {
    const [apiGroups, verbs, resourceNames] = [rule.apiGroups, rule.verbs, rule.resourceNames ?? []].map(sorted);
    const key = JSON.stringify([apiGroups, verbs, resourceNames]);
    const resources = sorted([...(byKey.get(key)?.resources ?? []), ...rule.resources]);
    byKey.set(key, { ...rule, apiGroups: apiGroups ?? [], verbs: verbs ?? [], resources });
  }
  return [...byKey.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, rule]) => rule);
}

function sorted(words: readonly string[]): string[] {
  return [...new Set(words)].sort();
}

function serviceAccount(name: string): UnknownObject {
  return {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: metadata(name, systemNamespace),
    automountServiceAccountToken: false,
  };
}

function bindingTo(kind: "Role" | "ClusterRole", name: string) {
  return {
    roleRef: { apiGroup: rbac, kind, name },
    subjects: [{ kind: "ServiceAccount", name: controllerName, namespace: systemNamespace }],
  };
}

function metadata(name: string, namespace?: string, labels: Record<string, string> = {}) {
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    labels: { [managedByLabel]: managedBy, ...labels },
  };
}
