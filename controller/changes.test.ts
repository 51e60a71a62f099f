import { describe, expect, it } from "vitest";
import type { CniMigration } from "../crds/index.ts";
import { daemonSets } from "../kube/resources.ts";
import type { KubeClient } from "../kube/types.ts";
import type { RecordedChange } from "../networks/contract.ts";
import { applyUndo, inverse, makeChanges, missing } from "./changes.ts";
import { migration } from "./testing.ts";

describe("missing", () => {
  it.each([
    ["nothing when all is there", { spec: { a: 1, b: [1] } }, { spec: { a: 1, b: [1] } }, undefined],
    ["only the fields that differ", { spec: { a: 1, b: 2 } }, { spec: { a: 1, b: 3 } }, { spec: { b: 3 } }],
    ["all when there is nothing", undefined, { spec: { a: 1 } }, { spec: { a: 1 } }],
    ["null only for what is there", { a: { x: 1 } }, { a: { x: null, y: null } }, { a: { x: null } }],
    ["a list as one value", { l: [1, 2] }, { l: [1] }, { l: [1] }],
  ])("%s", (_title, existing, wanted, expected) => {
    expect(missing(existing, wanted)).toEqual(expected);
  });
});

describe("inverse", () => {
  it("puts back previous values and takes away what was not there", () => {
    const existing = {
      spec: { updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1 } }, sel: {} },
    };
    const patch = { spec: { updateStrategy: { type: "OnDelete", rollingUpdate: null }, sel: { network: "flannel" } } };

    expect(inverse(existing, patch)).toEqual({
      spec: { updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1 } }, sel: { network: null } },
    });
  });
});

/** A DaemonSet whose container has this variable, as an API server that knows strategic merges keeps it. */
function cluster(variable?: object) {
  const env = variable === undefined ? [] : [variable];
  const agent = {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name: "agent", namespace: "net", uid: "u", resourceVersion: "4" },
    spec: { template: { spec: { containers: [{ name: "main", env }] } } },
  };
  const done: string[] = [];
  const client = {
    get: async () => agent,
    raw: async () => JSON.stringify({ resources: [{ name: "daemonsets", kind: "DaemonSet", namespaced: true }] }),
    patch: async (_: unknown, __: unknown, patch: { spec: object }, options: { kind?: string }) => {
      done.push(`${options.kind} ${JSON.stringify(patch.spec)}`);
    },
  } as unknown as KubeClient;
  const context = {
    scope: { client, now: () => new Date(0) },
    migration: migration(),
    record: async (status: NonNullable<CniMigration["status"]>) => {
      done.push(`record ${status.undo?.length}`);
      context.migration = { ...context.migration, status: { ...context.migration.status, ...status } };
    },
  };
  return { client, context, done };
}

const wanted: RecordedChange = {
  change: "env",
  resource: daemonSets,
  key: { name: "agent", namespace: "net" },
  container: "main",
  name: "METHOD",
  value: "by-name",
  keeps: (value) => value.startsWith("interface="),
};
const envOf = (variable: object) =>
  JSON.stringify({ template: { spec: { containers: [{ name: "main", env: [variable] }] } } });

describe("a variable of an agent's pods", () => {
  it.each<[string, object | undefined, object, object]>([
    ["that was not there", undefined, { name: "METHOD", value: "by-name" }, { name: "METHOD", $patch: "delete" }],
    [
      "with another value",
      { name: "METHOD", value: "guess" },
      { name: "METHOD", value: "by-name" },
      { value: "guess", name: "METHOD" },
    ],
    [
      "from a ConfigMap",
      { name: "METHOD", valueFrom: { configMapKeyRef: { name: "c", key: "m" } } },
      { name: "METHOD", value: "by-name", valueFrom: null },
      { value: null, name: "METHOD", valueFrom: { configMapKeyRef: { name: "c", key: "m" } } },
    ],
  ])("%s is set alone, its undo known before, and put back alone", async (_, before, set, restored) => {
    const { client, context, done } = cluster(before);

    expect(await makeChanges(context, [wanted])).toBe(true);
    expect(done).toEqual(["record 1", `strategic ${envOf(set)}`]);
    const undo = context.migration.status?.undo ?? [];
    expect(undo).toMatchObject([{ kind: "DaemonSet", action: "StrategicMerge" }]);
    await applyUndo(client, undo);
    expect(done.at(-1)).toBe(`strategic ${envOf(restored)}`);
  });

  it.each([["by-name"], ["interface=eth1"]])("that is %s already stays", async (value) => {
    const { context, done } = cluster({ name: "METHOD", value });

    expect(await makeChanges(context, [wanted])).toBe(false);
    expect(done).toEqual([]);
  });

  it("is recorded once: what was there before the migration is not forgotten", async () => {
    const { context, done } = cluster({ name: "METHOD", value: "guess" });
    await makeChanges(context, [wanted]);
    await makeChanges(context, [wanted]);

    expect(done.filter((line) => line.startsWith("record"))).toEqual(["record 1"]);
  });
});
