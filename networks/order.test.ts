import { describe, expect, it } from "vitest";
import { inOrder, isControlPlane } from "./order.ts";

function node(name: string, labels: Record<string, string> = {}) {
  return { metadata: { name, labels } };
}

describe("isControlPlane", () => {
  it.each([
    ["kubeadm since 1.24", "node-role.kubernetes.io/control-plane", true],
    ["kubeadm before", "node-role.kubernetes.io/master", true],
    ["Rancher", "node-role.kubernetes.io/controlplane", true],
    ["a worker's role", "node-role.kubernetes.io/worker", false],
  ])("knows the label of %s", (_title, label, expected) => {
    expect(isControlPlane(node("n1", { [label]: "" }))).toBe(expected);
  });
});

describe("inOrder", () => {
  const n1 = node("n1", { "node-role.kubernetes.io/control-plane": "" });
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
