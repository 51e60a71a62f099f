import type { CniMigration, NodeMigration } from "../../crds/index.ts";
import { type ConditionRow, type NodeRow, statusView } from "../status/view.ts";

type NodeStatus = NonNullable<NodeMigration["status"]>;
type Counts = NonNullable<NonNullable<CniMigration["status"]>["nodes"]>;
type Evidence = NonNullable<NodeStatus["evidence"]>;

/** Of a node: where it stands, how long it took, and the evidence. */
export interface NodeReport {
  node: string;
  /** The network that gives its new pods their addresses; "changing" in the middle of the switch. */
  network: string;
  step: string;
  status: string;
  message: string;
  /** Begun but not ended steps count to now. null before the first. */
  seconds: number | null;
  /** Of the direction the node went last. */
  steps: { name: string; startTime: string | null; completionTime: string | null; seconds: number | null }[];
  /** How often a step was begun anew, or the node turned round. */
  attempts: number;
  found: string[];
  removed: string[];
  leftovers: string[];
  checks: { path: string; ok: boolean; detail: string }[];
}

/** All that `report` tells, and its stable shape for programs. Times are RFC 3339, UTC. */
export interface Report {
  migration: string;
  source: string;
  target: string;
  direction: "Forward" | "Revert";
  strategy: string | null;
  status: string;
  message: string;
  /** "succeeded", "failed" or "running". */
  outcome: string;
  createdAt: string | null;
  startedAt: string | null;
  endedAt: string | null;
  /** From its start to its end, or to now. */
  seconds: number | null;
  /** When this was written. */
  writtenAt: string;
  counts: Counts | null;
  /** What was read of the source, and where. */
  detected: { name: string; value: string; from: string }[];
  conditions: Pick<ConditionRow, "type" | "status" | "reason" | "message">[];
  totals: { removed: number; leftovers: number; checksPassed: number; checksFailed: number };
  /** In the order they began, then by name. */
  nodes: NodeReport[];
}

/** Pure: the account of a migration from its objects. */
export function reportOf(migration: CniMigration, all: readonly NodeMigration[], now: Date): Report {
  const view = statusView(migration, all, now);
  const { metadata, spec, status = {} } = migration;
  const nodes = view.nodes
    .map((row) => nodeReport(migration, row, all.find((node) => node.spec.nodeName === row.name)?.status ?? {}))
    .sort(byBegin);
  const checks = nodes.flatMap((node) => node.checks);
  const count = (list: "removed" | "leftovers") => nodes.reduce((sum, node) => sum + node[list].length, 0);
  return {
    migration: metadata.name,
    source: spec.source,
    target: spec.target,
    direction: spec.direction ?? "Forward",
    strategy: status.strategy ?? null,
    status: view.summary,
    message: view.message,
    outcome: view.outcome,
    createdAt: metadata.creationTimestamp ?? null,
    startedAt: status.startTime ?? null,
    endedAt: status.completionTime ?? null,
    seconds: rounded(view.elapsedSeconds),
    writtenAt: now.toISOString(),
    counts: status.nodes ?? null,
    detected: (status.detected ?? []).map(({ name, value, from }) => ({ name, value, from })),
    conditions: view.conditions.map(({ type, status, reason, message }) => ({ type, status, reason, message })),
    totals: {
      removed: count("removed"),
      leftovers: count("leftovers"),
      checksPassed: checks.filter(({ ok }) => ok).length,
      checksFailed: checks.filter(({ ok }) => !ok).length,
    },
    nodes,
  };
}

function nodeReport(migration: CniMigration, row: NodeRow, status: NodeStatus): NodeReport {
  const evidence: Evidence = status.evidence ?? {};
  return {
    node: row.name,
    network: networkOf(migration, status),
    step: row.step,
    status: row.status,
    message: row.message,
    seconds: rounded(row.totalSeconds),
    steps: (status.steps ?? []).map(({ name, startTime, completionTime }) => ({
      name,
      startTime: startTime ?? null,
      completionTime: completionTime ?? null,
      seconds: rounded(row.times.find((time) => time.step === name)?.seconds),
    })),
    attempts: status.attempts ?? 0,
    found: evidence.found ?? [],
    removed: evidence.removed ?? [],
    leftovers: evidence.leftovers ?? [],
    checks: (evidence.checks ?? []).map(({ path, ok, detail = "" }) => ({ path, ok, detail })),
  };
}

/** Steps in which a node is still, or already, on one network. */
const beforeSwitch = ["Cordon", "Drain"];
const afterSwitch = ["RecyclePods", "Verify", "CleanUp", "Uncordon", "Done"];

function networkOf({ spec }: CniMigration, { step = "Pending", direction }: NodeStatus): string {
  if (step === "Pending") return spec.source;
  const [from, to] = direction === "Revert" ? [spec.target, spec.source] : [spec.source, spec.target];
  if (beforeSwitch.includes(step)) return from;
  return afterSwitch.includes(step) ? to : "changing";
}

function byBegin(a: NodeReport, b: NodeReport): number {
  const begin = ({ steps }: NodeReport) => steps.flatMap(({ startTime }) => startTime ?? []).sort()[0] ?? "9999";
  const [first, second] = [begin(a) + a.node, begin(b) + b.node];
  return first < second ? -1 : 1;
}

/** Milliseconds. */
function rounded(seconds: number | undefined): number | null {
  return seconds === undefined ? null : Math.round(seconds * 1000) / 1000;
}
