import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { reasons } from "../crds/vocabulary.ts";
import { generatedFiles } from "./generate-files.ts";
import { type Crd, typesOf } from "./generate-types.ts";
import { root } from "./project.ts";

const files = await generatedFiles(root);

describe("generated files", () => {
  it.each(Object.keys(files))("%s is up to date (npm run generate)", (file) => {
    expect(readFileSync(join(root, file), "utf8")).toBe(files[file]);
  });

  it("are the same in a second run", async () => {
    expect(await generatedFiles(root)).toEqual(files);
  });

  it("have one heading a reason in docs/troubleshooting.md, sorted", () => {
    const headings = [...(files["docs/troubleshooting.md"] ?? "").matchAll(/^### (.+)$/gm)].map((m) => m[1]);
    expect(headings).toEqual(Object.keys(reasons).toSorted());
  });

  it("put no cell of a table on two lines", () => {
    const pages = [files["docs/steps.md"], files["docs/troubleshooting.md"]];
    const rows = pages.flatMap((text) => (text ?? "").split("\n").filter((line) => line.startsWith("|")));
    expect(rows.length).toBeGreaterThan(25);
    for (const row of rows) expect(row).toMatch(/^\|( [^|]* \|){2,3}$/);
  });
});

describe("typesOf", () => {
  it("makes lists, maps, numbers-or-texts and optional fields plain", async () => {
    const text = await typesOf([crd({ spec: {}, status: {} })]);
    expect(text).toContain("batch?: number | string;");
    expect(text).toContain("list: string[];");
    expect(text).toContain("[k: string]: string;");
    expect(text).toContain('apiVersion: "example.com/v1";');
    expect(text).not.toMatch(/unknown|Everything|maxItems/);
  });

  it("refuses a list of names with a part the schema does not have", async () => {
    const known = crd({ spec: {} });
    known.spec.names.kind = "NodeMigration";
    await expect(typesOf([known])).rejects.toThrow(/^widgets.example.com has no .*status.steps\[\]/);
  });
});

function crd(parts: Record<string, object>): Crd {
  const fields = {
    batch: { "x-kubernetes-int-or-string": true },
    list: { type: "array", maxItems: 3, items: { type: "string" } },
    map: { type: "object", additionalProperties: { type: "string" } },
  };
  const properties = Object.fromEntries(
    Object.keys(parts).map((name) => [name, { type: "object", required: ["list"], properties: fields }]),
  );
  const schema = { openAPIV3Schema: { type: "object", properties } };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "widgets.example.com" },
    spec: { group: "example.com", names: { kind: "Widget" }, versions: [{ name: "v1", schema }] },
  };
}
