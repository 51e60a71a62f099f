import { describe, expect, it } from "vitest";
import type { NodeMigration, StepName } from "../../crds/index.ts";
import { networkLabel } from "../../crds/names.ts";
import type { DaemonSet, Node } from "../../kube/objects.ts";
import type { KubeClient, ObjectKey } from "../../kube/types.ts";
import { condition, migration, node, nodeMigration, testScope } from "../testing.ts";
import { driftError, findDrift } from "./drift.ts";

const facts = {
  sourceAgent: { namespace: "kube-flannel", daemonSets: ["kube-flannel-ds"], podLabels: { app: "flannel" } },
  targetAgent: { namespace: "kube-system", daemonSets: ["calico-node"], podLabels: { "k8s-app": "calico-node" } },
};
const prepared = migration({}, { facts, conditions: [condition("TargetInstalled", "True", "TargetInstalled")] });

function daemonSet(namespace: string, name: string, network: string | undefined, type = "OnDelete"): DaemonSet {
  const nodeSelector = { "kubernetes.io/os": "linux", ...(network === undefined ? {} : { [networkLabel]: network }) };
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { namespace, name, uid: `uid-${name}`, resourceVersion: "7" },
    spec: { selector: {}, updateStrategy: { type }, template: { spec: { containers: [], nodeSelector } } },
  };
}

const flannel = daemonSet("kube-flannel", "kube-flannel-ds", "flannel");
const calico = daemonSet("kube-system", "calico-node", "calico", "RollingUpdate");
const on = (name: string, network?: string): Node =>
  node(name, { labels: network === undefined ? {} : { [networkLabel]: network } });
const done = (
  name: string,
  direction: "Forward" | "Revert" = "Forward",
  steps: readonly StepName[] = ["JoinTarget"],
) => {
  const recorded = steps.map((step) => ({ name: step }));
  const part = nodeMigration(name, "Done", { status: { step: "Done", direction, steps: recorded } });
  return { ...part, spec: { ...part.spec, direction } };
};

interface Given {
  sets?: DaemonSet[];
  nodes?: Node[];
  parts?: NodeMigration[];
  of?: typeof prepared;
}

function found({ sets = [flannel, calico], nodes = [], parts = [], of = prepared }: Given) {
  const lookup = ({ namespace, name }: ObjectKey) =>
    sets.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name);
  return findDrift(of, lookup, nodes, parts);
}

describe("what the migration relies on", () => {
  it.each<[string, Given]>([
    ["is as it was made", {}],
    ["is not made yet", { of: migration({}, { facts }), sets: [] }],
    ["may get another image", { sets: [flannel, { ...calico, metadata: { ...calico.metadata, generation: 9 } }] }],
    ["is a node's label that goes with its part", { nodes: [on("n2", "calico")], parts: [done("n2")] }],
    ["is the source's label after a way back", { nodes: [on("n2", "flannel")], parts: [done("n2", "Revert")] }],
    ["is no label of a node under way", { nodes: [on("n2", "none")], parts: [nodeMigration("n2", "JoinTarget")] }],
    ["is no label of a node that is gone", { parts: [done("n2")] }],
    ["is no label of another node by that name", { nodes: [node("n2", { uid: "uid-later" })], parts: [done("n2")] }],
  ])("%s: no drift", (_title, given) => {
    expect(found(given)).toBeUndefined();
  });

  const patch = (namespace: string, name: string, spec: object) =>
    `stop what changes it, and put it back: kubectl -n ${namespace} patch daemonset ${name} --type merge -p '${JSON.stringify({ spec })}'`;
  const selector = (network: string) => ({ template: { spec: { nodeSelector: { [networkLabel]: network } } } });

  it.each<[string, Given, { reason: string; message: string; hint: string }]>([
    [
      "the source let loose on all nodes",
      { sets: [daemonSet("kube-flannel", "kube-flannel-ds", undefined, "RollingUpdate"), calico] },
      {
        reason: "Conflict",
        message:
          'daemonset kube-flannel/kube-flannel-ds: spec.updateStrategy.type is "RollingUpdate", not "OnDelete", spec.template.spec.nodeSelector."cni-migrate.io/network" is gone, not "flannel"',
        hint: patch("kube-flannel", "kube-flannel-ds", {
          updateStrategy: { type: "OnDelete" },
          ...selector("flannel"),
        }),
      },
    ],
    [
      "the target bound to other nodes",
      { sets: [flannel, daemonSet("kube-system", "calico-node", "flannel")] },
      {
        reason: "Conflict",
        message:
          'daemonset kube-system/calico-node: spec.template.spec.nodeSelector."cni-migrate.io/network" is "flannel", not "calico"',
        hint: patch("kube-system", "calico-node", selector("calico")),
      },
    ],
    [
      "the source deleted",
      { sets: [calico] },
      {
        reason: "Conflict",
        message: "daemonset kube-flannel/kube-flannel-ds of flannel is gone, and nodes need it",
        hint: "apply its manifest again with nodeSelector cni-migrate.io/network: flannel and updateStrategy OnDelete",
      },
    ],
    [
      "the target being deleted",
      { sets: [flannel, { ...calico, metadata: { ...calico.metadata, deletionTimestamp: "2030-01-01T00:00:00Z" } }] },
      {
        reason: "TargetMissing",
        message: "daemonset kube-system/calico-node of calico is gone, and nodes need it",
        hint: "kubectl cni-migrate start flannel-to-calico --target calico -f FILE puts it back",
      },
    ],
    [
      "a done node whose label was taken away",
      { nodes: [on("n2")], parts: [done("n2")] },
      {
        reason: "Conflict",
        message: "node n2: label cni-migrate.io/network is gone, and its NodeMigration says it is done on calico",
        hint: "put it back: kubectl label node n2 --overwrite cni-migrate.io/network=calico",
      },
    ],
    [
      "a status forged to Done on a node that was never switched",
      { nodes: [on("n2", "flannel")], parts: [done("n2", "Forward", [])] },
      {
        reason: "Conflict",
        message: 'node n2: label cni-migrate.io/network is "flannel", and its NodeMigration says it is done on calico',
        hint: "it was never switched: kubectl delete nodemigration n2, and it has its turn",
      },
    ],
  ])("%s: named, with the cure", (_title, given, expected) => {
    expect(found(given)).toMatchObject(expected);
  });
});

describe("with two overlays", () => {
  const conditions = [condition("TargetInstalled", "True", "TargetInstalled")];
  const of = migration({ target: "cilium", cidr: "10.245.0.0/16" }, { facts, conditions });
  const source = (network?: string) => daemonSet("kube-flannel", "kube-flannel-ds", network, "RollingUpdate");
  const target = (network?: string) => daemonSet("kube-system", "calico-node", network, "RollingUpdate");

  it.each([
    ["both run on all nodes", source(), target()],
    ["the source is bound again: all nodes had left it", source("flannel"), target()],
  ])("%s: no drift", (_, ...sets) => {
    expect(found({ sets, of })).toBeUndefined();
  });

  it("the target held to some nodes is in the way, and what takes it back is said", () => {
    expect(found({ sets: [source(), target("cilium")], of })).toMatchObject({
      reason: "Conflict",
      message: `daemonset kube-system/calico-node: spec.template.spec.nodeSelector."${networkLabel}" is "cilium", and was not`,
      hint: expect.stringContaining(`{"nodeSelector":{"${networkLabel}":null}}`),
    });
  });

  it("a source that is gone is missed as it was: on all nodes", () => {
    expect(found({ sets: [target()], of })).toMatchObject({
      object: "daemonset kube-flannel/kube-flannel-ds",
      hint: "apply its manifest again",
    });
  });
});

describe("driftError", () => {
  const loose = daemonSet("kube-flannel", "kube-flannel-ds", undefined);

  /** What a controller sees whose copy of flannel's DaemonSet is `copy`, when the API server has `served`. */
  function seen(copy: DaemonSet, served: DaemonSet | undefined) {
    const asked: string[] = [];
    const client = {
      async get(_resource: unknown, { name }: ObjectKey) {
        asked.push(name);
        return served;
      },
    };
    const scope = testScope(client as unknown as Partial<KubeClient>);
    scope.stores.daemonSets.put(copy);
    scope.stores.daemonSets.put(calico);
    return { scope, asked };
  }

  it("names who changed it last, and asks once a copy", async () => {
    const managedFields = [
      { manager: "cni-migrate-controller", time: "2030-01-01T00:00:00Z" },
      { manager: "argocd-controller", time: "2030-01-01T00:00:09Z" },
      { manager: "kube-controller-manager", time: "2030-01-01T00:00:10Z", subresource: "status" },
    ];
    const { scope, asked } = seen(loose, { ...loose, metadata: { ...loose.metadata, managedFields } as never });

    const error = await driftError(scope, prepared);
    await driftError(scope, prepared);

    expect(error).toMatchObject({
      reason: "Conflict",
      kind: "stalled",
      object: "daemonset kube-flannel/kube-flannel-ds",
    });
    expect(error?.message).toContain('is gone, not "flannel" (last changed by argocd-controller)');
    expect(asked).toEqual(["kube-flannel-ds"]);
  });

  it("believes no copy that is behind", async () => {
    const { scope } = seen(loose, { ...flannel, metadata: { ...flannel.metadata, resourceVersion: "9" } });

    expect(await driftError(scope, prepared)).toBeUndefined();
  });

  it("needs no agent when every node is where it is to be", async () => {
    const { scope, asked } = seen(loose, loose);

    expect(await driftError(scope, prepared, { settled: true })).toBeUndefined();
    expect(asked).toEqual([]);
  });
});
