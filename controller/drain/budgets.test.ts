import { describe, expect, test } from "vitest";
import type { Pod, PodDisruptionBudget } from "../../kube/objects.ts";
import { budgetVerdict, budgetVersions } from "./budgets.ts";
import { ClusterIndex } from "./cluster.ts";
import { budget, pod, view, workload } from "./testing.ts";

const pods = (count: number) => Array.from({ length: count }, (_, i) => pod(`web-${i}`));

function verdict(budgets: PodDisruptionBudget[], all: Pod[] = pods(3), replicas = all.length) {
  const index = new ClusterIndex(view({ pods: all, budgets, workloads: [workload("ReplicaSet/web", replicas)] }));
  return budgetVerdict(all[0] ?? pod("none"), index);
}

const none = { disruptionsAllowed: 0, currentHealthy: 2, desiredHealthy: 2, expectedPods: 3 };

describe("a budget that may allow it", () => {
  test.each<[string, PodDisruptionBudget[]]>([
    ["no budget", []],
    ["a budget with room", [budget("web", { minAvailable: 2 }, { ...none, disruptionsAllowed: 1 })]],
    ["a budget over other pods", [budget("web", { minAvailable: 9, selector: { matchLabels: { app: "api" } } }, none)]],
    ["a budget without a selector", [{ ...budget("web", {}), spec: { minAvailable: 9 } }]],
  ])("%s: the API server is asked", (_, budgets) => {
    expect(verdict(budgets)).toEqual({ verdict: "ask" });
  });

  test.each<[string, Pod]>([
    ["Pending", pod("web-0", { phase: "Pending", ready: false })],
    ["terminating", pod("web-0", { deletedAt: 3 })],
    ["finished", pod("web-0", { phase: "Failed", ready: false })],
  ])("a %s pod needs no leave", (_, first) => {
    expect(verdict([budget("web", { minAvailable: "100%" }, none)], [first])).toEqual({ verdict: "ask" });
  });

  test("a pod that is not Ready may go while enough others are healthy", () => {
    const unready = [pod("web-0", { ready: false }), ...pods(2)];

    expect(verdict([budget("web", { minAvailable: 2 }, none)], unready)).toEqual({ verdict: "ask" });
    expect(verdict([budget("web", { minAvailable: 2 }, { ...none, currentHealthy: 1 })], unready).verdict).toBe("wait");
  });

  test("a pod that is not Ready may go in any case under AlwaysAllow", () => {
    const unready = [pod("web-0", { ready: false })];
    const always = budget(
      "web",
      { minAvailable: 2, unhealthyPodEvictionPolicy: "AlwaysAllow" },
      { ...none, currentHealthy: 0 },
    );

    expect(verdict([always], unready)).toEqual({ verdict: "ask" });
  });
});

describe("a budget that does not allow it now", () => {
  test("its numbers are named", () => {
    expect(verdict([budget("web", { minAvailable: 2 }, none)])).toEqual({
      verdict: "wait",
      blockedBy: "PodDisruptionBudget shop/web allows 0 disruptions (minAvailable 2, 2 of 3 healthy)",
    });
  });

  test("one that was not counted anew since its change", () => {
    const changed = budget("web", { maxUnavailable: 1 }, { ...none, disruptionsAllowed: 1, observedGeneration: 0 });

    expect(verdict([changed])).toEqual({
      verdict: "wait",
      blockedBy: "PodDisruptionBudget shop/web was changed and not yet counted anew (maxUnavailable 1)",
    });
  });

  test("replicas that come count, not those that are there", () => {
    expect(verdict([budget("web", { minAvailable: 2 }, none)], pods(2), 3).verdict).toBe("wait");
  });
});

describe("a budget that never allows it", () => {
  const patch = (spec: object) => `kubectl -n shop patch pdb web --type merge -p '${JSON.stringify({ spec })}'`;

  test.each<[PodDisruptionBudget["spec"], number, string, string]>([
    [{ minAvailable: 2 }, 2, "minAvailable 2, 2 wanted", `add a replica, or ${patch({ minAvailable: 1 })}`],
    [{ minAvailable: 3 }, 2, "minAvailable 3, 2 wanted", `add a replica, or ${patch({ minAvailable: 1 })}`],
    [{ minAvailable: "100%" }, 3, "minAvailable 100%, 3 wanted", `add a replica, or ${patch({ minAvailable: 2 })}`],
    [{ minAvailable: "50%" }, 1, "minAvailable 50%, 1 wanted", `add a replica, or ${patch({ minAvailable: 0 })}`],
    [{ maxUnavailable: 0 }, 3, "maxUnavailable 0, 3 wanted", patch({ maxUnavailable: 1 })],
    [{ maxUnavailable: "0%" }, 3, "maxUnavailable 0%, 3 wanted", patch({ maxUnavailable: 1 })],
  ])("%j over %d replicas", (spec, count, numbers, cure) => {
    expect(verdict([budget("web", spec, none)], pods(count))).toEqual({
      verdict: "never",
      blockedBy: `PodDisruptionBudget shop/web never allows a disruption (${numbers})`,
      cure,
    });
  });

  test.each<[PodDisruptionBudget["spec"], number]>([
    [{ minAvailable: 1 }, 2],
    [{ minAvailable: "50%" }, 2],
    [{ maxUnavailable: 1 }, 1],
    [{ maxUnavailable: "1%" }, 3],
  ])("%j over %d replicas is only slow", (spec, count) => {
    expect(verdict([budget("web", spec, none)], pods(count)).verdict).toBe("wait");
  });

  const failed = (message: string) => ({
    ...none,
    conditions: [
      { type: "DisruptionAllowed", status: "False" as const, reason: "SyncFailed", message, lastTransitionTime: "" },
    ],
  });

  test("one that nobody can count: a pod of it belongs to no kind with a scale", () => {
    const message = "daemonsets.apps does not implement the scale subresource";

    expect(verdict([budget("web", { maxUnavailable: 1 }, failed(message))])).toEqual({
      verdict: "never",
      blockedBy: `PodDisruptionBudget shop/web cannot be counted: ${message}`,
      cure: patch({ maxUnavailable: null, minAvailable: 2 }),
    });
  });

  test("one that could not be counted just now is only slow", () => {
    expect(verdict([budget("web", { maxUnavailable: 1 }, failed("the server is busy"))]).verdict).toBe("wait");
  });

  test("two budgets over one pod, even with room", () => {
    const room = { ...none, disruptionsAllowed: 2 };

    expect(verdict([budget("web", { minAvailable: 1 }, room), budget("all", { minAvailable: 1 }, room)])).toEqual({
      verdict: "never",
      blockedBy: "PodDisruptionBudgets shop/all and shop/web both select it, and the API server evicts no such pod",
      cure: "change the selectors so that one of them selects pod shop/web-0",
    });
  });
});

test("budgetVersions changes with the budget's version only", () => {
  const first = budgetVersions([budget("web", {}, none, "1")]);

  expect(budgetVersions([budget("web", {}, none, "1")])).toBe(first);
  expect(budgetVersions([budget("web", {}, none, "2")])).not.toBe(first);
});
