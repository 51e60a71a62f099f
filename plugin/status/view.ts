import type { CniMigration, NodeMigration } from "../../crds/index.ts";
import type { Tone } from "../output.ts";

/** Where a migration stands, as far as waiting for it goes. */
export type Outcome = "running" | "succeeded" | "failed";

export interface ConditionRow {
  type: string;
  status: string;
  reason: string;
  message: string;
  /** Seconds since the status last changed; undefined before the controller has spoken. */
  ageSeconds: number | undefined;
  tone: Tone | undefined;
}

export interface NodeRow {
  name: string;
  step: string;
  status: string;
  blockedBy: string;
  message: string;
  /** Pods still to leave the node while it is drained. */
  podsLeft: number;
  cordonedByUs: boolean;
  /** Seconds in the current step; undefined when it has none that runs. */
  stepSeconds: number | undefined;
  /** Seconds from its first step's start to its end, or to now. */
  totalSeconds: number | undefined;
  /** The steps begun, in order, and the seconds each took or has taken. */
  times: { step: string; seconds: number; running: boolean }[];
  ageSeconds: number | undefined;
  state: "failed" | "running" | "waiting" | "done";
}

/** All that `status` shows, decided; the renderers only lay it out. */
export interface StatusView {
  name: string;
  source: string;
  target: string;
  reverting: boolean;
  strategy: string | undefined;
  summary: string;
  message: string;
  progress: string | undefined;
  counts: string | undefined;
  ageSeconds: number | undefined;
  /** Seconds since the first change to the cluster, up to the end if there is one. */
  elapsedSeconds: number | undefined;
  ended: boolean;
  conditions: ConditionRow[];
  /** Those with a problem first, then those at work, then the rest, by name. */
  nodes: NodeRow[];
  outcome: Outcome;
}

type Direction = CniMigration["spec"]["direction"];
type Conditions = NonNullable<NonNullable<CniMigration["status"]>["conditions"]>;

/** Pure: objects and a clock in, what to show out. */
export function statusView(migration: CniMigration, nodes: readonly NodeMigration[], now: Date): StatusView {
  const { metadata, spec, status = {} } = migration;
  return {
    name: metadata.name,
    source: spec.source,
    target: spec.target,
    reverting: spec.direction === "Revert",
    strategy: status.strategy,
    summary: status.summary ?? "Pending",
    message: status.message ?? "",
    progress: status.progress,
    counts: countsOf(status.nodes, spec.direction === "Revert"),
    ageSeconds: secondsBetween(metadata.creationTimestamp, now),
    elapsedSeconds: secondsBetween(status.startTime, dateOf(status.completionTime) ?? now),
    ended: status.completionTime !== undefined,
    conditions: (status.conditions ?? []).map((condition) => conditionRow(condition, now)),
    nodes: ownNodes(migration, nodes)
      .map((node) => nodeRow(node, spec.direction, now))
      .sort(byProblem),
    outcome: outcomeOf(migration),
  };
}

/** The NodeMigrations of a migration. */
export function ownNodes(migration: CniMigration, nodes: readonly NodeMigration[]): NodeMigration[] {
  return nodes.filter((node) => node.spec.migrationName === migration.metadata.name).sort(byName);
}

/** Done, failed for good until a person acts, or under way. A status that speaks of an older spec counts as under way. */
export function outcomeOf(migration: CniMigration): Outcome {
  const { metadata, status = {} } = migration;
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0)) return "running";
  const is = (type: string, wanted: string) =>
    status.conditions?.some((c) => c.type === type && c.status === wanted) ?? false;
  if (is("Stalled", "True")) return "failed";
  if (is("Succeeded", "True")) return "succeeded";
  return is("Succeeded", "False") && is("Reconciling", "False") ? "failed" : "running";
}

/** The one to show when no name is given: the unfinished one, else the newest. */
export function chooseMigration(migrations: readonly CniMigration[]): CniMigration | undefined {
  const rank = (m: CniMigration) => [
    outcomeOf(m) === "succeeded" ? 1 : 0,
    -(Date.parse(m.metadata.creationTimestamp ?? "") || 0),
  ];
  return [...migrations].sort((a, b) => {
    const [[a0 = 0, a1 = 0], [b0 = 0, b1 = 0]] = [rank(a), rank(b)];
    return a0 - b0 || a1 - b1 || byName(a, b);
  })[0];
}

/** Conditions whose True is the bad news; every other fact is good when True. */
const badWhenTrue = new Set(["Stalled"]);

function conditionRow(condition: Conditions[number], now: Date): ConditionRow {
  const { type, status, reason, message, lastTransitionTime } = condition;
  const never = Date.parse(lastTransitionTime) === 0;
  return {
    type,
    status,
    reason,
    message,
    ageSeconds: never ? undefined : secondsBetween(lastTransitionTime, now),
    tone: toneOf(type, status),
  };
}

function toneOf(type: string, status: string): Tone | undefined {
  if (type === "Reconciling") return status === "True" ? "busy" : undefined;
  if (badWhenTrue.has(type)) return status === "True" ? "bad" : undefined;
  return status === "True" ? "good" : status === "False" ? "busy" : undefined;
}

function nodeRow(node: NodeMigration, direction: Direction, now: Date): NodeRow {
  const { metadata, spec, status = {} } = node;
  const state = stateOf(node, direction);
  const times = (status.steps ?? []).flatMap(({ name, startTime, completionTime }) => {
    const seconds = secondsBetween(startTime, dateOf(completionTime) ?? now);
    return seconds === undefined ? [] : [{ step: name, seconds, running: completionTime === undefined }];
  });
  const starts = (status.steps ?? []).flatMap((s) => s.startTime ?? []).sort();
  const ends = (status.steps ?? []).map((s) => s.completionTime);
  const end = ends.includes(undefined)
    ? now
    : (dateOf(
        ends
          .flatMap((e) => e ?? [])
          .sort()
          .at(-1),
      ) ?? now);
  return {
    name: spec.nodeName,
    step: status.step ?? "Pending",
    status: statusWord(node, state),
    blockedBy: status.blockedBy ?? "",
    message: status.message ?? "",
    podsLeft: status.drain?.pending?.length ?? 0,
    cordonedByUs: status.cordonedByUs ?? false,
    stepSeconds: times.find((t) => t.running)?.seconds,
    totalSeconds: secondsBetween(starts[0], end),
    times,
    ageSeconds: secondsBetween(metadata.creationTimestamp, now),
    state,
  };
}

/** The summary speaks of the way the node went last; what counts here is the way the migration goes. */
function statusWord({ status }: NodeMigration, state: NodeRow["state"]): string {
  if (state === "waiting") return "Pending";
  return state === "done" ? "Done" : (status?.summary ?? "Pending");
}

/** A node that is done one way waits when the migration goes the other way. */
function stateOf({ status }: NodeMigration, direction: Direction): NodeRow["state"] {
  if (status?.conditions?.some((c) => c.type === "Stalled" && c.status === "True")) return "failed";
  const step = status?.step ?? "Pending";
  if (step !== "Pending" && step !== "Done") return "running";
  const isOnSource = step === "Pending" || status?.direction === "Revert";
  return isOnSource === (direction === "Revert") ? "done" : "waiting";
}

function countsOf(nodes: NonNullable<CniMigration["status"]>["nodes"], reverting: boolean): string | undefined {
  if (nodes === undefined) return undefined;
  const others: [number, string][] = [
    [nodes.inProgress, "in progress"],
    [nodes.failed, "failed"],
    [nodes.pending, "waiting"],
    [nodes.skipped, "skipped"],
  ];
  const shown = others.filter(([count]) => count > 0).map(([count, word]) => `, ${count} ${word}`);
  return `${nodes.migrated} of ${nodes.total} ${reverting ? "back" : "done"}${shown.join("")}`;
}

const urgency = { failed: 0, running: 1, waiting: 2, done: 3 } as const;

function byProblem(a: NodeRow, b: NodeRow): number {
  return urgency[a.state] - urgency[b.state] || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

function byName(a: { metadata: { name: string } }, b: { metadata: { name: string } }): number {
  return a.metadata.name < b.metadata.name ? -1 : a.metadata.name > b.metadata.name ? 1 : 0;
}

function dateOf(time: string | undefined): Date | undefined {
  const parsed = time === undefined ? Number.NaN : Date.parse(time);
  return Number.isNaN(parsed) ? undefined : new Date(parsed);
}

/** Never negative: the cluster's clock and ours may differ a little. */
function secondsBetween(start: string | undefined, end: Date): number | undefined {
  const from = dateOf(start);
  return from === undefined ? undefined : Math.max(0, (end.getTime() - from.getTime()) / 1000);
}
