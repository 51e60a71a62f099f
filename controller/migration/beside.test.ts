import { describe, expect, it } from "vitest";
import type { CniMigration } from "../../crds/index.ts";
import { networkLabel } from "../../crds/names.ts";
import { ApiError } from "../../kube/errors.ts";
import type { DaemonSet, Pod } from "../../kube/objects.ts";
import type { ObjectKey, Resource, UnknownObject } from "../../kube/types.ts";
import type { HostOp } from "../../networks/host-ops.ts";
import { condition, flannelOverlay, migration, node, nodeMigration, testScope } from "../testing.ts";
import { keepBeside, prepareBeside, retire } from "./beside.ts";
import type { MigrationContext } from "./phase.ts";

type Status = NonNullable<CniMigration["status"]>;

const agents = {
  calico: { namespace: "kube-system", daemonSets: ["calico-node"], podLabels: { "k8s-app": "calico-node" } },
  cilium: { namespace: "kube-system", daemonSets: ["cilium"], podLabels: { "k8s-app": "cilium" } },
};

const facts: NonNullable<Status["facts"]> = {
  sourceAgent: agents.calico,
  targetAgent: agents.cilium,
  overlay: { ...flannelOverlay, vni: 4096, port: 4789 },
  cniConfDir: "/etc/cni/net.d",
  cniBinDir: "/opt/cni/bin",
};

function daemonSet(name: string, nodeSelector: Record<string, string>, updated = 2): DaemonSet {
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name, namespace: "kube-system", uid: `uid-${name}`, resourceVersion: "1", generation: 1 },
    spec: {
      selector: {},
      updateStrategy: { type: "RollingUpdate" },
      template: { spec: { containers: [{ name: name === "cilium" ? "cilium-agent" : name }], nodeSelector } },
    },
    status: {
      observedGeneration: 1,
      desiredNumberScheduled: 2,
      updatedNumberScheduled: updated,
      numberAvailable: updated,
    },
  } as unknown as DaemonSet;
}

function agentPod(network: keyof typeof agents, nodeName: string, ready = true): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `${network}-${nodeName}`,
      namespace: "kube-system",
      uid: `uid-${network}-${nodeName}`,
      labels: agents[network].podLabels,
    },
    spec: { nodeName, containers: [] },
    status: { phase: "Running", conditions: [{ type: "Ready", status: ready ? "True" : "False" }] },
  };
}

interface Given {
  spec?: Partial<CniMigration["spec"]>;
  status?: Partial<Status>;
  daemonSets?: DaemonSet[];
  pods?: Pod[];
  /** Networks the two nodes are on. */
  on?: [string, string];
  /** Whether the definition of CiliumNodeConfig is there. */
  defined?: boolean;
  /** Whether host tasks come to their end. */
  tasksEnd?: boolean;
}

/** Two nodes, Calico to Cilium. What is written comes out as "verb plural name" in its order. */
function cluster(given: Given) {
  const writes: string[] = [];
  const bodies: UnknownObject[] = [];
  const tasks: Pod[] = [];
  const objects = new Map((given.daemonSets ?? []).map((ds) => [`daemonsets ${ds.metadata.name}`, ds]));
  const scope = testScope({
    get: async ({ plural }: Resource, { name }: ObjectKey) => objects.get(`${plural} ${name}`),
    create: async ({ plural }: Resource, object: Pod) => {
      if (plural === "ciliumnodeconfigs" && given.defined === false)
        throw new ApiError("not served", { status: 404, reason: "NotFound", request: "POST" });
      if (plural !== "pods") {
        writes.push(`create ${plural} ${object.metadata.name}`);
        objects.set(`${plural} ${object.metadata.name}`, object as never);
        return object;
      }
      tasks.push(object);
      const terminated = { exitCode: 0, reason: "Completed", message: JSON.stringify({ ok: true, elapsedMs: 1 }) };
      const ended = { phase: "Succeeded", containerStatuses: [{ name: "task", state: { terminated } }] };
      const status = given.tasksEnd === false ? { phase: "Running" } : ended;
      return { ...object, metadata: { ...object.metadata, uid: `uid-${object.metadata.name}` }, status };
    },
    patch: async ({ plural }: Resource, { name }: ObjectKey, patch: UnknownObject) => {
      writes.push(`patch ${plural} ${name}`);
      bodies.push(patch);
      return objects.get(`${plural} ${name}`);
    },
  } as never);
  for (const ds of given.daemonSets ?? []) scope.stores.daemonSets.put(ds);
  for (const pod of given.pods ?? []) scope.stores.pods.put(pod);
  const records: Partial<Status>[] = [];
  const on = given.on ?? ["calico", "calico"];
  const context: MigrationContext = {
    scope,
    migration: migration(
      { source: "calico", target: "cilium", cidr: "10.245.0.0/16", ...given.spec },
      { facts, ...given.status },
    ),
    nodes: on.map((network, i) => node(`n${i + 1}`, { labels: { [networkLabel]: network } })),
    nodeMigrations: on.map((_, i) => nodeMigration(`n${i + 1}`, "Pending")),
    record: async (status) => {
      records.push(status);
      context.migration = { ...context.migration, status: { ...context.migration.status, ...status } };
    },
  };
  return { context, writes, bodies, records, tasks };
}

const opsOf = (pod: Pod | undefined) => JSON.parse(pod?.spec.containers[0]?.args?.at(-1) ?? "[]") as HostOp[];
const held = { [networkLabel]: "cilium" };
const everywhere = [agentPod("cilium", "n1"), agentPod("cilium", "n2")];
const prepared = { conditions: [condition("TargetInstalled", "True")] };

describe("preparing two overlays", () => {
  it("tells the source first, and waits until its agents know", async () => {
    const sets = [daemonSet("calico-node", {}, 1), daemonSet("cilium", held)];
    const { context, writes, bodies, records } = cluster({ daemonSets: sets });

    expect(await prepareBeside(context)).toMatchObject({
      outcome: "wait",
      message: "waiting for daemonset kube-system/calico-node to take what it must know first",
    });
    expect(writes).toEqual(["patch daemonsets calico-node", "create ippools cni-migrate"]);
    expect(bodies[0]).toMatchObject({
      spec: {
        template: {
          spec: {
            containers: [
              {
                name: "calico-node",
                env: [{ name: "IP_AUTODETECTION_METHOD", value: "kubernetes-internal-ip" }],
              },
            ],
          },
        },
      },
    });
    expect(records[0]?.undo).toMatchObject([
      { kind: "DaemonSet", action: "StrategicMerge", patch: expect.stringContaining('"$patch":"delete"') },
      { kind: "IPPool", action: "Delete", transient: true },
    ]);
  });

  it("waits for a definition the target's operator makes, and has let no agent in by then", async () => {
    const sets = [daemonSet("calico-node", {}), daemonSet("cilium", held)];
    const { context, writes, tasks } = cluster({ daemonSets: sets, defined: false });

    expect(await prepareBeside(context)).toMatchObject({
      outcome: "wait",
      message: expect.stringMatching(/definition of ciliumnodeconfigs\.cilium\.io/),
    });
    expect(writes).not.toContain("patch daemonsets cilium");
    expect(tasks).toEqual([]);
  });

  it("puts the rules on every node before the target's agents are let onto it", async () => {
    const sets = [daemonSet("calico-node", {}), daemonSet("cilium", held)];
    const { context, writes, tasks } = cluster({ daemonSets: sets, tasksEnd: false });

    expect(await prepareBeside(context)).toMatchObject({
      message: "waiting for the rules that keep pods' addresses: n1, n2",
    });
    expect(tasks.map((pod) => pod.spec.nodeName)).toEqual(["n1", "n2"]);
    expect(opsOf(tasks[0])).toEqual([
      {
        op: "exempt",
        ways: [
          { from: "10.244.0.0/16", to: "10.245.0.0/16" },
          { from: "10.245.0.0/16", to: "10.244.0.0/16" },
        ],
      },
    ]);
    expect(writes).not.toContain("patch daemonsets cilium");
  });

  it("lets the target's agents onto all nodes at the end, and waits for each of them", async () => {
    const sets = [daemonSet("calico-node", {}), daemonSet("cilium", held)];
    const { context, writes, bodies, records } = cluster({ daemonSets: sets, pods: [agentPod("cilium", "n1")] });

    expect(await prepareBeside(context)).toMatchObject({
      message: "waiting for kube-system/cilium to be Ready on n2",
    });
    expect(writes.at(-1)).toBe("patch daemonsets cilium");
    expect(bodies.at(-1)).toMatchObject({ spec: { template: { spec: { nodeSelector: { [networkLabel]: null } } } } });
    expect(records.at(-1)?.undo?.at(-1)).toMatchObject({
      name: "cilium",
      action: "Merge",
      patch: JSON.stringify({ spec: { template: { spec: { nodeSelector: held } } } }),
    });
  });

  it("is over when agents are Ready on all nodes", async () => {
    const sets = [daemonSet("calico-node", {}), daemonSet("cilium", {})];

    expect(await prepareBeside(cluster({ daemonSets: sets, pods: everywhere }).context)).toBeUndefined();
  });
});

describe("while nodes move", () => {
  it("waits for an agent that is missing on a node at rest", async () => {
    const pods = [agentPod("cilium", "n1", false), agentPod("cilium", "n2")];
    const { context } = cluster({ status: prepared, pods });

    expect(await keepBeside(context)).toMatchObject({
      outcome: "wait",
      summary: "Migrating",
      message: "waiting for kube-system/cilium to be Ready on n1",
    });
  });

  it("does not wait for one on a node that is just changing: it starts again there", async () => {
    const pods = [agentPod("cilium", "n1", false), agentPod("cilium", "n2")];
    const { context } = cluster({ status: prepared, pods });
    const parts = [nodeMigration("n1", "JoinTarget"), nodeMigration("n2", "Pending")];

    expect(await keepBeside({ ...context, nodeMigrations: parts })).toBeUndefined();
  });

  it("lets a source that was bound back onto all nodes before one returns", async () => {
    const earlier = { spec: { updateStrategy: { type: "RollingUpdate" } } };
    const undo = [
      {
        apiVersion: "apps/v1",
        kind: "DaemonSet",
        namespace: "kube-system",
        name: "calico-node",
        action: "Merge" as const,
        patch: JSON.stringify({
          spec: { ...earlier.spec, template: { spec: { nodeSelector: { [networkLabel]: null } } } },
        }),
      },
    ];
    const bound = daemonSet("calico-node", { [networkLabel]: "calico" });
    bound.spec.updateStrategy = { type: "OnDelete" };
    const { context, writes, bodies } = cluster({
      spec: { direction: "Revert" },
      status: { ...prepared, undo },
      daemonSets: [bound],
      on: ["cilium", "cilium"],
    });
    Object.assign(context.scope.client, {
      list: async () => ({ items: [] }),
      raw: async () => JSON.stringify({ resources: [{ name: "daemonsets", kind: "DaemonSet", namespaced: true }] }),
    });

    expect(await keepBeside(context)).toMatchObject({
      summary: "Reverting",
      message: "waiting for kube-system/calico-node to be Ready on n1 and 1 more",
    });
    expect(writes).toEqual(["patch daemonsets calico-node"]);
    expect(bodies[0]).toMatchObject({ spec: { template: { spec: { nodeSelector: { [networkLabel]: null } } } } });
  });

  it("does nothing where the overlay is shared", async () => {
    const { context, tasks } = cluster({ spec: { source: "flannel", target: "calico" }, status: prepared });

    expect(await keepBeside(context)).toBeUndefined();
    expect(tasks).toEqual([]);
  });
});

describe("when the last node has left", () => {
  const sets = [daemonSet("calico-node", {}), daemonSet("cilium", {})];

  it("binds the source to its nodes, of which there is none, and waits until its agents are gone", async () => {
    const pods = [agentPod("calico", "n2"), ...everywhere];
    const { context, writes, records } = cluster({
      status: prepared,
      daemonSets: sets,
      pods,
      on: ["cilium", "cilium"],
    });

    expect(await retire(context)).toMatchObject({
      outcome: "wait",
      message: "waiting for Calico's agents to leave 1 nodes",
    });
    expect(writes).toEqual(["patch daemonsets calico-node"]);
    expect(records[0]?.undo).toMatchObject([{ name: "calico-node", action: "Merge" }]);
  });

  it("is over without its agents", async () => {
    const { context } = cluster({ status: prepared, daemonSets: sets, pods: everywhere, on: ["cilium", "cilium"] });

    expect(await retire(context)).toBeUndefined();
  });

  it("leaves both where a node stays on purpose", async () => {
    const { context, writes } = cluster({ status: prepared, daemonSets: sets, on: ["cilium", "calico"] });

    expect(await retire(context)).toBeUndefined();
    expect(writes).toEqual([]);
  });
});
