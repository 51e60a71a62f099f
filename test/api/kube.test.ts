import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createClient } from "../../kube/client.ts";
import { systemClock } from "../../kube/clock.ts";
import { loadConnection } from "../../kube/config.ts";
import { resolveResource, waitForCrds } from "../../kube/discovery.ts";
import { EventRecorder } from "../../kube/events.ts";
import { LeaderElection } from "../../kube/lease.ts";
import type { Pod } from "../../kube/objects.ts";
import { Reflector } from "../../kube/reflector.ts";
import {
  configMaps,
  customResourceDefinitions,
  events,
  leases,
  namespaces,
  networkPolicies,
  nodes,
  podDisruptionBudgets,
  pods,
  selfSubjectAccessReviews,
} from "../../kube/resources.ts";
import { patchStatus } from "../../kube/status.ts";
import type { KubeClient, KubeObject, Resource, UnknownObject, WatchEvent } from "../../kube/types.ts";
import { watchUntil } from "../../kube/wait.ts";
import { type ApiServer, startApiServer } from "./server.ts";

let server: ApiServer;
let client: KubeClient;

beforeAll(async () => {
  server = await startApiServer({ users: { viewer: [] }, args: ["--min-request-timeout=5"] });
  client = await clientFor({});
  await client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: ns } });
});

afterAll(() => server?.stop());

const ns = "kube-test";

async function clientFor(flags: object, options: object = {}): Promise<KubeClient> {
  const connection = await loadConnection(
    { kubeconfig: server.kubeconfigPath, ...flags },
    { env: {}, interactive: false, clock: systemClock },
  );
  return createClient(connection, { fieldManager: "test", ...options });
}

function configMap(name: string, data: Record<string, string>, labels?: Record<string, string>) {
  const metadata = { name, namespace: ns, ...(labels === undefined ? {} : { labels }) };
  return { apiVersion: "v1", kind: "ConfigMap", metadata, data };
}

function pod(name: string, labels: Record<string, string> = {}): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: ns, labels },
    spec: { nodeName: "n1", terminationGracePeriodSeconds: 0, containers: [{ name: "c", image: "none" }] },
  };
}

describe("reading", () => {
  it("gives undefined for an object that is not there", async () => {
    expect(await client.get(configMaps, { namespace: ns, name: "nobody" })).toBeUndefined();
  });

  it("lists all pages, with apiVersion and kind on each item", async () => {
    for (const n of [1, 2, 3, 4, 5]) await client.create(configMaps, configMap(`page-${n}`, {}, { of: "pages" }));
    const before = client.requestCount;

    const list = await client.list(configMaps, { namespace: ns, labelSelector: "of=pages", limit: 2 });

    expect(list.items.map((item) => `${item.apiVersion} ${item.kind} ${item.metadata.name}`)).toEqual(
      [1, 2, 3, 4, 5].map((n) => `v1 ConfigMap page-${n}`),
    );
    expect(client.requestCount - before).toBe(3);
    expect(Number(list.resourceVersion)).toBeGreaterThan(0);
  });

  it("reads plain paths", async () => {
    expect(await client.raw("/readyz")).toBe("ok");
    expect(JSON.parse(await client.raw("/version"))).toMatchObject({ major: "1" });
  });
});

describe("writing", () => {
  it("says AlreadyExists when a create meets a namesake", async () => {
    await client.create(configMaps, configMap("twice", {}));

    await expect(client.create(configMaps, configMap("twice", {}))).rejects.toMatchObject({
      status: 409,
      reason: "AlreadyExists",
      request: "POST /api/v1/namespaces/kube-test/configmaps",
    });
  });

  it("reports whose fields a server-side apply would take, and takes them by force", async () => {
    await client.apply(configMaps, configMap("owned", { mtu: "1450" }), { fieldManager: "one" });

    const second = client.apply(configMaps, configMap("owned", { mtu: "1400" }), { fieldManager: "two" });
    await expect(second).rejects.toMatchObject({
      status: 409,
      reason: "Conflict",
      causes: [{ reason: "FieldManagerConflict", field: ".data.mtu", message: expect.stringContaining('"one"') }],
    });

    const forced = await client.apply(configMaps, configMap("owned", { mtu: "1400" }), {
      fieldManager: "two",
      force: true,
    });
    expect(forced.data).toEqual({ mtu: "1400" });
  });

  it("changes nothing in a dry run", async () => {
    await client.create(configMaps, configMap("dry", { a: "1" }), { dryRun: true });
    const kept = await client.create(configMaps, configMap("kept", { a: "1" }));
    await client.patch(configMaps, kept.metadata, { data: { a: "2" } }, { dryRun: true });
    await client.delete(configMaps, kept.metadata, { dryRun: true });

    expect(await client.get(configMaps, { namespace: ns, name: "dry" })).toBeUndefined();
    expect((await client.get(configMaps, { namespace: ns, name: "kept" }))?.data).toEqual({ a: "1" });
  });

  it.each([
    { kind: "merge", patch: { data: { b: "2" } }, data: { a: "1", b: "2" } },
    { kind: "strategic", patch: { data: { a: null } }, data: undefined },
    { kind: "json", patch: [{ op: "replace", path: "/data/a", value: "9" }], data: { a: "9" } },
  ] as const)("patches as $kind", async ({ kind, patch, data }) => {
    const object = await client.create(configMaps, configMap(`patch-${kind}`, { a: "1" }));

    expect((await client.patch(configMaps, object.metadata, patch, { kind })).data).toEqual(data);
  });

  it("refuses a merge patch made for another version, and one made for another object", async () => {
    const old = await client.create(configMaps, configMap("guarded", { a: "1" }));
    await client.patch(configMaps, old.metadata, { data: { a: "2" } });

    const stale = { metadata: { resourceVersion: old.metadata.resourceVersion }, data: { a: "3" } };
    await expect(client.patch(configMaps, old.metadata, stale)).rejects.toMatchObject({ status: 409 });
    const namesake = { metadata: { uid: "00000000-0000-0000-0000-000000000000" }, data: { a: "3" } };
    await expect(client.patch(configMaps, old.metadata, namesake)).rejects.toMatchObject({ status: 409 });
    expect((await client.get(configMaps, old.metadata as { name: string }))?.data).toEqual({ a: "2" });
  });

  it("replaces only the version that was read", async () => {
    const old = await client.create(configMaps, configMap("replaced", { a: "1" }));
    await client.replace(configMaps, { ...old, data: { a: "2" } });

    await expect(client.replace(configMaps, { ...old, data: { a: "3" } })).rejects.toMatchObject({ status: 409 });
  });

  it("deletes only the object it was told to", async () => {
    const object = await client.create(configMaps, configMap("deleted", {}));
    const wrong = { preconditions: { uid: "00000000-0000-0000-0000-000000000000" } };

    await expect(client.delete(configMaps, object.metadata, wrong)).rejects.toMatchObject({ status: 409 });
    const right = { preconditions: { uid: object.metadata.uid ?? "" } };
    expect(await client.delete(configMaps, object.metadata, right)).toBe(true);
    expect(await client.delete(configMaps, object.metadata, right)).toBe(false);
  });

  it("keeps ingress.from of a NetworkPolicy", async () => {
    const from = [{ podSelector: { matchLabels: { app: "web" } } }, { ipBlock: { cidr: "10.0.0.0/8" } }];
    const policy = {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: "from", namespace: ns },
      spec: { podSelector: {}, policyTypes: ["Ingress" as const], ingress: [{ from }] },
    };

    await client.apply(networkPolicies, policy, { fieldManager: "test" });

    expect((await client.get(networkPolicies, { namespace: ns, name: "from" }))?.spec.ingress).toEqual([{ from }]);
  });
});

describe("status patches", () => {
  it("write what changed, remove what is gone, and nothing when there is no difference", async () => {
    const object = await client.create(pods, pod("status"));
    const first = { phase: "Running" as const, hostIP: "10.0.0.1", startTime: "2030-01-01T00:00:00Z" };
    const running = await patchStatus(client, pods, object, first);
    const before = client.requestCount;

    expect(await patchStatus(client, pods, running, { ...running.status })).toBe(running);
    expect(client.requestCount).toBe(before);
    const { startTime: _, ...rest } = running.status ?? {};
    const changed = await patchStatus(client, pods, running, rest);
    expect(changed.status).not.toHaveProperty("startTime");
    expect(changed.status).toMatchObject({ phase: "Running", hostIP: "10.0.0.1" });
  });

  it("fail with 409 when the object was changed or replaced by a namesake meanwhile", async () => {
    const object = await client.create(pods, pod("moved"));
    await client.patch(pods, object.metadata, { metadata: { labels: { changed: "yes" } } });

    await expect(patchStatus(client, pods, object, { phase: "Failed" })).rejects.toMatchObject({ status: 409 });

    await client.delete(pods, object.metadata, { gracePeriodSeconds: 0 });
    const namesake = await client.create(pods, pod("moved"));
    await expect(patchStatus(client, pods, object, { phase: "Failed" })).rejects.toMatchObject({ status: 409 });
    expect((await client.get(pods, namesake.metadata))?.status?.phase).toBe("Pending");
  });
});

describe("eviction", () => {
  it("leaves a pod with another UID alone, evicts the right one, and says when it is gone", async () => {
    const made = await client.create(pods, pod("victim"));
    const ready = { phase: "Running" as const, conditions: [{ type: "Ready", status: "True" as const }] };
    const victim = await patchStatus(client, pods, made, { ...made.status, ...ready });
    const key = { namespace: ns, name: "victim" };

    const wrong = client.evict(key, { uid: "00000000-0000-0000-0000-000000000000" });
    await expect(wrong).rejects.toMatchObject({ status: 409, reason: "Conflict" });
    expect(await client.evict(key, { uid: victim.metadata.uid ?? "", dryRun: true })).toBe(true);
    expect(await client.get(pods, key)).toBeDefined();

    expect(await client.evict(key, { uid: victim.metadata.uid ?? "", gracePeriodSeconds: 0 })).toBe(true);
    expect(await client.evict(key, { uid: victim.metadata.uid ?? "" })).toBe(false);
  });

  it("names the budget that does not allow it", async () => {
    const budget = await client.create(podDisruptionBudgets, {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: { name: "shop", namespace: ns },
      spec: { minAvailable: 1, selector: { matchLabels: { app: "shop" } } },
    });
    await patchStatus(client, podDisruptionBudgets, budget, {
      observedGeneration: 1,
      disruptionsAllowed: 0,
      currentHealthy: 1,
      desiredHealthy: 1,
      expectedPods: 1,
    });
    const made = await client.create(pods, pod("shop-0", { app: "shop" }));
    const running = await patchStatus(client, pods, made, {
      ...made.status,
      phase: "Running",
      conditions: [{ type: "Ready", status: "True" }],
    });

    await expect(
      client.evict({ namespace: ns, name: "shop-0" }, { uid: running.metadata.uid ?? "" }),
    ).rejects.toMatchObject({
      status: 429,
      reason: "TooManyRequests",
      causes: [{ reason: "DisruptionBudget", message: expect.stringContaining("shop") }],
    });
  });
});

describe("watch", () => {
  it("brings bookmarks and ends by itself when the server's time is up", async () => {
    const { resourceVersion } = await client.list(configMaps, { namespace: ns });
    const seen: string[] = [];
    const short = await clientFor({}, { watchSeconds: { least: 3, spread: 0 } });
    // A bookmark comes two seconds before the end, if there was a change to report the version of.
    const created = systemClock.sleep(0.1).then(() => client.create(configMaps, configMap("watched", {})));

    for await (const event of short.watch(configMaps, { namespace: ns, resourceVersion }))
      seen.push(event.type === "BOOKMARK" ? "BOOKMARK" : `${event.type} ${event.object.metadata.name}`);

    expect(seen[0]).toBe("ADDED watched");
    expect(new Set(seen.slice(1))).toEqual(new Set(["BOOKMARK"]));
    await created;
  });

  it("stops at once when the signal fires", async () => {
    const stop = new AbortController();
    const { resourceVersion } = await client.list(configMaps, { namespace: ns });
    const reading = (async () => {
      const events: WatchEvent<KubeObject>[] = [];
      for await (const event of client.watch(configMaps, { namespace: ns, resourceVersion, signal: stop.signal }))
        events.push(event);
      return events;
    })();

    setTimeout(() => stop.abort(), 50);

    expect(await reading).toEqual([]);
  });

  it("goes on across watches that end: a reflector misses nothing", async () => {
    const stop = new AbortController();
    const short = await clientFor({}, { watchSeconds: { least: 1, spread: 0 } });
    const errors: unknown[] = [];
    const store = new Reflector(short, configMaps, {
      namespace: ns,
      labelSelector: "of=reflector",
      signal: stop.signal,
      onError: (error) => errors.push(error),
    });
    await store.synced();
    const names = ["r-1", "r-2", "r-3", "r-4", "r-5"];

    for (const name of names) {
      await client.create(configMaps, configMap(name, {}, { of: "reflector" }));
      await store.waitFor(() => store.has({ namespace: ns, name }), { timeoutSeconds: 10, what: name });
      await systemClock.sleep(0.4);
    }
    await client.delete(configMaps, { namespace: ns, name: "r-1" });
    await store.waitFor(() => store.list().length === 4, { timeoutSeconds: 10, what: "r-1 to be gone" });

    expect(errors).toEqual([]);
    expect(store.list()[0]?.metadata).not.toHaveProperty("managedFields");
    stop.abort();
  });
});

describe("the election", () => {
  const options = (identity: string) => ({
    namespace: ns,
    name: "election",
    identity,
    durationSeconds: 3,
    renewDeadlineSeconds: 2,
    renewSeconds: 0.5,
    retrySeconds: 0.2,
  });

  async function until(holds: () => boolean, seconds = 10): Promise<number> {
    const start = performance.now();
    while (!holds()) {
      if (performance.now() - start > seconds * 1000) throw new Error("waited in vain");
      await systemClock.sleep(0.01);
    }
    return (performance.now() - start) / 1000;
  }

  it("has one leader; the other takes over at once when it stops, and after the duration when it dies", async () => {
    const [a, b, c] = ["a", "b", "c"].map((name) => new LeaderElection(client, options(name)));
    if (a === undefined || b === undefined || c === undefined) throw new Error("unreachable");
    const [stopA, stopB, stopC] = [new AbortController(), new AbortController(), new AbortController()];
    const leaders = () => [a, b, c].filter((one) => one.isLeader()).length;

    const runA = a.run(stopA.signal);
    await until(() => a.isLeader());
    const dying = await clientFor({}, { onRequest: () => (dead ? Promise.reject(new Error("dead")) : undefined) });
    let dead = false;
    const zombie = new LeaderElection(dying, options("zombie"));
    const runZombie = zombie.run(stopB.signal);
    await systemClock.sleep(0.6);
    expect([a.isLeader(), zombie.isLeader()]).toEqual([true, false]);

    stopA.abort();
    await runA;
    expect(await until(() => zombie.isLeader())).toBeLessThan(1);
    const runC = c.run(stopC.signal);
    dead = true;
    const took = await until(() => c.isLeader());
    expect(zombie.isLeader()).toBe(false);
    expect(took).toBeGreaterThan(2);
    expect(took).toBeLessThan(6);
    expect(leaders()).toBe(1);

    const lease = await client.get(leases, { namespace: ns, name: "election" });
    expect(lease?.spec).toMatchObject({ holderIdentity: "c", leaseTransitions: 2 });
    expect(lease?.spec?.renewTime).toMatch(/\.\d{6}Z$/);
    stopB.abort();
    stopC.abort();
    await Promise.all([runZombie, runC]);
    expect((await client.get(leases, { namespace: ns, name: "election" }))?.spec?.holderIdentity ?? "").toBe("");
  });

  it("survives the deletion of the Lease without a second leader", async () => {
    const stop = new AbortController();
    const one = new LeaderElection(client, { ...options("one"), name: "deleted" });
    const two = new LeaderElection(client, { ...options("two"), name: "deleted" });
    const runs = [one.run(stop.signal)];
    await until(() => one.isLeader());
    runs.push(two.run(stop.signal));
    await systemClock.sleep(0.3);

    await client.delete(leases, { namespace: ns, name: "deleted" });
    const both: boolean[] = [];
    for (let i = 0; i < 200; i++) {
      both.push(one.isLeader() && two.isLeader());
      await systemClock.sleep(0.01);
    }

    expect(both).not.toContain(true);
    expect((await client.get(leases, { namespace: ns, name: "deleted" }))?.spec?.holderIdentity).toBe("one");
    stop.abort();
    await Promise.all(runs);
  });
});

describe("Events", () => {
  it("are made on the first time and counted on the next ones", async () => {
    const errors: unknown[] = [];
    const onError = (error: unknown) => errors.push(error);
    const recorder = new EventRecorder(client, { controller: "cni-migrate.io/test", instance: "test-0", onError });
    const object = await client.create(pods, pod("noted"));
    const facts = { type: "Normal", reason: "Cordoned", action: "Cordon", note: "node n1 was cordoned" } as const;

    for (let i = 0; i < 3; i++) await recorder.event({ ...object, apiVersion: "v1", kind: "Pod" }, facts);
    const node = { apiVersion: "v1", kind: "Node", metadata: { name: "n1", uid: "u" } };
    await recorder.event(node, { ...facts, note: "x".repeat(2000) });

    expect(errors).toEqual([]);
    const found = await client.list(events, { fieldSelector: "reason=Cordoned" });
    expect(found.items).toHaveLength(2);
    const [ofPod] = found.items.filter((event) => event.regarding.kind === "Pod");
    expect(ofPod).toMatchObject({ metadata: { namespace: ns }, series: { count: 3 }, regarding: { name: "noted" } });
    expect(found.items.find((event) => event.regarding.kind === "Node")?.metadata.namespace).toBe("default");
  });
});

describe("identity", () => {
  it("is the one impersonated, with its groups", async () => {
    const someone = await clientFor({ as: "jane", asGroup: ["team", "ops"] });

    await expect(someone.list(pods)).rejects.toMatchObject({
      status: 403,
      reason: "Forbidden",
      message: expect.stringContaining('User "jane" cannot list resource "pods"'),
    });
    const whoAmI = { group: "authentication.k8s.io", version: "v1", plural: "selfsubjectreviews", namespaced: false };
    const review = await someone.create(
      { ...whoAmI, kind: "SelfSubjectReview" } as Resource,
      {
        apiVersion: "authentication.k8s.io/v1",
        kind: "SelfSubjectReview",
        metadata: {} as { name: string },
      } as UnknownObject,
    );
    expect(review.status).toMatchObject({ userInfo: { groups: expect.arrayContaining(["team", "ops"]) } });
  });

  it("tells what it may do", async () => {
    const viewer = await clientFor({ kubeconfig: server.kubeconfigForUser("viewer") });

    const review = await viewer.create(selfSubjectAccessReviews, {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      metadata: {} as { name: string },
      spec: { resourceAttributes: { verb: "list", resource: "nodes" } },
    });

    expect(review.status?.allowed).toBe(false);
  });

  it("that may not watch something does not wait for it in vain", async () => {
    const viewer = await clientFor({ kubeconfig: server.kubeconfigForUser("viewer") });
    const waiting = watchUntil(viewer, nodes, { name: "n1" }, (node) => node, { timeoutSeconds: 20, what: "node n1" });

    await expect(waiting).rejects.toMatchObject({
      status: 403,
      request: "GET /api/v1/nodes",
      message: expect.stringContaining('User "viewer" cannot list resource "nodes"'),
    });
  });

  it("is refused with a wrong token, which no error shows", async () => {
    const stranger = await clientFor({ token: "wrong-secret-token" });

    const error = await stranger.raw("/api").catch((e: unknown) => e);

    expect(error).toMatchObject({ status: 401, reason: "Unauthorized" });
    expect(JSON.stringify(error) + String(error)).not.toContain("wrong-secret-token");
  });
});

describe("discovery", () => {
  const crd = (plural: string, kind: string) => ({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.test.cni-migrate.io` },
    spec: {
      group: "test.cni-migrate.io",
      scope: "Namespaced" as const,
      names: { plural, kind, singular: kind.toLowerCase() },
      versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
    },
  });

  it("finds built-in resources, and none for a kind nobody serves", async () => {
    expect(await resolveResource(client, "apps/v1", "DaemonSet")).toEqual({
      group: "apps",
      version: "v1",
      plural: "daemonsets",
      kind: "DaemonSet",
      namespaced: true,
    });
    expect(await resolveResource(client, "v1", "Pod")).toMatchObject({ group: "", plural: "pods" });
    expect(await resolveResource(client, "no.such.group/v1", "Thing")).toBeUndefined();
  });

  it("finds the kinds of CRDs that were just applied, makes their objects at once, and cannot watch them from before", async () => {
    const all = [crd("widgets", "Widget"), crd("gadgets", "Gadget"), crd("gizmos", "Gizmo")];
    for (const one of all) await client.apply(customResourceDefinitions, one, { fieldManager: "test" });

    await waitForCrds(
      client,
      all.map((one) => one.metadata.name),
      { timeoutSeconds: 20 },
    );

    const resource = await resolveResource(client, "test.cni-migrate.io/v1", "Gizmo");
    expect(resource).toMatchObject({ plural: "gizmos", namespaced: true });
    const object = { apiVersion: "test.cni-migrate.io/v1", kind: "Gizmo", metadata: { name: "g", namespace: ns } };
    if (resource === undefined) throw new Error("unreachable");
    expect((await client.apply(resource, object, { fieldManager: "test" })).metadata.uid).toBeDefined();

    const fromTheStart = async () => {
      for await (const event of client.watch(resource, { resourceVersion: "1" })) return event;
    };
    await expect(fromTheStart()).rejects.toMatchObject({ status: 410, reason: "Expired" });
  });

  it("says so when a CRD never comes", async () => {
    const waiting = waitForCrds(client, ["nothing.test.cni-migrate.io"], { timeoutSeconds: 0.3 });

    await expect(waiting).rejects.toMatchObject({
      reason: "Timeout",
      message: "waited 0.3 s in vain for the CRD nothing.test.cni-migrate.io to be Established",
    });
  });
});
