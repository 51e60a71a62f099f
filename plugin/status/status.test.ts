import { describe, expect, it } from "vitest";
import { painter } from "../output.ts";
import { condition, migration, node, nodes, withStatus } from "./fixtures.ts";
import { ChangeLines } from "./lines.ts";
import { preciseSpan, renderStatus } from "./render.ts";
import { crop, Screen } from "./screen.ts";
import { chooseMigration, outcomeOf, statusView } from "./view.ts";

const now = new Date("2026-11-21T12:00:00Z");
const plain = { wide: false, mostNodes: 50, paint: painter(false) };

describe("plugin/status", () => {
  it("shows the migration, its conditions, and the nodes with a problem first", () => {
    expect(renderStatus(statusView(migration, nodes, now), plain)).toMatchInlineSnapshot(`
      "Migration:     flannel-to-calico
      Networks:      flannel to calico (SharedOverlay)
      Status:        Stalled
      Message:       node n3: pod shop/debug has no controller; kubectl cni-migrate retry n3
      Nodes:         1 of 3 done, 1 in progress, 1 failed
      Running for:   1m30s

      CONDITION         STATUS   REASON            AGE
      PreflightPassed   True     PreflightPassed   1m
      NodesMigrated     False    NodeFailed        1m
      Reconciling       False    NodeFailed        1m
      Stalled           True     NodeFailed        1m
      Succeeded         False    NodeFailed        1m

      NODE   STEP    STATUS    BLOCKED-BY                      STEP-TIME   TOTAL
      n3     Drain   Stalled   <none>                          <none>      <none>
      n2     Drain   Drain     PodDisruptionBudget shop/cart   2.1s        2.1s
      n1     Done    Done      <none>                          <none>      3.3s

      n3:   pod shop/debug has no controller; kubectl cni-migrate retry n3
      "
    `);
  });

  it("adds messages and the time of each step with -o wide", () => {
    expect(renderStatus(statusView(migration, nodes, now), { ...plain, wide: true })).toMatchInlineSnapshot(`
      "Migration:     flannel-to-calico
      Networks:      flannel to calico (SharedOverlay)
      Status:        Stalled
      Message:       node n3: pod shop/debug has no controller; kubectl cni-migrate retry n3
      Nodes:         1 of 3 done, 1 in progress, 1 failed
      Running for:   1m30s

      CONDITION         STATUS    REASON            AGE   MESSAGE
      PreflightPassed   True      PreflightPassed   1m    PreflightPassed it is
      NodesMigrated     False     NodeFailed        1m    NodeFailed it is
      Reverted          Unknown   NotStarted        1m    NotStarted it is
      Reconciling       False     NodeFailed        1m    NodeFailed it is
      Stalled           True      NodeFailed        1m    NodeFailed it is
      Succeeded         False     NodeFailed        1m    NodeFailed it is

      NODE   STEP    STATUS    BLOCKED-BY                      STEP-TIME   TOTAL    CORDONED-BY-US   MESSAGE                                                          TIMES
      n3     Drain   Stalled   <none>                          <none>      <none>   no               pod shop/debug has no controller; kubectl cni-migrate retry n3   <none>
      n2     Drain   Drain     PodDisruptionBudget shop/cart   2.1s        2.1s     yes              3 pods left                                                      Drain 2.1s
      n1     Done    Done      <none>                          <none>      3.3s     yes              the node is on its new network                                   Cordon 0.2s, Drain 3.1s
      "
    `);
  });

  it("shows a migration the controller has not seen yet", () => {
    const fresh = { ...migration };
    delete fresh.status;

    expect(renderStatus(statusView(fresh, [], now), plain)).toMatchInlineSnapshot(`
      "Migration:   flannel-to-calico
      Networks:    flannel to calico
      Status:      Pending
      "
    `);
  });

  const backwards = { ...migration, spec: { ...migration.spec, direction: "Revert" as const } };

  it("shows a migration that goes back: what is back, what is on its way, what waits", () => {
    const going = {
      ...backwards,
      status: {
        ...migration.status,
        summary: "Reverting",
        message: "1 node to go",
        nodes: { total: 4, pending: 1, inProgress: 1, migrated: 2, failed: 0, skipped: 0 },
        conditions: [condition("Reverted", "False", "Reverting"), condition("Reconciling", "True", "Reverting")],
      },
    };
    const done = (name: string, direction: "Forward" | "Revert") =>
      node(name, {
        step: "Done",
        direction,
        summary: "Done",
        conditions: [condition("Succeeded", "True", "Succeeded")],
      });
    const moving = node("n3", { step: "LeaveSource", direction: "Revert", summary: "LeaveSource" });
    const all = [done("n1", "Forward"), done("n2", "Revert"), moving, node("n4", { step: "Pending" })];

    expect(renderStatus(statusView(going, all, now), plain)).toMatchInlineSnapshot(`
      "Migration:     flannel-to-calico
      Networks:      flannel to calico, going back (SharedOverlay)
      Status:        Reverting
      Message:       1 node to go
      Nodes:         2 of 4 back, 1 in progress, 1 waiting
      Running for:   1m30s

      CONDITION     STATUS   REASON      AGE
      Reverted      False    Reverting   1m
      Reconciling   True     Reverting   1m

      NODE   STEP          STATUS        BLOCKED-BY   STEP-TIME   TOTAL
      n3     LeaveSource   LeaveSource   <none>       <none>      <none>
      n1     Done          Pending       <none>       <none>      <none>
      n2     Done          Done          <none>       <none>      <none>
      n4     Pending       Done          <none>       <none>      <none>
      "
    `);
  });

  it("shows a migration that went back, and forward again", () => {
    const gone = {
      ...backwards,
      status: { ...migration.status, conditions: [condition("Succeeded", "True", "Reverted")] },
    };
    const back = node("n2", { step: "Done", direction: "Revert", summary: "Done" });
    const state = (given: typeof migration) => statusView(given, [back], now).nodes[0]?.state;

    expect(renderStatus(statusView(gone, [back], now), plain)).toContain(
      "flannel to calico, back on flannel (SharedOverlay)",
    );
    expect([state(gone), state(migration)]).toEqual(["done", "waiting"]);
  });

  it("counts the nodes it leaves out", () => {
    const text = renderStatus(statusView(migration, nodes, now), { ...plain, mostNodes: 1 });

    expect(text).toContain("and 2 more: kubectl cni-migrate status flannel-to-calico -o wide\n");
    expect(text).not.toContain("n1 ");
  });

  it("makes hostile text of the cluster harmless", () => {
    const hostile = node("n\u001b[2J", { step: "Drain", message: "x\u202e", blockedBy: "a\rb" });

    expect(renderStatus(statusView(migration, [hostile], now), { ...plain, wide: true })).not.toMatch(
      /[\u001b\r\u202e]/,
    );
  });

  it("leaves out nodes of other migrations", () => {
    const other = { ...node("n9", {}), spec: { migrationName: "other", nodeName: "n9", nodeUID: "u" } };

    expect(statusView(migration, [...nodes, other], now).nodes.map((row) => row.name)).toEqual(["n3", "n2", "n1"]);
  });

  it.each([
    [
      "Stalled",
      [condition("Stalled", "True", "NodeFailed"), condition("Succeeded", "False", "NodeFailed")],
      1,
      "failed",
    ],
    [
      "Succeeded",
      [condition("Succeeded", "True", "Succeeded"), condition("Stalled", "False", "Succeeded")],
      1,
      "succeeded",
    ],
    ["a status of an older spec", [condition("Succeeded", "True", "Succeeded")], 0, "running"],
    ["no conditions", [], 1, "running"],
    [
      "Reconciling",
      [condition("Reconciling", "True", "Migrating"), condition("Succeeded", "Unknown", "Progressing")],
      1,
      "running",
    ],
    [
      "ended without success",
      [condition("Reconciling", "False", "Failed"), condition("Succeeded", "False", "Failed")],
      1,
      "failed",
    ],
  ] as const)("takes %s for what it is", (_name, conditions, observedGeneration, expected) => {
    expect(outcomeOf(withStatus({ conditions: [...conditions], observedGeneration }))).toBe(expected);
  });

  it("chooses the unfinished migration, else the newest", () => {
    const done = (name: string, creationTimestamp: string) => ({
      ...withStatus({ conditions: [condition("Succeeded", "True", "Succeeded")] }),
      metadata: { name, generation: 1, creationTimestamp },
    });
    const [old, recent] = [done("a", "2026-01-01T00:00:00Z"), done("b", "2026-02-01T00:00:00Z")];

    expect(chooseMigration([recent, migration, old])).toBe(migration);
    expect(chooseMigration([old, recent])).toBe(recent);
    expect(chooseMigration([])).toBeUndefined();
  });

  it("says each change in one line and nothing twice", () => {
    const lines = new ChangeLines();
    const at = (seconds: number) => new Date(now.getTime() + seconds * 1000);
    const view = (n2: Parameters<typeof node>[1]) =>
      statusView(withStatus({ summary: "Migrating", message: "" }), [node("n2", n2)], now);
    const pending = (names: string[]) => ({ pending: names.map((name) => ({ namespace: "shop", name })) });
    const clockless = (all: string[]) => all.map((line) => line.replace(/^\d\d:\d\d:\d\d /, ""));

    expect(clockless(lines.next(view({ step: "Drain", drain: pending(["a", "b"]) }), at(0)))).toEqual([
      "n2 Drain: 2 pods left",
      "flannel-to-calico Migrating: 1/3",
    ]);
    expect(lines.next(view({ step: "Drain", drain: pending(["a", "b"]) }), at(1))).toEqual([]);
    expect(clockless(lines.next(view({ step: "Drain", drain: pending(["a"]) }), at(2.1)))).toEqual([
      "n2 Drain: 1 pod left (+2.1s)",
    ]);
    expect(clockless(lines.next(view({ step: "LeaveSource", message: "the agent ends" }), at(3.1)))).toEqual([
      "n2 LeaveSource: the agent ends (+1.0s)",
    ]);
    expect(clockless(lines.note("still trying", at(4)))).toEqual(["still trying"]);
  });

  it("redraws in place and never lets a line wrap", () => {
    let written = "";
    const screen = new Screen({
      write: (text: string) => (written += text),
      isTTY: true,
      columns: 5,
      rows: 3,
    } as never);

    screen.draw("123456789\nb\nc\nd\n");
    screen.draw("x\n");

    expect(written).toBe("\r\u001b[J12345\nb\n\u001b[2A\r\u001b[Jx\n");
  });

  it("cuts at characters, not at colours", () => {
    expect(crop("\u001b[31mabc\u001b[39mdef", 4)).toBe("\u001b[31mabc\u001b[39md");
    expect(crop("😀😀😀", 2)).toBe("😀😀");
  });

  it.each([
    [undefined, ""],
    [0.04, "0.0s"],
    [3.14, "3.1s"],
    [59.97, "1m"],
    [75, "1m15s"],
  ])("shows %s s as %j", (seconds, text) => {
    expect(preciseSpan(seconds)).toBe(text);
  });
});
