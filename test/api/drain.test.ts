import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { drainNode } from "../../controller/drain/engine.ts";
import { evictPod } from "../../controller/drain/evict.ts";
import { EvictionMemory } from "../../controller/drain/memory.ts";
import { drainPolicy } from "../../controller/drain/policy.ts";
import { spreadPods } from "../../controller/spread/engine.ts";
import type { Pod } from "../../kube/objects.ts";
import { namespaces, podDisruptionBudgets, pods } from "../../kube/resources.ts";
import type { KubeClient, Resource, UnknownObject } from "../../kube/types.ts";
import { clientOf, DrainCluster, until } from "./drain-cluster.ts";

let cluster: DrainCluster;

beforeAll(async () => {
  cluster = await DrainCluster.start({ nobody: [] });
});

afterAll(() => cluster?.stop());

const nodesOf = (namespace: string, app: string) => cluster.readyPods(namespace, app).map((pod) => pod.spec.nodeName);
const tools = (client: KubeClient = cluster.client) => ({ client, policy: drainPolicy(), random: () => 0 });

async function onePod(namespace: string): Promise<Pod> {
  await cluster.namespace(namespace);
  await cluster.replicasOn("n1", namespace, "web", 2);
  const [pod] = cluster.podsOf(namespace, "web");
  if (pod === undefined) throw new Error(`no pod in namespace ${namespace}`);
  return pod;
}

/** Ends the pods of a test, so that the next one finds its node empty. */
const leave = (namespace: string) => cluster.clear(namespace, "web");

describe("a drain of a node with all replicas", () => {
  it("never has two of four out, without a budget", async () => {
    await cluster.namespace("free");
    await cluster.replicasOn("n1", "free", "web", 4);
    const lowest = cluster.lowestReady("free", "web");

    const outcome = await cluster.drain(cluster.input("n1"));

    expect(outcome).toEqual({ state: "done", left: [] });
    await cluster.ready("free", "web", 4);
    expect(lowest.value).toBe(3);
    expect(nodesOf("free", "web")).not.toContain("n1");
    await leave("free");
  });

  it("never has two of four out when the controller forgets everything before each pass", async () => {
    await cluster.namespace("amnesia");
    await cluster.replicasOn("n1", "amnesia", "web", 4);
    const lowest = cluster.lowestReady("amnesia", "web");
    const input = cluster.input("n1");

    const outcome = await cluster.repeat(async () => {
      // A new process begins with a list that is up to date.
      const list = await cluster.client.list(pods);
      const look = () => ({ ...cluster.look(), pods: list.items });
      return drainNode({ ...input, look, memory: new EvictionMemory() });
    });

    expect(outcome).toEqual({ state: "done", left: [] });
    await cluster.ready("amnesia", "web", 4);
    expect(lowest.value).toBe(3);
    await leave("amnesia");
  });

  it("works in step with a budget without polling it", async () => {
    await cluster.namespace("budget");
    await cluster.replicasOn("n1", "budget", "web", 3);
    await cluster.budget("budget", "web", { maxUnavailable: 1 });
    const lowest = cluster.lowestReady("budget", "web");
    const before = cluster.client.requestCount;
    const input = cluster.input("n1");
    const asked: string[] = [];
    const client = {
      ...input.client,
      evict: (...args: Parameters<KubeClient["evict"]>) => {
        asked.push(args[0].name);
        return cluster.client.evict(...args);
      },
    };

    expect(await cluster.drain({ ...input, client: client as KubeClient })).toEqual({ state: "done", left: [] });

    expect(new Set(asked).size).toBe(3);
    // A copy of the budget that lags by a moment may cost a request; more would be polling.
    expect(asked.length).toBeLessThanOrEqual(6);
    expect(cluster.client.requestCount - before).toBeLessThan(40);
    await cluster.ready("budget", "web", 3);
    expect(lowest.value).toBe(2);
    await leave("budget");
  });

  it("lets a StatefulSet's pods go one after the other", async () => {
    await cluster.namespace("stateful");
    await cluster.replicasOn("n1", "stateful", "web", 3, "StatefulSet");
    const lowest = cluster.lowestReady("stateful", "web");

    expect(await cluster.drain(cluster.input("n1"))).toEqual({ state: "done", left: [] });

    await cluster.ready("stateful", "web", 3);
    expect(lowest.value).toBe(2);
    await leave("stateful");
  });
});

describe("a drain of two nodes at once with all replicas on the two", () => {
  it.each([
    ["two-free", "without a budget", undefined],
    ["two-budget", "under a budget that would let two go", { maxUnavailable: 2 }],
  ])("%s: never has two of four out, %s", async (namespace, _title, budget) => {
    await cluster.namespace(namespace);
    await cluster.replicasOn(["n1", "n2"], namespace, "web", 4);
    expect(new Set(nodesOf(namespace, "web"))).toEqual(new Set(["n1", "n2"]));
    if (budget !== undefined) await cluster.budget(namespace, "web", budget);
    const lowest = cluster.lowestReady(namespace, "web");
    const inputs = ["n1", "n2"].map((node) => cluster.input(node));
    const together = {
      memory: new EvictionMemory(),
      draining: inputs.map(({ node, startedAtMs }) => ({ node, startedAtMs })),
    };

    const outcomes = await Promise.all(inputs.map((input) => cluster.drain({ ...input, ...together })));

    expect(outcomes).toEqual([
      { state: "done", left: [] },
      { state: "done", left: [] },
    ]);
    await cluster.ready(namespace, "web", 4);
    expect(lowest.value).toBe(3);
    expect(new Set(nodesOf(namespace, "web"))).toEqual(new Set(["n3"]));
    await leave(namespace);
  });
});

describe("a drain that cannot go on", () => {
  it("touches nothing under a budget that never allows it, and goes on once the hint was followed", async () => {
    await cluster.namespace("never");
    await cluster.replicasOn("n1", "never", "web", 2);
    await cluster.budget("never", "web", { minAvailable: 2 });
    const before = cluster.podsOf("never", "web").map((pod) => pod.metadata.uid);

    const stuck = await cluster.drain(cluster.input("n1"));

    expect(stuck).toMatchObject({
      state: "stuck",
      error: {
        reason: "EvictionImpossible",
        hint: `add a replica, or kubectl -n never patch pdb web --type merge -p '{"spec":{"minAvailable":1}}'`,
      },
    });
    expect(cluster.podsOf("never", "web").map((pod) => pod.metadata.uid)).toEqual(before);
    const key = { namespace: "never", name: "web" };
    await cluster.client.patch(podDisruptionBudgets, key, { spec: { minAvailable: 1 } });
    expect(
      await cluster.repeat(async () => {
        const outcome = await drainNode(cluster.input("n1"));
        // The copy of the budget may still be the old one.
        return outcome.state === "stuck" ? { state: "waiting", nextCheckSeconds: 1 } : outcome;
      }),
    ).toEqual({ state: "done", left: [] });
    await cluster.ready("never", "web", 2);
    await leave("never");
  });

  it("names the finalizer that holds a pod, and leaves it alone", async () => {
    const pod = await onePod("held");
    const key = { namespace: "held", name: pod.metadata.name };
    await cluster.client.patch(pods, key, { metadata: { finalizers: ["example.com/hold"] } });

    const outcome = await cluster.drain(cluster.input("n1", { timeoutSeconds: 3 }));

    expect(outcome).toMatchObject({
      state: "stuck",
      error: { reason: "DrainTimeout" },
      pending: [{ ...key, blockedBy: "is held by finalizer example.com/hold; its owner must remove it" }],
    });
    expect((await cluster.client.get(pods, key))?.metadata.finalizers).toEqual(["example.com/hold"]);
    await leave("held");
  });

  it("waits for a replacement that does not become Ready, and names it", async () => {
    await cluster.namespace("sick");
    await cluster.replicasOn("n1", "sick", "web", 2);
    for (const worker of ["n2", "n3"]) await cluster.cordon(worker, true);

    const outcome = await cluster.drain(cluster.input("n1", { timeoutSeconds: 3 }));

    expect(outcome).toMatchObject({
      state: "stuck",
      error: { reason: "DrainTimeout" },
      pending: [{ namespace: "sick" }],
    });
    const [pending] = outcome.state === "stuck" ? outcome.pending : [];
    expect(pending?.blockedBy).toMatch(/^waits until sick\/web-\w+ is Ready \(Unschedulable\)$/);
    expect(cluster.readyPods("sick", "web")).toHaveLength(1);
    await leave("sick");
  });
});

describe("what the API server answers to an eviction", () => {
  const room = { maxUnavailable: 1 };

  it("another UID: the namesake is left alone", async () => {
    const pod = await onePod("uid");
    const other = { ...pod, metadata: { ...pod.metadata, uid: "00000000-0000-0000-0000-000000000000" } };

    expect(await evictPod(other, [], tools())).toEqual({ result: "replaced" });
    expect(await evictPod(other, [], { ...tools(), policy: { ...drainPolicy(), disableEviction: true } })).toEqual({
      result: "replaced",
    });

    const now = await cluster.client.get(pods, { namespace: "uid", name: pod.metadata.name });
    expect(now?.metadata.deletionTimestamp).toBeUndefined();
    await leave("uid");
  });

  it("a budget without room: blocked by it, with its numbers", async () => {
    const pod = await onePod("full");
    const budget = await cluster.budget("full", "web", { minAvailable: 2 });

    expect(await evictPod(pod, [budget], tools())).toMatchObject({
      result: "blocked",
      blockedBy: "PodDisruptionBudget full/web allows 0 disruptions (minAvailable 2, 2 of 2 healthy)",
    });
    expect(await evictPod(pod, [], tools())).toMatchObject({
      blockedBy: "The disruption budget web needs 2 healthy pods and has 2 currently",
    });
    await leave("full");
  });

  it("two budgets, one of them with an empty selector: refused for good, as the drain says without asking", async () => {
    const pod = await onePod("twice");
    await cluster.budget("twice", "web", room);
    await cluster.budget("twice", "all", room, {});

    expect(await evictPod(pod, [], tools())).toMatchObject({ result: "refused", reason: "EvictionImpossible" });
    expect(await cluster.drain(cluster.input("n1"))).toMatchObject({
      state: "stuck",
      error: {
        reason: "EvictionImpossible",
        message: expect.stringContaining("PodDisruptionBudgets twice/all and twice/web both select it"),
      },
    });
    await leave("twice");
  });

  it("a namespace that is being deleted: waited for", async () => {
    const pod = await onePod("going");
    const key = { namespace: "going", name: pod.metadata.name };
    await cluster.client.patch(pods, key, { metadata: { finalizers: ["example.com/hold"] } });
    await cluster.client.delete(namespaces, { name: "going" });

    expect(await evictPod(pod, [], tools())).toMatchObject({
      result: "blocked",
      blockedBy: "namespace going is being deleted, and the pod with it",
    });
    await leave("going");
  });

  it("a missing right: named, for evictions and deletions", async () => {
    const pod = await onePod("rights");
    const nobody = tools(await clientOf(cluster.server.kubeconfigForUser("nobody")));

    expect(await evictPod(pod, [], nobody)).toMatchObject({
      result: "refused",
      reason: "PermissionMissing",
      message: expect.stringContaining('cannot create resource "pods/eviction"'),
    });
    expect(await evictPod(pod, [], { ...nobody, policy: { ...drainPolicy(), disableEviction: true } })).toMatchObject({
      reason: "PermissionMissing",
      message: expect.stringContaining('cannot delete resource "pods"'),
    });
    await leave("rights");
  });

  it("an admission policy that says no: waited for, with its text", async () => {
    const pod = await onePod("policy");
    await denyEvictionsIn("policy");

    const result = await until(async () => {
      // With dryRun nothing is evicted while the policy is not in force yet.
      const dry = {
        ...cluster.client,
        evict: (...[key, options]: Parameters<KubeClient["evict"]>) =>
          cluster.client.evict(key, { ...options, dryRun: true }),
      };
      const answer = await evictPod(pod, [], tools(dry as KubeClient));
      return answer.result === "leaving" ? undefined : answer;
    }, "the admission policy to be in force");

    expect(result).toMatchObject({
      result: "blocked",
      blockedBy: expect.stringContaining("not on Mondays"),
      retryAfterSeconds: 10,
    });
    await leave("policy");
  });

  it("a pod that is gone: done", async () => {
    const pod = await onePod("gone");
    const other = { ...pod, metadata: { ...pod.metadata, name: "nobody" } };

    expect(await evictPod(other, [], tools())).toEqual({ result: "leaving" });
    await leave("gone");
  });
});

describe("the final spread", () => {
  it("brings four replicas on one of two nodes to two and two, never with two out", async () => {
    await cluster.namespace("spread");
    await cluster.replicasOn("n1", "spread", "web", 4);
    await cluster.cordon("n1", false);
    await cluster.cordon("n3", true);
    const lowest = cluster.lowestReady("spread", "web");
    // Pods carry whole seconds: those made in the second of the start would pass for moved ones.
    const startedAtMs = await nextSecond();
    const { node: _, draining: __, ...input } = cluster.input("n1");

    const outcome = await cluster.repeat(() =>
      spreadPods({
        ...input,
        startedAtMs,
        nodes: () => cluster.nodes(),
        network: "calico",
        disturbedSinceMs: startedAtMs - 60_000,
        timeoutSeconds: 20,
      }),
    );

    expect(outcome).toEqual({ state: "done", moved: 2, uneven: [] });
    await cluster.ready("spread", "web", 4);
    expect(nodesOf("spread", "web").sort()).toEqual(["n1", "n1", "n2", "n2"]);
    expect(lowest.value).toBe(3);
    await leave("spread");
  });
});

async function nextSecond(): Promise<number> {
  const start = Math.floor(Date.now() / 1000) * 1000 + 1000;
  await until(async () => (Date.now() >= start ? true : undefined), "the next second");
  return start;
}

async function denyEvictionsIn(namespace: string): Promise<void> {
  const group = "admissionregistration.k8s.io";
  const of = (plural: string, kind: string): Resource => ({ group, version: "v1", plural, kind, namespaced: false });
  const object = (kind: string, spec: object): UnknownObject => ({
    apiVersion: `${group}/v1`,
    kind,
    metadata: { name: "keep" },
    spec,
  });
  const rules = [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods/eviction"] }];
  await cluster.client.create(
    of("validatingadmissionpolicies", "ValidatingAdmissionPolicy"),
    object("ValidatingAdmissionPolicy", {
      failurePolicy: "Fail",
      matchConstraints: { resourceRules: rules },
      validations: [{ expression: "false", message: "not on Mondays" }],
    }),
  );
  const names = { matchLabels: { "kubernetes.io/metadata.name": namespace } };
  await cluster.client.create(
    of("validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding"),
    object("ValidatingAdmissionPolicyBinding", {
      policyName: "keep",
      validationActions: ["Deny"],
      matchResources: { namespaceSelector: names },
    }),
  );
}
