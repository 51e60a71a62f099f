import { describe, expect, it } from "vitest";
import type { NodeMigration } from "../../crds/index.ts";
import { cordonedByAnnotation } from "../../crds/names.ts";
import { ApiError } from "../../kube/errors.ts";
import type { Condition, Node, Pod, PodDisruptionBudget } from "../../kube/objects.ts";
import type { KubeClient, ObjectKey, PatchOptions, Resource } from "../../kube/types.ts";
import { budget, pod, workload } from "../drain/testing.ts";
import { condition, migration, node, nodeMigration, testScope } from "../testing.ts";
import type { NodeContext, NodeStatus } from "./context.ts";
import { drain, recyclePass } from "./drain.ts";

const uid = "uid-nm-n1";
const ours = { [cordonedByAnnotation]: uid };
const began = "2030-01-01T00:00:00Z";

interface Given {
  node?: Node;
  pods?: Pod[];
  budgets?: PodDisruptionBudget[];
  cordoned?: Condition;
  status?: NodeStatus;
  /** Seconds after the drain began. */
  atSeconds?: number;
}

/** A pass of a step over node n1, with what was written to the Node and asked of pods, in order. */
function pass(given: Given) {
  const wrote: string[] = [];
  let shown = given.node ?? node("n1", { cordoned: true, annotations: ours });
  const client = {
    async patch(_resource: Resource, _key: ObjectKey, patch: { metadata?: object; spec?: object }, _o?: PatchOptions) {
      const spec = patch.spec as { unschedulable: boolean | null };
      wrote.push(spec.unschedulable === true ? "cordon" : "uncordon");
      const annotations = spec.unschedulable === true ? ours : {};
      shown = { ...node("n1", { cordoned: spec.unschedulable === true, annotations }) };
      return shown;
    },
    async evict({ name }: ObjectKey) {
      wrote.push(`evict ${name}`);
      return true;
    },
  };
  const scope = testScope(client as unknown as Partial<KubeClient>);
  scope.clock.freeze(given.atSeconds ?? 1);
  for (const p of given.pods ?? []) scope.stores.pods.put({ ...p, metadata: { ...p.metadata, resourceVersion: "1" } });
  for (const b of given.budgets ?? []) scope.stores.budgets.put(b);
  scope.stores.replicaSets.put(workload("ReplicaSet/web", 1));
  scope.stores.nodes.put(node("n2"));
  const conditions = given.cordoned === undefined ? [] : [given.cordoned];
  const part: NodeMigration = nodeMigration("n1", "Drain", {
    status: { step: "Drain", steps: [{ name: "Drain", startTime: began }], conditions, ...given.status },
  });
  const context = {
    scope,
    migration: migration(),
    nodeMigration: part,
    uid,
    node: shown,
    stepStartedAt: new Date(began),
    async record(status: NodeStatus) {
      const says = status.conditions?.find((c) => c.type === "Cordoned");
      wrote.push(`record ${says?.status} ${says?.reason}`);
      context.nodeMigration = { ...context.nodeMigration, status: { ...context.nodeMigration.status, ...status } };
    },
  } as unknown as NodeContext;
  return { context, wrote, scope };
}

const cordoned = condition("Cordoned", "True", "Cordoned");
const never = budget("web", { minAvailable: 2 }, { expectedPods: 2, currentHealthy: 2, desiredHealthy: 2 });
const said = ({ nodeMigration: { status } }: NodeContext) => {
  const found = status?.conditions?.find(({ type }) => type === "Cordoned");
  return `${found?.status} ${found?.reason}`;
};

describe("the drain step", () => {
  it("evicts under its cordon and says nothing of it", async () => {
    const { context, wrote } = pass({ cordoned, pods: [pod("a")] });

    expect(await drain(context)).toMatchObject({ outcome: "wait" });
    expect(wrote).toEqual(["evict a"]);
  });

  it.each<[string, Given, string]>([
    ["took too long", { pods: [pod("a", { deletedAt: -1 })], atSeconds: 601 }, "DrainTimeout"],
    ["can never end", { pods: [pod("a")], budgets: [never] }, "EvictionImpossible"],
    ["would lose a pod for good", { pods: [pod("a", { owner: undefined })] }, "UnmanagedPod"],
  ])("that %s leaves the node open, as it had found it, and is stalled", async (_title, given, reason) => {
    const { context, wrote } = pass({ cordoned, ...given });

    expect(await drain(context)).toMatchObject({ outcome: "failed", reason });
    expect(wrote).toEqual(["record False Uncordoned", "uncordon"]);
    expect(context.node.metadata.annotations).toEqual({});
  });

  it("that fails leaves a node cordoned which a person had cordoned", async () => {
    const byPerson = node("n1", { cordoned: true });
    const { context, wrote } = pass({ cordoned, node: byPerson, pods: [pod("a")], budgets: [never] });

    expect(await drain(context)).toMatchObject({ outcome: "failed" });
    expect(wrote).toEqual([]);
  });

  it("cordons again, once, where somebody has made the node schedulable", async () => {
    const { context, wrote } = pass({ cordoned, node: node("n1", { annotations: ours }), pods: [pod("a")] });

    expect(await drain(context)).toMatchObject({ outcome: "wait" });
    expect(wrote).toEqual(["cordon", "record True CordonedAgain", "evict a"]);
    expect(context.nodeMigration.status?.cordonedByUs).toBe(true);
  });

  it("leaves it at that the second time: nothing is evicted any more", async () => {
    const again = condition("Cordoned", "True", "CordonedAgain");
    const { context, wrote } = pass({ cordoned: again, node: node("n1", { annotations: ours }), pods: [pod("a")] });

    expect(await drain(context)).toEqual({
      outcome: "failed",
      reason: "Conflict",
      message: "node n1: spec.unschedulable was taken away for the second time while the node was drained",
      hint: "stop who does that, then kubectl cni-migrate retry n1",
    });
    expect(wrote).toEqual(["uncordon", "record False Uncordoned"]);
    expect(said(context)).toBe("False Uncordoned");
  });

  it("stays at that when its write meets another's", async () => {
    const again = condition("Cordoned", "True", "CordonedAgain");
    const { context, wrote } = pass({ cordoned: again, node: node("n1", { annotations: ours }), pods: [pod("a")] });
    const { patch } = context.scope.client;
    context.scope.client.patch = async () => {
      throw new ApiError("changed", { status: 409, reason: "Conflict", request: "PATCH" });
    };

    await expect(drain(context)).rejects.toMatchObject({ status: 409 });
    context.scope.client.patch = patch;

    expect(await drain(context)).toMatchObject({ outcome: "failed", reason: "Conflict" });
    expect(wrote).toEqual(["uncordon", "record False Uncordoned"]);
  });

  it.each([
    ["before it could say why it stopped", node("n1"), ["cordon", "record True Cordoned", "evict a"]],
    [
      "before it gave the cordon back",
      node("n1", { cordoned: true, annotations: ours }),
      ["record True Cordoned", "evict a"],
    ],
  ])("goes on when it was killed %s and the cause is gone", async (_title, seen, expected) => {
    const { context, wrote } = pass({
      cordoned: condition("Cordoned", "False", "Uncordoned"),
      node: seen,
      pods: [pod("a")],
    });

    expect(await drain(context)).toMatchObject({ outcome: "wait" });
    expect(wrote).toEqual(expected);
  });
});

describe("the second sweep", () => {
  const listed = (name: string) => ({ namespace: "shop", name, uid: `uid-${name}` });

  it("touches no pod on another node, no namesake and none of ours, whatever status lists", async () => {
    const recycle = [
      listed("elsewhere"),
      { ...listed("namesake"), uid: "uid-earlier" },
      listed("ours"),
      listed("mine"),
    ];
    const labels = { "app.kubernetes.io/managed-by": "cni-migrate" };
    const pods = [pod("elsewhere", { node: "n2" }), pod("namesake"), pod("ours", { labels }), pod("mine")];
    const { context, wrote } = pass({ cordoned, pods, status: { recycle } });

    await recyclePass(context);

    expect(wrote).toEqual(["evict mine"]);
  });
});
