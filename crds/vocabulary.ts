import type { StepName } from "./generated/types.ts";
import { findingReasons, type Reason } from "./reasons.ts";

export { type Reason, reasons } from "./reasons.ts";

/**
 * The one vocabulary: conditions, their reasons and the steps of a node. Types, docs/troubleshooting.md and docs/steps.md
 * come from it. No code reads messages or summaries; programs read conditions and reasons.
 */

interface ConditionText {
  /** What True means. */
  readonly summary: string;
  /** Reasons the condition may carry, whatever its status. */
  readonly reasons: readonly Reason[];
}

/** May come up in any step of a node. */
const anyStep = [
  "NodeGone",
  "NodeReplaced",
  "HostTaskRunning",
  "HostTaskFailed",
  "ImageMissing",
  "PermissionMissing",
  "Conflict",
  "StepTimeout",
] as const satisfies readonly Reason[];

/** Why pods do not leave a node. */
const evictionProblems = [
  "EvictionBlocked",
  "EvictionImpossible",
  "UnmanagedPod",
  "EmptyDirPod",
  "DrainTimeout",
] as const satisfies readonly Reason[];

/** What a node is at, or what holds it up. */
const nodeCourse = [
  "Pending",
  "Progressing",
  "Paused",
  "Draining",
  "WaitingForReplacement",
  ...evictionProblems,
  "SourceAgentRunning",
  "SourceAgentGone",
  "Switching",
  "AgentNotReady",
  "PodsRestarting",
  "Verifying",
  "ConnectivityFailed",
  "CleaningUp",
  "LeftoversFound",
  "NodeNotReady",
  "TargetMissing",
  "PoolConflict",
  "ApiUnavailable",
  ...anyStep,
  "Reverting",
  "Succeeded",
  "Reverted",
] as const satisfies readonly Reason[];

/** What a migration is at, or what holds it up. */
const migrationCourse = [
  "Pending",
  "Progressing",
  "AnotherMigrationActive",
  "Preflight",
  "Preparing",
  "AwaitingTarget",
  "Migrating",
  "Reverting",
  "Restoring",
  "Finalized",
  "Paused",
  "NodeFailed",
  "HostTaskFailed",
  "Conflict",
  "ApiUnavailable",
  ...findingReasons.filter((reason) => reason !== "PreflightPassed"),
  "Failed",
  "Succeeded",
  "Reverted",
] as const satisfies readonly Reason[];

/** Conditions of a CniMigration. */
export const migrationConditions = {
  Succeeded: {
    summary: "All that spec asks for, in the direction it names, is done.",
    reasons: migrationCourse,
  },
  Reconciling: {
    summary: "The controller works on it or waits for something that comes by itself.",
    reasons: migrationCourse,
  },
  Stalled: {
    summary: "It cannot go on until a person has acted.",
    reasons: migrationCourse,
  },
  PreflightPassed: {
    summary: "The cluster was looked at and nothing stands in the way.",
    reasons: ["Pending", "Preflight", ...findingReasons],
  },
  TargetInstalled: {
    summary: "The target's agent is installed, waits for nodes, and the cluster is ready for the first one.",
    reasons: [
      "NotStarted",
      "Preparing",
      "AwaitingTarget",
      "TargetInstalled",
      "Restoring",
      "Reverted",
      "TargetMissing",
      "ManifestsUnusable",
      "ImageMissing",
      "PoolConflict",
      "PermissionMissing",
      "Conflict",
    ],
  },
  NodesMigrated: {
    summary: "Every node that takes part is on the target.",
    reasons: ["NotStarted", "Migrating", "Paused", "Reverting", "Reverted", "NodeFailed", "NodesMigrated"],
  },
  ConnectivityVerified: {
    summary: "The connectivity check passed on every node that has moved.",
    reasons: ["NotStarted", "Verifying", "VerifyOff", "ConnectivityVerified", "ConnectivityFailed"],
  },
  SourceRemoved: {
    summary:
      "Nothing of the source is left on the nodes; its objects in the API stay, without a pod. Reason Finalized: nothing of the network that was left is in the API either.",
    reasons: ["NotStarted", "SourceKept", "SourceRemoved", "LeftoversFound", "Finalized"],
  },
  Reverted: {
    summary: "Every node is back on the source.",
    reasons: ["NotStarted", "Migrating", "Reverting", "Restoring", "Paused", "Reverted", "NodeFailed", "NodesMigrated"],
  },
} as const satisfies Record<string, ConditionText>;

/** Conditions of a NodeMigration. */
export const nodeConditions = {
  Succeeded: {
    summary: "The node is on the network spec.direction asks for and takes pods as before.",
    reasons: nodeCourse,
  },
  Reconciling: {
    summary: "The controller works on the node or waits for something that comes by itself.",
    reasons: nodeCourse,
  },
  Stalled: {
    summary: "The node cannot go on until a person has acted.",
    reasons: nodeCourse,
  },
  Cordoned: {
    summary: "The node takes no new pods.",
    reasons: ["NotStarted", "Cordoned", "CordonedAgain", "Uncordoned", ...anyStep],
  },
  Drained: {
    summary: "No pod that had to leave is on the node.",
    reasons: ["NotStarted", "Draining", "WaitingForReplacement", "Drained", ...evictionProblems, ...anyStep],
  },
  Switched: {
    summary: "The network the node was to join gives its pods their addresses.",
    reasons: [
      "NotStarted",
      "Switching",
      "SourceAgentRunning",
      "SourceAgentGone",
      "AgentNotReady",
      "TargetMissing",
      "Switched",
      ...anyStep,
    ],
  },
  PodsRestarted: {
    summary: "No pod with an address of the earlier network is on the node.",
    reasons: ["NotStarted", "PodsRestarting", "PodsRestarted", ...evictionProblems, ...anyStep],
  },
  ConnectivityVerified: {
    summary: "Every connection that was tried from and to the node worked.",
    reasons: ["NotStarted", "Verifying", "VerifyOff", "ConnectivityVerified", "ConnectivityFailed", ...anyStep],
  },
  CleanedUp: {
    summary: "The node was read again and holds nothing of the earlier network.",
    reasons: ["NotStarted", "CleaningUp", "LeftoversFound", "Clean", ...anyStep],
  },
} as const satisfies Record<string, ConditionText>;

export type NodeConditionType = keyof typeof nodeConditions;

interface StepText {
  readonly name: StepName;
  /** What is done, forward; on the way back the two networks are exchanged. */
  readonly what: string;
  /** The condition that is True when the step is done. */
  readonly condition?: NodeConditionType;
}

/** The steps of a node in their order. */
export const nodeSteps = [
  { name: "Pending", what: "The node waits for its turn; nothing was changed on it." },
  {
    name: "Cordon",
    what: "The node is made unschedulable and marked as cordoned by this migration. One a person had cordoned stays as it is, to the end.",
    condition: "Cordoned",
  },
  {
    name: "Drain",
    what: "Pods leave the node by eviction, never more than one Ready pod of an owner or Service at a time; the next one when the replacement is Ready.",
    condition: "Drained",
  },
  {
    name: "LeaveSource",
    what: "The source's agent is taken off the node, new pods are held back, and the node's overlay device is handed over to the target.",
  },
  {
    name: "AdoptPods",
    what: "Nothing: pods are drained and made anew.",
  },
  {
    name: "JoinTarget",
    what: "The target's agent is started on the node; when it serves, new pods are let in.",
    condition: "Switched",
  },
  {
    name: "RecyclePods",
    what: "Pods that were on the node before the switch are recreated, so that all have addresses of the target.",
    condition: "PodsRestarted",
  },
  {
    name: "Verify",
    what: "Probe pods try the node's connections: node and pods, both ways, Service, DNS, API, full-size packets, source addresses.",
    condition: "ConnectivityVerified",
  },
  {
    name: "CleanUp",
    what: "What the source left on the node is removed, then the node is read again.",
    condition: "CleanedUp",
  },
  {
    name: "Uncordon",
    what: "When the last pod of the old network has ended, the node takes pods again, unless a person had cordoned it.",
  },
  { name: "Done", what: "The node is on the target; nothing is left to do." },
] as const satisfies readonly StepText[];
