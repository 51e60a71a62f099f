import type { CniMigration, NodeMigration } from "../crds/index.ts";
import type {
  ConfigMap,
  CustomResourceDefinition,
  DaemonSet,
  Deployment,
  EndpointSlice,
  Event,
  Lease,
  Namespace,
  NetworkPolicy,
  Node,
  Pod,
  PodDisruptionBudget,
  ReplicaSet,
  Role,
  RoleBinding,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  Service,
  ServiceAccount,
  StatefulSet,
} from "./objects.ts";
import type { KubeObject, Resource, UnknownObject } from "./types.ts";

/** The resources this project reads or writes, one line each: URL parts, kind, scope and the type of their objects. */

function namespaced<T extends KubeObject = UnknownObject>(
  groupVersion: string,
  plural: string,
  kind: string,
): Resource<T> {
  return { ...split(groupVersion), plural, kind, namespaced: true };
}

function clusterScoped<T extends KubeObject = UnknownObject>(
  groupVersion: string,
  plural: string,
  kind: string,
): Resource<T> {
  return { ...split(groupVersion), plural, kind, namespaced: false };
}

/** "apps/v1" -> group apps, version v1; "v1" -> the core group. */
function split(groupVersion: string): { group: string; version: string } {
  const slash = groupVersion.indexOf("/");
  return { group: groupVersion.slice(0, Math.max(slash, 0)), version: groupVersion.slice(slash + 1) };
}

/** The apiVersion objects of the resource carry: "v1", "apps/v1". */
export function apiVersionOf(resource: Resource<KubeObject>): string {
  return resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
}

export const pods = namespaced<Pod>("v1", "pods", "Pod");
export const nodes = clusterScoped<Node>("v1", "nodes", "Node");
export const namespaces = clusterScoped<Namespace>("v1", "namespaces", "Namespace");
export const services = namespaced<Service>("v1", "services", "Service");
export const configMaps = namespaced<ConfigMap>("v1", "configmaps", "ConfigMap");
export const secrets = namespaced("v1", "secrets", "Secret");
export const serviceAccounts = namespaced<ServiceAccount>("v1", "serviceaccounts", "ServiceAccount");
export const events = namespaced<Event>("events.k8s.io/v1", "events", "Event");
export const leases = namespaced<Lease>("coordination.k8s.io/v1", "leases", "Lease");

export const daemonSets = namespaced<DaemonSet>("apps/v1", "daemonsets", "DaemonSet");
export const deployments = namespaced<Deployment>("apps/v1", "deployments", "Deployment");
export const replicaSets = namespaced<ReplicaSet>("apps/v1", "replicasets", "ReplicaSet");
export const statefulSets = namespaced<StatefulSet>("apps/v1", "statefulsets", "StatefulSet");

export const endpointSlices = namespaced<EndpointSlice>("discovery.k8s.io/v1", "endpointslices", "EndpointSlice");
export const podDisruptionBudgets = namespaced<PodDisruptionBudget>(
  "policy/v1",
  "poddisruptionbudgets",
  "PodDisruptionBudget",
);
/** Ranges of Services; served from Kubernetes 1.33 on. */
export const serviceCIDRs = clusterScoped("networking.k8s.io/v1", "servicecidrs", "ServiceCIDR");
export const networkPolicies = namespaced<NetworkPolicy>("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy");

export const roles = namespaced<Role>("rbac.authorization.k8s.io/v1", "roles", "Role");
export const roleBindings = namespaced<RoleBinding>("rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding");
export const clusterRoles = clusterScoped<Role>("rbac.authorization.k8s.io/v1", "clusterroles", "ClusterRole");
export const clusterRoleBindings = clusterScoped<RoleBinding>(
  "rbac.authorization.k8s.io/v1",
  "clusterrolebindings",
  "ClusterRoleBinding",
);
export const customResourceDefinitions = clusterScoped<CustomResourceDefinition>(
  "apiextensions.k8s.io/v1",
  "customresourcedefinitions",
  "CustomResourceDefinition",
);
/** Create only: the answer's status.allowed says whether the caller may do what spec names. */
export const selfSubjectAccessReviews = clusterScoped<SelfSubjectAccessReview>(
  "authorization.k8s.io/v1",
  "selfsubjectaccessreviews",
  "SelfSubjectAccessReview",
);
/** Create only: the answer's status.resourceRules are what the caller may do in one namespace, cluster-wide rules included. */
export const selfSubjectRulesReviews = clusterScoped<SelfSubjectRulesReview>(
  "authorization.k8s.io/v1",
  "selfsubjectrulesreviews",
  "SelfSubjectRulesReview",
);

/** This project's own. */
export const cniMigrations = clusterScoped<CniMigration>("cni-migrate.io/v1alpha1", "cnimigrations", "CniMigration");
export const nodeMigrations = clusterScoped<NodeMigration>(
  "cni-migrate.io/v1alpha1",
  "nodemigrations",
  "NodeMigration",
);

/** Calico's, as it stores them in the Kubernetes API. IPAMBlock holds 64-bit integers: see kube/client.ts. */
const calico = "crd.projectcalico.org/v1";
export const ipPools = clusterScoped(calico, "ippools", "IPPool");
export const felixConfigurations = clusterScoped(calico, "felixconfigurations", "FelixConfiguration");
export const ipamConfigs = clusterScoped(calico, "ipamconfigs", "IPAMConfig");
export const ipamBlocks = clusterScoped(calico, "ipamblocks", "IPAMBlock");
export const blockAffinities = clusterScoped(calico, "blockaffinities", "BlockAffinity");
export const ipamHandles = clusterScoped(calico, "ipamhandles", "IPAMHandle");
export const ipReservations = clusterScoped(calico, "ipreservations", "IPReservation");
export const hostEndpoints = clusterScoped(calico, "hostendpoints", "HostEndpoint");
export const bgpPeers = clusterScoped(calico, "bgppeers", "BGPPeer");
export const bgpConfigurations = clusterScoped(calico, "bgpconfigurations", "BGPConfiguration");
export const calicoPolicies = namespaced(calico, "networkpolicies", "NetworkPolicy");
export const globalNetworkPolicies = clusterScoped(calico, "globalnetworkpolicies", "GlobalNetworkPolicy");
export const clusterInformations = clusterScoped(calico, "clusterinformations", "ClusterInformation");

/** Present when Calico is run by its operator. */
export const installations = clusterScoped("operator.tigera.io/v1", "installations", "Installation");
