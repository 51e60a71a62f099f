/**
 * Names the plugin, the controller and the networks share. Users, scripts and RBAC rely on them: a change here is a
 * breaking change.
 */

export const apiGroup = "cni-migrate.io";
export const apiVersion = "cni-migrate.io/v1alpha1";

/** Where the controller, host tasks and probes live. Labelled Pod Security "privileged". */
export const systemNamespace = "cni-migrate";
/** Deployment, ServiceAccount, ClusterRole and Lease of the controller. */
export const controllerName = "cni-migrate-controller";
/** ServiceAccount of host tasks and probe pods: no right at all, no token mounted. */
export const hostServiceAccount = "cni-migrate-host";
/** Service in front of the probe servers, for the checks that go through a Service. */
export const probeService = "cni-migrate-probe";
/** TCP port of the probe servers and of `probeService`. */
export const probePort = 18_082;
/** Repository of the one image; the tag is the version. */
export const imageRepository = "ghcr.io/cni-migrate/cni-migrate";

export const controllerFieldManager = "cni-migrate-controller";
export const pluginFieldManager = "kubectl-cni-migrate";

/** On nodes: the network that gives new pods their address, or "none" during the switch. */
export const networkLabel = "cni-migrate.io/network";
/** On our pods: host-task, probe-server, probe, image-check. */
export const roleLabel = "cni-migrate.io/role";
/** On objects made for one migration: its name. */
export const migrationLabel = "cni-migrate.io/migration";
export const managedByLabel = "app.kubernetes.io/managed-by";
/** Value of `managedByLabel` on everything of ours. */
export const managedBy = "cni-migrate";
/** On both CRDs: version of their schema, a whole number that grows with every change. Drives the skew check. */
export const schemaVersionAnnotation = "cni-migrate.io/schema-version";
/** Taint (PreferNoSchedule) on nodes still waiting, so that a pod moves about once. */
export const pendingTaint = "cni-migrate.io/pending";
/**
 * On nodes: the labels and annotations the migration writes, as they were before it. A JSON merge patch of the node's metadata
 * that puts them back.
 */
export const beforeAnnotation = "cni-migrate.io/before";
/** On a node we cordoned: UID of its NodeMigration. Set in the same patch as spec.unschedulable. */
export const cordonedByAnnotation = "cni-migrate.io/cordoned-by";

/**
 * On a Stalled NodeMigration: the time (RFC 3339) at which a person asked for another try. One from before the stall does not
 * count. Taken away by the controller when it was heard.
 */
export const retryAnnotation = "cni-migrate.io/retry";
/** On both kinds: kept until no node is half-way, so that deleting an object leaves every node on a working network. */
export const finalizer = "cni-migrate.io/no-node-half-way";

/** Settings of the controller's container: `install` sets them, the controller reads them. */
export const controllerEnv = {
  podName: "POD_NAME",
  podNamespace: "POD_NAMESPACE",
  nodeName: "NODE_NAME",
  /** Image of host tasks and probes: the controller's own. */
  image: "CNI_MIGRATE_IMAGE",
  /** TCP port on the node of /healthz, /readyz and /metrics. */
  healthPort: "CNI_MIGRATE_HEALTH_PORT",
} as const;
/** The controller is on its node's network: a port that is rarely taken. `install --health-port` chooses another. */
export const defaultHealthPort = 18_081;

/** Role and RoleBinding of one migration, in each namespace where it may patch DaemonSets. */
export function migrationRoleName(migration: string): string {
  return `cni-migrate-${migration}`;
}
