import { keyOf } from "../kube/identity.ts";
import { selects } from "../kube/labels.ts";
import type {
  CustomResourceDefinition,
  DaemonSet,
  LabelSelector,
  PodSpec,
  RoleBinding,
  Workload,
} from "../kube/objects.ts";
import {
  clusterRoleBindings,
  clusterRoles,
  configMaps,
  customResourceDefinitions,
  daemonSets,
  deployments,
  leases,
  namespaces,
  podDisruptionBudgets,
  pods,
  roleBindings,
  roles,
  secrets,
  serviceAccounts,
  services,
  statefulSets,
} from "../kube/resources.ts";
import type { KubeObject, ObjectKey, Resource } from "../kube/types.ts";
import type { AgentRef, Belongings } from "./contract.ts";

/** One object of an install, by name: whether it exists is for the reader to see. */
export interface InstallPart {
  resource: Resource<KubeObject>;
  key: ObjectKey;
}

/** What is looked at to tell an install from what others use: lists of these resources, of the whole cluster. */
export const installReads: readonly Resource<KubeObject>[] = [
  daemonSets,
  deployments,
  statefulSets,
  pods,
  clusterRoleBindings,
  roleBindings,
  customResourceDefinitions,
];

interface World {
  list<T extends KubeObject>(resource: Resource<T>): readonly T[];
}

interface Install {
  agent: AgentRef;
  belongings: Belongings;
  /** What must stay, whoever refers to it: parts of the other network. */
  keeps(part: InstallPart): boolean;
}

interface Runner {
  name: string;
  kind: string;
  selector: LabelSelector | undefined;
  spec: PodSpec;
}

/** Kept by Kubernetes itself in every namespace. */
const ofEveryNamespace = { configMap: "kube-root-ca.crt", serviceAccount: "default" };

/**
 * All parts of an install: the agent's DaemonSets, what they and the network's own Deployments refer to (ConfigMaps, Secrets,
 * ServiceAccounts, their bindings, the roles of these), what no reference leads to, the CRDs, the namespace. In an order in
 * which they can be removed: who works with an object goes before it. Left out is what others use as well: a pod, another
 * workload, another subject or binding. Pure.
 */
export function partsOfInstall({ agent, belongings, keeps }: Install, world: World): InstallPart[] {
  const { namespace } = agent;
  const own = (resource: Resource<KubeObject>, names: readonly string[]): InstallPart[] =>
    names.map((name) => ({ resource, key: { namespace, name } })).filter((part) => !keeps(part));
  const extra = (kind: Belongings["objects"][number]["kind"]) =>
    belongings.objects.filter((o) => o.kind === kind).map((o) => o.name);

  const workloads = [...own(daemonSets, agent.daemonSets), ...own(deployments, extra("Deployment"))];
  const isWorkload = ({ kind, name }: Runner) =>
    workloads.some(({ resource, key }) => resource.kind === kind && key.name === name);
  const runners = runnersIn(world, namespace);
  const [leaving, staying] = [runners.filter(isWorkload), runners.filter((runner) => !isWorkload(runner))];
  const stayingSpecs = [...staying.map((r) => r.spec), ...strayPods(world, namespace, runners)];
  const onlyTheirs = (of: (spec: PodSpec) => string[], more: readonly string[] = []): string[] => {
    const used = new Set(stayingSpecs.flatMap(of));
    return [...new Set([...leaving.flatMap((r) => of(r.spec)), ...more])].filter((name) => !used.has(name)).sort();
  };
  const accounts = own(serviceAccounts, onlyTheirs(accountsOf, extra("ServiceAccount")));
  const bindings = bindingsOf(world, accounts).filter((part) => !keeps(part));
  return [
    ...workloads,
    ...own(podDisruptionBudgets, extra("PodDisruptionBudget")),
    ...own(services, extra("Service")),
    ...own(leases, extra("Lease")),
    ...bindings,
    ...rolesOf(world, bindings).filter((part) => !keeps(part)),
    ...accounts,
    ...own(configMaps, onlyTheirs(configMapsOf)),
    ...own(secrets, onlyTheirs(secretsOf)),
    ...definitionsOf(world, belongings.crdGroups).filter((part) => !keeps(part)),
    ...belongings.namespaces
      .filter((name) => name === namespace)
      .map((name) => ({ resource: namespaces, key: { name } }))
      .filter((part) => !keeps(part)),
  ];
}

/** Everything with a pod template in the namespace. */
function runnersIn(world: World, namespace: string): Runner[] {
  const of = (resource: Resource<DaemonSet> | Resource<Workload>): Runner[] =>
    world
      .list(resource as Resource<Workload>)
      .filter((o) => o.metadata.namespace === namespace)
      .flatMap(({ metadata: { name }, spec: { template, selector } }) =>
        template === undefined ? [] : [{ name, kind: resource.kind, selector, spec: template.spec }],
      );
  return [...of(daemonSets), ...of(deployments), ...of(statefulSets)];
}

/** Pods no workload of the namespace has made: of Jobs, of operators, by hand. */
function strayPods(world: World, namespace: string, runners: readonly Runner[]): PodSpec[] {
  return world
    .list(pods)
    .filter(({ metadata }) => metadata.namespace === namespace)
    .filter(({ metadata }) => !runners.some(({ selector }) => selects(selector, metadata.labels)))
    .map((pod) => pod.spec);
}

function accountsOf(spec: PodSpec): string[] {
  const name = spec.serviceAccountName ?? ofEveryNamespace.serviceAccount;
  return name === ofEveryNamespace.serviceAccount ? [] : [name];
}

/** Bindings that serve none but these accounts. */
function bindingsOf(world: World, accounts: readonly InstallPart[]): InstallPart[] {
  const isTheirs = (binding: RoleBinding) => {
    const subjects = binding.subjects ?? [];
    const known = subjects.filter((s) =>
      accounts.some(({ key }) => s.kind === "ServiceAccount" && s.name === key.name && s.namespace === key.namespace),
    );
    return subjects.length > 0 && known.length === subjects.length;
  };
  return allBindings(world)
    .filter(({ binding }) => isTheirs(binding))
    .map(({ resource, binding }) => ({ resource, key: keyOf(binding) }));
}

/** Roles no other binding leads to. Those Kubernetes brings itself stay. */
function rolesOf(world: World, bindings: readonly InstallPart[]): InstallPart[] {
  const isTheirs = ({ resource, binding }: { resource: Resource<KubeObject>; binding: RoleBinding }) =>
    bindings.some((part) => samePart(part, { resource, key: keyOf(binding) }));
  const all = allBindings(world).map((entry) => ({ role: roleOf(entry.binding), isTheirs: isTheirs(entry) }));
  const others = all.filter((entry) => !entry.isTheirs).map((entry) => entry.role);
  const theirs = all.filter((entry) => entry.isTheirs).map((entry) => entry.role);
  return theirs.filter(
    (role, i) =>
      !isBuiltIn(role.key.name) &&
      !others.some((other) => samePart(role, other)) &&
      theirs.findIndex((other) => samePart(role, other)) === i,
  );
}

function allBindings(world: World): { resource: Resource<KubeObject>; binding: RoleBinding }[] {
  return [clusterRoleBindings, roleBindings].flatMap((resource) =>
    world.list(resource).map((binding) => ({ resource, binding })),
  );
}

function roleOf({ roleRef, metadata }: RoleBinding): InstallPart {
  if (roleRef.kind === "ClusterRole") return { resource: clusterRoles, key: { name: roleRef.name } };
  return { resource: roles, key: { namespace: metadata.namespace ?? "", name: roleRef.name } };
}

function isBuiltIn(role: string): boolean {
  return role.startsWith("system:") || ["cluster-admin", "admin", "edit", "view"].includes(role);
}

function definitionsOf(world: World, groups: readonly string[]): InstallPart[] {
  return world
    .list<CustomResourceDefinition>(customResourceDefinitions)
    .filter((crd) => groups.includes(crd.spec.group))
    .map(({ metadata: { name } }) => ({ resource: customResourceDefinitions, key: { name } }));
}

/** References to a ConfigMap or Secret, wherever a pod spec may have one, by the fields that lead to its name. */
function configMapsOf(spec: PodSpec): string[] {
  return referred(spec, { configMap: ["name"], configMapRef: ["name"], configMapKeyRef: ["name"] }).filter(
    (name) => name !== ofEveryNamespace.configMap,
  );
}

/** A volume names it otherwise than a source of a projected one. Not imagePullSecrets: whoever gave them uses them elsewhere. */
function secretsOf(spec: PodSpec): string[] {
  return referred(spec, { secret: ["secretName", "name"], secretRef: ["name"], secretKeyRef: ["name"] });
}

function referred(value: unknown, fields: Readonly<Record<string, readonly string[]>>): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const names = (fields[key] ?? []).map((field) => (inner as Record<string, unknown> | null)?.[field]);
    return [...names.filter((name) => typeof name === "string"), ...referred(inner, fields)];
  });
}

export function samePart(a: InstallPart, b: InstallPart): boolean {
  return (
    a.resource.group === b.resource.group &&
    a.resource.plural === b.resource.plural &&
    a.key.name === b.key.name &&
    (a.key.namespace ?? "") === (b.key.namespace ?? "")
  );
}
