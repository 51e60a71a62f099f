import { describe, expect, it } from "vitest";
import { crdObjects } from "./index.ts";
import { findingReasons } from "./reasons.ts";
import { migrationConditions, nodeConditions, nodeSteps, type Reason, reasons } from "./vocabulary.ts";

const camelCase = /^[A-Z][A-Za-z0-9]*$/;
const verbs = ["install", "plan", "start", "status", "pause", "resume", "retry", "revert", "finalize", "logs", "check"];
const kinds: [string, Record<string, { summary: string; reasons: readonly Reason[] }>][] = [
  ["CniMigration", migrationConditions],
  ["NodeMigration", nodeConditions],
];
const conditions = kinds.flatMap(([kind, table]) =>
  Object.entries(table).map(([type, condition]) => ({ kind, type, ...condition })),
);

describe("conditions", () => {
  it.each(kinds)("of %s are those of the contract", (kind, table) => {
    const facts =
      kind === "CniMigration"
        ? ["PreflightPassed", "TargetInstalled", "NodesMigrated", "ConnectivityVerified", "SourceRemoved", "Reverted"]
        : ["Cordoned", "Drained", "Switched", "PodsRestarted", "ConnectivityVerified", "CleanedUp"];
    expect(Object.keys(table)).toEqual(["Succeeded", "Reconciling", "Stalled", ...facts]);
  });

  it.each(conditions)("$kind $type says what True means and has reasons, each once", ({ type, summary, reasons }) => {
    expect(type).toMatch(camelCase);
    expect(summary).toMatch(/^[A-Z].*\.$/);
    expect(reasons.length).toBeGreaterThan(1);
    expect(reasons).toEqual([...new Set(reasons)]);
  });

  it.each(kinds)("of %s that are default in the schema have a reason of theirs", (kind, table) => {
    for (const { type, reason } of defaultConditions(kind)) expect(table[type]?.reasons).toContain(reason);
  });
});

describe("reasons", () => {
  it.each(Object.entries(reasons))("%s says when it is seen and what to do", (name, { when, fix }) => {
    expect(name).toMatch(camelCase);
    expect(when).toMatch(/^[a-z`A-Z].{10,}[^.]$/);
    expect(fix).toMatch(/^.{10,}[^.]$/);
  });

  it("belong to a condition, every one", () => {
    const used = new Set(conditions.flatMap((c) => c.reasons));
    expect(Object.keys(reasons).filter((reason) => !used.has(reason as Reason))).toEqual([]);
  });

  it("are in one group only", () => {
    const source = Object.keys(reasons);
    expect(source).toEqual([...new Set(source)]);
    expect(findingReasons).toContain("UnsupportedBackend");
    expect(findingReasons).not.toContain("Drained");
  });

  it("send people only to commands there are", () => {
    const texts = Object.values(reasons).map((reason) => reason.fix);
    const named = texts.flatMap((text) => [...text.matchAll(/kubectl cni-migrate (\w+)/g)].map((m) => m[1]));
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((verb) => !verbs.includes(verb ?? ""))).toEqual([]);
  });
});

describe("steps", () => {
  it("are in the order of the contract and of the schema", () => {
    const order =
      "Pending Cordon Drain LeaveSource AdoptPods JoinTarget RecyclePods Verify CleanUp Uncordon Done".split(" ");
    expect(nodeSteps.map((step) => step.name)).toEqual(order);
    expect(stepsOfSchema()).toEqual(order);
  });

  it("bring about every fact condition of a node, each by one step", () => {
    const [, , , ...facts] = Object.keys(nodeConditions);
    expect(nodeSteps.flatMap((step) => ("condition" in step ? [step.condition] : []))).toEqual(facts);
  });
});

interface Schema {
  properties: Record<string, Schema>;
  default: { conditions: { type: string; reason: string }[] };
  enum: string[];
}

function statusSchema(kind: string): Schema {
  type Names = { names: { kind: string }; versions: [{ schema: { openAPIV3Schema: Schema } }] };
  const spec = crdObjects.map((crd) => crd.spec as Names).find((s) => s.names.kind === kind);
  const status = spec?.versions[0].schema.openAPIV3Schema.properties.status;
  if (status === undefined) throw new Error(`no schema of ${kind}`);
  return status;
}

function defaultConditions(kind: string): { type: string; reason: string }[] {
  return statusSchema(kind).default.conditions;
}

function stepsOfSchema(): string[] | undefined {
  return statusSchema("NodeMigration").properties.step?.enum;
}
