import { describe, expect, test } from "vitest";
import type { Node, Pod } from "../../kube/objects.ts";
import { node, pod, policy, service, t0, view, workload } from "./testing.ts";
import { waitsForBatch } from "./together.ts";

const [n1, n2, n3] = [node("n1"), node("n2"), node("n3")];
const ours = { "cni-migrate.io/cordoned-by": "uid-nm" };
const marked = (n: Node): Node => ({ ...n, metadata: { ...n.metadata, annotations: ours } });
const [a, b] = [pod("a", { node: "n1" }), pod("b", { node: "n2" })];

interface Given {
  pods?: Pod[];
  nodes?: Node[];
  moving?: string[];
  services?: ReturnType<typeof service>[];
}

/** Whether n1 may begin. */
function waits({ pods = [a, b], nodes = [n1, n2, n3], moving = ["n2"], services = [] }: Given) {
  const workloads = [workload("ReplicaSet/web", pods.length)];
  const all = { ...view({ pods, services, workloads }), nodes };
  return waitsForBatch(n1, { view: all, policy: policy(), nowMs: t0, moving: new Set(moving) });
}

describe("a node may begin beside others", () => {
  test.each<[string, Given]>([
    ["when none is moving, even with all replicas on it", { moving: [], pods: [a, pod("b", { node: "n1" })] }],
    ["when a replica is on a third node", { pods: [a, b, pod("c", { node: "n3" })] }],
    ["when the moving node's replicas are gone from it", { pods: [a, pod("b", { node: "n3" })] }],
    ["when the moving node's replica is on its way out", { pods: [a, pod("b", { node: "n2", deletedAt: 30 })] }],
    ["when the replica there stays where it is", { pods: [a, { ...b, spec: { ...b.spec, hostNetwork: true } }] }],
    ["when it has nothing that must leave", { pods: [b, pod("d", { owner: "DaemonSet/log" })] }],
    ["when its own pod is not Ready", { pods: [pod("a", { ready: false }), b] }],
    ["when no node could take its pods in any case", { pods: [pod("a", { spec: { nodeSelector: { on: "n1" } } })] }],
    ["when the other node that is moving stays closed", { nodes: [n1, node("n2", { cordoned: true })], pods: [a] }],
  ])("%s", (_title, given) => {
    expect(waits(given)).toBeUndefined();
  });
});

describe("a node waits", () => {
  test.each<[string, Given, string]>([
    [
      "while it and a moving node have all Ready pods of an owner",
      {},
      "waits for node n2: the two have all Ready pods of ReplicaSet shop/web",
    ],
    [
      "while the third replica is not Ready",
      { pods: [a, b, pod("c", { node: "n3", ready: false })] },
      "waits for node n2: the two have all Ready pods of ReplicaSet shop/web",
    ],
    [
      "while they have all Ready pods of a Service, of whatever owners",
      {
        pods: [a, pod("api", { node: "n2", owner: "ReplicaSet/api", labels: { app: "web" } })],
        services: [service("front", { app: "web" })],
      },
      "waits for node n2: the two have all Ready pods of Service shop/front",
    ],
    [
      "while the only node that could take its pods is moving",
      { pods: [a], nodes: [n1, marked(node("n2", { cordoned: true })), node("n3", { cordoned: true })] },
      "waits for node n2: pod shop/a could go nowhere else now",
    ],
    [
      "while the only other node that is not moving is not Ready",
      { pods: [a], nodes: [n1, n2, node("n3", { ready: false })] },
      "waits for node n2: pod shop/a could go nowhere else now",
    ],
  ])("%s", (_title, given, expected) => {
    expect(waits(given)).toBe(expected);
  });
});
