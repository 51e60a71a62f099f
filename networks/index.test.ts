import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { NetworkId } from "./contract.ts";
import { networkById, networks } from "./index.ts";
import { pairs } from "./overlays.ts";

const ids = networks.map((network) => network.id).sort();

/** A property of spec in the CRD's schema. */
function specProperty(name: string): { enum?: string[] } {
  const crd = parse(readFileSync(new URL("../crds/cnimigrations.yaml", import.meta.url), "utf8"));
  return crd.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties[name];
}

describe("networks", () => {
  it("every folder is a network, and every network a folder", () => {
    const folders = readdirSync(new URL(".", import.meta.url), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name !== "testdata")
      .map((entry) => entry.name);

    expect(folders.sort()).toEqual(ids);
  });

  it("the CRD allows exactly the sources and targets of the pairs", () => {
    const distinct = (values: NetworkId[]) => [...new Set(values)].sort();

    expect(specProperty("source").enum?.sort()).toEqual(distinct(pairs().map(([source]) => source)));
    expect(specProperty("target").enum?.sort()).toEqual(distinct(pairs().map(([, target]) => target)));
  });

  it("says which pairs can be migrated", () => {
    const ready = pairs().filter(
      ([source, target]) => networkById(source).plays.source && networkById(target).plays.target,
    );

    expect(ready).toEqual([
      ["flannel", "calico", "SharedOverlay"],
      ["flannel", "cilium", "DualOverlay"],
      ["canal", "calico", "SharedOverlay"],
      ["canal", "cilium", "DualOverlay"],
      ["calico", "flannel", "SharedOverlay"],
      ["calico", "cilium", "DualOverlay"],
    ]);
  });

  it("an unknown name is a mistake of the caller", () => {
    expect(() => networkById("weave" as NetworkId)).toThrow("no network weave");
  });

  it("each README names the versions the lab proved, where there are any", () => {
    for (const { id, versions } of networks) {
      const readme = readFileSync(new URL(`${id}/README.md`, import.meta.url), "utf8");
      if (versions !== "none") expect(readme).toContain(versions);
      expect(readme.length).toBeGreaterThan(200);
    }
  });
});
