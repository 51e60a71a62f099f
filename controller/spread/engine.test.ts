import { describe, expect, test } from "vitest";
import { ApiError } from "../../kube/errors.ts";
import type { ClusterView } from "../drain/cluster.ts";
import { budget, node, pod, recorder, sweepInput, t0, view, workload } from "../drain/testing.ts";
import { spreadPods } from "./engine.ts";

function setUp(parts: Partial<ClusterView>, answer?: (name: string) => void) {
  let now = view(parts);
  const server = recorder(answer);
  const { node: _, draining: __, ...scope } = sweepInput(() => now);
  const input = {
    ...scope,
    client: server.client,
    nodes: () => [node("n1"), node("n2")],
    network: "calico",
    disturbedSinceMs: t0 - 600_000,
    timeoutSeconds: 120,
  };
  return {
    ...server,
    input,
    change: (next: Partial<ClusterView>) => {
      now = { ...now, ...next };
    },
    pass: () => spreadPods(input),
  };
}

const on = (name: string, where: string, facts = {}) => pod(name, { node: where, createdAt: -300, ...facts });
const web = (replicas: number) => [workload("ReplicaSet/web", replicas)];

describe("spreadPods", () => {
  test("moves one at a time, the next when the replacement is Ready, until it is even", async () => {
    const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => on(name, "n1"));
    if (a === undefined || b === undefined || c === undefined || d === undefined) throw new Error("four pods");
    const spread = setUp({ pods: [a, b, c, d], workloads: web(4) });

    expect(await spread.pass()).toEqual({
      state: "waiting",
      message: "spreading replicas over the nodes: ReplicaSet shop/web: a pod of it is being moved",
      nextCheckSeconds: 15,
    });
    await spread.pass();
    expect(spread.names()).toEqual(["a"]);

    spread.change({ pods: [b, c, d, on("m1", "n2", { createdAt: 2, ready: false })] });
    expect(await spread.pass()).toMatchObject({
      message: "spreading replicas over the nodes: ReplicaSet shop/web: waits until shop/m1 is Ready",
    });
    expect(spread.names()).toEqual(["a"]);

    spread.change({ pods: [b, c, d, on("m1", "n2", { createdAt: 2 })] });
    await spread.pass();
    expect(spread.names()).toEqual(["a", "b"]);

    spread.change({ pods: [c, d, on("m1", "n2", { createdAt: 2 }), on("m2", "n2", { createdAt: 4, ready: false })] });
    expect(await spread.pass()).toEqual({ state: "done", moved: 2, uneven: [] });
  });

  test("several owners move at the same time", async () => {
    const api = (name: string) => on(name, "n1", { owner: "ReplicaSet/api" });
    const pods = [on("a", "n1"), on("b", "n1"), api("x"), api("y")];
    const spread = setUp({ pods, workloads: [...web(2), workload("ReplicaSet/api", 2)] });

    await spread.pass();

    expect(spread.names()).toEqual(["a", "x"]);
  });

  test("an even cluster is done at once", async () => {
    const spread = setUp({ pods: [on("a", "n1"), on("b", "n2")], workloads: web(2) });

    expect(await spread.pass()).toEqual({ state: "done", moved: 0, uneven: [] });
    expect(spread.evicted).toEqual([]);
  });

  test("a budget that never allows it leaves the owner as it is", async () => {
    const never = budget("web", { maxUnavailable: 0 }, { disruptionsAllowed: 0 });
    const spread = setUp({ pods: [on("a", "n1"), on("b", "n1")], workloads: web(2), budgets: [never] });

    expect(await spread.pass()).toEqual({
      state: "done",
      moved: 0,
      uneven: [
        {
          owner: "ReplicaSet shop/web",
          because: "PodDisruptionBudget shop/web never allows a disruption (maxUnavailable 0, 2 wanted)",
        },
      ],
    });
    expect(spread.evicted).toEqual([]);
  });

  test("a budget that does not allow it now is waited for, but no longer than the limit", async () => {
    const none = budget("web", { maxUnavailable: 1 }, { disruptionsAllowed: 0, currentHealthy: 1, expectedPods: 2 });
    const spread = setUp({ pods: [on("a", "n1"), on("b", "n1")], workloads: web(2), budgets: [none] });

    expect(await spread.pass()).toMatchObject({ state: "waiting" });
    spread.input.clock.set(120);

    expect(await spread.pass()).toMatchObject({ state: "done", uneven: [{ owner: "ReplicaSet shop/web" }] });
  });

  test("budgets hold even where the drain passes them over", async () => {
    const spread = setUp({ pods: [on("a", "n1"), on("b", "n1")], workloads: web(2) });

    await spreadPods({ ...spread.input, policy: { ...spread.input.policy, disableEviction: true } });

    expect(spread.names()).toEqual(["a"]);
    expect(spread.deleted).toEqual([]);
  });

  test("a refusal that will not change leaves the owner as it is, and it is not asked again", async () => {
    const spread = setUp({ pods: [on("a", "n1"), on("b", "n1")], workloads: web(2) }, () => {
      throw new ApiError("not valid", { status: 422, reason: "Invalid", request: "POST" });
    });

    await spread.pass();

    expect(await spread.pass()).toEqual({
      state: "done",
      moved: 0,
      uneven: [
        {
          owner: "ReplicaSet shop/web",
          because: "pod shop/a cannot be evicted: the API server answered 422: not valid",
        },
      ],
    });
    expect(spread.evicted).toHaveLength(1);
  });

  test("pods with the node's own address were not disturbed and stay", async () => {
    const host = { spec: { hostNetwork: true } };
    const spread = setUp({ pods: [on("a", "n1", host), on("b", "n1", host)], workloads: web(2) });

    expect(await spread.pass()).toEqual({ state: "done", moved: 0, uneven: [] });
    expect(spread.evicted).toEqual([]);
  });

  test("pods the drain was to ignore stay", async () => {
    const spread = setUp({ pods: [on("a", "n1"), on("b", "n1")], workloads: web(2) });
    const ignore = [{ podSelector: { matchLabels: { app: "web" } } }];

    expect(await spreadPods({ ...spread.input, policy: { ...spread.input.policy, ignore } })).toMatchObject({
      state: "done",
      uneven: [{ owner: "ReplicaSet shop/web", because: "none of its pods may be moved" }],
    });
    expect(spread.evicted).toEqual([]);
  });
});
