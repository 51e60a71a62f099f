import { describe, expect, it } from "vitest";
import { ApiError } from "../../kube/errors.ts";
import type { ContainerState, DaemonSet, Node, Pod, PodSpec } from "../../kube/objects.ts";
import type { ObjectKey } from "../../kube/types.ts";
import { condition, migration, node, testScope } from "../testing.ts";
import { imagesPhase } from "./images.ts";
import type { MigrationContext } from "./phase.ts";

const image = "calico/node:v1";
const there: ContainerState = { terminated: { exitCode: 128, reason: "StartError" } };
const absent: ContainerState = { waiting: { reason: "ErrImagePull", message: "not found" } };
const closed: ContainerState = { waiting: { reason: "ErrImagePull", message: "401 Unauthorized" } };

function agent(spec: Partial<PodSpec> = {}): DaemonSet {
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name: "calico-node", namespace: "kube-system", uid: "uid-ds", resourceVersion: "1" },
    spec: { selector: {}, template: { spec: { containers: [{ name: "calico-node", image }], ...spec } } },
  };
}

function naming(of: Node, name = `docker.io/${image}`): Node {
  return { ...of, status: { ...of.status, images: [{ names: [name] }] } };
}

/** Ready nodes, the target's agent, and how the nodes' kubelets stand with the image. */
function cluster(nodes: Node[], says: Record<string, ContainerState> = {}, daemonSet = agent()) {
  const made: Pod[] = [];
  const deleted: string[] = [];
  const records: unknown[] = [];
  const gone = new Set<string>();
  let revision = 10;
  const scope = testScope({
    create: async (_: unknown, object: unknown) => {
      const pod = object as Pod;
      revision++;
      const metadata = { ...pod.metadata, uid: `uid-pod-${revision}`, resourceVersion: `${revision}` };
      made.push(pod);
      gone.delete(pod.metadata.name);
      return withState({ ...pod, metadata }, says[pod.spec.nodeName ?? ""]) as never;
    },
    delete: async (_: unknown, key: ObjectKey) => {
      deleted.push(key.name);
      gone.add(key.name);
      return true;
    },
  });
  const { pods } = scope.stores;
  const [get, list] = [pods.get.bind(pods), pods.list.bind(pods)];
  pods.get = (key) => (gone.has(key.name) ? undefined : get(key));
  pods.list = () => list().filter(({ metadata }) => !gone.has(metadata.name));
  scope.stores.daemonSets.put(daemonSet);
  const targetAgent = { namespace: "kube-system", daemonSets: ["calico-node"], podLabels: {} };
  const said = condition("PreflightPassed", "True", "PreflightPassed", "2 nodes looked at, nothing in the way");
  const context: MigrationContext = {
    scope,
    migration: migration({}, { facts: { targetAgent }, conditions: [said] }),
    nodes,
    nodeMigrations: [],
    async record(status) {
      records.push(status);
      context.migration = { ...context.migration, status: { ...context.migration.status, ...status } };
    },
  };
  /** The kubelet of a node says something else of the image. */
  const tell = (name: string, state: ContainerState) => {
    says[name] = state;
    for (const pod of pods.list().filter(({ spec }) => spec.nodeName === name)) {
      revision++;
      pods.put(withState({ ...pod, metadata: { ...pod.metadata, resourceVersion: `${revision}` } }, state));
    }
  };
  const preflight = () => {
    const found = context.migration.status?.conditions?.find(({ type }) => type === "PreflightPassed");
    return `${found?.status} ${found?.reason}: ${found?.message}`;
  };
  return { context, scope, made, deleted, records, tell, preflight, run: () => imagesPhase.run(context) };
}

function withState(pod: Pod, state: ContainerState = {}): Pod {
  const statuses = pod.spec.containers.map(({ name }) => ({ name, ready: false, restartCount: 0, state }));
  return { ...pod, status: { phase: "Pending", containerStatuses: statuses } };
}

const nodesOf = (pods: readonly Pod[]) => pods.map(({ spec }) => spec.nodeName);
const next = { outcome: "next" };
const missingOn = (who: string) =>
  `${who}: image ${image} cannot be had: ErrImagePull: not found; load it there or let the node pull it, or correct its name in DaemonSet kube-system/calico-node`;

describe("looking for the target's images", () => {
  it("asks nobody where every node names them", async () => {
    const { made, records, run } = cluster([naming(node("n1")), naming(node("n2"))]);

    expect(await run()).toEqual(next);
    expect([made, records]).toEqual([[], []]);
  });

  it("asks each Ready node that takes part and does not name them, once", async () => {
    const labels = { pool: "a" };
    const nodes = [
      node("n1", { labels }),
      naming(node("n2", { labels })),
      node("n3", { labels, ready: false }),
      node("n4"),
      node("n5", { labels }),
    ];
    const { context, made, run } = cluster(nodes);
    context.migration.spec.nodeSelector = { matchLabels: labels };

    const first = await run();
    await run();

    expect(nodesOf(made)).toEqual(["n1", "n5"]);
    expect(made[0]?.metadata.name).toMatch(/^images-n1-[0-9a-f]{8}$/);
    expect(first).toEqual({
      outcome: "wait",
      summary: "Preflight",
      reason: "Preflight",
      message: "looking for the images of Calico: waiting for n1, n5",
      afterSeconds: 15,
    });
  });

  it("goes on when all have them, and keeps the pods as the proof until the cluster is prepared", async () => {
    const { context, made, deleted, records, run } = cluster([node("n1"), node("n2")], { n1: there, n2: there });
    await run();

    expect(await run()).toEqual(next);
    expect(await run()).toEqual(next);
    expect([made.length, deleted, records]).toEqual([2, [], []]);

    context.migration.status = { ...context.migration.status, conditions: [condition("TargetInstalled", "True")] };
    expect(await run()).toEqual(next);
    expect(await run()).toEqual(next);
    expect(deleted).toEqual(made.map(({ metadata }) => metadata.name));
  });

  it("has 50 nodes pull at a time", async () => {
    const nodes = Array.from({ length: 60 }, (_, i) => node(`n${i + 10}`));
    const { made, tell, run } = cluster(nodes);
    await run();
    await run();
    expect(made.length).toBe(50);

    for (const name of ["n10", "n11"]) tell(name, there);
    const result = await run();

    expect(nodesOf(made.slice(50))).toEqual(["n60", "n61"]);
    expect(result).toMatchObject({
      message: "looking for the images of Calico: waiting for n12, n13, n14 and 55 more",
    });
  });
});

describe("an image that is not to be had", () => {
  it("is Stalled at once with node, image, the kubelet's words and the cure", async () => {
    const { preflight, records, run } = cluster([node("n1"), node("n2")], { n2: absent });
    await run();

    const found = { outcome: "stalled", reason: "ImageMissing", message: missingOn("node n2"), afterSeconds: 30 };
    expect(await run()).toEqual(found);
    expect(await run()).toEqual(found);
    expect(preflight()).toBe(`False ImageMissing: ${missingOn("node n2")}`);
    expect(records[1]).toEqual(records[0]);
  });

  it("is one line for many nodes", async () => {
    const names = ["n1", "n2", "n3", "n4", "n5"];
    const says = Object.fromEntries(names.map((name) => [name, absent]));
    const { run } = cluster(
      names.map((name) => node(name)),
      says,
    );
    await run();

    expect(await run()).toMatchObject({ message: missingOn("nodes n1, n2, n3 and 2 more") });
  });

  it("is looked for anew every 30 s; what was found stands until the nodes have answered", async () => {
    const { scope, made, deleted, tell, preflight, run } = cluster([node("n1"), node("n2")], { n1: there, n2: absent });
    await run();
    await run();
    scope.clock.freeze(20);
    expect(await run()).toMatchObject({ outcome: "stalled", afterSeconds: 10 });
    scope.clock.freeze(10);
    expect(await run()).toMatchObject({ outcome: "stalled", afterSeconds: 1 });
    expect(deleted).toEqual(made.slice(1).map(({ metadata }) => metadata.name));

    tell("n2", {});
    const asked = await run();
    expect(nodesOf(made)).toEqual(["n1", "n2", "n2"]);
    expect(asked).toMatchObject({ outcome: "stalled", message: missingOn("node n2") });

    tell("n2", absent);
    expect(await run()).toMatchObject({ outcome: "stalled", afterSeconds: 30 });

    tell("n2", there);
    expect(await run()).toEqual(next);
    expect(preflight()).toBe("True PreflightPassed: 2 nodes looked at, nothing in the way");
  });

  it("is asked for under its new name at once, and the earlier question goes", async () => {
    const { scope, made, deleted, tell, run } = cluster([node("n1")], { n1: absent });
    await run();
    await run();
    tell("n1", there);
    const corrected = agent({ containers: [{ name: "calico-node", image: "calico/node:v2" }] });
    scope.stores.daemonSets.put({ ...corrected, metadata: { ...corrected.metadata, resourceVersion: "2" } });

    await run();

    expect(made.map(({ spec }) => spec.containers[0]?.image)).toEqual([image, "calico/node:v2"]);
    expect(deleted).toEqual([made[0]?.metadata.name]);
    expect(await run()).toEqual(next);
  });
});

describe("what cannot be looked for", () => {
  it("is said of images that are pulled with secrets, and nobody is asked", async () => {
    const { made, preflight, run } = cluster([node("n1")], {}, agent({ imagePullSecrets: [{ name: "registry" }] }));

    expect(await run()).toEqual(next);
    expect(await run()).toEqual(next);
    expect(made).toEqual([]);
    expect(preflight()).toBe(
      "True PreflightPassed: 2 nodes looked at, nothing in the way; images of DaemonSet kube-system/calico-node were not looked for: they are pulled with secrets of its namespace",
    );
  });

  it("is said of a registry that wants a login, and nothing is held up", async () => {
    const { preflight, run } = cluster([node("n1"), node("n2")], { n1: closed, n2: there });
    await run();

    expect(await run()).toEqual(next);
    expect(preflight()).toBe(
      `True PreflightPassed: 2 nodes looked at, nothing in the way; whether nodes can pull ${image} is not known: the registry wants a login`,
    );
  });
});

describe("pods", () => {
  it("that the copy does not know yet are not made twice", async () => {
    const { context, scope, run } = cluster([node("n1")]);
    scope.client.create = async () => {
      throw new ApiError("it is there", { status: 409, reason: "AlreadyExists", request: "POST pods" });
    };

    expect(await run()).toMatchObject({ outcome: "wait" });
    expect(context.scope.stores.pods.list()).toEqual([]);
  });

  it("of somebody else by that name are not believed", async () => {
    const { scope, made, run } = cluster([node("n1")], { n1: there });
    await run();
    const [ours] = made;
    if (ours === undefined) throw new Error("no pod was made");
    const metadata = { ...ours.metadata, uid: "uid-theirs", resourceVersion: "99", ownerReferences: [] };
    scope.stores.pods.put(withState({ ...ours, metadata }, there));

    await expect(run()).rejects.toMatchObject({ reason: "HostTaskFailed", kind: "stalled" });
  });
});
