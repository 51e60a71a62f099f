import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { arch, release } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { HostOp } from "../../networks/host-ops.ts";
import { TestNet } from "./testing/netns.ts";
import { taskRunner } from "./testing/task.ts";

const inspect: HostOp = {
  op: "inspect",
  cniConfDir: "/etc/cni/net.d",
  cniBinDir: "/opt/cni/bin",
  subnetEnvPath: "/run/flannel/subnet.env",
};
const architecture = { x64: "amd64", arm64: "arm64" }[arch() as string] ?? arch();

/** Generous: other test files may keep the machine busy. */
vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });

let net: TestNet;
let root: string;
let run: ReturnType<typeof taskRunner>;

beforeAll(() => {
  net = new TestNet("inspect");
  root = join(net.directory, "root");
  mkdirSync(root);
  run = taskRunner(net);
});
afterAll(() => net.destroy());

describe("inspect", () => {
  test("an empty node has no facts but its kernel", async () => {
    const { result } = await run(net.add("empty"), root, [inspect]);
    expect(result.facts).toEqual({
      kernel: release(),
      cniConfFiles: [],
      cniBinaries: [],
      vxlans: [],
      bridges: [],
      packetFilters: [],
      architecture,
    });
  });

  test("a node with flannel has its device, bridge, files and packet filters", async () => {
    const node = net.add("node");
    for (const path of ["etc/cni/net.d/x", "opt/cni/bin", "run/flannel"])
      mkdirSync(join(root, path), { recursive: true });
    for (const name of ["99-other.conf", "10-flannel.conflist"]) writeFileSync(join(root, "etc/cni/net.d", name), "{}");
    for (const name of ["portmap", "bridge", "README"]) writeFileSync(join(root, "opt/cni/bin", name), "");
    for (const name of ["portmap", "bridge"]) chmodSync(join(root, "opt/cni/bin", name), 0o755);
    writeFileSync(
      join(root, "run/flannel/subnet.env"),
      "# flannel\nFLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\n\nFLANNEL_IPMASQ=true\n",
    );
    net.batch(node, [
      "link add up0 type veth peer name up1",
      "link add flannel.1 address 02:00:00:00:00:0A type vxlan id 1 dstport 8472 dev up0 nolearning",
      "addr add 10.244.1.0/32 dev flannel.1",
      "link set flannel.1 up",
      "link add cilium_vxlan address 02:00:00:00:00:0b mtu 1500 type vxlan external dstport 8473",
      "link add cni0 type bridge",
    ]);
    net.exec(node, ["iptables-legacy", "-A", "FORWARD", "-j", "ACCEPT"]);
    net.exec(node, ["ip6tables-nft", "-A", "FORWARD", "-j", "ACCEPT"]);
    net.exec(node, ["nft", "add", "table", "inet", "firewall"]);
    const { result } = await run(node, root, [inspect]);
    expect(result.facts).toEqual({
      kernel: release(),
      cniConfFiles: ["10-flannel.conflist", "99-other.conf"],
      cniBinaries: ["bridge", "portmap"],
      vxlans: [
        {
          name: "flannel.1",
          vni: 1,
          port: 8472,
          mac: "02:00:00:00:00:0a",
          mtu: 1450,
          external: false,
          addresses: ["10.244.1.0/32"],
        },
        {
          name: "cilium_vxlan",
          vni: 0,
          port: 8473,
          mac: "02:00:00:00:00:0b",
          mtu: 1500,
          external: true,
          addresses: [],
        },
      ],
      bridges: ["cni0"],
      subnetEnv: { FLANNEL_NETWORK: "10.244.0.0/16", FLANNEL_SUBNET: "10.244.1.1/24", FLANNEL_IPMASQ: "true" },
      packetFilters: ["ip6tables-nft", "iptables-legacy", "nft"],
      architecture,
    });
  });
});

describe("a task", () => {
  test("stops at the first operation that fails and keeps what was done before", async () => {
    const node = net.add("stops");
    net.ip(node, "link add cni0 type bridge");
    net.ip(node, "link add cni1 type bridge");
    const { result, exitCode } = await run(node, root, [
      { op: "deleteLink", name: "cni0", kind: "bridge" },
      { op: "deleteLink", name: "absent", kind: "vxlan" },
      { op: "deleteLink", name: "cni1", kind: "veth" },
      { op: "deleteLink", name: "cni1", kind: "bridge" },
    ]);
    expect(exitCode).toBe(1);
    expect(result).toEqual({
      ok: false,
      error: { op: "deleteLink", message: "link cni1 is of kind bridge, not veth" },
      changes: ["removed bridge link cni0"],
      elapsedMs: expect.any(Number),
    });
    expect(net.ip(node, "-br link")).toContain("cni1");
  });

  test("does nothing at all when one of its operations is not valid", async () => {
    const node = net.add("invalid");
    net.ip(node, "link add cni0 type bridge");
    const bad = { op: "removeFile", path: "/etc/passwd" } as const;
    const { result, exitCode } = await run(node, root, [{ op: "deleteLink", name: "cni0", kind: "bridge" }, bad]);
    expect(exitCode).toBe(2);
    expect(result.error).toEqual({
      op: "input",
      message: "operation 2 (removeFile): path: /etc/passwd is outside the directories a host task may touch",
    });
    expect(net.ip(node, "-br link")).toContain("cni0");
  });

  test("deletes routes of a protocol, only the blackholes when asked", async () => {
    const node = net.add("routes");
    net.batch(node, [
      "link add up0 type veth peer name up1",
      "link set up0 up",
      "link set up1 up",
      "route add 10.1.0.0/24 dev up0 proto 80",
      "route add blackhole 10.2.0.0/26 proto 80",
      "route add blackhole 10.3.0.0/26 proto 81",
      "route add blackhole 2001:db8::/64 proto 80",
    ]);
    const op = { op: "deleteRoutes", protocol: 80 } as const;
    const first = await run(node, root, [{ ...op, blackholeOnly: true }]);
    expect(first.result.changes).toEqual([
      "removed route blackhole 10.2.0.0/26 proto 80",
      "removed route blackhole 2001:db8::/64 proto 80",
    ]);
    const second = await run(node, root, [{ ...op, blackholeOnly: false }]);
    expect(second.result.changes).toEqual(["removed route 10.1.0.0/24 dev up0 proto 80"]);
    expect((await run(node, root, [{ ...op, blackholeOnly: false }])).result.changes).toBeUndefined();
    expect(net.ip(node, "route show")).toContain("blackhole 10.3.0.0/26 proto 81");
  });
});
