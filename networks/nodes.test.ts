import { describe, expect, it } from "vitest";
import type { Node } from "../kube/objects.ts";
import { isReady, isWindows, planNode } from "./nodes.ts";

function node(spec: Node["spec"], status: Node["status"]): Node {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "n1", uid: "uid-n1" },
    ...(spec === undefined ? {} : { spec }),
    ...(status === undefined ? {} : { status }),
  };
}

const addresses = (...pairs: [string, string][]) => ({
  addresses: pairs.map(([type, address]) => ({ type, address })),
});

describe("planNode", () => {
  it("puts IPv4 first in addresses and ranges", () => {
    const status = addresses(["InternalIP", "fd00::1"], ["InternalIP", "192.0.2.1"]);
    const plan = planNode(node({ podCIDRs: ["fd00:1::/64", "10.244.0.0/24"] }, status));

    expect(plan.internalIPs).toEqual(["192.0.2.1", "fd00::1"]);
    expect(plan.podCIDRs).toEqual(["10.244.0.0/24", "fd00:1::/64"]);
  });

  it("takes InternalIPs only, and podCIDR where podCIDRs is missing", () => {
    expect(planNode(node({ podCIDR: "10.244.0.0/24" }, addresses(["Hostname", "n1"])))).toEqual({
      name: "n1",
      uid: "uid-n1",
      internalIPs: [],
      podCIDRs: ["10.244.0.0/24"],
      labels: {},
      annotations: {},
    });
  });
});

describe("isReady", () => {
  it.each([
    ["True", true],
    ["False", false],
    ["Unknown", false],
  ] as const)("with the condition %s is %s", (status, expected) => {
    expect(isReady(node(undefined, { conditions: [{ type: "Ready", status }] }))).toBe(expected);
  });

  it("is false while there is no condition", () => {
    expect(isReady(node(undefined, undefined))).toBe(false);
    expect(isReady(node(undefined, { conditions: [{ type: "MemoryPressure", status: "True" }] }))).toBe(false);
  });
});

describe("isWindows", () => {
  it.each([
    ["kubernetes.io/os", "windows", true],
    ["beta.kubernetes.io/os", "windows", true],
    ["kubernetes.io/os", "linux", false],
  ])("goes by %s=%s", (label, value, expected) => {
    expect(isWindows({ ...planNode(node(undefined, undefined)), labels: { [label]: value } })).toBe(expected);
  });
});
