import { describe, expect, it } from "vitest";
import type { CniMigration } from "../../crds/index.ts";
import { beforeAnnotation } from "../../crds/names.ts";
import type { DaemonSet, Node } from "../../kube/objects.ts";
import type { ObjectKey, UnknownObject } from "../../kube/types.ts";
import { condition, flannelOverlay, migration, node, testScope } from "../testing.ts";
import type { MigrationContext } from "./phase.ts";
import { restoreCluster } from "./restore.ts";

type Status = NonNullable<CniMigration["status"]>;

const served = {
  "/apis/crd.projectcalico.org/v1": [
    { name: "ippools", kind: "IPPool", namespaced: false },
    { name: "felixconfigurations", kind: "FelixConfiguration", namespaced: false },
  ],
  "/apis/apps/v1": [{ name: "daemonsets", kind: "DaemonSet", namespaced: true }],
};

function agent(observedGeneration: number): DaemonSet {
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: {
      name: "kube-flannel-ds",
      namespace: "kube-flannel",
      uid: "uid-ds",
      resourceVersion: "9",
      generation: 4,
    },
    spec: { updateStrategy: { type: "OnDelete" }, template: {}, selector: {} },
    status: { observedGeneration },
  } as unknown as DaemonSet;
}

function block(name: string, cidr: string): UnknownObject {
  return {
    apiVersion: "crd.projectcalico.org/v1",
    kind: "IPAMBlock",
    metadata: { name, uid: `uid-${name}` },
    spec: { cidr },
  };
}

const undo: NonNullable<Status["undo"]> = [
  { apiVersion: "crd.projectcalico.org/v1", kind: "FelixConfiguration", name: "default", action: "Delete" },
  { apiVersion: "crd.projectcalico.org/v1", kind: "IPPool", name: "gone-already", action: "Delete" },
  {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    namespace: "kube-flannel",
    name: "kube-flannel-ds",
    action: "Merge",
    patch: '{"spec":{"updateStrategy":{"type":"RollingUpdate"}}}',
  },
];

const marked: Node = (() => {
  const made = node("n1");
  const record = JSON.stringify({ labels: { "cni-migrate.io/network": null }, annotations: {} });
  return { ...made, metadata: { ...made.metadata, annotations: { [beforeAnnotation]: record } } };
})();

/** A cluster with what `undo` names and two blocks; writes in the order they came. */
function cluster(observed: number, status: Partial<Status> = {}) {
  const writes: string[] = [];
  const objects: Record<string, UnknownObject> = {
    "daemonsets kube-flannel-ds": agent(observed) as unknown as UnknownObject,
    "felixconfigurations default": { ...block("default", ""), metadata: { name: "default", uid: "uid-felix" } },
  };
  const scope = testScope({
    raw: async (path: string) => JSON.stringify({ resources: served[path as keyof typeof served] ?? [] }) as never,
    get: async ({ plural }: { plural: string }, { name }: ObjectKey) => objects[`${plural} ${name}`] as never,
    list: async ({ plural }: { plural: string }) =>
      ({
        items: plural === "ipamblocks" ? [block("ours", "10.244.1.0/26"), block("other", "10.9.0.0/26")] : [],
      }) as never,
    patch: async ({ plural }: { plural: string }, { name }: ObjectKey, patch: unknown) => {
      writes.push(`patch ${plural} ${name} ${JSON.stringify(patch)}`);
      return marked as never;
    },
    delete: async ({ plural }: { plural: string }, { name }: ObjectKey, options: unknown) => {
      writes.push(`delete ${plural} ${name} ${JSON.stringify(options)}`);
      return true;
    },
  });
  const context = {
    scope,
    nodes: [marked],
    nodeMigrations: [],
    migration: migration({ direction: "Revert" }, {
      facts: {
        sourceAgent: { namespace: "kube-flannel", daemonSets: ["kube-flannel-ds"], podLabels: {} },
        overlay: flannelOverlay,
      },
      undo,
      conditions: [condition("TargetInstalled", "True", "TargetInstalled")] as NonNullable<Status["conditions"]>,
      ...status,
    } as Status),
    async record(changed: Partial<Status>) {
      const conditions = changed.conditions?.map((c) => `${c.type}=${c.status}/${c.reason}`).join(" ");
      writes.push(`record ${conditions ?? JSON.stringify(changed)}`);
      context.migration = { ...context.migration, status: { ...context.migration.status, ...changed } };
    },
  } as unknown as MigrationContext;
  return { context, writes };
}

describe("restoreCluster", () => {
  it("says what it is about, takes changes back newest first, then nodes, then what the agents made", async () => {
    const { context, writes } = cluster(4);

    expect(await restoreCluster(context)).toBeUndefined();
    expect(writes).toEqual([
      "record TargetInstalled=False/Restoring",
      'patch daemonsets kube-flannel-ds {"spec":{"updateStrategy":{"type":"RollingUpdate"}},"metadata":{"uid":"uid-ds","resourceVersion":"9"}}',
      'delete felixconfigurations default {"preconditions":{"uid":"uid-felix"}}',
      `patch nodes n1 {"metadata":{"labels":{"cni-migrate.io/network":null},"annotations":{"${beforeAnnotation}":null},"uid":"uid-n1","resourceVersion":"${marked.metadata.resourceVersion}"}}`,
      'delete ipamblocks ours {"preconditions":{"uid":"uid-ours"}}',
      'record {"undo":[]}',
    ]);
  });

  it("leaves the nodes their labels until the DaemonSet controller knows that none is needed", async () => {
    const { context, writes } = cluster(3);

    expect(await restoreCluster(context)).toMatchObject({
      outcome: "wait",
      reason: "Restoring",
      message: "waiting for daemonset kube-flannel/kube-flannel-ds to take its own settings back",
    });
    expect(writes.filter((w) => w.includes("nodes n1") || w.includes("undo"))).toEqual([]);
  });

  it("has nothing to do where nothing was ever looked at", async () => {
    const { context, writes } = cluster(4);
    context.migration = migration({ direction: "Revert" });

    expect(await restoreCluster(context)).toBeUndefined();
    expect(writes).toEqual([]);
  });
});
