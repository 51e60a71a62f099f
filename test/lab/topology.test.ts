import { expect, test } from "vitest";
import { planLab } from "./cluster.ts";
import { hardwareAddress } from "./netns.ts";
import { labNodes, nodeNetns } from "./topology.ts";

test("nodes are n1, n2, ... with neighbouring addresses and hardware addresses made of them", () => {
  expect(labNodes(2)).toEqual([
    { name: "n1", address: "172.30.0.11" },
    { name: "n2", address: "172.30.0.12" },
  ]);
  expect(hardwareAddress({ name: "n1", address: "172.30.0.11" })).toBe("02:00:ac:1e:00:0b");
});

test("labs have namespaces of their own", () => {
  expect(nodeNetns("a", "n1")).not.toBe(nodeNetns("b", "n1"));
});

test("a lab asked for without options has three nodes with flannel, ready for Calico", () => {
  const plan = planLab({});
  expect({ ...plan, nodes: plan.nodes.length }).toEqual({
    name: "default",
    nodes: 3,
    network: "flannel",
    networks: ["flannel", "calico"],
    podCidr: "10.244.0.0/16",
  });
});

test("Cilium's images come along only when asked for", () => {
  expect(planLab({ network: "canal" }).networks).not.toContain("cilium");
  expect(planLab({ network: "canal", ready: ["cilium"] }).networks).toEqual(["canal", "cilium"]);
});

test.each([
  [{ nodes: 0 }, "the number of nodes must be a whole number from 1 to 20"],
  [{ nodes: 21 }, "the number of nodes must be a whole number from 1 to 20"],
  [{ nodes: 1.5 }, "the number of nodes must be a whole number from 1 to 20"],
  [{ name: "../x" }, '"../x" is no lab name: use up to 20 of a-z, 0-9 and "-"'],
  [{ name: "" }, '"" is no lab name: use up to 20 of a-z, 0-9 and "-"'],
  [{ podCidr: "10.244.0.0" }, '"10.244.0.0" is no IPv4 network such as 10.244.0.0/16'],
  [{ podCidr: "10.256.0.0/16" }, '"10.256.0.0/16" is no IPv4 network such as 10.244.0.0/16'],
  [{ podCidr: "fd00::/48" }, '"fd00::/48" is no IPv4 network such as 10.244.0.0/16'],
  [{ podCidr: "10.244.0.0/23" }, "10.244.0.0/23 has no room for a /24 on each of 3 nodes"],
  [
    { podCidr: "172.16.0.0/12" },
    "the pod CIDR 172.16.0.0/12 overlaps 172.30.0.1/24, which the lab uses itself: choose another",
  ],
  [
    { podCidr: "10.96.128.0/20" },
    "the pod CIDR 10.96.128.0/20 overlaps 10.96.0.0/16, which the lab uses itself: choose another",
  ],
])("%o is refused in one line", (options, message) => {
  expect(() => planLab(options)).toThrow(expect.objectContaining({ message, exitCode: 2 }));
});
