import { describe, expect, test } from "vitest";
import type { Node, Pod } from "../../kube/objects.ts";
import { ClusterIndex } from "../drain/cluster.ts";
import { node, pod, t0, view, workload } from "../drain/testing.ts";
import { judgeSpread, type SpreadContext } from "./plan.ts";

/** Begun at t0 in a migration that began ten minutes before; pods are made five minutes before t0 unless they say else. */
function judge(pods: Pod[], nodes: Node[], replicas = pods.length, changes: Partial<SpreadContext> = {}) {
  const web = workload("ReplicaSet/web", replicas);
  const verdict = judgeSpread(web, {
    index: new ClusterIndex(view({ pods, workloads: [web] })),
    claimed: new Set(),
    nodes,
    network: "calico",
    disturbedSinceMs: t0 - 600_000,
    startedAtMs: t0,
    mayMove: () => true,
    ...changes,
  });
  return verdict.verdict === "move" ? `move ${verdict.pod.metadata.name}` : verdict;
}

const on = (name: string, where: string | undefined, facts = {}) =>
  pod(name, { node: where, createdAt: -300, ...facts });
const workers = [node("n1"), node("n2")];
const even = { verdict: "even" };

describe("judgeSpread", () => {
  test.each<[string, ReturnType<typeof judge>, unknown]>([
    [
      "four on one of two nodes: one goes",
      judge(
        ["a", "b", "c", "d"].map((n) => on(n, "n1")),
        workers,
      ),
      "move a",
    ],
    ["three to one: one goes", judge([on("a", "n1"), on("b", "n1"), on("c", "n1"), on("d", "n2")], workers), "move a"],
    ["two to one is even", judge([on("a", "n1"), on("b", "n1"), on("c", "n2")], workers), even],
    ["two on one of two nodes: one goes", judge([on("a", "n1"), on("b", "n1")], workers), "move a"],
    ["a single replica is even", judge([on("a", "n1")], workers), even],
    [
      "an owner the migration did not disturb is left alone",
      judge(
        ["a", "b", "c"].map((n) => on(n, "n1", { createdAt: -3600 })),
        workers,
      ),
      even,
    ],
    [
      "a cordoned node takes none",
      judge([on("a", "n1"), on("b", "n1")], [node("n1"), node("n2", { cordoned: true })]),
      even,
    ],
    [
      "pods on a node that takes none are not counted",
      judge([on("a", "n3"), on("b", "n3"), on("c", "n3")], [...workers, node("n3", { cordoned: true })]),
      even,
    ],
    [
      "pods on their way out are not counted",
      judge([on("a", "n1"), on("b", "n1", { deletedAt: 9 }), on("c", "n2")], workers, 2),
      even,
    ],
  ])("%s", (_, verdict, expected) => {
    expect(verdict).toEqual(expected);
  });

  test("a missing pod is waited for", () => {
    expect(judge([on("a", "n1"), on("b", "n1")], workers, 3)).toEqual({
      verdict: "unsettled",
      because: "has 2 of 3 pods",
    });
  });

  test("a pod that was evicted just now counts as missing", () => {
    const claimed = new Set(["uid-a"]);

    expect(judge([on("a", "n1"), on("b", "n1")], workers, 2, { claimed })).toMatchObject({ verdict: "unsettled" });
  });

  test("a pod without a node is waited for, one that fits nowhere is not", () => {
    const pods = [on("a", "n1"), on("b", "n1")];
    const nowhere = on("c", undefined, { phase: "Pending", ready: false });
    const scheduled = { type: "PodScheduled", status: "False" as const, reason: "Unschedulable" };
    const stuck = { ...nowhere, status: { ...nowhere.status, conditions: [scheduled] } };

    expect(judge([...pods, nowhere], workers)).toEqual({ verdict: "unsettled", because: "shop/c has no node yet" });
    expect(judge([...pods, stuck], workers)).toBe("move a");
  });

  test("what was moved is not moved again, and no owner is moved by more than half", () => {
    const three = [...workers, node("n3")];
    const old = [on("a", "n1"), on("b", "n1"), on("c", "n1")];
    const moved = [
      on("m1", "n2", { createdAt: 5 }),
      on("m2", "n2", { createdAt: 9 }),
      on("m3", "n2", { createdAt: 12 }),
    ];

    expect(judge([...old, ...moved.slice(0, 2)], three)).toBe("move a");
    expect(judge([...old, ...moved], three)).toEqual({ verdict: "leave", because: "3 of its pods were moved" });
  });

  test("one that the scheduler puts back ends it", () => {
    const pods = [on("a", "n1"), on("b", "n1"), on("c", "n1"), on("back", "n1", { createdAt: 3 })];

    expect(judge(pods, workers)).toEqual({
      verdict: "leave",
      because: "the scheduler put shop/back on n1 again",
    });
  });

  test("pods with a claim, unready ones and those the drain would not touch stay", () => {
    const claim = { volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }] };
    const pods = [on("a", "n1", { spec: claim }), on("b", "n1", { ready: false }), on("c", "n1"), on("d", "n1")];

    expect(judge(pods, workers)).toBe("move c");
    expect(judge(pods, workers, 4, { mayMove: (p) => p.metadata.name !== "c" })).toBe("move d");
    expect(judge(pods, workers, 4, { mayMove: () => false })).toEqual({
      verdict: "leave",
      because: "none of its pods may be moved",
    });
  });
});
