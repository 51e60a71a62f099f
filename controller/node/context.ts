import type { CniMigration, NodeMigration, StepName } from "../../crds/index.ts";
import type { Node } from "../../kube/objects.ts";
import type { AgentRef, Network, PlanContext, PlanNode } from "../../networks/contract.ts";
import type { Scope } from "../scope.ts";

export type NodeStatus = NonNullable<NodeMigration["status"]>;

/** All a step may look at. `from` and `to` are the two networks in the direction the node goes. */
export interface NodeContext {
  scope: Scope;
  migration: CniMigration;
  nodeMigration: NodeMigration;
  /** UID of the NodeMigration: whose cordon, whose pods. */
  uid: string;
  node: Node;
  planNode: PlanNode;
  plan: PlanContext;
  from: Network;
  to: Network;
  fromAgent: AgentRef;
  toAgent: AgentRef;
  cniConfDir: string;
  cniBinDir: string;
  /** When the current step began, as recorded. */
  stepStartedAt: Date;
  /**
   * Writes intent to status before a side effect; the context's nodeMigration is the written one afterwards. Guarded by
   * resourceVersion: on a conflict the pass ends and starts over from what the cluster shows.
   */
  record(status: Partial<NodeStatus>): Promise<void>;
}

/** What a pass over a step says. Side effects are done by then; `status` is what it saw. */
export type StepResult =
  | { outcome: "done"; reason: string; message: string; status?: Partial<NodeStatus> }
  | { outcome: "wait"; reason: string; message: string; status?: Partial<NodeStatus>; afterSeconds?: number }
  /** A person must act; what was seen is kept. The same as throwing a stalled MigrationError, with status. */
  | { outcome: "failed"; reason: string; message: string; hint?: string; status?: Partial<NodeStatus> };

export interface NodeStep {
  readonly name: StepName;
  /**
   * One level-triggered pass: looks, acts where needed, and says whether the step holds. Idempotent: it may be run again
   * after a kill at any line. Throws MigrationError.
   */
  run(context: NodeContext): Promise<StepResult>;
  /** Set True when the step is done, False when it fails. */
  readonly condition?: string;
  /** Set False when the step is done, unless what it says was so before the migration. */
  readonly ends?: string;
  /** Seconds from the step's start until it counts as failed; Drain brings its own. */
  readonly limitSeconds: number;
  /** Reason when the limit is passed. */
  readonly limitReason: string;
  /** Disturbs the node: not begun while the migration is paused. */
  readonly disruptive: boolean;
  /** How it is taken back, or why there is nothing to take back. */
  readonly undo: string;
}

export const done = (reason: string, message: string, status?: Partial<NodeStatus>): StepResult =>
  status === undefined ? { outcome: "done", reason, message } : { outcome: "done", reason, message, status };

export const wait = (
  reason: string,
  message: string,
  more: { status?: Partial<NodeStatus>; afterSeconds?: number } = {},
): StepResult => ({ outcome: "wait", reason, message, ...more });
