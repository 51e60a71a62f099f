import { describe, expect, it } from "vitest";
import type { ObjectMeta as KubeObjectMeta, UnknownObject } from "../kube/types.ts";
import type { AgentRef, Detected, NetworkId, OverlayFacts, Overrides } from "../networks/contract.ts";
import { pairs, type Strategy } from "../networks/overlays.ts";
import {
  type AgentFacts,
  type CalicoOverrides,
  type CiliumOverrides,
  type CniMigration,
  type CniMigrationStatus,
  crdObjects,
  type DetectedValue,
  type FlannelOverrides,
  type OverlayStatus,
} from "./index.ts";
import type { CrdObject, ObjectMeta } from "./metadata.ts";
import { apiGroup, apiVersion, schemaVersionAnnotation } from "./names.ts";

interface Schema {
  [keyword: string]: unknown;
  type?: string;
  description?: string;
  enum?: string[];
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema;
  "x-kubernetes-validations"?: { rule: string; message?: string }[];
}
interface CrdSpec {
  group: string;
  scope: string;
  names: Record<string, unknown>;
  versions: [{ name: string; schema: { openAPIV3Schema: Schema } }];
}

const crds = crdObjects.map((crd) => ({ crd, spec: crd.spec as CrdSpec }));
const parts = crds.flatMap(({ spec }) => partsOf(spec.versions[0].schema.openAPIV3Schema, String(spec.names.kind)));
const own = parts.filter(([path]) => !/^\w+(\.(apiVersion|kind|metadata))?$/.test(path));
const migrationSpec = Object.fromEntries(parts)["CniMigration.spec"];

describe("both schemas", () => {
  it.each(crds)(
    "$crd.metadata.name have the contract's names and the version the skew check reads",
    ({ crd, spec }) => {
      expect(spec).toMatchObject({ group: apiGroup, scope: "Cluster", names: { categories: ["cni-migrate"] } });
      expect(`${spec.group}/${spec.versions[0].name}`).toBe(apiVersion);
      expect(crd.metadata.annotations?.[schemaVersionAnnotation]).toMatch(/^[1-9][0-9]*$/);
    },
  );

  it("have the same schema version", () => {
    const versions = crds.map(({ crd }) => crd.metadata.annotations?.[schemaVersionAnnotation]);
    expect(new Set(versions).size).toBe(1);
  });

  it("describe every field", () => {
    expect(own.filter(([path, s]) => !/[}\]]$/.test(path) && !s.description).map(([path]) => path)).toEqual([]);
  });

  it("bound every text, list, map and number", () => {
    const unbounded = own.filter(([, s]) => {
      if (s["x-kubernetes-int-or-string"] === true) return s.maxLength === undefined;
      if (s.type === "string") return !(s.enum || s.format === "date-time" || s.maxLength);
      if (s.type === "array") return s.maxItems === undefined;
      if (s.type === "integer") return s.minimum === undefined;
      return s.type === "object" && !s.properties && s.maxProperties === undefined;
    });
    expect(unbounded.map(([path]) => path)).toEqual([]);
  });

  it("say for every list how two writers' entries are merged", () => {
    const lists = own.filter(([, s]) => s.type === "array");
    expect(lists.filter(([, s]) => s["x-kubernetes-list-type"] === undefined).map(([path]) => path)).toEqual([]);
  });

  it("give every rule a message that says what to do", () => {
    const rules = parts.flatMap(([path, s]) =>
      (s["x-kubernetes-validations"] ?? []).map((rule) => ({ path, ...rule })),
    );
    expect(rules.length).toBeGreaterThan(30);
    for (const { path, message } of rules) expect(message, path).toMatch(/[;,(] ?\w+/);
  });

  it("offer no field that does not work yet", () => {
    expect(migrationSpec?.properties).not.toHaveProperty("podStrategy");
  });
});

describe("the schema of CniMigration", () => {
  const played = (part: "source" | "target") => migrationSpec?.properties?.[part]?.enum?.toSorted();

  it("knows the networks of the networks' contract, each in the parts it can play", () => {
    const ids = Object.keys({ flannel: 1, canal: 1, calico: 1, cilium: 1 } satisfies Record<NetworkId, 1>).toSorted();
    expect([...new Set([...(played("source") ?? []), ...(played("target") ?? [])])].toSorted()).toEqual(ids);
    expect(played("source")).toEqual([...new Set(pairs().map(([source]) => source))].toSorted());
    expect(played("target")).toEqual([...new Set(pairs().map(([, target]) => target))].toSorted());
  });

  it("has a rule with exactly the pairs there is a way for", () => {
    const rule = migrationSpec?.["x-kubernetes-validations"]?.find((r) => r.rule.includes("[self.source]"))?.rule ?? "";
    const table = JSON.parse(/\{.*\}/.exec(rule)?.[0].replaceAll("'", '"') ?? "{}") as Record<string, string[]>;
    const allowed = Object.entries(table).flatMap(([source, targets]) =>
      targets.map((target) => `${source} ${target}`),
    );
    expect(allowed.toSorted()).toEqual(
      pairs()
        .map(([source, target]) => `${source} ${target}`)
        .toSorted(),
    );
  });

  it("asks for a CIDR exactly where both networks have an overlay of their own", () => {
    const dual = pairs().filter(([, , strategy]) => strategy === "DualOverlay");
    expect(new Set(dual.map(([, target]) => target))).toEqual(new Set(["cilium"]));
    const shared = pairs().filter(([, , strategy]) => strategy === "SharedOverlay");
    expect(shared.map(([, target]) => target)).not.toContain("cilium");
    const rules = migrationSpec?.["x-kubernetes-validations"]?.map((r) => r.rule);
    expect(rules).toContain("self.target != 'cilium' || has(self.cidr)");
  });

  it("has types the rooms above can use as theirs", () => {
    // Checked by the compiler: each line fails to compile when the two shapes drift apart.
    const compatible: [
      Assignable<FlannelOverrides, Overrides>,
      Assignable<Overrides, FlannelOverrides>,
      Assignable<CalicoOverrides, Overrides>,
      Assignable<CiliumOverrides, Overrides>,
      Assignable<AgentFacts, AgentRef>,
      Assignable<AgentRef, AgentFacts>,
      Assignable<OverlayStatus, OverlayFacts>,
      Assignable<OverlayFacts, OverlayStatus>,
      Assignable<Detected, DetectedValue>,
      Assignable<Strategy, NonNullable<CniMigrationStatus["strategy"]>>,
      Assignable<ObjectMeta, KubeObjectMeta>,
      Assignable<KubeObjectMeta, ObjectMeta>,
      Assignable<CrdObject, UnknownObject>,
      Assignable<CniMigration["apiVersion"], typeof apiVersion>,
    ] = [true, true, true, true, true, true, true, true, true, true, true, true, true, true];
    expect(compatible).not.toContain(false);
  });
});

type Assignable<From, To> = From extends To ? true : false;

/** Every part of a schema with its path: "CniMigration.spec.drain", "[]" for items, "{}" for values of a map. */
function partsOf(schema: Schema, path: string): [string, Schema][] {
  return [
    [path, schema],
    ...Object.entries(schema.properties ?? {}).flatMap(([name, part]) => partsOf(part, `${path}.${name}`)),
    ...(schema.items === undefined ? [] : partsOf(schema.items, `${path}[]`)),
    ...(schema.additionalProperties === undefined ? [] : partsOf(schema.additionalProperties, `${path}{}`)),
  ];
}
