import { describe, expect, it } from "vitest";
import { pods } from "../../kube/resources.ts";
import type { Applied } from "../apply.ts";
import type { PlanView } from "../plan/view.ts";
import { condition, migration, withStatus } from "../status/fixtures.ts";
import { clientSchemaVersion } from "../version-info.ts";
import { podDeletionRole } from "./pod-deletion.ts";
import { type Readiness, refuseUnready } from "./readiness.ts";
import { describeRights } from "./rights.ts";
import { migrationRoles } from "./roles.ts";
import { summary } from "./summary.ts";

describe("plugin/start", () => {
  const ready: Readiness = { schemaVersion: clientSchemaVersion, migrations: [], controller: { trouble: "" } };
  const finished = withStatus({ conditions: [condition("Succeeded", "True", "Succeeded")] });
  const waiting = withStatus({
    summary: "AwaitingTarget",
    conditions: [condition("TargetInstalled", "False", "AwaitingTarget")],
  });

  it.each<[string, Readiness, string | undefined, string]>([
    ["nothing installed", { ...ready, schemaVersion: undefined }, undefined, "run kubectl cni-migrate install"],
    [
      "older schemas",
      { ...ready, schemaVersion: 0 },
      undefined,
      `(schema 0, needed ${clientSchemaVersion}): run kubectl cni-migrate install`,
    ],
    ["newer schemas", { ...ready, schemaVersion: 99 }, undefined, "(schema 99, known 1): upgrade the plugin"],
    [
      "another migration",
      { ...ready, migrations: [finished, migration] },
      "other",
      "migration flannel-to-calico is not finished (Stalled)",
    ],
    [
      "the same one, not asked for by name",
      { ...ready, migrations: [waiting] },
      undefined,
      "is not finished (AwaitingTarget)",
    ],
    ["no controller", { ...ready, controller: "missing" }, undefined, "the controller is missing"],
    [
      "a controller in trouble",
      { ...ready, controller: { trouble: "pod x: ErrImagePull" } },
      undefined,
      "not available: pod x: ErrImagePull",
    ],
  ])("refuses %s", (_what, readiness, name, message) => {
    expect(() => refuseUnready(readiness, name)).toThrow(message);
  });

  it("goes on beside finished migrations, and with one that waits for its target when asked by name", () => {
    expect(refuseUnready({ ...ready, migrations: [finished] }, undefined)).toBeUndefined();
    expect(refuseUnready({ ...ready, migrations: [waiting] }, "flannel-to-calico")).toBeUndefined();
  });

  it("names each agent and ConfigMap in the Roles, one a namespace, and never a rule without names", () => {
    const agent = (namespace: string, ...daemonSets: string[]) => ({ namespace, daemonSets, podLabels: {} });
    const objects = migrationRoles("m", [agent("a", "x", "y"), agent("b", "z")], [{ namespace: "c", name: "config" }]);
    const roles = objects.filter((object) => object.kind === "Role");

    expect(roles.map(({ metadata, rules }) => [metadata.namespace, rules])).toEqual([
      ["a", [{ apiGroups: ["apps"], resources: ["daemonsets"], verbs: ["get", "patch"], resourceNames: ["x", "y"] }]],
      ["b", [{ apiGroups: ["apps"], resources: ["daemonsets"], verbs: ["get", "patch"], resourceNames: ["z"] }]],
      ["c", [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get"], resourceNames: ["config"] }]],
    ]);
    expect(objects.every(({ metadata }) => metadata.labels?.["cni-migrate.io/migration"] === "m")).toBe(true);
  });

  it("gives the right to delete pods only where the drain is to pass budgets over", () => {
    expect(podDeletionRole("m", {})).toEqual([]);
    expect(podDeletionRole("m", { drain: { disableEviction: false } })).toEqual([]);

    const objects = podDeletionRole("m", { drain: { disableEviction: true } });

    expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      "ClusterRole cni-migrate-m-delete-pods",
      "ClusterRoleBinding cni-migrate-m-delete-pods",
    ]);
    expect(objects[0]?.rules).toEqual([{ apiGroups: [""], resources: ["pods"], verbs: ["delete"] }]);
    expect(objects.every(({ metadata }) => metadata.labels?.["cni-migrate.io/migration"] === "m")).toBe(true);
  });

  it("names missing rights by resource and namespace, verbs together", () => {
    const daemonSets = { group: "apps", version: "v1", plural: "daemonsets" };

    expect(
      describeRights([
        { verb: "patch", resource: daemonSets, namespace: "kube-system" },
        { verb: "list", resource: pods },
        { verb: "create", resource: daemonSets, namespace: "kube-system" },
      ]),
    ).toEqual(["create,patch daemonsets.apps in kube-system", "list pods"]);
  });

  it("says what is about to happen", () => {
    const node = (name: string, drained: number) => ({
      name,
      role: "worker" as const,
      ready: true,
      cordoned: false,
      pods: { drained, recreated: 1, stays: 2 },
      undecided: [],
    });
    const view: PlanView = {
      name: "flannel-to-calico",
      source: "flannel",
      target: "calico",
      strategy: "SharedOverlay",
      second: null,
      ready: true,
      batchSize: 1,
      detected: [],
      blockers: [],
      warnings: [
        { severity: "warning", reason: "NodeNotReady", what: "not Ready", where: "node n2", cure: "repair it" },
      ],
      infos: [],
      nodes: [node("n2", 4), { ...node("n3", 9), skipped: "spec.nodeSelector leaves it out" }, node("n1", 3)],
      manifests: null,
      policies: [],
      cutOff: [],
      ending: [],
    };
    const applied = (name: string, outcome: Applied["outcome"]) => ({
      name,
      outcome,
      object: { apiVersion: "v1", kind: "X", metadata: { name } },
      before: undefined,
    });

    expect(
      summary(view, [applied("a", "created"), applied("b", "unchanged"), applied("clusterrole/c", "configured")]),
    ).toMatchInlineSnapshot(`
      "flannel-to-calico: flannel to calico (SharedOverlay)
      nodes: 2, 1 at a time: n2, n1
      pods: 7 are drained and made anew on other nodes, 2 are recreated where they are
      objects: 1 to create, 1 to change (clusterrole/c)
      warning: node n2: not Ready; repair it
      "
    `);
  });
});
