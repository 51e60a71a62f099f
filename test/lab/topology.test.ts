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

test("a lab of both families has an IPv6 address on each node and a pod network of each", () => {
  const plan = planLab({ dualStack: true, nodes: 2 });
  expect(plan.podCidr).toBe("10.244.0.0/16,fd00:10:244::/56");
  expect(plan.nodes.map((node) => node.address6)).toEqual(["fd00:172:30::11", "fd00:172:30::12"]);
  expect(planLab({ podCidr: "10.9.0.0/16,fd01::/60" }).podCidr).toBe("10.9.0.0/16,fd01::/60");
  expect(planLab({}).nodes.map((node) => node.address6)).toEqual([undefined, undefined, undefined]);
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
    networkCidr: "10.244.0.0/16",
    nodeCidrs: true,
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
  [
    { podCidr: "10.244.0.0/16,10.245.0.0/16" },
    '"10.245.0.0/16" is no IPv6 network of /48 to /64 such as fd00:10:244::/56',
  ],
  [{ podCidr: "10.244.0.0/16,fd01::/47" }, '"fd01::/47" is no IPv6 network of /48 to /64 such as fd00:10:244::/56'],
  [{ podCidr: "10.244.0.0/16,fd01::/63" }, "fd01::/63 has no room for a /64 on each of 3 nodes"],
  [
    { podCidr: "10.244.0.0/16,fd00:172:30::/56" },
    "the pod CIDR fd00:172:30::/56 holds fd00:172:30::1, which the lab uses itself: choose another",
  ],
  [
    { podCidr: "10.244.0.0/16,fd01::/56,fd02::/56" },
    '"10.244.0.0/16,fd01::/56,fd02::/56" has more than an IPv4 and an IPv6 network',
  ],
  [
    { network: "canal" as const, dualStack: true },
    "the lab starts with both families for flannel and none only, not for canal",
  ],
])("%o is refused in one line", (options, message) => {
  expect(() => planLab(options)).toThrow(expect.objectContaining({ message, exitCode: 2 }));
});
