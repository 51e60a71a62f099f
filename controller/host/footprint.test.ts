import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Footprint, HostOp } from "../../networks/host-ops.ts";
import { TestNet } from "./testing/netns.ts";
import { taskRunner } from "./testing/task.ts";

/** A network's traces in every place a footprint can name, among things of others that have to stay as they are. */
const footprint: Footprint = {
  network: "flannel",
  links: [
    { name: "flannel.1", kind: "vxlan" },
    { name: "cni0", kind: "bridge" },
    { name: "cali*", kind: "veth" },
    { name: "br-other", kind: "vxlan" },
  ],
  chains: ["FLANNEL-POSTRTG", "FLANNEL-FWD", "cali-*"],
  comments: ["flanneld masq", "flanneld forward", "cali:*"],
  nftTables: ["ip flannel-ipv4", "ip6 flannel-ipv6"],
  ipsets: ["cali40*"],
  routeProtocols: [80],
  tunnelRoutes: [
    { within: "10.244.0.0/16", prefix: 26 },
    { within: "10.244.0.0/16", prefix: 24, straight: true },
  ],
  policyRules: [
    { preference: 9, table: 2004 },
    { preference: 100, table: 255 },
  ],
  bpfFilters: ["cil_*"],
  mounts: ["/run/cilium/cgroupv2"],
  files: ["/etc/cni/net.d/10-flannel.conflist", "/opt/cni/bin/flannel", "/etc/sysctl.d/99-zzz-override_cilium.conf"],
  directories: ["/run/flannel", "/var/lib/cni/networks/cbr0", "/sys/fs/bpf/cilium"],
  filePrefixes: [
    { dir: "/var/lib/cni/results", prefix: "cbr0-" },
    { dir: "/sys/fs/bpf/tc/globals", prefix: "cilium_" },
  ],
};

/** Of the network: gone afterwards. */
const ours = {
  nat: [
    ":FLANNEL-POSTRTG - [0:0]",
    ":cali-nat - [0:0]",
    '-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG',
    "-A FLANNEL-POSTRTG -s SOURCE -j RETURN",
    "-A FLANNEL-POSTRTG -g cali-nat",
    '-A PREROUTING -m comment --comment "cali:6gwbT8clXdHdC1b1" -j cali-nat',
    '-A KUBE-SERVICES -m comment --comment "cali:\\"odd\\" one" -j RETURN',
    '-A cali-nat -m comment --comment "not with the prefix" -j RETURN',
  ],
  filter: [
    ":FLANNEL-FWD - [0:0]",
    '-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD',
    "-A FORWARD -j FLANNEL-FWD",
    "-A FORWARD -j FLANNEL-FWD",
    "-A FLANNEL-FWD -s SOURCE -j ACCEPT",
  ],
  mangle: [":cali-pre - [0:0]", "-A PREROUTING -j cali-pre"],
  raw: [":cali-raw - [0:0]", "-A PREROUTING -j cali-raw"],
};
/** Of others: the same afterwards. Names and comments come close on purpose. */
const theirs = {
  nat: [
    ":KUBE-SERVICES - [0:0]",
    ":FLANNEL-POSTRTG-NOT - [0:0]",
    "-A POSTROUTING -j KUBE-SERVICES",
    "-A PREROUTING -j KUBE-SERVICES",
    '-A KUBE-SERVICES -m comment --comment "say \\"flanneld masq\\" -j FLANNEL-POSTRTG" -j RETURN',
    '-A KUBE-SERVICES -m comment --comment "flanneld masquerade" -j FLANNEL-POSTRTG-NOT',
  ],
  filter: [
    ":calico - [0:0]",
    "-A INPUT -j calico",
    "-A FORWARD -i lo -j calico",
    '-A calico -m comment --comment "calibrated" -j ACCEPT',
  ],
  mangle: ["-A FORWARD -j MARK --set-xmark 0x10/0x10", "-A PREROUTING -j ACCEPT"],
  raw: ["-A PREROUTING -i lo -j ACCEPT"],
};
const backends = ["iptables-nft", "ip6tables-nft", "iptables-legacy", "ip6tables-legacy"];

/** 8 rules and 5 chains in each packet filter; then nft tables, set, routes, rules of the policy, links, files, directories. */
const expectedLeftovers = 4 * (8 + 5) + 2 + 1 + 5 + 1 + 3 + 4 + 5 + 3;

/** Generous: other test files may keep the machine busy. */
vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });

let net: TestNet;
let node: string;
let root: string;
let runner: ReturnType<typeof taskRunner>;
const run = (ops: readonly HostOp[]) => runner(node, root, ops);

beforeAll(() => {
  net = new TestNet("footprint");
  node = net.add("node");
  root = join(net.directory, "root");
  runner = taskRunner(net);
  for (const path of [
    "/etc/cni/net.d",
    "/etc/sysctl.d",
    "/opt/cni/bin",
    "/run",
    "/sys/fs/bpf/tc/globals",
    "/var/lib/cni",
  ])
    mkdirSync(join(root, path), { recursive: true });
  symlinkSync("/run", join(root, "var/run"));
});
afterAll(() => net.destroy());

function put(path: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), path);
}

function restore(rules: typeof ours | typeof theirs): void {
  for (const backend of backends) {
    const source = backend.startsWith("ip6") ? "2001:db8::/64" : "10.244.0.0/16";
    const text = Object.entries(rules).map(([table, lines]) => `*${table}\n${lines.join("\n")}\nCOMMIT\n`);
    net.exec(node, [`${backend}-restore`, "--noflush"], text.join("").replaceAll("SOURCE", source));
  }
}

function makeTheirs(): void {
  restore(theirs);
  net.exec(
    node,
    ["nft", "-f", "-"],
    "table inet other {\n chain forward {\n type filter hook forward priority 5\n accept\n }\n }\n",
  );
  for (const name of ["KUBE-CLUSTER-IP", "mycali40"]) net.exec(node, ["ipset", "create", name, "hash:ip"]);
  net.batch(node, [
    "link add br-other type bridge",
    "link add caliper type bridge",
    "link add up0 type veth peer name up1",
    "addr add 192.0.2.1/24 dev up0",
    "link set up0 up",
    "link set up1 up",
    "route add 10.9.0.0/24 via 192.0.2.9 proto 4",
    "route add blackhole 10.8.0.0/24 proto 81",
    "route add 10.244.7.0/26 via 192.0.2.9",
    "route add 10.244.6.0/24 via 10.244.6.0 dev up0 onlink",
    "route add 10.244.5.0/24 via 192.0.2.9 proto 4",
    "route add blackhole 2001:db8:8::/64 proto 12",
    "route add 10.7.0.0/24 dev up0 table 2005",
    "rule add pref 9 fwmark 0x9 lookup 2005",
    "rule add pref 101 lookup 2004",
  ]);
  for (const path of [
    "/etc/cni/net.d/10-calico.conflist",
    "/etc/cni/net.d/10-flannel.conflist.bak",
    "/opt/cni/bin/bridge",
    "/etc/sysctl.d/99-zzz-mine.conf",
    "/sys/fs/bpf/tc/globals/other_map",
  ])
    put(path);
  for (const path of [
    "/var/lib/cni/networks/other/10.1.1.1",
    "/var/lib/cni/results/k8s-pod-network-1",
    "/run/flannel.pid",
    "/run/xtables.lock",
  ])
    put(path);
}

function makeOurs(): void {
  restore(ours);
  const table = (name: string) =>
    `table ${name} {\n chain postrtg {\n type nat hook postrouting priority 100\n masquerade\n }\n }\n`;
  net.exec(node, ["nft", "-f", "-"], `${table("ip flannel-ipv4")}${table("ip6 flannel-ipv6")}`);
  net.exec(node, ["ipset", "create", "cali40all-vxlan-net", "hash:ip"]);
  for (const tool of ["iptables-nft", "iptables-legacy"])
    net.exec(node, [
      tool,
      "-t",
      "raw",
      "-A",
      "cali-raw",
      "-m",
      "set",
      "--match-set",
      "cali40all-vxlan-net",
      "src",
      "-j",
      "DROP",
    ]);
  net.batch(node, [
    "link add flannel.1 type vxlan id 1 dstport 8472 dev up0",
    "link add cni0 type bridge",
    "link add cali0123456789a type veth peer name cali0123456789b",
    "link set flannel.1 up",
    "route add 10.244.2.0/24 dev flannel.1",
    "route add blackhole 10.244.1.0/26 proto 80",
    "route add 10.244.9.0/26 via 10.244.9.0 dev up0 onlink",
    "route add 10.244.10.0/24 via 192.0.2.10",
    "route add 10.244.3.0/24 via 192.0.2.7 proto 80 table 77",
    "route add blackhole 2001:db8:1::/64 proto 80",
    "route add local default dev lo table 2004 proto kernel",
    "rule add pref 9 fwmark 0x200/0xf00 lookup 2004",
    "rule add pref 100 lookup local",
    "rule del pref 0 lookup local",
  ]);
  net.ip(node, "-6 rule add pref 100 lookup local");
  for (const path of ["/sys/fs/bpf/cilium/devices/eth0/link", "/sys/fs/bpf/tc/globals/cilium_lxc"]) put(path);
  for (const path of [...footprint.files, "/run/flannel/subnet.env", "/run/flannel/deep/er/file"]) put(path);
  for (const path of ["/var/lib/cni/networks/cbr0/10.244.1.2", "/var/lib/cni/results/cbr0-1-eth0"]) put(path);
  symlinkSync(join(root, "opt/cni/bin"), join(root, "run/flannel/link"));
}

/** Everything the node has: rules without counters and handles, sets, routes, links, files. */
function everything(): string[] {
  const commands = [
    ...backends.map((backend) => [`${backend}-save`]),
    ["nft", "list", "ruleset"],
    ["ipset", "save"],
    ["ip", "-4", "route", "show", "table", "all"],
    ["ip", "-6", "route", "show", "table", "all"],
    ["ip", "-4", "-details", "rule"],
    ["ip", "-6", "-details", "rule"],
    ["ip", "-br", "link"],
  ];
  const lines = commands.flatMap((argv) =>
    net
      .exec(node, argv)
      .split("\n")
      .map((line) => `${argv[0]}: ${line.trim()}`),
  );
  const settled = lines.filter((line) => !/: (#|$)| fe80| ff00|multicast/.test(line));
  return [...settled.map((line) => line.replaceAll(/counter packets \d+ bytes \d+|\[\d+:\d+\]/g, "")), ...files()];
}

function files(): string[] {
  return readdirSync(root, { recursive: true }).map(String).sort();
}

describe("removeFootprint", () => {
  test("on a node without the network changes nothing and makes no legacy table", async () => {
    const fresh = net.add("fresh");
    const { result } = await runner(fresh, root, [
      { op: "removeFootprint", footprint },
      { op: "scanFootprint", footprint },
    ]);
    expect(result).toMatchObject({ ok: true, leftovers: [] });
    expect(result.changes).toBeUndefined();
    for (const family of ["ip", "ip6"]) expect(net.exec(fresh, ["cat", `/proc/net/${family}_tables_names`])).toBe("");
    expect(net.exec(fresh, ["nft", "list", "ruleset"])).toBe("");
  });

  test("takes away all that is the network's and leaves everything else as it was", async () => {
    makeTheirs();
    const before = everything();
    makeOurs();

    const scan = await run([{ op: "scanFootprint", footprint }]);
    const leftovers = (scan.result.leftovers ?? []).map(({ kind, name }) => `${kind} ${name}`);
    expect(scan.result.ok).toBe(true);
    expect(leftovers.length + (scan.result.truncated ?? 0)).toBe(expectedLeftovers);
    const removal = await run([
      { op: "removeFootprint", footprint },
      { op: "scanFootprint", footprint },
    ]);
    console.info(
      `removal of ${expectedLeftovers} traces: task ${removal.wallMs.toFixed(0)} ms, of it work ${removal.result.elapsedMs} ms`,
    );
    expect(removal.result).toMatchObject({ ok: true, leftovers: [] });
    expect((removal.result.changes ?? []).length + (removal.result.truncated ?? 0)).toBe(expectedLeftovers);
    expect(everything()).toEqual(before);
    expect(existsSync(join(root, "opt/cni/bin/bridge"))).toBe(true);
  });

  test("names each leftover with the place it is in", async () => {
    net.exec(node, ["iptables-legacy-restore", "--noflush"], `*nat\n${ours.nat.slice(0, 3).join("\n")}\nCOMMIT\n`);
    net.batch(node, ["route add blackhole 10.244.1.0/26 proto 80", "link add cni0 type bridge"]);
    put("/run/flannel/subnet.env");
    const { result } = await run([{ op: "scanFootprint", footprint }]);
    expect(result.leftovers).toEqual([
      {
        kind: "rule",
        name: 'nat POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG (iptables-legacy)',
      },
      { kind: "chain", name: "nat FLANNEL-POSTRTG (iptables-legacy)" },
      { kind: "chain", name: "nat cali-nat (iptables-legacy)" },
      { kind: "route", name: "blackhole 10.244.1.0/26 proto 80" },
      { kind: "bridge link", name: "cni0" },
      { kind: "directory", name: "/run/flannel" },
    ]);
    expect((await run([{ op: "removeFootprint", footprint }])).result.ok).toBe(true);
  });

  test("unmounts what an agent mounted, as often as it did, and walks into none of it", async () => {
    put("/run/cilium/cgroupv2/x");
    const twice = "mount -t tmpfs none PLACE; touch PLACE/kept; ".repeat(2);
    const mounts = twice.replaceAll("PLACE", join(root, "run/cilium/cgroupv2")).replace(/; $/, "");
    const whole = { ...footprint, directories: ["/var/run/cilium"] };
    const { result } = await runner(
      node,
      root,
      [
        { op: "scanFootprint", footprint: whole },
        { op: "removeFootprint", footprint: whole },
        { op: "scanFootprint", footprint: whole },
      ],
      { mounts },
    );
    expect(result).toMatchObject({
      ok: true,
      leftovers: [
        { kind: "mount", name: "/run/cilium/cgroupv2" },
        { kind: "mount", name: "/run/cilium/cgroupv2" },
        { kind: "directory", name: "/var/run/cilium" },
      ],
      changes: [
        "removed mount /run/cilium/cgroupv2",
        "removed mount /run/cilium/cgroupv2",
        "removed directory /var/run/cilium",
      ],
    });
    expect(existsSync(join(root, "run/cilium"))).toBe(false);
  });

  test("a single file that is a link is refused, and what it leads to stays", async () => {
    put("/etc/sysctl.d/99-zzz-mine.conf");
    const link = join(root, "etc/sysctl.d/99-zzz-override_cilium.conf");
    symlinkSync(join(root, "etc/sysctl.d/99-zzz-mine.conf"), link);
    const { result } = await run([{ op: "removeFile", path: "/etc/sysctl.d/99-zzz-override_cilium.conf" }]);
    expect(result.error?.message).toBe("/etc/sysctl.d/99-zzz-override_cilium.conf is not a regular file");
    expect(existsSync(join(root, "etc/sysctl.d/99-zzz-mine.conf"))).toBe(true);
    rmSync(link);
  });

  test("empties a directory that is a mount point, and refuses one that holds a mount point of somebody else", async () => {
    put("/run/flannel/subnet.env");
    const over = (path: string) => `mount -t tmpfs none ${join(root, path)}; touch ${join(root, path, "x")}`;
    const ops: HostOp[] = [
      { op: "removeFootprint", footprint },
      { op: "scanFootprint", footprint },
    ];
    const own = await runner(node, root, ops, { mounts: over("run/flannel") });
    expect(own.result).toMatchObject({ ok: true, changes: ["removed directory /run/flannel"], leftovers: [] });
    expect(existsSync(join(root, "run/flannel/subnet.env"))).toBe(true);
    mkdirSync(join(root, "run/flannel/cgroup"));
    const foreign = await runner(node, root, ops, { mounts: over("run/flannel/cgroup") });
    expect(foreign.result.error?.message).toBe(
      `/run/flannel holds the mount point ${root}/run/flannel/cgroup: unmount it first`,
    );
    expect(existsSync(join(root, "run/flannel/subnet.env"))).toBe(true);
    expect((await run(ops)).result).toMatchObject({ ok: true, leftovers: [] });
  });

  test("names a chain in a table that only nft can read, and does not touch that table", async () => {
    const rules =
      "table ip security {\n chain cali-x {\n ip saddr 192.0.2.9 counter meta mark set ct mark accept\n }\n }\n";
    net.exec(node, ["nft", "-f", "-"], rules);
    const before = net.exec(node, ["nft", "list", "table", "ip", "security"]);
    const { result } = await run([
      { op: "removeFootprint", footprint },
      { op: "scanFootprint", footprint },
    ]);
    expect(result.leftovers).toEqual([{ kind: "chain", name: "security cali-x (nft only, family ip)" }]);
    expect(net.exec(node, ["nft", "list", "table", "ip", "security"])).toBe(before);
    net.exec(node, ["nft", "delete", "table", "ip", "security"]);
  });
});
