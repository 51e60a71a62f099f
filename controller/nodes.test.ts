import { describe, expect, it } from "vitest";
import { isReady, planNode } from "../networks/nodes.ts";
import { inOrder, isControlPlane } from "../networks/order.ts";
import { batchLimit, cordonPatch, labelPatch, taintPatch, uncordonPatch } from "./nodes.ts";
import { node } from "./testing.ts";

const guard = { uid: "uid-n1", resourceVersion: "7" };
const controlPlane = { "node-role.kubernetes.io/control-plane": "" };

describe("isControlPlane", () => {
  it.each([
    ["kubeadm since 1.24", "node-role.kubernetes.io/control-plane", true],
    ["kubeadm before", "node-role.kubernetes.io/master", true],
    ["Rancher", "node-role.kubernetes.io/controlplane", true],
    ["a worker's role", "node-role.kubernetes.io/worker", false],
  ])("knows the label of %s", (_title, label, expected) => {
    expect(isControlPlane(node("n1", { labels: { [label]: "" } }))).toBe(expected);
  });
});

describe("isReady", () => {
  it("is false when the condition is not True or not there", () => {
    expect(isReady(node("n1"))).toBe(true);
    expect(isReady(node("n1", { ready: false }))).toBe(false);
    expect(isReady({ ...node("n1"), status: {} })).toBe(false);
  });
});

describe("inOrder", () => {
  const n1 = node("n1", { labels: controlPlane });
  const [n2, n3, n10] = [node("n2"), node("n3"), node("n10")];

  it.each([
    ["workers by name, then the control plane", [n1, n3, n2], [], "n2 n3 n1"],
    ["those that are named first, in the order given", [n1, n2, n3], ["n3", "n1"], "n3 n1 n2"],
    ["a name no node has is passed over", [n1, n2, n3], ["gone", "n3"], "n3 n2 n1"],
    ["names compare as text", [n2, n10, n1], [], "n10 n2 n1"],
    ["no nodes", [], ["n1"], ""],
  ])("gives %s", (_title, nodes, nodeOrder, expected) => {
    expect(
      inOrder(nodes, nodeOrder)
        .map((n) => n.metadata.name)
        .join(" "),
    ).toBe(expected);
  });

  it("leaves the list it was given as it was", () => {
    const nodes = [n3, n2];
    inOrder(nodes);
    expect(nodes).toEqual([n3, n2]);
  });
});

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

describe("planNode", () => {
  it("puts IPv4 first in addresses and ranges", () => {
    const dual = node("n1", { addresses: ["fd00::1", "192.0.2.1"] });
    const plan = planNode({ ...dual, spec: { podCIDRs: ["fd00:1::/64", "10.244.0.0/24"] } });

    expect(plan.internalIPs).toEqual(["192.0.2.1", "fd00::1"]);
    expect(plan.podCIDRs).toEqual(["10.244.0.0/24", "fd00:1::/64"]);
  });

  it("takes InternalIPs only, and podCIDR where podCIDRs is missing", () => {
    const bare = node("n1");
    const plan = planNode({
      ...bare,
      spec: { podCIDR: "10.244.0.0/24" },
      status: { addresses: [{ type: "Hostname", address: "n1" }] },
    });

    expect(plan).toEqual({
      name: "n1",
      uid: "uid-n1",
      internalIPs: [],
      podCIDRs: ["10.244.0.0/24"],
      labels: {},
      annotations: {},
    });
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
  const ours = { key: "cni-migrate.io/pending", effect: "PreferNoSchedule" };
  const other = { key: "dedicated", effect: "NoSchedule" };

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
