import type { KubeObject, Resource, UnknownObject } from "../kube/types.ts";
import type { Footprint, HostFacts, HostOp } from "./host-ops.ts";

export type NetworkId = "flannel" | "canal" | "calico" | "cilium";

/** A value and where it was read: 'ConfigMap kube-flannel/kube-flannel-cfg, key net-conf.json' or 'spec.flannel.mtu'. */
export interface Detected {
  /** vni, port, mtu, network, daemonSet, ... the names of the override fields. */
  name: string;
  value: string;
  from: string;
}

/** One thing preflight has to say. A blocker stops `start` (exit 3) and the controller (PreflightPassed=False). */
export interface Finding {
  severity: "blocker" | "warning" | "info";
  /** CamelCase, from crds/vocabulary.ts. */
  reason: string;
  /** What is wrong, in one sentence without a final stop. */
  what: string;
  /** The object or file: "node n2", "daemonset kube-flannel/kube-flannel-ds". */
  where: string;
  /** What to do, a command where there is one. Empty for info. */
  cure: string;
}

/** A node as plans see it. */
export interface PlanNode {
  name: string;
  uid: string;
  /** status.addresses, type InternalIP, IPv4 first. */
  internalIPs: string[];
  /** spec.podCIDRs, IPv4 first. */
  podCIDRs: string[];
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

/** The objects detection and preflight look at, gathered once (networks/snapshot.ts). Reading it does no I/O. */
export interface ClusterSnapshot {
  nodes: readonly KubeObject[];
  /** Objects of a resource some network listed in `reads`; empty when the API server does not serve it. */
  list<T extends KubeObject>(resource: Resource<T>): readonly T[];
  /** Read of the host, where one was made (subnet.env by exec, everything by an inspect task). */
  host(nodeName: string): HostFacts | undefined;
}

/** The DaemonSet(s) that run a network's agent. */
export interface AgentRef {
  namespace: string;
  /** Usually one; flannel 0.11 has one an architecture. */
  daemonSets: string[];
  /** Labels all agent pods carry. */
  podLabels: Record<string, string>;
}

/** Encapsulation facts both sides of a shared overlay speak. Sizes in bytes. */
export interface OverlayFacts {
  encapsulation: "vxlan" | "other";
  vni: number;
  /** UDP port. */
  port: number;
  /** MTU inside the overlay (link MTU less 50 for VXLAN over IPv4); IPv6 has less, see mtuOf in overlays.ts. */
  mtu: number;
  /** The cluster-wide pod ranges, IPv4 first: "10.244.0.0/16"; in a dual-stack cluster its IPv6 one behind it. */
  cidrs: string[];
  /** Prefix length of a node's IPv4 range: 24. */
  subnetLen: number;
  /** Whether pod traffic leaving the range is masqueraded. */
  masquerade: boolean;
}

/** A node's end of the overlay of one family. */
export interface TunnelEnd {
  /** The address of the tunnel device: base of the podCIDR for flannel. */
  ip: string;
  /** Lower case. */
  mac: string;
  /** Outer address: where peers send. */
  publicIP: string;
}

/** What a node's own end of the overlay is; known before the first node moves. The members are those of IPv4. */
export interface Vtep extends TunnelEnd {
  /** In a dual-stack cluster: IPv6 has a device of its own. */
  v6?: TunnelEnd;
}

export interface NetworkFacts {
  network: NetworkId;
  agent: AgentRef;
  overlay: OverlayFacts;
  /** By node name. A node that has none is not ready to be a peer yet (finding). */
  vteps: Record<string, Vtep>;
  /** Default /etc/cni/net.d and /opt/cni/bin. */
  cniConfDir: string;
  cniBinDir: string;
  detected: Detected[];
}

export type Detection =
  | { state: "absent" }
  /** Found; blockers among the findings say why it cannot be migrated. */
  | { state: "found"; facts: NetworkFacts; findings: Finding[] };

/** Overrides of the CniMigration spec for one network; every member wins over what is detected. */
export interface Overrides {
  network?: string;
  ipv6Network?: string;
  daemonSet?: { namespace: string; name: string };
  mtu?: number;
  ipMasq?: boolean;
  subnetLen?: number;
  ipv6SubnetLen?: number;
  annotationPrefix?: string;
  vni?: number;
  port?: number;
  cniConfDir?: string;
  cniBinDir?: string;
}

/**
 * What the target has of its own where two overlays stand side by side (networks/dual-overlay.ts). Its port is not here: it
 * follows from the target's manifests and the source's overlay.
 */
export interface SecondOverlay {
  /** Ranges of its pods, IPv4 first: spec.cidr. */
  cidrs: string[];
  /** Prefix length of a node's IPv4 range. */
  subnetLen: number;
}

/** All that the pure functions below may know. */
export interface PlanContext {
  migration: string;
  source: NetworkFacts;
  /** The target's agent and directories, from its manifests. */
  target: { network: NetworkId; agent: AgentRef };
  /** The source's, which a target of the other strategy takes over. */
  overlay: OverlayFacts;
  /** Only where the pair keeps two overlays side by side. */
  second?: SecondOverlay;
  nodes: readonly PlanNode[];
}

/**
 * One change to the API, as data. The engine records the undo in CniMigration.status.undo before it writes, guards the
 * write with UID and resourceVersion, and does nothing when the cluster is as wanted. `transient` ones are for the time of
 * the migration only: `finalize` takes them back, too.
 */
export type RecordedChange =
  /** Created when absent. When present, `accepts` tells (undefined) or explains (a sentence) whether it will do. */
  | {
      change: "create";
      resource: Resource<KubeObject>;
      object: UnknownObject;
      accepts: (existing: UnknownObject) => string | undefined;
      transient?: true;
    }
  /** Merge patch; the object is made from `orCreate` when absent. The undo is the previous value of each patched field. */
  | {
      change: "merge";
      resource: Resource<KubeObject>;
      key: { name: string; namespace?: string };
      patch: Record<string, unknown>;
      orCreate?: UnknownObject;
      /** Whether what is there may be changed; a sentence says why not. Without, it always may. */
      accepts?: (existing: UnknownObject) => string | undefined;
      transient?: true;
    }
  /** A container's environment variable in a DaemonSet's pod template. The undo touches nothing beside it. */
  | {
      change: "env";
      resource: Resource<KubeObject>;
      key: { name: string; namespace?: string };
      container: string;
      name: string;
      value: string;
      /** Values that do as well, and stay. */
      keeps?: (value: string) => boolean;
      transient?: true;
    };

export type ApiChange =
  | RecordedChange
  /** Absent is fine. Not undone: what is deleted was made by this tool. */
  | { change: "delete"; resource: Resource<KubeObject>; key: { name: string; namespace?: string } };

/** Objects a network's agents make in the API as they work. They go when a revert ends; `owned` tells them from others'. */
export interface Residue {
  resource: Resource<KubeObject>;
  owned: (object: UnknownObject, overlay: OverlayFacts) => boolean;
}

/**
 * What of a network's install no reference from its DaemonSets leads to: `finalize` removes it with them, but for what the
 * network that stays has too.
 */
export interface Belongings {
  /** API groups of its own CRDs. */
  crdGroups: readonly string[];
  /** In its agent's namespace. What a Deployment refers to goes with it. */
  objects: readonly {
    kind: "Deployment" | "ServiceAccount" | "PodDisruptionBudget" | "Service" | "Lease";
    name: string;
  }[];
  /** Namespaces its own manifests bring; removed when nothing else is in them. */
  namespaces: readonly string[];
  /** What keys of the annotations its agent writes on Nodes begin with: "projectcalico.org/". */
  annotationPrefixes: readonly string[];
}

/** What names of things on a node depend on. */
export interface FootprintFacts {
  cniConfDir: string;
  cniBinDir: string;
  overlay: OverlayFacts;
  /** What was found out about the source. */
  detected?: readonly Detected[];
}

/** A rule of an RBAC Role or ClusterRole. */
export interface PolicyRule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
  resourceNames?: string[];
}

/**
 * One network. A folder networks/<id> exports one of these from index.ts; networks/index.ts lists them. A pair of networks
 * is two of them and a strategy (networks/overlays.ts); no member may know the other side by name.
 * Every function is pure: state in, data out.
 */
export interface Network {
  readonly id: NetworkId;
  readonly displayName: string;
  /** Versions the lab proved. */
  readonly versions: string;
  /** Which parts it can play in this release; `dualStack`: the one also with IPv6 beside IPv4. `detect` works regardless. */
  readonly plays: { readonly source: boolean; readonly target: boolean; readonly dualStack?: "source" | "target" };
  /** Resources `detect` looks at; the snapshot holds them. */
  readonly reads: readonly Resource<KubeObject>[];
  /**
   * ConfigMaps `detect` looks at, by namespace and name; "" as namespace: the agent's. Read only these and those the
   * agent's pods mount (networks/snapshot.ts, configMapsToRead).
   */
  readonly configMaps: readonly { namespace: string; name: string }[];
  /** API permissions the controller needs for this network beyond the engine's own. */
  readonly permissions: readonly PolicyRule[];

  /** Whether a DaemonSet runs this network's agent: by container, command, image, then labels; in any namespace. */
  isAgent(daemonSet: KubeObject): boolean;
  /** Pure. Finds this network in the cluster, or not; values carry their provenance. */
  detect(snapshot: ClusterSnapshot, overrides: Overrides): Detection;

  /**
   * Findings against sharing this network's overlay with a target, each node with its podCIDR: ranges that do not fit, addresses
   * of a podCIDR that belong to another node. Asked only where the overlay is to be shared.
   */
  checkAsSource(snapshot: ClusterSnapshot, source: NetworkFacts): Finding[];
  /** Findings against taking this network as the target: what is in the way in the cluster (another install, bad pools). */
  checkAsTarget(snapshot: ClusterSnapshot, source: NetworkFacts): Finding[];

  /**
   * The user's own manifests: usable? "not Calico's manifests: no DaemonSet calico-node". With the source's facts also: do they
   * fit the overlay that is to be shared?
   */
  checkManifests(objects: readonly UnknownObject[], source?: NetworkFacts): Finding[];
  /** Which agent the manifests bring. Call only when checkManifests found no blocker. */
  agentOf(objects: readonly UnknownObject[]): AgentRef;
  /**
   * Manifests as they are to be applied for the time of the migration: node selector, backend, MTU, autodetection. "final": as
   * they are to be after it, with only what the overlay needs for ever; for the same objects and context as the first time.
   */
  transformManifests(objects: readonly UnknownObject[], context: PlanContext, form?: "final"): UnknownObject[];
  /**
   * With two overlays, the UDP port of this one's tunnel (the target's): what its manifests ask for, else one the source leaves
   * free. No manifests: as its own ones would have it. Undefined when they ask for what is no port.
   */
  tunnelPort?(objects: readonly UnknownObject[], source: Pick<OverlayFacts, "port">): number | undefined;

  /**
   * podCIDRs for nodes that have none, by node name, where this network (as the source) does without and the next one does not. Set
   * before anything is reserved, and never taken back: Kubernetes lets a podCIDR be set once. Most go by podCIDRs themselves.
   */
  rangesFor?(snapshot: ClusterSnapshot): Readonly<Record<string, string>>;
  /**
   * Cluster-wide changes to this network's own address management (as the source) before the first node leaves it: afterwards
   * no address is given out but from ranges every node has a route to. Most have none.
   */
  reserve(context: PlanContext): RecordedChange[];
  /**
   * The same for one node, moved or not: every address of its podCIDR is its own here, so that nobody else takes one and nodes
   * still on this network route them to it, whichever network gives them out. Needs no Vtep.
   */
  reserveNode(context: PlanContext, node: PlanNode): RecordedChange[];
  /** Cluster-wide objects this network (the target) needs before the first node moves, in order. */
  prepare(context: PlanContext): RecordedChange[];
  /** The same for one node. Needs that node's Vtep in context.source.vteps. */
  prepareNode(context: PlanContext, node: PlanNode): RecordedChange[];

  /** Name of the overlay device of a family (IPv4 when not said): "flannel.1", "vxlan-v6.calico". */
  linkName(overlay: OverlayFacts, family?: 4 | 6): string;
  /** Names of the agent's processes, waited for to be gone before the device is touched. */
  readonly agentProcesses: readonly string[];
  /**
   * With two overlays, whether an agent that goes on has to start again to let go of its node: it would give new pods addresses
   * again by itself otherwise.
   */
  readonly restartsToLeave?: true;
  /** Labels of its own a node carries while this network is (`in`), is not yet or no more (`out`) on it, during a migration. */
  nodeLabels(state: "in" | "out"): Record<string, string>;

  /** Keys of the annotations its agent writes on Nodes, sorted: put back as they were when the node returns for good. */
  readonly nodeAnnotations: readonly string[];
  /**
   * Objects in the API a node has only while this network serves it (`in`), or only while not (`out`), during a migration; made before
   * the agent starts, and before any object of the other network. Most have none.
   */
  nodeObjects(context: PlanContext, node: PlanNode, state: "in" | "out"): ApiChange[];
  readonly residue: readonly Residue[];
  /** `detected`: what was found out about it when it was the source. */
  belongings(detected: readonly Detected[]): Belongings;

  /**
   * Host work that takes this network's grip off a drained node after its agent is gone; the device stays (handed over). With two
   * overlays its agent goes on: only no new pod may start on this network.
   */
  leave(context: PlanContext, node: PlanNode): HostOp[];
  /** Host work before this network's agent may start on the node. */
  join(context: PlanContext, node: PlanNode): HostOp[];
  /** Waits, on the host, until the agent serves the node: direct checks, not pod readiness. */
  awaitJoined(context: PlanContext, node: PlanNode): HostOp[];
  /**
   * The part of its footprint that leads from a node it has left to nodes still on it: stays until the last of them has left. Not
   * asked with two overlays: there all stays that an agent needs while it runs.
   */
  lingers(facts: FootprintFacts): Partial<Footprint>;
  /** What it leaves on a node: drives CleanUp, the leftovers check and the README table. `shared`: the device was handed over. */
  footprint(facts: FootprintFacts): Footprint;
}
