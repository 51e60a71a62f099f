import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CniMigration, NodeMigration } from "../../crds/index.ts";
import { cordonedByAnnotation, networkLabel } from "../../crds/names.ts";
import { setCondition } from "../../kube/conditions.ts";
import type { Condition, DaemonSet, Node } from "../../kube/objects.ts";
import { daemonSets, nodeMigrations, nodes, podDisruptionBudgets, pods } from "../../kube/resources.ts";
import { ControllerCluster, migrationName } from "./controller-cluster.ts";
import type { ControllerProcess } from "./controller-process.ts";
import { until } from "./drain-cluster.ts";
import { startKubelets } from "./kubelets.ts";

/** A migration in batches, then one on a cluster that changes underneath; the whole controller on a real control plane. */
let cluster: ControllerCluster;
let joinNode: (name: string, index: number) => Promise<void>;
let controller: ControllerProcess;

const timeout = 90_000;
const flannel = { namespace: "kube-flannel", name: "kube-flannel-ds" };
const calico = { namespace: "kube-system", name: "calico-node" };
const budgetKey = { namespace: "shop", name: "web" };

beforeAll(async () => {
  cluster = await ControllerCluster.start(async (client, options) => {
    await startKubelets(client, options);
    joinNode = async (name, index) => {
      await startKubelets(client, { ...options, nodes: [name] });
      await cluster.becomeFlannelNode(name, index);
    };
  });
});

afterAll(() => cluster?.stop());

const stalled = (of: CniMigration | NodeMigration) =>
  of.status?.conditions?.find(({ type, status }) => type === "Stalled" && status === "True")?.message;

async function node(name: string): Promise<Node> {
  const found = await cluster.client.get(nodes, { name });
  if (found === undefined) throw new Error(`there is no node ${name}`);
  return found;
}

async function begin(...flags: string[]): Promise<void> {
  const { code, err } = await cluster.startMigration(...flags);
  if (code !== 0) throw new Error(err);
}

async function budget(spec: { minAvailable?: number; maxUnavailable?: number }): Promise<void> {
  await cluster.client.create(podDisruptionBudgets, {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: budgetKey,
    spec: { selector: { matchLabels: { app: "web" } }, ...spec },
  });
  await until(async () => {
    const found = await cluster.client.get(podDisruptionBudgets, budgetKey);
    return found?.status?.expectedPods === 4 ? true : undefined;
  }, "the budget to be counted");
}

describe("a migration with batchSize 50% on three nodes, two of which hold all replicas", () => {
  it("never moves the two together, nor has two replicas out; the rest goes at the same time", {
    timeout,
  }, async () => {
    await budget({ maxUnavailable: 2 });
    await begin();
    await cluster.setSpec({ batchSize: "50%" });
    const lowest = cluster.lowestReady();
    const drained: string[][] = [];

    controller = await cluster.startController();
    const watching = watchDrains(drained);
    await cluster.migrationSays("Succeeded", "True", "Succeeded");
    watching.abort();
    await cluster.whole();

    expect(cluster.journal.begun).toEqual(["n2", "n3", "n1"]);
    expect(cluster.journal.mostAtOnce).toBe(2);
    expect(lowest.value).toBe(3);
    expect(drained.filter((names) => names.includes("n2") && names.includes("n3"))).toEqual([]);
    expect([...cluster.journal.illegal]).toEqual([]);
    expect(cluster.model.violations).toEqual([]);
  });
});

/** Which of the two nodes with replicas are drained, at each look. */
function watchDrains(seen: string[][]): AbortController {
  const stop = new AbortController();
  void (async () => {
    while (!stop.signal.aborted) {
      const { items } = await cluster.client.list(nodeMigrations);
      seen.push(items.filter(({ status }) => status?.step === "Drain").map(({ metadata }) => metadata.name));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })().catch(() => undefined);
  return stop;
}

describe("a migration started with drain.disableEviction", () => {
  it("has the right to pass a budget over, and never has two replicas out all the same", { timeout }, async () => {
    await cluster.reset();
    await cluster.client.delete(podDisruptionBudgets, budgetKey);
    await budget({ minAvailable: 4 });
    const spec = { source: "flannel", target: "calico", pauseAfter: 1, drain: { disableEviction: true } };
    const file = join(await mkdtemp(join(tmpdir(), "migration-")), "migration.json");
    const metadata = { name: migrationName };
    await writeFile(
      file,
      JSON.stringify({ apiVersion: "cni-migrate.io/v1alpha1", kind: "CniMigration", metadata, spec }),
    );
    await begin("-f", file);
    const lowest = cluster.lowestReady();

    controller = await cluster.startController();
    await cluster.nodeReaches("n2", "Done");
    await cluster.whole();

    const left = controller.writes.filter((write) => write.includes("/namespaces/shop/pods/web-"));
    expect(left.map((write) => write.replace(/web-.*/, "web"))).toEqual(
      Array(2).fill("DELETE /api/v1/namespaces/shop/pods/web"),
    );
    expect(lowest.value).toBe(3);
    await rm(dirname(file), { recursive: true });
  });
});

describe("a drain that can never end", () => {
  it("stops at once with the cure, and leaves its node open", { timeout }, async () => {
    await cluster.reset();
    await cluster.client.delete(podDisruptionBudgets, budgetKey);
    await budget({ minAvailable: 4 });
    await begin();
    await cluster.setSpec({ pauseAfter: 1 });

    controller = await cluster.startController();
    const failed = await cluster.nodeSays("n2", "Stalled", "True", "EvictionImpossible");
    const line = await cluster.migrationSays("Stalled", "True", "NodeFailed");

    const blocked = failed.status?.drain?.pending?.flatMap((pod) => pod.blockedBy ?? []);
    expect(blocked).toEqual(
      Array(2).fill("PodDisruptionBudget shop/web never allows a disruption (minAvailable 4, 4 wanted)"),
    );
    expect(stalled(line)).toContain(`kubectl -n shop patch pdb web --type merge -p '{"spec":{"minAvailable":3}}'`);
    const { spec, metadata } = await node("n2");
    expect([spec?.unschedulable ?? false, metadata.annotations?.[cordonedByAnnotation]]).toEqual([false, undefined]);
    expect(conditionOf(failed, "Cordoned")).toBe("False Uncordoned");
    expect(controller.writes.filter((write) => write.endsWith("/eviction"))).toEqual([]);
    expect(cluster.journal.begun).toEqual(["n2"]);
  });

  it("begins with the cordon when it is tried again, and pauseAfter holds the line afterwards", {
    timeout,
  }, async () => {
    await cluster.client.patch(podDisruptionBudgets, budgetKey, { spec: { minAvailable: 3 } });
    // What the budget's new numbers allow is counted a moment later.
    await until(async () => {
      const found = await cluster.client.get(podDisruptionBudgets, budgetKey);
      return (found?.status?.disruptionsAllowed ?? 0) > 0 ? true : undefined;
    }, "the budget to allow a disruption");

    await cluster.run("retry", "n2");
    const done = await cluster.nodeReaches("n2", "Done");
    const paused = await cluster.migrationSays("Reconciling", "True", "Paused");

    expect(done.status?.steps?.map(({ name }) => name).slice(0, 3)).toEqual(["Cordon", "Drain", "LeaveSource"]);
    expect(paused.status?.message).toBe("paused after 1 nodes as spec.pauseAfter asks; raise or remove it to go on");
    expect(cluster.journal.begun).toEqual(["n2"]);
  });
});

describe("what somebody changes while the networks live side by side", () => {
  /** The controller names it, writes nothing against it, and goes on when it is put back. */
  async function drift(reason: string, change: () => Promise<unknown>, putBack: () => Promise<unknown>) {
    const before = controller.writes.length;
    await change();
    const message = stalled(await cluster.migrationSays("Stalled", "True", reason)) ?? "";
    const against = controller.writes.slice(before).filter((write) => /\/daemonsets\/|PATCH .*\/nodes\//.test(write));
    await putBack();
    await cluster.migrationSays("Reconciling", "True", "Paused");
    expect(against).toEqual([]);
    return message;
  }

  it("an edit of the source's DaemonSet: field and editor are named", { timeout }, async () => {
    const patch = (type: string) => () =>
      cluster.client.patch(daemonSets, flannel, { spec: { updateStrategy: { type } } }, { fieldManager: "gitops" });

    expect(await drift("Conflict", patch("RollingUpdate"), patch("OnDelete"))).toBe(
      `daemonset kube-flannel/kube-flannel-ds: spec.updateStrategy.type is "RollingUpdate", not "OnDelete" (last changed by gitops); stop what changes it, and put it back: kubectl -n kube-flannel patch daemonset kube-flannel-ds --type merge -p '{"spec":{"updateStrategy":{"type":"OnDelete"}}}'`,
    );
  });

  it("the target's DaemonSet deleted: its absence is named", { timeout }, async () => {
    const found = await cluster.client.get(daemonSets, calico);
    if (found === undefined) throw new Error("there is no calico-node");
    const { name, namespace, labels } = found.metadata;
    const again = { apiVersion: "apps/v1", kind: "DaemonSet", metadata: { name, namespace, labels }, spec: found.spec };

    const message = await drift(
      "TargetMissing",
      () => cluster.client.delete(daemonSets, calico),
      () => cluster.client.create(daemonSets, again as DaemonSet),
    );

    expect(message).toBe(
      "daemonset kube-system/calico-node of calico is gone, and nodes need it; kubectl cni-migrate start flannel-to-calico --target calico -f FILE puts it back",
    );
  });

  it("the label of a node that is done: it is not given the source again", { timeout }, async () => {
    const label = (value: string | null) => () =>
      cluster.client.patch(nodes, { name: "n2" }, { metadata: { labels: { [networkLabel]: value } } });

    expect(await drift("Conflict", label(null), label("calico"))).toBe(
      "node n2: label cni-migrate.io/network is gone, and its NodeMigration says it is done on calico; put it back: kubectl label node n2 --overwrite cni-migrate.io/network=calico",
    );
  });
});

describe("a forged or hand-made NodeMigration", () => {
  const forge = (name: string, status: NodeMigration["status"]) =>
    cluster.client.patch(nodeMigrations, { name }, { status }, { subresource: "status" });
  const step = async (name: string) => (await cluster.nodeMigration(name)).status?.step;
  const tasksOf = (name: string) =>
    cluster.model.tasks.filter((task) => /^(switch|join|cleanup)-/.test(task) && task.includes(`-${name}-`));

  it.each(["LeaveSource", "JoinTarget", "RecyclePods", "Uncordon"] as const)(
    "forged to %s goes back to where its node stands, and nothing is done on it",
    { timeout },
    async (forged) => {
      const before = controller.writes.length;
      const recycle = cluster
        .workload("web")
        .map(({ metadata: { namespace = "", name, uid = "" } }) => ({ namespace, name, uid }));
      await forge("n3", {
        step: forged,
        recycle,
        tasks: [{ name: "switch", step: "LeaveSource", podName: "cni-migrate-controller" }],
      });

      await until(async () => ((await step("n3")) === "Pending" ? true : undefined), "n3 to be Pending again");

      const writes = controller.writes.slice(before);
      expect(writes.filter((write) => /eviction|\/pods|\/nodes\//.test(write))).toEqual([]);
      expect(tasksOf("n3")).toEqual([]);
      expect((await node("n3")).metadata.labels?.[networkLabel]).toBe("flannel");
      expect((await cluster.nodeMigration("n3")).status).not.toHaveProperty("recycle");
    },
  );

  it("forged to Done stops the line; deleted, it has its turn again", { timeout }, async () => {
    await forge("n3", { step: "Done" });

    const line = await cluster.migrationSays("Stalled", "True", "Conflict");
    const { uid } = (await cluster.nodeMigration("n3")).metadata;
    await cluster.client.delete(nodeMigrations, { name: "n3" });
    await until(async () => {
      const found = await cluster.client.get(nodeMigrations, { name: "n3" });
      return found !== undefined && found.metadata.uid !== uid ? true : undefined;
    }, "a new NodeMigration n3");

    expect(stalled(line)).toBe(
      'node n3: label cni-migrate.io/network is "flannel", and its NodeMigration says it is done on calico; it was never switched: kubectl delete nodemigration n3, and it has its turn',
    );
    expect(await step("n3")).toBe("Pending");
    await cluster.migrationSays("Reconciling", "True", "Paused");
  });

  it("pointed the other way by hand moves nothing", async () => {
    await cluster.client.patch(nodeMigrations, { name: "n2" }, { spec: { direction: "Revert" } });
    await until(async () => {
      const found = await cluster.nodeMigration("n2");
      return found.spec.direction === "Forward" ? true : undefined;
    }, "n2 to be pointed forward again");

    expect(await step("n2")).toBe("Done");
    expect((await node("n2")).spec?.unschedulable ?? false).toBe(false);
  });

  it("made by a hand is not followed, and the migration says how to remove it", { timeout }, async () => {
    const spec = { migrationName, nodeName: "n9", nodeUID: "00000000-0000-0000-0000-000000000000" };
    const before = controller.writes.length;
    const object = { apiVersion: "cni-migrate.io/v1alpha1", kind: "NodeMigration", metadata: { name: "n9" }, spec };
    await cluster.client.create(nodeMigrations, object);
    await forge("n9", { step: "LeaveSource" });

    const line = await cluster.migrationSays("Stalled", "True", "AnotherMigrationActive");
    const writes = controller.writes.slice(before);
    await cluster.client.delete(nodeMigrations, { name: "n9" });
    await cluster.migrationSays("Reconciling", "True", "Paused");

    expect(stalled(line)).toBe(
      "NodeMigration n9 is of no migration there is; this one begins when it is removed: kubectl delete nodemigration n9",
    );
    expect(writes.filter((write) => !/\/cnimigrations\/|\/events/.test(write))).toEqual([]);
  });

  it("with a wrong node's name is refused by the API server", async () => {
    const spec = { migrationName, nodeName: "n3", nodeUID: "x" };
    const object = { apiVersion: "cni-migrate.io/v1alpha1", kind: "NodeMigration", metadata: { name: "other" }, spec };

    await expect(cluster.client.create(nodeMigrations, object)).rejects.toMatchObject({ status: 422 });
  });
});

describe("nodes that come, go and fall ill midway", () => {
  const ready = async (name: string, status: "True" | "False") => {
    const { status: now } = await node(name);
    const condition = { type: "Ready", status, reason: "Test", message: "" };
    const conditions = setCondition(now?.conditions as Condition[] | undefined, condition, new Date());
    await cluster.client.patch(nodes, { name }, { status: { conditions } }, { subresource: "status" });
  };

  it("a node that joins counts, and one made anew under its name counts once", { timeout }, async () => {
    const counted = (total: number) =>
      until(
        async () => ((await cluster.migration()).status?.nodes?.total === total ? true : undefined),
        `${total} nodes`,
      );
    cluster.model.add("n4");
    await joinNode("n4", 3);
    await counted(4);
    const first = (await node("n4")).metadata.uid;
    const part = async () => (await cluster.client.get(nodeMigrations, { name: "n4" }))?.spec.nodeUID;
    await until(async () => ((await part()) === first ? true : undefined), "the part of n4");
    await cluster.client.delete(nodes, { name: "n4" });
    await counted(3);

    await joinNode("n4", 3);
    const second = (await node("n4")).metadata.uid;
    await until(async () => ((await part()) === second ? true : undefined), "the part of the new n4");

    expect(second).not.toBe(first);
    expect((await cluster.migration()).status?.nodes).toMatchObject({ total: 4, pending: 3, migrated: 1, failed: 0 });
    expect((await node("n4")).metadata.labels?.[networkLabel]).toBe("flannel");
  });

  it("one that is not Ready is passed over and named", { timeout }, async () => {
    await ready("n3", "False");
    cluster.journal.begun = [];
    await cluster.setSpec({ pauseAfter: 4 });

    const waiting = await cluster.migrationSays("Reconciling", "True", "NodeNotReady");

    expect(waiting.status?.message).toBe("waiting for node n3 to be Ready");
    expect(cluster.journal.begun).toEqual(["n4", "n1"]);
  });

  it("one that is Ready again has its turn; a cordon taken from it is put back once, then the node is left", {
    timeout,
  }, async () => {
    const uncordon = () => cluster.client.patch(nodes, { name: "n3" }, { spec: { unschedulable: null } });
    const held =
      cluster.workload("web").find(({ spec }) => spec.nodeName === "n3") ??
      cluster.workload("log").find(({ spec }) => spec.nodeName === "n3");
    if (held?.metadata.labels?.app !== "web") throw new Error("no replica is on n3");
    const key = { namespace: "shop", name: held.metadata.name };
    await cluster.client.patch(pods, key, { metadata: { finalizers: ["example.com/hold"] } });

    await ready("n3", "True");
    await cluster.nodeReaches("n3", "Drain");
    await until(
      async () => ((await cluster.client.get(pods, key))?.metadata.deletionTimestamp ? true : undefined),
      "the eviction",
    );
    await uncordon();
    await cluster.nodeSays("n3", "Cordoned", "True", "CordonedAgain");
    const again = (await node("n3")).spec?.unschedulable;
    await uncordon();
    const left = await cluster.nodeSays("n3", "Stalled", "True", "Conflict");

    expect(again).toBe(true);
    expect(stalled(left)).toBe(
      "node n3: spec.unschedulable was taken away for the second time while the node was drained; stop who does that, then kubectl cni-migrate retry n3",
    );
    expect(conditionOf(left, "Cordoned")).toBe("False Uncordoned");
    const { metadata, spec } = await node("n3");
    expect([spec?.unschedulable ?? false, metadata.annotations?.[cordonedByAnnotation]]).toEqual([false, undefined]);
    await cluster.client.patch(pods, key, { metadata: { finalizers: null } });
  });

  it("comes to its end after all that", { timeout }, async () => {
    await cluster.run("retry", "n3");
    const end = await cluster.migrationSays("Succeeded", "True", "Succeeded");
    await until(async () => (cluster.workload("web").length === 4 ? true : undefined), "the replicas");

    expect(end.status?.nodes).toMatchObject({ total: 4, migrated: 4 });
    expect(cluster.model.violations.filter((violation) => !violation.startsWith("n4:"))).toEqual([]);
    expect([...cluster.journal.illegal]).toEqual([]);
  });
});

function conditionOf({ status }: NodeMigration, type: string): string {
  const found = status?.conditions?.find((condition) => condition.type === type);
  return `${found?.status} ${found?.reason}`;
}
