/** What a reason means to a person. */
interface ReasonText {
  /** Completes "Seen when ...". */
  readonly when: string;
  /** What to do, a command where there is one; NAME, NODE, NAMESPACE stand for the names in the message. */
  readonly fix: string;
}

const nothing = "nothing is to be done";

/** How things go. */
const course = {
  Pending: {
    when: "the object was created and the controller has not looked at it yet",
    fix: "wait a few seconds; if it stays, `kubectl -n cni-migrate get pods` shows whether the controller runs, `kubectl cni-migrate install` installs it",
  },
  NotStarted: { when: "the part of the work this condition speaks of has not begun", fix: nothing },
  Progressing: { when: "the work goes on", fix: nothing },
  Preflight: { when: "the cluster is being looked at; nothing was changed yet", fix: nothing },
  Preparing: { when: "objects of the whole cluster are being made ready; no node has moved yet", fix: nothing },
  AwaitingTarget: {
    when: "the DaemonSet of the target network is not there yet, or not yet set up for the migration",
    fix: "apply the target's manifests with `kubectl cni-migrate start NAME --target TARGET -f FILE`",
  },
  Migrating: { when: "nodes are being switched to the target", fix: nothing },
  Reverting: { when: "spec.direction is Revert and nodes are being switched back to the source", fix: nothing },
  Paused: {
    when: "spec.paused is true, or as many nodes as spec.pauseAfter says are done",
    fix: "go on with `kubectl cni-migrate resume NAME`",
  },
  TargetInstalled: { when: "the target's agent is installed and waits for nodes", fix: nothing },
  NodesMigrated: { when: "every node that takes part is on the network spec.direction asks for", fix: nothing },
  SourceKept: {
    when: "the source's objects stay in the API, without a pod on any node",
    fix: "nothing is to be done; they do no harm",
  },
  SourceRemoved: { when: "nothing of the source is left on the nodes; its objects in the API stay", fix: nothing },
  Finalized: {
    when: "`kubectl cni-migrate finalize` has removed the objects of the network that was left; the migration is over for good",
    fix: "nothing is to be done; the way back is a new migration",
  },
  Restoring: {
    when: "every node is back on the source, and what the migration changed in the API is being put back",
    fix: "nothing is to be done; if it lasts, the message names what it waits for",
  },
  Succeeded: { when: "everything spec asks for is done", fix: nothing },
  Reverted: { when: "every node is back on the source network", fix: nothing },
  Failed: {
    when: "the work ended and what was wanted is not there",
    fix: "the message of the condition Stalled names the cause",
  },
  NodeFailed: {
    when: "a node is Stalled; no further node is begun",
    fix: "`kubectl get nodemigrations` names the node and what blocks it; when that is mended, `kubectl cni-migrate retry NODE`",
  },
  AnotherMigrationActive: {
    when: "an older CniMigration is not finished, or the nodes still have their part in a finished one; one is worked on at a time",
    fix: "wait for the older one, and this one begins by itself; remove a finished one, or this one, with `kubectl delete cnimigration NAME`",
  },
} as const satisfies Record<string, ReasonText>;

/** What preflight may find in the cluster. */
const findings = {
  PreflightPassed: { when: "nothing was found that stands in the way", fix: nothing },
  PreflightBlocked: {
    when: "something found in the cluster stands in the way; nothing was changed",
    fix: "`kubectl cni-migrate plan` lists every blocker with its cure",
  },
  SourceNotFound: {
    when: "no DaemonSet of the network in spec.source was found",
    fix: "correct spec.source, or name the DaemonSet in spec.flannel.daemonSet (spec.calico.daemonSet)",
  },
  SourceAmbiguous: {
    when: "more than one install of the source network, or more than one network, was found",
    fix: "remove the one that is not in use, or name the DaemonSet in use in spec.flannel.daemonSet (spec.calico.daemonSet)",
  },
  ValueNotFound: {
    when: "a value of the source network could not be read anywhere",
    fix: "give it in spec.flannel (spec.calico); the message names the field",
  },
  UnsupportedBackend: {
    when: "the source does not use VXLAN between nodes (host-gw, WireGuard, IPIP, UDP, BGP)",
    fix: "change the source to VXLAN first; for flannel set Backend.Type to vxlan in ConfigMap kube-flannel-cfg and restart its pods",
  },
  DirectRoutingEnabled: {
    when: "flannel sends packets between nodes of one subnet without VXLAN (Backend.DirectRouting)",
    fix: "set DirectRouting to false in net-conf.json of ConfigMap kube-flannel-cfg and restart flannel's pods",
  },
  EtcdDatastore: {
    when: "the network keeps its state in etcd and not in the Kubernetes API",
    fix: "move it to the Kubernetes API first; flannel then runs with --kube-subnet-mgr",
  },
  EmbeddedFlannel: {
    when: "flannel runs inside another program (k3s, RKE2) and not as a DaemonSet",
    fix: "this set-up cannot be migrated; the distribution's own setting (k3s: --flannel-backend=none) chooses the network",
  },
  AddonManaged: {
    when: "the DaemonSet is put back by the addon manager whenever it is changed (label addonmanager.kubernetes.io/mode)",
    fix: "take the manifest out of the addon manager's directory on the control plane, then remove the label from the DaemonSet",
  },
  OperatorManaged: {
    when: "Calico is run by its operator, which undoes changes to the DaemonSet",
    fix: "make the operator step aside with the commands of the message; Calico's own objects stay and go on running",
  },
  EBPFDataplane: {
    when: "Calico's eBPF data plane is on",
    fix: "set bpfEnabled to false in FelixConfiguration default, with kube-proxy running, and try again",
  },
  WindowsNode: {
    when: "the cluster has Windows nodes",
    fix: "leave them out with spec.nodeSelector (kubernetes.io/os: linux) if their pods need not reach the others, otherwise remove them first",
  },
  NodeNotReady: {
    when: "a node that takes part is not Ready",
    fix: "`kubectl describe node NODE` says why; mend it, delete it, or leave it out with spec.nodeSelector",
  },
  NoNodes: {
    when: "spec.nodeSelector matches no node",
    fix: "compare it with `kubectl get nodes --show-labels` and correct it",
  },
  PodCIDRMissing: {
    when: "a node has no spec.podCIDR, so nobody knows its range of addresses; as a warning: it gets one when the migration begins",
    fix: "run kube-controller-manager with --allocate-node-cidrs and --cluster-cidr, or set spec.podCIDR of the node",
  },
  PodCIDRTooLong: {
    when: "a node's range is smaller than one address block of the target (/26, IPv6 /122), or has fewer addresses than the node may run pods",
    fix: "give nodes a larger podCIDR (--node-cidr-mask-size) and register them again",
  },
  PodCIDROutsideNetwork: {
    when: "a node's podCIDR does not lie inside the network of the source",
    fix: "correct Network in the source's configuration, or give spec.flannel.network if it was read wrongly",
  },
  CIDRMissing: {
    when: "the two networks need ranges of their own and spec.cidr is not set",
    fix: "create the CniMigration anew with spec.cidr; `kubectl cni-migrate plan` proposes a free range",
  },
  CIDRConflict: {
    when: "spec.cidr overlaps with the pods, the Services or the nodes of the cluster",
    fix: "choose a free range; `kubectl cni-migrate plan` proposes one",
  },
  AddressMismatch: {
    when: "the address other nodes use to reach a node (flannel's public-ip) is not the one the target would choose",
    fix: "make both the node's InternalIP: correct --iface of flanneld or the node's --node-ip",
  },
  PoolConflict: {
    when: "an object the target needs is there with other values, such as an IPPool with another range or block size",
    fix: "delete it if nothing uses it, or change it to the values in the message",
  },
  PolicyWouldApply: {
    when: "NetworkPolicies are there that the source does not enforce and the target will",
    fix: "review them with `kubectl get networkpolicies -A`, then start with --accept-policy-changes",
  },
  PolicyWouldEnd: {
    when: "policies are there that the source enforces and the target will not, or, where the two have an overlay each, not before finalize",
    fix: "see that nothing depends on them, then start with --accept-policy-changes",
  },
  NotSupportedYet: {
    when: "the set-up is known and this version cannot migrate it",
    fix: "the message says what is not supported; see the release notes for the version that adds it",
  },
  ManifestsUnusable: {
    when: "the manifests given are not those of the target network, or lack a part that is needed",
    fix: "give the target's own manifests with -f, such as calico-vxlan.yaml; the message names what is missing",
  },
  UnexpectedKind: {
    when: "the manifests hold an object of a kind that no install of a network has",
    fix: "take the object the message names out of the file and apply it with kubectl",
  },
  TargetMissing: {
    when: "an object of the target network that should be there is not",
    fix: "apply the target's manifests again with `kubectl cni-migrate start NAME --target TARGET -f FILE`",
  },
  TargetAlreadyRuns: {
    when: "the target network already runs on nodes without this migration",
    fix: "if it is a leftover, remove it; if the cluster runs it already, there is nothing to migrate",
  },
  ImageMissing: {
    when: "a node cannot get an image that is needed",
    fix: "the message says why, or `kubectl describe pod` of the pod it names; make the image available to the nodes, and it goes on by itself",
  },
  KernelTooOld: {
    when: "a node's kernel lacks something the switch or the target needs",
    fix: "upgrade the node's kernel; the message names the version",
  },
  CNIPluginMissing: {
    when: "a CNI plugin the target needs is not in the plugin directory of a node",
    fix: "install the package of CNI plugins on the node (most distributions: containernetworking-plugins)",
  },
  PermissionMissing: {
    when: "the API server refused a request for lack of rights",
    fix: "the message names verb and resource; for the controller `kubectl cni-migrate install` puts its rights back",
  },
} as const satisfies Record<string, ReasonText>;

/** What may happen on a node. */
const node = {
  Cordoned: { when: "the node is unschedulable for the migration, or was so before it", fix: nothing },
  CordonedAgain: {
    when: "somebody made the node schedulable while it was drained, and it was cordoned once more; the next time it is left so and the node is Stalled",
    fix: "stop who does that; `kubectl cni-migrate pause` holds a migration up without a hand on its nodes",
  },
  Uncordoned: { when: "the node takes pods again, or stays cordoned because a person had cordoned it", fix: nothing },
  Draining: { when: "pods are being moved off the node", fix: nothing },
  Drained: { when: "no pod that had to leave is on the node", fix: nothing },
  WaitingForReplacement: {
    when: "a pod has left and the next one of its owner or Service waits until the replacement is Ready",
    fix: "if it lasts, `kubectl describe pod` of the replacement says why it is not Ready",
  },
  EvictionBlocked: {
    when: "a PodDisruptionBudget does not allow a pod to be evicted",
    fix: "add replicas or lower minAvailable of the budget in the message; the drain goes on by itself",
  },
  EvictionImpossible: {
    when: "a pod can never be evicted as things are: its budget allows no disruption even with every replica healthy, two budgets select it, or the API server refuses the request as such",
    fix: "the message names the budget and the command that mends it; then `kubectl cni-migrate retry NODE`, or set spec.drain.disableEviction to true to pass budgets over",
  },
  UnmanagedPod: {
    when: "a pod without a controller is on the node; nothing would make it anew",
    fix: "delete it yourself, or set spec.drain.force to true",
  },
  EmptyDirPod: {
    when: "a pod with an emptyDir volume is on the node and spec.drain.deleteEmptyDirData is false",
    fix: "save its data and delete it yourself, or set spec.drain.deleteEmptyDirData to true",
  },
  DrainTimeout: {
    when: "the drain took longer than spec.drain.timeout; the node is still on its old network and takes pods again",
    fix: "`kubectl get nodemigration NODE -o yaml` names the pods and what keeps them; mend that, then `kubectl cni-migrate retry NODE`",
  },
  SourceAgentRunning: {
    when: "the agent of the network the node leaves has not ended yet",
    fix: "if it lasts, `kubectl describe pod` of the agent's pod on the node says why",
  },
  SourceAgentGone: { when: "no process of the network the node leaves runs on it", fix: nothing },
  HostTaskRunning: {
    when: "a pod of namespace cni-migrate works on the node",
    fix: "if it lasts, `kubectl -n cni-migrate get pods -o wide` shows whether it could start",
  },
  HostTaskFailed: {
    when: "work on the node failed or was refused",
    fix: "the message names what failed; mend it on the node, then `kubectl cni-migrate retry NODE`",
  },
  Switching: { when: "the node changes from one network to the other", fix: nothing },
  AgentNotReady: {
    when: "the agent of the network the node joins does not serve it yet",
    fix: "if it lasts, `kubectl -n NAMESPACE logs` of the agent's pod on the node says why; then `kubectl cni-migrate retry NODE`",
  },
  Switched: { when: "the network the node joins gives its pods their addresses", fix: nothing },
  PodsRestarting: {
    when: "pods that were on the node before the switch are being recreated",
    fix: "if it lasts, the message names the pods and what keeps them",
  },
  PodsRestarted: { when: "no pod with an address of the earlier network is left on the node", fix: nothing },
  Verifying: { when: "probe pods check the node's connections", fix: nothing },
  VerifyOff: {
    when: "spec.verify.enabled is false, so nothing was checked",
    fix: "nothing is to be done; set spec.verify.enabled to true and the nodes that have yet to move are checked",
  },
  ConnectivityVerified: { when: "every connection that was tried worked", fix: nothing },
  ConnectivityFailed: {
    when: "a connection that was tried did not work; no further node is begun",
    fix: "the message names the path; mend it, then `kubectl cni-migrate retry NODE`",
  },
  CleaningUp: { when: "what the earlier network left on the node is being removed", fix: nothing },
  Clean: { when: "the node was read again and nothing of the earlier network is left", fix: nothing },
  LeftoversFound: {
    when: "something of the earlier network is still on the node after clean-up",
    fix: "`kubectl get nodemigration NODE -o yaml`, status.evidence.leftovers, lists it; remove it on the node, then `kubectl cni-migrate retry NODE`",
  },
  NodeGone: {
    when: "the node was deleted while it was being migrated",
    fix: "`kubectl delete nodemigration NODE` lets the migration go on without it",
  },
  NodeReplaced: {
    when: "another node registered under the same name while it was being migrated",
    fix: "`kubectl delete nodemigration NODE` lets the migration begin anew with the node that is there",
  },
  StepTimeout: {
    when: "a step took longer than its limit",
    fix: "the message names the step and what it waited for; mend that, then `kubectl cni-migrate retry NODE`",
  },
} as const satisfies Record<string, ReasonText>;

/** What may happen between the controller and the API server. */
const api = {
  Conflict: {
    when: "somebody else changed an object the migration relies on",
    fix: "the message names object and field; put it back, or stop what changes it (a GitOps tool, an operator)",
  },
  ApiUnavailable: {
    when: "the API server cannot be reached or does not answer",
    fix: "the work goes on by itself when it is back",
  },
} as const satisfies Record<string, ReasonText>;

/** Every reason of conditions, Events and findings. CamelCase causes; conditions are states. */
export const reasons = { ...course, ...findings, ...node, ...api } as const;

export type Reason = keyof typeof reasons;

/** Reasons of findings of preflight. */
export type FindingReason = keyof typeof findings;

export const findingReasons = Object.keys(findings) as readonly FindingReason[];
