import { describe, expect, it } from "vitest";
import type { Taint } from "../kube/objects.ts";
import { batchLimit, cordonPatch, labelPatch, taintPatch, uncordonPatch } from "./nodes.ts";
import { node } from "./testing.ts";

const guard = { uid: "uid-n1", resourceVersion: "7" };

describe("batchLimit", () => {
  it.each([
    [1, 10, 1],
    [4, 3, 4],
    ["2", 10, 2],
    ["25%", 10, 3],
    ["1%", 3, 1],
    ["50%", 3, 2],
    ["100%", 7, 7],
    ["10%", 0, 1],
  ])("%s of %i nodes is %i", (batchSize, total, expected) => {
    expect(batchLimit(batchSize, total)).toBe(expected);
  });
});

describe("labelPatch", () => {
  it("sets only what differs, guarded", () => {
    const labels = { network: "flannel", role: "db" };
    expect(labelPatch(node("n1", { labels }), { network: "none", role: "db" })).toEqual({
      metadata: { labels: { network: "none" }, ...guard },
    });
  });

  it("is nothing when the node has them", () => {
    expect(labelPatch(node("n1", { labels: { network: "none" } }), { network: "none" })).toBeUndefined();
  });
});

describe("taintPatch", () => {
  const ours: Taint = { key: "cni-migrate.io/pending", effect: "PreferNoSchedule" };
  const other: Taint = { key: "dedicated", effect: "NoSchedule" };

  it.each([
    ["adds ours to those of others", [other], true, [other, ours]],
    ["adds ours where there is none", undefined, true, [ours]],
    ["takes ours only", [ours, other], false, [other]],
    ["changes nothing when ours is there", [ours], true, undefined],
    ["changes nothing when ours is not there", [other], false, undefined],
  ])("%s", (_title, taints, wanted, expected) => {
    expect(taintPatch(node("n1", taints === undefined ? {} : { taints }), wanted)).toEqual(
      expected === undefined ? undefined : { metadata: guard, spec: { taints: expected } },
    );
  });
});

describe("cordon", () => {
  const mark = "cni-migrate.io/cordoned-by";

  it("is set together with whose it is", () => {
    expect(cordonPatch(node("n1"), "uid-nm")).toEqual({
      metadata: { annotations: { [mark]: "uid-nm" }, ...guard },
      spec: { unschedulable: true },
    });
  });

  it("is taken back with its mark when it is ours", () => {
    const cordoned = node("n1", { cordoned: true, annotations: { [mark]: "uid-nm" } });
    expect(uncordonPatch(cordoned, "uid-nm")).toEqual({
      metadata: { annotations: { [mark]: null }, ...guard },
      spec: { unschedulable: null },
    });
  });

  it.each([
    ["a person's", {}],
    ["another NodeMigration's", { [mark]: "uid-other" }],
  ])("stays when it is %s", (_title, annotations) => {
    expect(uncordonPatch(node("n1", { cordoned: true, annotations }), "uid-nm")).toBeUndefined();
  });
});
