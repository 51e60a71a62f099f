import { describe, expect, it } from "vitest";
import type { CniMigration } from "../../crds/index.ts";
import type { DaemonSet, Node } from "../../kube/objects.ts";
import type { NetworkId } from "../../networks/contract.ts";
import { networkById } from "../../networks/index.ts";
import { snapshotOf } from "../../networks/snapshot.ts";
import { condition, withStatus } from "../status/fixtures.ts";
import { finalChanges } from "./changes.ts";
import { type Ending, endingOf, refuseNodesElsewhere, refuseUnhealthy, unfinalized } from "./choose.ts";
import { type Difference, withDifference } from "./difference.ts";
import { definitionsSince } from "./doomed.ts";
import { nodeKeys, nodePatch } from "./nodes.ts";
import type { RecordEntry } from "./record.ts";
import { finalStatus, rollout } from "./run.ts";

const done = withStatus({ conditions: [condition("Succeeded", "True", "Succeeded")] });
const finalized = withStatus({
  conditions: [condition("Succeeded", "True", "Succeeded"), condition("SourceRemoved", "True", "Finalized")],
});
const back: CniMigration = {
  ...withStatus({
    conditions: [condition("Succeeded", "True", "Reverted"), condition("Reverted", "True", "Reverted")],
  }),
  spec: { ...done.spec, direction: "Revert" },
};

describe("plugin/finalize: which migration", () => {
  const named = (migration: CniMigration, name: string): CniMigration => ({
    ...migration,
    metadata: { ...migration.metadata, name },
  });

  it("takes the only one that is not finalized, and asks for a name where there are several", () => {
    expect(unfinalized([finalized, named(done, "second")], undefined).metadata.name).toBe("second");
    expect(() => unfinalized([done, named(done, "second")], undefined)).toThrow("give the NAME of one");
    expect(() => unfinalized([], undefined)).toThrow("there is no migration");
  });

  it("says which network stays", () => {
    expect(endingOf(done)).toEqual({ reverted: false, stays: "calico", goes: "flannel" });
    expect(endingOf(back)).toEqual({ reverted: true, stays: "flannel", goes: "calico" });
  });

  it.each([
    ["finalized", finalized, "is finalized already", "usage"],
    ["stalled", withStatus({ conditions: [condition("Stalled", "True", "NodeFailed")] }), "is stalled", "blocked"],
    ["on its way", withStatus({ summary: "Migrating", conditions: [] }), "is not finished (Migrating)", "blocked"],
    [
      "turned round a moment ago",
      { ...done, metadata: { ...done.metadata, generation: 99 } },
      "is not finished",
      "blocked",
    ],
    [
      "being deleted",
      { ...done, metadata: { ...done.metadata, deletionTimestamp: "2026-11-21T12:00:00Z" } },
      "is being deleted",
      "blocked",
    ],
  ])("refuses one that is %s", (_what, migration, message, kind) => {
    expect(() => endingOf(migration)).toThrow(
      expect.objectContaining({ kind, message: expect.stringContaining(message) }),
    );
  });
});

describe("plugin/finalize: the cluster", () => {
  const ending: Ending = { reverted: false, stays: "calico", goes: "flannel" };
  const agents = {
    staying: { namespace: "kube-system", daemonSets: ["calico-node"], podLabels: {} },
    leaving: { namespace: "kube-flannel", daemonSets: ["kube-flannel-ds"], podLabels: {} },
  };
  const daemonSet = (namespace: string, name: string, status: DaemonSet["status"], generation = 1): DaemonSet => ({
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { namespace, name, generation },
    spec: { selector: {}, template: { spec: { containers: [] } } },
    status: { observedGeneration: 1, ...status },
  });
  const calico = (status: DaemonSet["status"], generation?: number) =>
    daemonSet("kube-system", "calico-node", status, generation);
  const whole = { desiredNumberScheduled: 3, numberAvailable: 3, updatedNumberScheduled: 3 };

  it.each<[string, DaemonSet[], string]>([
    ["is not there", [], "does not exist"],
    ["is not available everywhere", [calico({ ...whole, numberAvailable: 2 })], "2 of 3 pods are available"],
    ["runs nowhere", [calico({ desiredNumberScheduled: 0 })], "0 of 0 pods"],
    ["is behind its own change", [calico(whole, 2)], "3 of 3 pods are available"],
    [
      "still has pods of the other",
      [calico(whole), daemonSet("kube-flannel", "kube-flannel-ds", { currentNumberScheduled: 1 })],
      "has 1 pods",
    ],
  ])("refuses a network that %s", (_what, daemonSets, message) => {
    expect(() => refuseUnhealthy(ending, { daemonSets, ...agents })).toThrow(message);
  });

  it("takes one that serves all, the other one dormant or gone already", () => {
    const dormant = daemonSet("kube-flannel", "kube-flannel-ds", { currentNumberScheduled: 0 });

    expect(refuseUnhealthy(ending, { daemonSets: [calico(whole), dormant], ...agents })).toBeUndefined();
    expect(refuseUnhealthy(ending, { daemonSets: [calico(whole)], ...agents })).toBeUndefined();
  });

  const node = (labels: Record<string, string>, more: Partial<Node["metadata"]> = {}, taints: object[] = []): Node => ({
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "n1", uid: "u", resourceVersion: "1", labels, ...more },
    spec: { taints: taints as [] },
  });

  it("refuses while a node is elsewhere; one without a word is on no network", () => {
    expect(() => refuseNodesElsewhere(ending, [node({ "cni-migrate.io/network": "flannel" })])).toThrow(
      "not on calico: n1",
    );
    expect(
      refuseNodesElsewhere(ending, [
        node({}),
        node({ "cni-migrate.io/network": "calico" }),
        node({ "cni-migrate.io/network": "flannel", "kubernetes.io/os": "windows" }),
      ]),
    ).toBeUndefined();
  });

  it("a rollout is over when every pod is new and available; one on delete is not waited for", () => {
    const onDelete = calico({ ...whole, updatedNumberScheduled: 0 });
    onDelete.spec.updateStrategy = { type: "OnDelete" };

    expect(rollout(calico(whole))).toEqual({ renewed: 3, wanted: 3, done: true });
    expect(rollout(calico({ ...whole, updatedNumberScheduled: 1 }))).toEqual({ renewed: 1, wanted: 3, done: false });
    expect(rollout(calico({ ...whole, numberAvailable: 2 })).done).toBe(false);
    expect(rollout(calico(whole, 2)).done).toBe(false);
    expect(rollout(onDelete).done).toBe(true);
    expect(rollout(undefined).done).toBe(false);
  });

  const networks = { stays: networkById("calico"), goes: networkById("flannel") };
  const during = "projectcalico.org/node-network-during-migration";
  const before = JSON.stringify({
    labels: { "cni-migrate.io/network": null, [during]: null },
    annotations: { "projectcalico.org/IPv4Address": null, "flannel.alpha.coreos.com/public-ip": "192.0.2.1" },
  });

  it("forward: our labels and taint and the source's annotations go, the target's own stay", () => {
    const moved = node(
      { "cni-migrate.io/network": "calico", [during]: "calico", mine: "x" },
      {
        annotations: {
          "cni-migrate.io/before": before,
          "projectcalico.org/IPv4Address": "192.0.2.1/24",
          "flannel.alpha.coreos.com/public-ip": "192.0.2.1",
          mine: "x",
        },
      },
      [
        { key: "mine", effect: "NoSchedule" },
        { key: "cni-migrate.io/pending", effect: "PreferNoSchedule" },
      ],
    );

    expect(nodePatch(moved, nodeKeys(networks, false, []))).toEqual({
      metadata: {
        uid: "u",
        resourceVersion: "1",
        labels: { "cni-migrate.io/network": null, [during]: null },
        annotations: { "cni-migrate.io/before": null, "flannel.alpha.coreos.com/public-ip": null },
      },
      spec: { taints: [{ key: "mine", effect: "NoSchedule" }] },
    });
  });

  it("knows the source's annotations by the prefix it was found with", () => {
    const own = node({}, { annotations: { "net.example/public-ip": "x", "flannel.alpha.coreos.com/public-ip": "y" } });
    const detected = [{ name: "annotationPrefix", value: "net.example", from: "its arguments" }];

    expect(nodePatch(own, nodeKeys(networks, false, detected))).toMatchObject({
      metadata: { annotations: { "net.example/public-ip": null } },
    });
  });

  it("back: what was recorded is as it was; a node that has nothing of it is not written to", () => {
    const keys = nodeKeys({ stays: networks.goes, goes: networks.stays }, true, []);
    const annotations = { "cni-migrate.io/before": before, "projectcalico.org/IPv4Address": "x" };

    expect(nodePatch(node({}, { annotations }), keys)).toMatchObject({
      metadata: {
        annotations: {
          "cni-migrate.io/before": null,
          "projectcalico.org/IPv4Address": null,
          "flannel.alpha.coreos.com/public-ip": "192.0.2.1",
        },
      },
    });
    expect(nodePatch(node({ mine: "x" }, { annotations: { mine: "x" } }), keys)).toBeUndefined();
  });

  it("an agent that no record speaks of is at least held to no node any more", () => {
    const [change] = finalChanges([], agents.staying);
    const held = {
      spec: {
        updateStrategy: { type: "OnDelete" },
        template: { spec: { nodeSelector: { "cni-migrate.io/network": "calico", os: "linux" } } },
      },
    };

    expect(change?.identity).toMatchObject({ kind: "DaemonSet", namespace: "kube-system", name: "calico-node" });
    expect(change && withDifference(held, change.change)).toEqual({
      spec: { template: { spec: { nodeSelector: { os: "linux" } } } },
    });
  });

  it("settings change before the pods that start again with them, wherever the record has them", () => {
    const change: Difference = { kind: "gone" };
    const entry = (kind: string, apiVersion: string, name: string): RecordEntry => {
      return { apiVersion, kind, namespace: "kube-system", name, final: change, created: true };
    };
    const record = [
      entry("Deployment", "apps/v1", "cilium-operator"),
      entry("DaemonSet", "apps/v1", "calico-node"),
      entry("ConfigMap", "v1", "cilium-config"),
    ];

    expect(finalChanges(record, agents.staying).map(({ identity }) => identity)).toEqual([
      { apiVersion: "v1", kind: "ConfigMap", namespace: "kube-system", name: "cilium-config" },
      { apiVersion: "apps/v1", kind: "DaemonSet", namespace: "kube-system", name: "calico-node" },
      { apiVersion: "apps/v1", kind: "Deployment", namespace: "kube-system", name: "cilium-operator" },
    ]);
  });

  it("definitions made since go with the network whose groups they are, and with no other", () => {
    const crd = (plural: string, group: string, creationTimestamp: string) => ({
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: `${plural}.${group}`, uid: plural, creationTimestamp },
      spec: { group },
    });
    const world = snapshotOf({
      objects: [
        crd("ciliumnodes", "cilium.io", "2026-11-21T12:00:00Z"),
        crd("ciliumnetworkpolicies", "cilium.io", "2026-11-20T12:00:00Z"),
        crd("ippools", "crd.projectcalico.org", "2026-11-21T12:00:00Z"),
      ],
    });
    const since = "2026-11-21T12:00:00Z";
    const found = (goes: NetworkId, stays: NetworkId, from: string | undefined = since) =>
      definitionsSince(world, { goes, stays }, from).map(({ key, uid }) => `${key.name} ${uid}`);

    expect(found("cilium", "calico")).toEqual(["ciliumnodes.cilium.io ciliumnodes"]);
    expect(found("calico", "flannel")).toEqual(["ippools.crd.projectcalico.org ippools"]);
    // Canal has the same definitions, and stays.
    expect(found("calico", "canal")).toEqual([]);
    expect(definitionsSince(world, { goes: "cilium", stays: "flannel" }, undefined)).toEqual([]);
  });

  it("the last word: the source is removed, and nothing is there to be taken back", () => {
    const status = finalStatus(done, "it is over", new Date("2026-11-21T12:00:00Z"));

    expect(status).not.toHaveProperty("undo");
    expect(status?.conditions?.find((c) => c.type === "SourceRemoved")).toMatchObject({
      status: "True",
      reason: "Finalized",
      message: "it is over",
    });
    expect(status?.conditions?.find((c) => c.type === "Succeeded")?.status).toBe("True");
  });
});
