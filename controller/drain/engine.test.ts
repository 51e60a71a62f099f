import { describe, expect, test } from "vitest";
import { ApiError } from "../../kube/errors.ts";
import type { ClusterView } from "./cluster.ts";
import { drainNode, recycle } from "./engine.ts";
import { budget, node, pod, recorder, service, sweepInput, view, workload } from "./testing.ts";

/** A cluster that tests change between passes, and passes over its node n1. */
function setUp(
  parts: Partial<ClusterView>,
  changes: Parameters<typeof sweepInput>[1] = {},
  answer?: (name: string) => void,
) {
  let now = view(parts);
  const server = recorder(answer);
  const input = { ...sweepInput(() => now, changes), client: server.client };
  return {
    ...server,
    input,
    change: (next: Partial<ClusterView>) => {
      now = { ...now, ...next };
    },
    pass: () => drainNode(input),
  };
}

const web = (replicas: number) => [workload("ReplicaSet/web", replicas)];
const tooMany = () => {
  throw new ApiError("Cannot evict pod", {
    status: 429,
    reason: "TooManyRequests",
    request: "POST",
    causes: [{ reason: "DisruptionBudget", message: "The disruption budget web needs 2" }],
  });
};

describe("drainNode", () => {
  test("an empty node is done, other nodes' pods untouched", async () => {
    const drain = setUp({ pods: [pod("a", { node: "n2" }), pod("log", { owner: "DaemonSet/log" })] });

    expect(await drain.pass()).toEqual({ state: "done", left: [] });
    expect(drain.evicted).toEqual([]);
  });

  test("pods of different owners are evicted in one pass, by UID, and the pass says what is left", async () => {
    const pods = [pod("a"), pod("b"), pod("job", { owner: "Job/backup" })];
    const drain = setUp({ pods, workloads: web(2) });

    expect(await drain.pass()).toEqual({
      state: "waiting",
      reason: "WaitingForReplacement",
      message: "3 pods left: shop/b waits for the replacement of shop/a, shop/a, shop/job",
      pending: [
        { namespace: "shop", name: "b", blockedBy: "waits for the replacement of shop/a" },
        { namespace: "shop", name: "a" },
        { namespace: "shop", name: "job" },
      ],
      nextCheckSeconds: 15,
    });
    expect(drain.evicted).toEqual([
      { name: "a", uid: "uid-a" },
      { name: "job", uid: "uid-job" },
    ]);
  });

  test("a second pass on a copy that lags evicts nothing more", async () => {
    const drain = setUp({ pods: [pod("a"), pod("b")], workloads: web(2) });

    await drain.pass();
    await drain.pass();

    expect(drain.names()).toEqual(["a"]);
  });

  test("the next goes the moment the replacement is Ready", async () => {
    const drain = setUp({ pods: [pod("a"), pod("b")], workloads: web(2) });

    await drain.pass();
    drain.change({
      pods: [pod("a", { deletedAt: 31 }), pod("b"), pod("new", { node: "n2", ready: false, createdAt: 1 })],
    });
    await drain.pass();
    expect(drain.names()).toEqual(["a"]);
    drain.change({ pods: [pod("a", { deletedAt: 31 }), pod("b"), pod("new", { node: "n2", createdAt: 1 })] });
    await drain.pass();
    expect(drain.names()).toEqual(["a", "b"]);
  });

  test("a pod that is gone at last ends the drain, though its replacement is not Ready yet", async () => {
    const drain = setUp({ pods: [pod("a")], workloads: web(1) });

    await drain.pass();
    drain.change({ pods: [pod("a", { deletedAt: 31 })] });
    expect(await drain.pass()).toMatchObject({ state: "waiting", reason: "Draining" });
    drain.change({ pods: [pod("new", { node: "n2", ready: false, createdAt: 1 })] });

    expect(await drain.pass()).toEqual({ state: "done", left: [] });
  });

  test("two nodes of a batch share one replica rule, even in the same moment", async () => {
    const pods = [pod("a"), pod("b", { node: "n2" })];
    const drain = setUp({ pods, workloads: web(2), services: [service("web", { app: "web" })] });
    const draining = [
      { node: "n1", startedAtMs: drain.input.startedAtMs },
      { node: "n2", startedAtMs: drain.input.startedAtMs },
    ];

    await Promise.all([drainNode({ ...drain.input, draining }), drainNode({ ...drain.input, node: "n2", draining })]);

    expect(drain.evicted).toHaveLength(1);
  });

  test("ignored pods stay and are named", async () => {
    const drain = setUp({ pods: [pod("a")] }, { ignore: [{ podSelector: { matchLabels: { app: "web" } } }] });

    expect(await drain.pass()).toEqual({
      state: "done",
      left: [{ namespace: "shop", name: "a", because: "matches a rule of spec.drain.ignore" }],
    });
  });
});

describe("replicas that no other node can run", () => {
  const taints = [{ key: "node-role.kubernetes.io/control-plane", effect: "NoSchedule" as const }];
  const parts = { pods: [pod("a"), pod("b")], workloads: web(2) };

  test.each([
    ["there is no other node", [node("n1")]],
    ["the other node is for the control plane", [node("n1"), node("n2", { taints })]],
  ])("go at once when %s: waiting would bring nothing", async (_, nodes) => {
    const drain = setUp({ ...parts, nodes });

    await drain.pass();

    expect(drain.names()).toEqual(["a", "b"]);
  });

  test("pods tied to the node by their selector go at once", async () => {
    const tied = { spec: { nodeSelector: { disk: "fast" } } };
    const nodes = [node("n1", { labels: { disk: "fast" } }), node("n2")];
    const drain = setUp({ pods: [pod("a", tied), pod("b", tied)], workloads: web(2), nodes });

    await drain.pass();

    expect(drain.names()).toEqual(["a", "b"]);
  });

  test.each([
    [
      "cordoned",
      node("n2", { cordoned: true, taints: [{ key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" }] }),
    ],
    ["not Ready", node("n2", { ready: false, taints: [{ key: "node.kubernetes.io/not-ready", effect: "NoExecute" }] })],
  ])("are waited for when the other node is only %s", async (_, other) => {
    const drain = setUp({ ...parts, nodes: [node("n1"), other] });

    await drain.pass();

    expect(drain.names()).toEqual(["a"]);
  });
});

describe("drainNode stops before the first eviction", () => {
  test("when a pod has no controller", async () => {
    const drain = setUp({ pods: [pod("a"), pod("bare", { owner: undefined })], workloads: web(1) });

    const outcome = await drain.pass();

    expect(outcome).toMatchObject({
      state: "stuck",
      error: {
        reason: "UnmanagedPod",
        kind: "stalled",
        message: "node n1 is not drained: pods without a controller would not be made anew: shop/bare",
        hint: "delete them, or set spec.drain.force to true in the CniMigration to accept that",
      },
      pending: [
        {
          namespace: "shop",
          name: "bare",
          blockedBy: "has no controller that would make it anew, and spec.drain.force is false",
        },
        { namespace: "shop", name: "a" },
      ],
    });
    expect(drain.evicted).toEqual([]);
  });

  test("when a budget never lets a pod go", async () => {
    const never = budget("web", { minAvailable: 2 }, { disruptionsAllowed: 0, currentHealthy: 2, expectedPods: 2 });
    const drain = setUp({
      pods: [pod("a"), pod("b"), pod("c", { owner: "ReplicaSet/api" })],
      workloads: web(2),
      budgets: [never],
    });

    const outcome = await drain.pass();

    expect(outcome).toMatchObject({
      state: "stuck",
      error: {
        reason: "EvictionImpossible",
        kind: "stalled",
        message:
          "node n1 cannot be drained: shop/a, shop/b: PodDisruptionBudget shop/web never allows a disruption (minAvailable 2, 2 wanted)",
        hint: `add a replica, or kubectl -n shop patch pdb web --type merge -p '{"spec":{"minAvailable":1}}'`,
      },
    });
    expect(drain.evicted).toEqual([]);
  });

  test("unless budgets are not to be asked", async () => {
    const never = budget("web", { minAvailable: 2 }, { disruptionsAllowed: 0 });
    const drain = setUp({ pods: [pod("a"), pod("b")], workloads: web(2), budgets: [never] }, { disableEviction: true });

    await drain.pass();

    expect(drain.deleted).toEqual([{ name: "a", uid: "uid-a" }]);
  });
});

describe("a budget that does not allow it now", () => {
  const none = { disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 2 };

  test("is waited for without asking, and asked the moment it has room", async () => {
    const drain = setUp({ pods: [pod("a")], workloads: web(2), budgets: [budget("web", { minAvailable: 1 }, none)] });

    expect(await drain.pass()).toMatchObject({
      state: "waiting",
      reason: "EvictionBlocked",
      pending: [
        { name: "a", blockedBy: "PodDisruptionBudget shop/web allows 0 disruptions (minAvailable 1, 1 of 2 healthy)" },
      ],
    });
    expect(drain.evicted).toEqual([]);
    const room = { ...none, disruptionsAllowed: 1, currentHealthy: 2 };
    drain.change({
      pods: [pod("a"), pod("b", { node: "n2" })],
      budgets: [budget("web", { minAvailable: 1 }, room, "2")],
    });
    await drain.pass();
    expect(drain.names()).toEqual(["a"]);
  });

  test("a refusal is respected until its time, or until the budget changes", async () => {
    const room = { ...none, disruptionsAllowed: 1, currentHealthy: 2 };
    const parts = { pods: [pod("a")], workloads: web(1), budgets: [budget("web", { maxUnavailable: 1 }, room)] };
    const drain = setUp(parts, {}, tooMany);

    expect(await drain.pass()).toMatchObject({ state: "waiting", reason: "EvictionBlocked", nextCheckSeconds: 1 });
    await drain.pass();
    expect(drain.evicted).toHaveLength(1);
    drain.change({ budgets: [budget("web", { maxUnavailable: 1 }, room, "2")] });
    await drain.pass();
    expect(drain.evicted).toHaveLength(2);
    drain.input.clock.set(3);
    await drain.pass();
    expect(drain.evicted).toHaveLength(3);
  });

  test("a refused pod is on no way out: a fellow may go instead", async () => {
    const labels = { app: "free" };
    const parts = {
      pods: [pod("a"), pod("b", { labels })],
      workloads: web(2),
      budgets: [budget("web", { maxUnavailable: 1 }, { disruptionsAllowed: 1 })],
    };
    const drain = setUp(parts, {}, (name) => (name === "a" ? tooMany() : undefined));

    await drain.pass();
    await drain.pass();

    expect(drain.names()).toEqual(["a", "b"]);
  });
});

describe("requests that fail", () => {
  const failing =
    (status: number, message: string, reason = "Some") =>
    () => {
      throw new ApiError(message, { status, reason, request: "POST" });
    };

  test("a missing right is reported, and may be given while the drain waits", async () => {
    const message = 'pods "a" is forbidden: User "x" cannot create resource "pods/eviction" in API group ""';
    const drain = setUp({ pods: [pod("a")], workloads: web(1) }, {}, failing(403, message));

    expect(await drain.pass()).toMatchObject({
      state: "stuck",
      error: { reason: "PermissionMissing", kind: "wait", retryAfterSeconds: 10 },
    });
    await drain.pass();
    expect(drain.evicted).toHaveLength(2);
  });

  test("one that may have taken effect counts as done until it is known", async () => {
    const drain = setUp({ pods: [pod("a"), pod("b")], workloads: web(2) }, {}, failing(0, "timed out", "Timeout"));

    await drain.pass();
    await drain.pass();
    expect(drain.names()).toEqual(["a"]);
    drain.input.clock.set(12);
    await drain.pass();
    expect(drain.names()).toEqual(["a", "a"]);
  });

  test("a namesake in the pod's place is left alone and looked at again", async () => {
    const drain = setUp({ pods: [pod("a")], workloads: web(1) }, {}, failing(409, "UID"));

    expect(await drain.pass()).toMatchObject({ state: "waiting", nextCheckSeconds: 1 });
    drain.change({ pods: [{ ...pod("a", { node: "n2" }), metadata: { ...pod("a").metadata, uid: "other" } }] });
    expect(await drain.pass()).toEqual({ state: "done", left: [] });
  });
});

describe("the time limit", () => {
  test("ends the drain with what is left and why", async () => {
    const held = pod("a", { deletedAt: 30, finalizers: ["example.com/hold"] });
    const drain = setUp({ pods: [held, pod("b")], workloads: web(2) }, { timeoutSeconds: 60 });

    drain.input.clock.set(59);
    expect(await drain.pass()).toMatchObject({ state: "waiting", nextCheckSeconds: 1 });
    drain.input.clock.set(60);

    expect(await drain.pass()).toMatchObject({
      state: "stuck",
      error: {
        reason: "DrainTimeout",
        kind: "stalled",
        message:
          "the drain of node n1 took longer than 60 s: 2 pods left: shop/a is held by finalizer example.com/hold; its owner must remove it, shop/b waits for the replacement of shop/a",
        hint: "mend that, then kubectl cni-migrate retry n1",
      },
      pending: [{ name: "a" }, { name: "b" }],
    });
    expect(drain.evicted).toEqual([]);
  });

  test("does not matter once nothing is left", async () => {
    const drain = setUp({ pods: [] }, { timeoutSeconds: 60 });
    drain.input.clock.set(600);

    expect(await drain.pass()).toEqual({ state: "done", left: [] });
  });
});

describe("recycle", () => {
  const listed = (name: string) => ({ namespace: "shop", name, uid: `uid-${name}` });

  test("makes exactly the listed pods anew, all DaemonSet pods at once", async () => {
    const pods = [
      pod("log", { owner: "DaemonSet/log", labels: { tier: "agent" } }),
      pod("metrics", { owner: "DaemonSet/metrics", labels: { tier: "agent" } }),
      pod("new", { owner: "DaemonSet/other" }),
      pod("moved", { node: "n2", owner: "DaemonSet/third" }),
    ];
    const drain = setUp({ pods, services: [service("agents", { tier: "agent" })] });

    await recycle({ ...drain.input, pods: [listed("log"), listed("metrics"), listed("moved"), listed("gone")] });

    expect(drain.names()).toEqual(["log", "metrics"]);
  });

  test("holds to the replica rule for pods of other owners", async () => {
    const drain = setUp({ pods: [pod("a"), pod("b")], workloads: web(2) });

    const outcome = await recycle({ ...drain.input, pods: [listed("a"), listed("b")] });

    expect(drain.names()).toEqual(["a"]);
    expect(outcome).toMatchObject({ state: "waiting", reason: "PodsRestarting" });
  });

  test("is done when the listed pods are gone", async () => {
    const drain = setUp({ pods: [pod("new")] });

    expect(await recycle({ ...drain.input, pods: [listed("a")] })).toEqual({ state: "done", left: [] });
  });
});
