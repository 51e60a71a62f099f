import { describe, expect, it } from "vitest";
import { ApiError } from "../kube/errors.ts";
import type { Pod } from "../kube/objects.ts";
import type { ObjectKey } from "../kube/types.ts";
import { ensureTask, isOwnedBy, ownerOf, removeEndedPods, type TaskRequest, taskPodName } from "./tasks.ts";
import { migration, nodeMigration, testScope } from "./testing.ts";

const owner = ownerOf(nodeMigration("n1"));
const request: TaskRequest = {
  task: "switch",
  nodeName: "n1",
  ops: [{ op: "removeFile", path: "/etc/cni/net.d/10-flannel.conflist" }],
  deadlineSeconds: 300,
  owner,
  attempt: "Forward-0",
};
const name = taskPodName(request);

/** The task's pod with what its container said. */
function taskPod(message: unknown, exitCode = 0, facts: Partial<Pod["metadata"]> = {}): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: "cni-migrate",
      uid: "uid-pod",
      resourceVersion: "9",
      ownerReferences: [owner],
      ...facts,
    },
    spec: { containers: [{ name: "host-task" }], nodeName: "n1" },
    status: {
      phase: exitCode === 0 ? "Succeeded" : "Failed",
      containerStatuses: [
        {
          name: "host-task",
          ready: false,
          restartCount: 0,
          state: { terminated: { exitCode, reason: "Completed", message: JSON.stringify(message) } },
        },
      ],
    },
  };
}

const alreadyExists = new ApiError("pods already exists", { status: 409, reason: "AlreadyExists", request: "POST" });

describe("taskPodName", () => {
  it("is the same for the same task", () => {
    expect(taskPodName({ ...request })).toBe(name);
    expect(name).toMatch(/^switch-n1-[0-9a-f]{8}$/);
  });

  it.each<[string, Partial<TaskRequest>]>([
    ["task", { task: "join" }],
    ["node", { nodeName: "n2" }],
    ["attempt", { attempt: "Forward-1" }],
    ["owner", { owner: { ...owner, uid: "uid-later" } }],
  ])("differs by %s", (_title, change) => {
    expect(taskPodName({ ...request, ...change })).not.toBe(name);
  });

  it.each([
    ["a fully qualified name", "ip-10-0-0-1.eu-central-1.compute.internal"],
    ["253 characters", `${"n".repeat(250)}.eu`],
    ["a dot where it is cut", `${"n".repeat(39)}.eu`],
  ])("is a pod's name of at most 63 characters for a node with %s", (_title, nodeName) => {
    const long = taskPodName({ ...request, task: "cleanup", nodeName });

    expect(long.length).toBeLessThanOrEqual(63);
    expect(long).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
  });

  it("tells apart nodes whose names agree as far as they are shown", () => {
    const long = "n".repeat(60);
    expect(taskPodName({ ...request, nodeName: `${long}1` })).not.toBe(
      taskPodName({ ...request, nodeName: `${long}2` }),
    );
    expect(taskPodName({ ...request, nodeName: "n.1" })).not.toBe(taskPodName({ ...request, nodeName: "n-1" }));
  });
});

describe("ensureTask", () => {
  it("makes the pod once, owned by the NodeMigration, on its node", async () => {
    const made: Pod[] = [];
    const scope = testScope({
      create: async (_: unknown, object: unknown) => {
        made.push(object as Pod);
        return { ...(object as Pod), status: { phase: "Pending" } } as never;
      },
    });

    const first = await ensureTask(scope, request);
    const second = await ensureTask(scope, request);

    expect(made).toHaveLength(1);
    expect(made[0]).toMatchObject({
      metadata: { name, namespace: "cni-migrate", ownerReferences: [owner] },
      spec: { nodeName: "n1", activeDeadlineSeconds: 300 },
    });
    expect(first).toEqual({ state: "running", message: "Pending: the node has not taken it yet" });
    expect(second).toEqual(first);
  });

  it("gives the result of one that is done", async () => {
    const scope = testScope();
    scope.stores.pods.put(taskPod({ ok: true, changes: ["removed x"], elapsedMs: 12 }));

    expect(await ensureTask(scope, request)).toEqual({
      state: "done",
      podName: name,
      result: { ok: true, changes: ["removed x"], elapsedMs: 12 },
    });
  });

  it("meets the pod an earlier attempt made when its copy is behind", async () => {
    const scope = testScope({
      create: async () => {
        throw alreadyExists;
      },
      get: async () => taskPod({ ok: true, elapsedMs: 1 }) as never,
    });

    expect(await ensureTask(scope, request)).toMatchObject({ state: "done", podName: name });
  });

  describe("while a pod of an earlier attempt works on the node", () => {
    const labels = { "cni-migrate.io/role": "host-task" };

    /** What is done beside a pod that is not the request's own. */
    async function beside(other: Pod) {
      const did: unknown[] = [];
      const scope = testScope({
        async delete(_resource, key, options) {
          did.push([key.name, options]);
          return true;
        },
        async create(_resource, wanted) {
          did.push(`create ${wanted.metadata.name}`);
          return wanted;
        },
      });
      scope.stores.pods.put(other);
      return { did, state: await ensureTask(scope, request) };
    }

    const earlier = taskPod({}, 0, { name: "switch-n1-0", labels });
    const running: Pod = { ...earlier, status: { phase: "Running" } };

    it("ends that one and waits for it", async () => {
      const { did, state } = await beside(running);

      expect(did).toEqual([["switch-n1-0", { preconditions: { uid: "uid-pod" } }]]);
      expect(state).toEqual({
        state: "running",
        message: "waiting for pod cni-migrate/switch-n1-0 of an earlier attempt to end",
      });
    });

    it("asks once", async () => {
      const leaving = { ...running, metadata: { ...running.metadata, deletionTimestamp: "2030-01-01T00:00:00Z" } };

      const { did, state } = await beside(leaving);

      expect([did, state.state]).toEqual([[], "running"]);
    });

    it.each<[string, Pod]>([
      ["has ended", earlier],
      ["is another owner's", { ...running, metadata: { ...running.metadata, ownerReferences: [] } }],
      ["is on another node", { ...running, spec: { ...running.spec, nodeName: "n2" } }],
      ["is a probe", { ...running, metadata: { ...running.metadata, labels: { "cni-migrate.io/role": "probe" } } }],
    ])("takes no notice of one that %s", async (_title, other) => {
      expect((await beside(other)).did).toEqual([`create ${name}`]);
    });
  });

  it.each<[string, NonNullable<NonNullable<Pod["status"]>["containerStatuses"]>[number]["state"]]>([
    ["as the kubelet shows it", { terminated: { exitCode: 137, reason: "ContainerStatusUnknown" } }],
    ["still waiting for its image", { waiting: { reason: "ImagePullBackOff" } }],
  ])("makes one anew that never started before its deadline, %s", async (_title, state) => {
    const deleted: unknown[] = [];
    const scope = testScope({
      async delete(_resource, key, options) {
        deleted.push([key.name, options]);
        return true;
      },
    });
    const container = { name: "host-task", ready: false, restartCount: 0, ...(state === undefined ? {} : { state }) };
    const status = { phase: "Failed" as const, reason: "DeadlineExceeded", containerStatuses: [container] };
    scope.stores.pods.put({ ...taskPod({}), status });

    await expect(ensureTask(scope, request)).rejects.toMatchObject({
      kind: "wait",
      reason: "ImageMissing",
      message: `pod cni-migrate/${name} cannot start on node n1: it could not start within 300 s and is made anew`,
    });
    expect(deleted).toEqual([[name, { preconditions: { uid: "uid-pod" }, gracePeriodSeconds: 0 }]]);
  });

  it.each([
    ["Unknown", 255, {}],
    ["ContainerStatusUnknown", 137, {}],
    ["Unknown", 255, { message: '{"ok":true,"changes":["renamed flannel.1 to vxlan.calico"],"elapsedMs":3128}' }],
    ["Unknown", 255, { message: '{"ok":true,"chan' }],
  ])("makes a pod anew whose container went down with its node (%s, %i, %j)", async (reason, exitCode, said) => {
    const pod = taskPod(undefined, exitCode);
    const terminated = { exitCode, reason, ...said };
    const status = { name: "host-task", ready: false, restartCount: 0, state: { terminated } };
    const deleted: unknown[] = [];
    const scope = testScope({
      async delete(_resource, key, options) {
        deleted.push([key.name, options]);
        return true;
      },
    });
    scope.stores.pods.put({ ...pod, status: { phase: "Failed", containerStatuses: [status] } });

    expect(await ensureTask(scope, request)).toEqual({
      state: "running",
      message: `pod cni-migrate/${name} went down with its node and is made anew`,
    });
    expect(deleted).toEqual([[name, { preconditions: { uid: "uid-pod" }, gracePeriodSeconds: 0 }]]);
  });

  it("does not try again by itself what has failed by its own word before its node went down", async () => {
    const error = { op: "renameVxlan", message: "both flannel.1 and vxlan.calico are there" };
    const terminated = {
      exitCode: 255,
      reason: "Unknown",
      message: JSON.stringify({ ok: false, error, elapsedMs: 5 }),
    };
    const status = { name: "host-task", ready: false, restartCount: 0, state: { terminated } };
    const scope = testScope();
    scope.stores.pods.put({ ...taskPod(undefined, 255), status: { phase: "Failed", containerStatuses: [status] } });

    await expect(ensureTask(scope, request)).rejects.toMatchObject({ reason: "HostTaskFailed", kind: "stalled" });
  });

  it("waits while the earlier pod is neither there nor gone", async () => {
    const scope = testScope({
      create: async () => {
        throw alreadyExists;
      },
      get: async () => undefined,
    });

    expect(await ensureTask(scope, request)).toEqual({
      state: "running",
      message: `pod cni-migrate/${name} is being replaced`,
    });
  });

  it("passes other errors of the API on", async () => {
    const forbidden = new ApiError("pods is forbidden", { status: 403, reason: "Forbidden", request: "POST" });
    const scope = testScope({
      create: async () => {
        throw forbidden;
      },
    });

    await expect(ensureTask(scope, request)).rejects.toBe(forbidden);
  });

  it.each<[string, Pod["metadata"]["ownerReferences"]]>([
    ["nobody's", undefined],
    ["that of an earlier NodeMigration", [{ ...owner, uid: "uid-earlier" }]],
  ])("takes no result from a pod of that name that is %s", async (_title, ownerReferences) => {
    const scope = testScope();
    const { ownerReferences: _, ...metadata } = taskPod({ ok: true, elapsedMs: 1 }).metadata;
    scope.stores.pods.put({
      ...taskPod({ ok: true, elapsedMs: 1 }),
      metadata: { ...metadata, ...(ownerReferences === undefined ? {} : { ownerReferences }) },
    });

    await expect(ensureTask(scope, request)).rejects.toMatchObject({
      kind: "stalled",
      reason: "HostTaskFailed",
      object: `pod cni-migrate/${name}`,
      text: `pod cni-migrate/${name} is not this migration's; kubectl -n cni-migrate delete pod ${name}`,
    });
  });

  it.each<[string, Pod, string]>([
    [
      "the op that failed and why",
      taskPod({ ok: false, error: { op: "renameVxlan", message: "both are there" }, elapsedMs: 1 }, 1),
      "switch on node n1 failed: renameVxlan: both are there",
    ],
    [
      "that it did not end in time",
      { ...taskPod({}), status: { phase: "Failed", reason: "DeadlineExceeded" } },
      "switch on node n1 failed: DeadlineExceeded: it did not end within its deadline",
    ],
    [
      "that it said nothing of use",
      taskPod({ hello: 1 }),
      "switch on node n1 failed: its termination message is not a host task's result",
    ],
  ])("stalls the node with %s", async (_title, pod, message) => {
    const scope = testScope();
    scope.stores.pods.put(pod);

    await expect(ensureTask(scope, request)).rejects.toMatchObject({
      name: "MigrationError",
      kind: "stalled",
      reason: "HostTaskFailed",
      object: `pod cni-migrate/${name}`,
      text: `${message}; see kubectl -n cni-migrate logs ${name}, then kubectl cni-migrate retry n1`,
    });
  });

  it.each([
    [
      "ImageMissing",
      "ErrImageNeverPull",
      "ErrImageNeverPull: the image is not on the node and its pull policy is Never: load it there: no such image",
    ],
    [
      "HostTaskRunning",
      "CreateContainerError",
      "CreateContainerError: the container runtime cannot make the container: no such image",
    ],
  ])("says %s while the pod cannot start for %s", async (reason, waiting, why) => {
    const scope = testScope();
    const state = { waiting: { reason: waiting, message: "no such image" } };
    const containerStatuses = [{ name: "host-task", ready: false, restartCount: 0, state }];
    scope.stores.pods.put({ ...taskPod({}), status: { phase: "Pending", containerStatuses } });

    await expect(ensureTask(scope, request)).rejects.toMatchObject({
      kind: "wait",
      reason,
      text: `pod cni-migrate/${name} cannot start on node n1: ${why}; kubectl -n cni-migrate describe pod ${name}`,
    });
  });

  it("names a way out that there is when the task is the migration's own", async () => {
    const inspect = { ...request, task: "inspect", owner: ownerOf(migration()), attempt: "preflight" };
    const pod = taskPodName(inspect);
    const scope = testScope();
    const failed = taskPod({ ok: false, error: { op: "inspect", message: "no /etc/cni/net.d" }, elapsedMs: 1 }, 1);
    scope.stores.pods.put({ ...failed, metadata: { ...failed.metadata, name: pod, ownerReferences: [inspect.owner] } });

    await expect(ensureTask(scope, inspect)).rejects.toMatchObject({
      text: `inspect on node n1 failed: inspect: no /etc/cni/net.d; see kubectl -n cni-migrate logs ${pod}, then kubectl -n cni-migrate delete pod ${pod}`,
    });
  });
});

describe("ownerOf", () => {
  it("ties pods to this NodeMigration, not to a namesake", () => {
    expect(owner).toEqual({
      apiVersion: "cni-migrate.io/v1alpha1",
      kind: "NodeMigration",
      name: "n1",
      uid: "uid-nm-n1",
      controller: true,
      blockOwnerDeletion: true,
    });
    expect(isOwnedBy(taskPod({}), owner)).toBe(true);
    expect(isOwnedBy(taskPod({}), { uid: "uid-other" })).toBe(false);
  });
});

describe("removeEndedPods", () => {
  it("removes those of the node by UID; failed, foreign and leaving ones stay", async () => {
    const deleted: unknown[] = [];
    const scope = testScope({
      delete: async (_: unknown, key: ObjectKey, options: unknown) => {
        deleted.push([key, options]);
        return true;
      },
    });
    const running: Pod = { ...taskPod({}, 0, { name: "running" }), status: { phase: "Running" } };
    for (const pod of [
      taskPod({}),
      taskPod({}, 1, { name: "failed" }),
      taskPod({}, 0, { name: "foreign", ownerReferences: [{ ...owner, uid: "uid-other" }] }),
      taskPod({}, 0, { name: "elsewhere", namespace: "shop" }),
      taskPod({}, 0, { name: "leaving", deletionTimestamp: "2030-01-01T00:00:00Z" }),
      running,
    ])
      scope.stores.pods.put(pod);

    await removeEndedPods(scope, owner.uid);

    expect(deleted).toEqual([
      [
        { name, namespace: "cni-migrate" },
        { gracePeriodSeconds: 0, preconditions: { uid: "uid-pod" } },
      ],
      [
        { name: "running", namespace: "cni-migrate" },
        { gracePeriodSeconds: 0, preconditions: { uid: "uid-pod" } },
      ],
    ]);
  });
});
