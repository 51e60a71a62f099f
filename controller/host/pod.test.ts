import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ContainerState, Pod } from "../../kube/objects.ts";
import { footprintOf } from "../../networks/footprints.ts";
import type { HostResult } from "../../networks/host-ops.ts";
import { hostTaskPod, parseHostResult } from "./pod.ts";
import { renderResult } from "./result.ts";

const owner = { apiVersion: "cni-migrate.io/v1alpha1", kind: "NodeMigration", name: "n1", uid: "u1", controller: true };
const task = {
  name: "switch-n1-abc",
  namespace: "cni-migrate",
  nodeName: "n1",
  image: "registry/image:1",
  ops: [{ op: "removeFile", path: "/run/flannel/subnet.env" }] as const,
  owner,
  deadlineSeconds: 90,
};

describe("hostTaskPod", () => {
  test("is bound to its node, through every taint, with no token and no resources", () => {
    const { metadata, spec } = hostTaskPod({
      ...task,
      labels: { "cni-migrate.io/migration": "m", "cni-migrate.io/role": "x" },
    });
    expect(metadata.labels).toEqual({
      "cni-migrate.io/migration": "m",
      "cni-migrate.io/role": "host-task",
      "app.kubernetes.io/managed-by": "cni-migrate",
    });
    expect(metadata.ownerReferences).toEqual([owner]);
    expect(spec).toMatchObject({
      nodeName: "n1",
      hostNetwork: true,
      hostPID: true,
      serviceAccountName: "cni-migrate-host",
      automountServiceAccountToken: false,
      restartPolicy: "Never",
      activeDeadlineSeconds: 90,
      terminationGracePeriodSeconds: 1,
      tolerations: [{ operator: "Exists" }],
      priorityClassName: "system-node-critical",
    });
    expect(spec.containers[0]?.args).toEqual(["host-task", "--root", "/host", "--ops", JSON.stringify(task.ops)]);
    expect(spec.containers[0]).not.toHaveProperty("resources");
    expect(spec.containers[0]).not.toHaveProperty("command");
  });

  test("shares its mounts with the node only where it unmounts something there", () => {
    const footprint = footprintOf("x", { files: ["/opt/cni/bin/x"] });
    const propagation = (mounts: string[]) =>
      hostTaskPod({ ...task, ops: [{ op: "removeFootprint", footprint: { ...footprint, mounts } }] }).spec.containers[0]
        ?.volumeMounts;

    expect(propagation(["/run/cilium/cgroupv2"])).toMatchObject([{ mountPropagation: "Bidirectional" }]);
    expect(propagation([])).toMatchObject([{ mountPropagation: "HostToContainer" }]);
  });

  test("has the pull policy it is given", () => {
    const { spec } = hostTaskPod({ ...task, imagePullPolicy: "Never" });
    expect(spec.containers[0]?.imagePullPolicy).toBe("Never");
    expect(hostTaskPod(task).spec.containers[0]).not.toHaveProperty("imagePullPolicy");
  });
});

function podWith(status: Pod["status"], metadata = {}): Pod {
  const pod = hostTaskPod(task);
  return { ...pod, metadata: { ...pod.metadata, ...metadata }, ...(status === undefined ? {} : { status }) };
}
const withState = (state: ContainerState, more: Pod["status"] = {}) =>
  podWith({
    phase: "Running",
    ...more,
    containerStatuses: [{ name: "host-task", ready: false, restartCount: 0, state }],
  });
const ended = (message: string | undefined, exitCode = 0, reason = "Completed") =>
  withState(
    { terminated: { exitCode, reason, ...(message === undefined ? {} : { message }) } },
    { phase: "Succeeded" },
  );

describe("parseHostResult", () => {
  const result: HostResult = {
    ok: true,
    facts: {
      kernel: "6.18.44",
      cniConfFiles: ["10-flannel.conflist"],
      cniBinaries: ["bridge"],
      vxlans: [
        { name: "flannel.1", vni: 1, port: 8472, mac: "02:00:00:00:00:01", mtu: 1450, external: false, addresses: [] },
      ],
      bridges: ["cni0"],
      subnetEnv: { FLANNEL_MTU: "1450" },
      packetFilters: ["iptables-nft"],
      architecture: "amd64",
    },
    leftovers: [{ kind: "route", name: "blackhole 10.244.1.0/26 proto 80" }],
    changes: ["renamed flannel.1 to vxlan.calico"],
    truncated: 2,
    elapsedMs: 12,
  };
  const failed: HostResult = { ok: false, error: { op: "awaitHttp", message: "not within 60 s" }, elapsedMs: 60_000 };

  test("reads back what a task leaves, done or failed", () => {
    expect(parseHostResult(ended(renderResult(result)))).toEqual({ state: "done", result });
    expect(parseHostResult(ended(renderResult(failed), 1, "Error"))).toEqual({ state: "done", result: failed });
  });

  test.each<[string, Pod, string]>([
    ["no status at all", podWith(undefined), "Pending: the node has not taken it yet"],
    [
      "taken by the node",
      podWith({ phase: "Pending", startTime: "2026-01-01T00:00:00Z" }),
      "Pending: the node is starting it",
    ],
    ["being made", withState({ waiting: { reason: "ContainerCreating" } }, { phase: "Pending" }), "ContainerCreating"],
  ])("waits: %s", (_, pod, message) => {
    expect(parseHostResult(pod)).toMatchObject({ state: "waiting", message, stuck: false });
  });

  test.each([
    ["ErrImageNeverPull", "load it there"],
    ["ErrImagePull", "the image cannot be pulled"],
    ["ImagePullBackOff", "the image cannot be pulled"],
    ["InvalidImageName", "malformed"],
    ["CreateContainerConfigError", "refused on the node"],
    ["RunContainerError", "cannot start the container"],
  ])("is stuck: %s", (reason, message) => {
    const state = parseHostResult(
      withState({ waiting: { reason, message: "kubelet\u001b[31m says" } }, { phase: "Pending" }),
    );
    expect(state).toMatchObject({ state: "waiting", stuck: true, reason, message: expect.stringContaining(message) });
    expect(state).toMatchObject({ message: expect.stringContaining("kubelet [31m says") });
  });

  test("is stuck when the node is lost", () => {
    for (const status of [{ phase: "Unknown" }, { phase: "Running", reason: "NodeLost" }] as const)
      expect(parseHostResult(podWith(status))).toMatchObject({ state: "waiting", stuck: true, reason: "NodeLost" });
  });

  test("runs", () => {
    expect(parseHostResult(withState({ running: {} }))).toEqual({ state: "running", message: "running" });
  });

  test.each<[string, Pod, string]>([
    [
      "evicted",
      podWith({ phase: "Failed", reason: "Evicted", message: "low on memory" }),
      "Evicted: the node evicted it: low on memory",
    ],
    [
      "past its deadline",
      withState({ terminated: { exitCode: 143 } }, { phase: "Failed", reason: "DeadlineExceeded" }),
      "DeadlineExceeded: it did not end within its deadline",
    ],
    [
      "refused by the kubelet",
      podWith({ phase: "Failed", reason: "OutOfpods", message: "too many" }),
      "OutOfpods: too many",
    ],
    [
      "being deleted",
      podWith({ phase: "Running" }, { deletionTimestamp: "2026-01-01T00:00:00Z" }),
      "it is being deleted",
    ],
    ["killed", ended(undefined, 137, "OOMKilled"), "it ended without a result (OOMKilled, exit code 137)"],
    [
      "not started",
      ended("exec: node: not found", 128, "StartError"),
      "(StartError, exit code 128): exec: node: not found",
    ],
    ["no JSON", ended("{"), "it ended without a result"],
    ["too long", ended(JSON.stringify("x".repeat(5000))), "it ended without a result"],
    ["another JSON", ended("[1,2]"), "its termination message is not a host task's result"],
    ["a result without a time", ended('{"ok":true}'), "its termination message is not a host task's result"],
    ["ok with a bad exit code", ended('{"ok":true,"elapsedMs":1}', 1), "it says ok: true but ended with exit code 1"],
    ["not ok with exit code 0", ended(renderResult(failed), 0), "it says ok: false but ended with exit code 0"],
  ])("failed: %s", (_, pod, message) => {
    expect(parseHostResult(pod)).toMatchObject({ state: "failed", message: expect.stringContaining(message) });
  });

  test("property: no message makes it throw, and no text in what it gives holds a control character", () => {
    const noise = fc.oneof(
      fc.anything(),
      fc.record({
        ok: fc.boolean(),
        elapsedMs: fc.anything(),
        error: fc.anything(),
        facts: fc.anything(),
        leftovers: fc.anything(),
        changes: fc.anything(),
      }),
    );
    fc.assert(
      fc.property(noise, fc.integer(), (value, exitCode) => {
        const state = parseHostResult(
          ended(
            JSON.stringify(value, (_, v) => (typeof v === "bigint" ? String(v) : v)),
            exitCode,
          ),
        );
        expect(JSON.stringify(state)).not.toMatch(/\\u00[01]|\\n|\\t/);
        expect(["done", "failed"]).toContain(state.state);
      }),
    );
  });
});

describe("renderResult", () => {
  test("cuts the longest list and counts what it left out", () => {
    const changes = Array.from({ length: 200 }, (_, i) => `removed rule number ${i} of the table nat`);
    const text = renderResult({ ok: true, changes, leftovers: [{ kind: "link", name: "cni0" }], elapsedMs: 5 });
    const back = JSON.parse(text) as HostResult;
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4096);
    expect(back.leftovers).toHaveLength(1);
    expect((back.changes?.length ?? 0) + (back.truncated ?? 0)).toBe(200);
    expect(back.changes?.length).toBeGreaterThan(80);
  });

  test("counts bytes, not characters, and cuts a long error", () => {
    const text = renderResult({
      ok: false,
      error: { op: "x", message: "ä".repeat(9000) },
      changes: Array(99).fill("ü".repeat(99)),
      elapsedMs: 5,
    });
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4096);
    expect((JSON.parse(text) as HostResult).error?.message.length).toBe(1000);
  });
});
