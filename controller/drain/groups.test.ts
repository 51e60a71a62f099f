import { describe, expect, test } from "vitest";
import { ClusterIndex, type ClusterView } from "./cluster.ts";
import { planEvictions } from "./groups.ts";
import { uidOf } from "./pods.ts";
import { pod, service, t0, view, workload } from "./testing.ts";

/** Plans for the candidates by name (default: the pods of node n1); gives names, and what the others wait for. */
function plan(
  parts: Partial<ClusterView>,
  options: { candidates?: string[]; others?: string[]; claimed?: string[] } = {},
): { go: string[]; held: Record<string, string> } {
  const all = view(parts);
  const named = (names: readonly string[]) => all.pods.filter((p) => names.includes(p.metadata.name));
  const own = all.pods.filter((p) => p.spec.nodeName === "n1" && p.metadata.deletionTimestamp === undefined);
  const candidates = options.candidates === undefined ? own : named(options.candidates);
  const claimed = new Set(named(options.claimed ?? []).map(uidOf));
  const { go, held } = planEvictions(
    candidates.filter((p) => !claimed.has(uidOf(p))),
    named(options.others ?? []),
    { index: new ClusterIndex(all), sinceMs: t0, claimed },
  );
  const names = Object.fromEntries(all.pods.map((p) => [uidOf(p), p.metadata.name]));
  return {
    go: go.map((p) => p.metadata.name),
    held: Object.fromEntries([...held].map(([uid, why]) => [names[uid] ?? uid, why])),
  };
}

const web = (replicas: number) => [workload("ReplicaSet/web", replicas)];
const waitsFor = (name: string) => `waits for the replacement of shop/${name}`;

describe("pods of one owner", () => {
  test("of four Ready replicas on the node one goes", () => {
    const pods = ["a", "b", "c", "d"].map((name) => pod(name));

    expect(plan({ pods, workloads: web(4) })).toEqual({
      go: ["a"],
      held: { b: waitsFor("a"), c: waitsFor("a"), d: waitsFor("a") },
    });
  });

  test("the next waits until the replacement exists", () => {
    const pods = [pod("a", { deletedAt: 30 }), pod("b")];

    expect(plan({ pods, workloads: web(2) })).toEqual({ go: [], held: { b: waitsFor("a") } });
  });

  test("the next waits until the replacement is Ready", () => {
    const pods = [pod("a", { deletedAt: 30 }), pod("b"), pod("new", { node: "n2", ready: false, createdAt: 2 })];

    expect(plan({ pods, workloads: web(2) })).toEqual({ go: [], held: { b: "waits until shop/new is Ready" } });
  });

  test("the next goes once the replacement is Ready, though the old one still ends", () => {
    const pods = [pod("a", { deletedAt: 30 }), pod("b"), pod("new", { node: "n2", createdAt: 2 })];

    expect(plan({ pods, workloads: web(2) })).toEqual({ go: ["b"], held: {} });
  });

  test("a replica that is missing without trace holds the next", () => {
    expect(plan({ pods: [pod("a")], workloads: web(2) })).toEqual({
      go: [],
      held: { a: "waits until ReplicaSet shop/web has 2 pods; it has 1" },
    });
  });

  test("the only replica goes at once", () => {
    expect(plan({ pods: [pod("a")], workloads: web(1) }).go).toEqual(["a"]);
  });

  test("a StatefulSet's pod that has gone counts until its namesake is Ready", () => {
    const db = (name: string, facts = {}) => pod(name, { owner: "StatefulSet/db", ...facts });
    const workloads = [workload("StatefulSet/db", 2)];

    expect(plan({ pods: [db("db-1")], workloads }).go).toEqual([]);
    expect(plan({ pods: [db("db-1"), db("db-0", { node: "n2", ready: false, createdAt: 3 })], workloads }).go).toEqual(
      [],
    );
    expect(plan({ pods: [db("db-1"), db("db-0", { node: "n2", createdAt: 3 })], workloads }).go).toEqual(["db-1"]);
  });

  test("an eviction the view does not show yet counts", () => {
    const pods = [pod("a"), pod("b", { node: "n2" })];

    expect(plan({ pods, workloads: web(2) }, { claimed: ["b"] })).toEqual({ go: [], held: { a: waitsFor("b") } });
  });

  test("different owners go at the same time", () => {
    const pods = [pod("a"), pod("b", { owner: "ReplicaSet/api" })];
    const workloads = [...web(1), workload("ReplicaSet/api", 1)];

    expect(plan({ pods, workloads }).go).toEqual(["a", "b"]);
  });

  test("of an owner that does not say how many it wants, the next waits until the one before is gone", () => {
    const own = (name: string, facts = {}) => pod(name, { owner: "CloneSet/x", ...facts });

    expect(plan({ pods: [own("a"), own("b")] }).go).toEqual(["a"]);
    expect(plan({ pods: [own("a", { deletedAt: 30 }), own("b")] })).toEqual({
      go: [],
      held: { b: "waits until shop/a is gone" },
    });
    expect(plan({ pods: [own("b")] }).go).toEqual(["b"]);
  });

  test.each(["Job/backup", undefined])("nobody waits for pods of %s", (owner) => {
    const pods = [pod("a", { owner }), pod("b", { owner }), pod("c", { owner, deletedAt: 30 })];

    expect(plan({ pods }).go).toEqual(["a", "b"]);
  });
});

describe("pods that are not Ready", () => {
  const broken = { ready: false, restarts: 9 };

  test("of an owner without any Ready one all go at once", () => {
    const pods = [pod("a", broken), pod("b", broken)];

    expect(plan({ pods, workloads: web(2) }).go).toEqual(["a", "b"]);
  });

  test("a crash loop from before the drain holds nobody", () => {
    const pods = [pod("a"), pod("bad", { node: "n2", ...broken, createdAt: -60 })];

    expect(plan({ pods, workloads: web(2) }).go).toEqual(["a"]);
  });

  test("one unready for long, without restarts, holds nobody", () => {
    const pods = [pod("a"), pod("stuck", { node: "n2", ready: false, createdAt: -3600 })];

    expect(plan({ pods, workloads: web(2) }).go).toEqual(["a"]);
  });

  test("one made shortly before, the replacement of a node before, holds the next", () => {
    const pods = [pod("a"), pod("new", { node: "n2", ready: false, createdAt: -20 })];

    expect(plan({ pods, workloads: web(2) }).held).toEqual({ a: "waits until shop/new is Ready" });
  });

  test("one that lost its readiness during the drain holds the next", () => {
    const pods = [pod("a"), pod("hurt", { node: "n2", ready: false, readyChangedAt: 5 })];

    expect(plan({ pods, workloads: web(2) }).held).toEqual({ a: "waits until shop/hurt is Ready" });
  });

  test("a replacement in a crash loop holds the next, and is named with the cause", () => {
    const pods = [pod("a"), pod("new", { node: "n2", ready: false, restarts: 3, createdAt: 5 })];

    expect(plan({ pods, workloads: web(2) }).held).toEqual({
      a: "waits until shop/new is Ready (its containers restart)",
    });
  });

  test("a broken one goes with the last of its Ready fellows, because its replacement would hold them up", () => {
    const bad = pod("bad", broken);

    expect(plan({ pods: [pod("a"), pod("b"), bad], workloads: web(3) })).toEqual({
      go: ["a"],
      held: {
        b: waitsFor("a"),
        bad: "was not Ready before the drain; goes after the Ready pods of ReplicaSet shop/web",
      },
    });
    expect(plan({ pods: [pod("b"), bad, pod("new", { node: "n2", createdAt: 3 })], workloads: web(3) }).go).toEqual([
      "b",
      "bad",
    ]);
  });

  test("it waits for Ready fellows on the other nodes of the batch too", () => {
    const pods = [pod("bad", broken), pod("b", { node: "n2" })];

    expect(plan({ pods, workloads: web(2) }, { others: ["b"] }).go).toEqual([]);
    expect(plan({ pods, workloads: web(2) }).go).toEqual(["bad"]);
  });

  test("a fresh replacement on a draining node moves on at once instead of holding the others up", () => {
    const pods = [pod("a"), pod("new", { ready: false, createdAt: 5 })];

    expect(plan({ pods, workloads: web(2) })).toEqual({
      go: ["new"],
      held: { a: "waits until shop/new is Ready" },
    });
  });
});

describe("pods behind one Service", () => {
  const front = service("front", { tier: "front" });
  const member = (name: string, owner: string, facts = {}) => pod(name, { owner, labels: { tier: "front" }, ...facts });
  const workloads = [workload("ReplicaSet/stable", 1), workload("ReplicaSet/canary", 1)];

  test("count together, whoever owns them", () => {
    const pods = [member("canary", "ReplicaSet/canary"), member("stable", "ReplicaSet/stable")];

    expect(plan({ pods, workloads, services: [front] })).toEqual({
      go: ["canary"],
      held: { stable: waitsFor("canary") },
    });
  });

  test("wait for the replacement of another owner's pod", () => {
    const stable = member("stable", "ReplicaSet/stable");

    expect(
      plan({ pods: [stable, member("canary", "ReplicaSet/canary", { deletedAt: 9 })], workloads, services: [front] })
        .held,
    ).toEqual({ stable: "waits for the replacement of shop/canary (of Service shop/front)" });
    const coming = member("coming", "ReplicaSet/canary", { node: "n2", ready: false, createdAt: 4 });
    expect(plan({ pods: [stable, coming], workloads, services: [front] }).held).toEqual({
      stable: "waits until shop/coming is Ready (of Service shop/front)",
    });
  });

  test("a pod without a controller counts until it is gone", () => {
    const pods = [
      member("stable", "ReplicaSet/stable"),
      pod("bare", { owner: undefined, labels: { tier: "front" }, deletedAt: 9 }),
    ];

    expect(plan({ pods, workloads, services: [front] }).held).toEqual({
      stable: "waits until shop/bare is gone (of Service shop/front)",
    });
  });

  test.each([undefined, {}])("a Service with selector %j ties nobody together", (selector) => {
    const pods = [member("canary", "ReplicaSet/canary"), member("stable", "ReplicaSet/stable")];

    expect(plan({ pods, workloads, services: [service("all", selector)] }).go).toEqual(["canary", "stable"]);
  });

  test("a Service of another namespace ties nobody together", () => {
    const pods = [member("canary", "ReplicaSet/canary"), member("stable", "ReplicaSet/stable")];
    const foreign = { ...front, metadata: { ...front.metadata, namespace: "other" } };

    expect(plan({ pods, workloads, services: [foreign] }).go).toEqual(["canary", "stable"]);
  });
});
