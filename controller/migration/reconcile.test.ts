import { describe, expect, it } from "vitest";
import type { CniMigration, NodeMigration } from "../../crds/index.ts";
import { condition, migration, node, nodeMigration, testScope } from "../testing.ts";
import type { MigrationContext, PhaseResult } from "./phase.ts";
import { statusOf } from "./reconcile.ts";

const nodes = [node("n1"), node("n2"), node("n3", { labels: { pool: "x" } })];

function context(of: CniMigration = migration(), parts: NodeMigration[] = []): MigrationContext {
  return { scope: testScope(), migration: of, nodes, nodeMigrations: parts, record: async () => undefined };
}

const wait: PhaseResult = { outcome: "wait", summary: "Migrating", reason: "Migrating", message: "node n2 in Drain" };
const stalled: PhaseResult = { outcome: "stalled", reason: "NodeFailed", message: "node n2 failed" };
const finished: PhaseResult = { outcome: "finished", reason: "Succeeded", message: "3 nodes are on calico" };

const said = (status: Partial<NonNullable<CniMigration["status"]>>) =>
  Object.fromEntries((status.conditions ?? []).map((c) => [c.type, `${c.status} ${c.reason}: ${c.message}`]));

describe("statusOf", () => {
  it.each<[string, PhaseResult, string, Record<string, string>]>([
    [
      "goes on",
      wait,
      "Migrating",
      {
        Stalled: "False Progressing: ",
        Reconciling: "True Migrating: node n2 in Drain",
        Succeeded: "Unknown Migrating: node n2 in Drain",
      },
    ],
    [
      "is stalled",
      stalled,
      "Stalled",
      {
        Stalled: "True NodeFailed: node n2 failed",
        Reconciling: "False NodeFailed: node n2 failed",
        Succeeded: "False NodeFailed: node n2 failed",
      },
    ],
    [
      "is finished",
      finished,
      "Succeeded",
      {
        Stalled: "False Succeeded: ",
        Reconciling: "False Succeeded: ",
        Succeeded: "True Succeeded: 3 nodes are on calico",
      },
    ],
  ])("of one that %s has exactly one of the three to go by", (_title, result, summary, conditions) => {
    const status = statusOf(context(), result);

    expect(status.summary).toBe(summary);
    expect(said(status)).toEqual(conditions);
    expect(status.message).toBe("message" in result ? result.message : undefined);
    expect(status.observedGeneration).toBe(2);
    expect(status.conditions?.every((c) => c.observedGeneration === 2)).toBe(true);
  });

  it("counts the nodes that take part", () => {
    const of = migration({ nodeSelector: { matchExpressions: [{ key: "pool", operator: "DoesNotExist" }] } });
    const status = statusOf(context(of, [nodeMigration("n1", "Done"), nodeMigration("n2", "Drain")]), wait);

    expect(status.progress).toBe("1/2");
    expect(status.nodes).toEqual({ total: 3, pending: 0, inProgress: 1, migrated: 1, failed: 0, skipped: 1 });
  });

  it("dates the end once, when there is one, and anew when it went on after it", () => {
    const end = statusOf(context(), finished).completionTime;

    expect(end).toBe("2030-01-01T00:00:00.000Z");
    expect(statusOf(context(), wait)).not.toHaveProperty("completionTime");
    const completionTime = "2029-01-01T00:00:00Z";
    const ended = migration({}, { completionTime, conditions: [condition("Succeeded", "True")] });
    const wentOn = migration({}, { completionTime, conditions: [condition("Succeeded", "Unknown")] });
    expect(statusOf(context(ended), finished).completionTime).toBe(completionTime);
    expect(statusOf(context(wentOn), finished).completionTime).toBe(end);
  });

  it("keeps what other phases have said", () => {
    const passed = condition("PreflightPassed", "True", "PreflightPassed", "3 nodes looked at");
    const status = statusOf(context(migration({}, { conditions: [passed] })), wait);

    expect(status.conditions?.[0]).toEqual(passed);
    expect(status.conditions).toHaveLength(4);
  });

  it("says the same when nothing has changed, so that nothing is written", () => {
    const once = statusOf(context(), stalled);
    const later = context(migration({}, once));
    (later.scope as ReturnType<typeof testScope>).clock.freeze(60);

    expect(statusOf(later, stalled)).toEqual(once);
  });

  it("is nothing while no phase has concluded", () => {
    expect(statusOf(context(), { outcome: "next" })).toEqual({});
  });
});
