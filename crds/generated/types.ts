// Made by `npm run generate` from the schemas in crds/. Do not edit.
import type { ObjectMeta } from "../metadata.ts";

export type Direction = "Forward" | "Revert";
export type StepName =
  | "Pending"
  | "Cordon"
  | "Drain"
  | "LeaveSource"
  | "AdoptPods"
  | "JoinTarget"
  | "RecyclePods"
  | "Verify"
  | "CleanUp"
  | "Uncordon"
  | "Done";

export interface LabelSelectorRequirement {
  /**
   * The label's key.
   */
  key: string;
  /**
   * How the label's value is compared with values.
   */
  operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  /**
   * Values for In and NotIn; none for Exists and DoesNotExist.
   */
  values?: string[];
}

export interface LabelSelector {
  /**
   * Every one of these labels must be on the object, with exactly this value.
   */
  matchLabels?: {
    [k: string]: string;
  };
  /**
   * Every one of these must hold.
   */
  matchExpressions?: LabelSelectorRequirement[];
}

export interface DrainIgnoreRule {
  /**
   * Only pods of this namespace. Default all namespaces.
   */
  namespace?: string;
  /**
   * Labels of the pods. At least one label or expression is needed.
   */
  podSelector: LabelSelector;
}

/**
 * How pods are moved off a node before it is switched. May be changed at any time.
 */
export interface DrainSpec {
  /**
   * How long the drain of one node may take, in hours, minutes and seconds ("10m", "1h30m"). After it the node is Stalled with reason DrainTimeout, still on its old network. Default "10m".
   */
  timeout?: string;
  /**
   * Seconds a pod gets to end by itself. -1 uses each pod's own terminationGracePeriodSeconds; 0 ends pods at once. Default -1.
   */
  gracePeriodSeconds?: number;
  /**
   * Whether pods with emptyDir volumes may be evicted; what is in those volumes is lost with the pod. When false such pods block the drain, as they do for kubectl drain without its flag. Default true: changing the network recreates every pod, and an emptyDir never outlives its pod.
   */
  deleteEmptyDirData?: boolean;
  /**
   * Whether pods without a controller may be evicted; nothing makes them anew. When false they block the drain. Default false.
   */
  force?: boolean;
  /**
   * Delete pods instead of evicting them. PodDisruptionBudgets are then not respected. `start` gives the controller the right to delete pods where this is true; when it is set later, the message of the drain that waits for the right has the commands. Default false.
   */
  disableEviction?: boolean;
  /**
   * Pods the drain leaves alone: those that match any of these. They stay on the node while its network is changed and may have none until they are recreated; meant for pods that need no pod network. Default: none.
   */
  ignore?: DrainIgnoreRule[];
}

/**
 * The connectivity check after each node. May be changed at any time.
 */
export interface VerifySpec {
  /**
   * Whether each switched node is checked with probe pods. Default true.
   */
  enabled?: boolean;
  /**
   * How long the check of one node may take, in hours, minutes and seconds ("2m"). Default "2m".
   */
  timeout?: string;
  /**
   * A TCP address outside the cluster that pods must reach, as host:port ("example.com:443", "192.0.2.1:80", "[2001:db8::1]:443"). Default: nothing outside is tried.
   */
  externalTarget?: string;
}

export interface DaemonSetRef {
  /**
   * Its namespace.
   */
  namespace: string;
  /**
   * Its name.
   */
  name: string;
}

/**
 * Values used instead of those found for flannel, also for the flannel inside Canal. They describe what runs; setting them changes nothing in the running network. Cannot be changed later.
 */
export interface FlannelOverrides {
  /**
   * IPv4 range of all pods ("10.244.0.0/16"). Found in net-conf.json, Network.
   */
  network?: string;
  /**
   * IPv6 range of all pods ("fd00:10:244::/56"). Found in net-conf.json, IPv6Network.
   */
  ipv6Network?: string;
  /**
   * The DaemonSet that runs flanneld. Found by its image and labels, in any namespace.
   */
  daemonSet?: DaemonSetRef;
  /**
   * MTU of the VXLAN device in bytes (link MTU less 50). Found in subnet.env on the nodes.
   */
  mtu?: number;
  /**
   * Whether traffic from pods to the outside is masqueraded. Found in flanneld's arguments.
   */
  ipMasq?: boolean;
  /**
   * Prefix length of a node's IPv4 range (24). Found in the nodes' podCIDRs.
   */
  subnetLen?: number;
  /**
   * Prefix length of a node's IPv6 range (64). Found in the nodes' podCIDRs.
   */
  ipv6SubnetLen?: number;
  /**
   * Prefix of the annotations flanneld puts on nodes (its argument kube-annotation-prefix). Found in flanneld's arguments, else "flannel.alpha.coreos.com".
   */
  annotationPrefix?: string;
  /**
   * VXLAN network identifier (1). Found in net-conf.json, Backend.VNI.
   */
  vni?: number;
  /**
   * UDP port VXLAN uses (8472). Found in net-conf.json, Backend.Port.
   */
  port?: number;
  /**
   * Directory of CNI configuration files on the nodes. Found in the DaemonSet, else /etc/cni/net.d.
   */
  cniConfDir?: string;
  /**
   * Directory of CNI plugins (executables) on the nodes. Found in the DaemonSet, else /opt/cni/bin.
   */
  cniBinDir?: string;
}

/**
 * Values used instead of those found for Calico. They describe what runs or, for a target, what its manifests bring; setting them changes nothing in the running network. Cannot be changed later.
 */
export interface CalicoOverrides {
  /**
   * IPv4 range of all pods ("10.244.0.0/16"). Found in the IPPools.
   */
  network?: string;
  /**
   * IPv6 range of all pods ("fd00:10:244::/56"). Found in the IPPools.
   */
  ipv6Network?: string;
  /**
   * The DaemonSet that runs calico-node. Found by its image and labels, in any namespace.
   */
  daemonSet?: DaemonSetRef;
  /**
   * MTU of the VXLAN device in bytes (link MTU less 50). Found in FelixConfiguration and calico-config.
   */
  mtu?: number;
  /**
   * Whether traffic from pods to the outside is masqueraded. Found in the IPPools, natOutgoing.
   */
  ipMasq?: boolean;
  /**
   * VXLAN network identifier (4096). Found in FelixConfiguration, vxlanVNI.
   */
  vni?: number;
  /**
   * UDP port VXLAN uses (4789). Found in FelixConfiguration, vxlanPort.
   */
  port?: number;
  /**
   * Directory of CNI configuration files on the nodes. Found in the DaemonSet, else /etc/cni/net.d.
   */
  cniConfDir?: string;
  /**
   * Directory of CNI plugins (executables) on the nodes. Found in the DaemonSet, else /opt/cni/bin.
   */
  cniBinDir?: string;
}

/**
 * Values used instead of those found in Cilium's manifests; setting them changes nothing in the running network. Cannot be changed later.
 */
export interface CiliumOverrides {
  /**
   * The DaemonSet that runs the Cilium agent. Found by its image and labels, in any namespace.
   */
  daemonSet?: DaemonSetRef;
  /**
   * MTU of pods in bytes. Found in the ConfigMap cilium-config.
   */
  mtu?: number;
  /**
   * UDP port of the tunnel (8472). Found in the ConfigMap cilium-config, tunnel-port.
   */
  port?: number;
  /**
   * Directory of CNI configuration files on the nodes. Found in the DaemonSet, else /etc/cni/net.d.
   */
  cniConfDir?: string;
  /**
   * Directory of CNI plugins (executables) on the nodes. Found in the DaemonSet, else /opt/cni/bin.
   */
  cniBinDir?: string;
}

/**
 * What is wanted.
 */
export interface CniMigrationSpec {
  /**
   * The network the cluster runs now. Cannot be changed later.
   */
  source: "flannel" | "canal" | "calico";
  /**
   * The network the cluster is to run. Cannot be changed later.
   */
  target: "calico" | "cilium" | "flannel";
  /**
   * How many nodes are worked on at the same time: a whole number from 1 up, or a share of all nodes from "1%" to "100%", rounded up. May be changed at any time. Default 1.
   */
  batchSize?: number | string;
  /**
   * The range(s) pods get their addresses from in the target network: IPv4, IPv6, or both with a comma and IPv4 first ("10.244.0.0/16,fd00:10:244::/56"). Default: the source's ranges where both networks share one overlay; required where they do not (to Cilium). Cannot be changed later.
   */
  cidr?: string;
  /**
   * Forward moves nodes to the target, Revert moves them back to the source. May be changed at any time; a node on its way turns round from where it stands. Default Forward.
   */
  direction?: Direction;
  /**
   * While true no new node starts and no node begins another disruptive step; what has begun is brought to a safe end. May be changed at any time. Default false.
   */
  paused?: boolean;
  /**
   * The migration pauses by itself when so many nodes are done: a canary. Raise or remove it to go on. May be changed at any time. Default: never.
   */
  pauseAfter?: number;
  /**
   * Only nodes with these labels are moved; the others count as skipped. May be changed at any time. A node that has begun goes on in any case. Default: all nodes.
   */
  nodeSelector?: LabelSelector;
  /**
   * Names of nodes that go first, in this order. The others follow: workers by name, then control plane nodes by name. A name no node has is passed over. May be changed at any time. Default: none.
   */
  nodeOrder?: string[];
  /**
   * How pods are moved off a node before it is switched. May be changed at any time.
   */
  drain?: DrainSpec;
  /**
   * The connectivity check after each node. May be changed at any time.
   */
  verify?: VerifySpec;
  /**
   * Values used instead of those found for flannel, also for the flannel inside Canal. They describe what runs; setting them changes nothing in the running network. Cannot be changed later.
   */
  flannel?: FlannelOverrides;
  /**
   * Values used instead of those found for Calico. They describe what runs or, for a target, what its manifests bring; setting them changes nothing in the running network. Cannot be changed later.
   */
  calico?: CalicoOverrides;
  /**
   * Values used instead of those found in Cilium's manifests; setting them changes nothing in the running network. Cannot be changed later.
   */
  cilium?: CiliumOverrides;
}

/**
 * How many nodes are where. pending, inProgress, migrated, failed and skipped add up to total.
 */
export interface NodeCounts {
  /**
   * Nodes of the cluster.
   */
  total: number;
  /**
   * Nodes that wait for their turn.
   */
  pending: number;
  /**
   * Nodes being switched now.
   */
  inProgress: number;
  /**
   * Nodes that are done in the current direction.
   */
  migrated: number;
  /**
   * Nodes that are Stalled.
   */
  failed: number;
  /**
   * Nodes spec.nodeSelector leaves out.
   */
  skipped: number;
}

export interface DetectedValue {
  /**
   * The name of the value, as the overrides name it (mtu, vni, network).
   */
  name: string;
  /**
   * The value as text.
   */
  value: string;
  /**
   * Where it was read.
   */
  from: string;
}

export interface AgentFacts {
  /**
   * Namespace of the DaemonSets.
   */
  namespace: string;
  /**
   * Names of the DaemonSets; usually one.
   */
  daemonSets: string[];
  /**
   * Labels all the agent's pods carry.
   */
  podLabels: {
    [k: string]: string;
  };
}

/**
 * The overlay as the source runs it.
 */
export interface OverlayStatus {
  /**
   * How packets between nodes are wrapped.
   */
  encapsulation: "vxlan" | "other";
  /**
   * VXLAN network identifier.
   */
  vni: number;
  /**
   * UDP port.
   */
  port: number;
  /**
   * MTU inside the overlay in bytes.
   */
  mtu: number;
  /**
   * Ranges of all pods, IPv4 first.
   */
  cidrs: string[];
  /**
   * Prefix length of a node's range.
   */
  subnetLen: number;
  /**
   * Whether traffic from pods to the outside is masqueraded.
   */
  masquerade: boolean;
}

/**
 * The facts later steps go by, kept so that they do not change under way.
 */
export interface MigrationFacts {
  /**
   * What runs the source's agent on the nodes.
   */
  sourceAgent?: AgentFacts;
  /**
   * What runs the target's agent on the nodes.
   */
  targetAgent?: AgentFacts;
  /**
   * The overlay as the source runs it.
   */
  overlay?: OverlayStatus;
  /**
   * Directory of CNI configuration files on the nodes.
   */
  cniConfDir?: string;
  /**
   * Directory of CNI plugins on the nodes.
   */
  cniBinDir?: string;
  /**
   * Prefix of the annotations the source's agent puts on nodes.
   */
  annotationPrefix?: string;
}

export interface UndoEntry {
  /**
   * Of the changed object.
   */
  apiVersion: string;
  /**
   * Of the changed object.
   */
  kind: string;
  /**
   * Of the changed object; absent when it has none.
   */
  namespace?: string;
  /**
   * Of the changed object.
   */
  name: string;
  /**
   * Of the changed object; another object of its name is left alone.
   */
  uid?: string;
  /**
   * Delete: the object was made and is deleted. Merge and StrategicMerge: patch is applied in that way.
   */
  action: "Delete" | "Merge" | "StrategicMerge";
  /**
   * Merge patch that puts the earlier values back, as JSON text.
   */
  patch?: string;
  /**
   * The change is for the time of the migration only and is taken back by finalize.
   */
  transient?: boolean;
}

export interface Condition {
  /**
   * Name of the condition.
   */
  type: string;
  /**
   * True, False or Unknown.
   */
  status: "True" | "False" | "Unknown";
  /**
   * metadata.generation the condition speaks of.
   */
  observedGeneration?: number;
  /**
   * When status last changed.
   */
  lastTransitionTime: string;
  /**
   * Why, in one CamelCase word of docs/troubleshooting.md.
   */
  reason: string;
  /**
   * Cause, object and the next command, for people.
   */
  message: string;
}

/**
 * What the controller has seen and done. Written by the controller only.
 */
export interface CniMigrationStatus {
  /**
   * metadata.generation of the spec this status speaks of.
   */
  observedGeneration?: number;
  /**
   * When the first change to the cluster was made.
   */
  startTime?: string;
  /**
   * When the migration, or its way back, was finished. Absent while it is not.
   */
  completionTime?: string;
  /**
   * How both networks live side by side. SharedOverlay: one VXLAN network, pods keep the address range. DualOverlay: two, each with its own range.
   */
  strategy?: "SharedOverlay" | "DualOverlay";
  /**
   * Where the migration stands, in one word. For people; programs read conditions.
   */
  summary?: string;
  /**
   * Why it stands there and what to do next. For people; programs read conditions.
   */
  message?: string;
  /**
   * Nodes done of nodes to do ("3/12"). For people; programs read nodes.
   */
  progress?: string;
  /**
   * How many nodes are where. pending, inProgress, migrated, failed and skipped add up to total.
   */
  nodes?: NodeCounts;
  /**
   * What was found out about the networks, and where.
   */
  detected?: DetectedValue[];
  /**
   * The facts later steps go by, kept so that they do not change under way.
   */
  facts?: MigrationFacts;
  /**
   * What takes back the changes made to objects of the whole cluster, oldest first. Each entry is recorded before its change is made. A Node carries what it was before in an annotation of its own.
   */
  undo?: UndoEntry[];
  /**
   * Succeeded, Reconciling and Stalled tell how it goes; PreflightPassed, TargetInstalled, NodesMigrated, ConnectivityVerified, SourceRemoved and Reverted are facts.
   */
  conditions?: Condition[];
}

/**
 * One change of the network (CNI) of this cluster, node by node. At most one unfinished CniMigration is worked on at a time; a further one is Stalled with reason AnotherMigrationActive.
 */
export interface CniMigration {
  apiVersion: "cni-migrate.io/v1alpha1";
  kind: "CniMigration";
  metadata: ObjectMeta;
  /**
   * What is wanted.
   */
  spec: CniMigrationSpec;
  /**
   * What the controller has seen and done. Written by the controller only.
   */
  status?: CniMigrationStatus;
}

/**
 * What is wanted of the node.
 */
export interface NodeMigrationSpec {
  /**
   * Name of the CniMigration this belongs to. Cannot be changed later.
   */
  migrationName: string;
  /**
   * Name of the node. Cannot be changed later.
   */
  nodeName: string;
  /**
   * UID of the Node object. A node of the same name with another UID is another node and is not touched on behalf of this one. Cannot be changed later.
   */
  nodeUID: string;
  /**
   * Forward moves the node to the target, Revert moves it back to the source. Set by the controller from the CniMigration. Default Forward.
   */
  direction?: Direction;
}

export interface StepTimes {
  /**
   * The step.
   */
  name: StepName;
  /**
   * When it began.
   */
  startTime?: string;
  /**
   * When it ended.
   */
  completionTime?: string;
}

export interface PendingPod {
  /**
   * The pod's namespace.
   */
  namespace: string;
  /**
   * The pod's name.
   */
  name: string;
  /**
   * What keeps the pod ("PodDisruptionBudget shop/cart"). Absent while it only waits or ends.
   */
  blockedBy?: string;
}

export interface RecyclePod {
  /**
   * The pod's namespace.
   */
  namespace: string;
  /**
   * The pod's name.
   */
  name: string;
  /**
   * The pod's UID; a namesake is another pod.
   */
  uid: string;
}

export interface HostTaskRecord {
  /**
   * What the task is called.
   */
  name: string;
  /**
   * The step it belongs to.
   */
  step: StepName;
  /**
   * Its pod in namespace cni-migrate.
   */
  podName: string;
  /**
   * UID of its pod; absent until it was created.
   */
  uid?: string;
}

export interface CheckResult {
  /**
   * From where to where ("pod on n2 -> pod on n1").
   */
  path: string;
  /**
   * Whether it passed.
   */
  ok: boolean;
  /**
   * What was seen: the failure, the source address, the size.
   */
  detail?: string;
}

/**
 * What was found on the node, what was removed, what is left.
 */
export interface Evidence {
  /**
   * Things of the network it left, as found before clean-up ("link flannel.1").
   */
  found?: string[];
  /**
   * Things that were removed.
   */
  removed?: string[];
  /**
   * Things still there when the node was read again after clean-up. Empty is what is wanted.
   */
  leftovers?: string[];
  /**
   * Results of the connectivity check.
   */
  checks?: CheckResult[];
}

/**
 * What the controller has seen and done on the node. Written by the controller only.
 */
export interface NodeMigrationStatus {
  /**
   * metadata.generation of the spec this status speaks of.
   */
  observedGeneration?: number;
  /**
   * The step the node is in. It only moves forward in the direction it was begun with.
   */
  step?: StepName;
  /**
   * The direction of step. Differs from spec.direction until the node has turned round.
   */
  direction?: Direction;
  /**
   * Where the node stands, in one word. For people; programs read conditions.
   */
  summary?: string;
  /**
   * Why it stands there and what to do next. For people; programs read conditions.
   */
  message?: string;
  /**
   * What the node waits for ("PodDisruptionBudget shop/cart"). For people; programs read drain and conditions. Absent when nothing is in the way.
   */
  blockedBy?: string;
  /**
   * When each step of the current direction began and ended.
   */
  steps?: StepTimes[];
  /**
   * How the drain stands.
   */
  drain?: {
    /**
     * Pods still on the node that are to leave it.
     */
    pending?: PendingPod[];
  };
  /**
   * Whether the controller made the node unschedulable. When false, a person had; the node then stays unschedulable at the end.
   */
  cordonedByUs?: boolean;
  /**
   * How often the current step was tried.
   */
  attempts?: number;
  /**
   * Pods that were on the node before the switch and are recreated after it.
   */
  recycle?: RecyclePod[];
  /**
   * The agent's pod that has to be replaced in this step, where agents run on every node; recorded before it is evicted.
   */
  restart?: {
    /**
     * The step that asks for it.
     */
    step: string;
    /**
     * The pod's UID; empty when there was none.
     */
    uid: string;
  };
  /**
   * Host tasks that were prepared. Each is recorded before its pod may act.
   */
  tasks?: HostTaskRecord[];
  /**
   * What was found on the node, what was removed, what is left.
   */
  evidence?: Evidence;
  /**
   * Succeeded, Reconciling and Stalled tell how it goes; Cordoned, Drained, Switched, PodsRestarted, ConnectivityVerified and CleanedUp are facts.
   */
  conditions?: Condition[];
}

/**
 * The part of one node in a CniMigration, under the node's name. Made, and removed, by the controller.
 */
export interface NodeMigration {
  apiVersion: "cni-migrate.io/v1alpha1";
  kind: "NodeMigration";
  metadata: ObjectMeta;
  /**
   * What is wanted of the node.
   */
  spec: NodeMigrationSpec;
  /**
   * What the controller has seen and done on the node. Written by the controller only.
   */
  status?: NodeMigrationStatus;
}
