import { describe, expect, test } from "vitest";
import type { PlanContext, PlanNode } from "../../networks/contract.ts";
import type { Footprint, HostOp } from "../../networks/host-ops.ts";
import { networks } from "../../networks/index.ts";
import { handOver } from "../../networks/overlays.ts";
import { readOps } from "./validate.ts";

const footprint: Footprint = {
  network: "flannel",
  links: [{ name: "flannel.1", kind: "vxlan" }],
  chains: ["FLANNEL-POSTRTG", "cali-*"],
  comments: ["flanneld masq", "cali:*", 'name: "cbr0"*'],
  nftTables: ["ip flannel-ipv4"],
  ipsets: ["cali40*"],
  routeProtocols: [12, 80],
  tunnelRoutes: [{ within: "10.244.0.0/16", prefix: 26 }],
  policyRules: [{ preference: 100, table: 255 }],
  bpfFilters: ["cil_*"],
  files: ["/etc/cni/net.d/10-flannel.conflist", "/etc/sysctl.d/99-zzz-override_cilium.conf"],
  mounts: ["/run/cilium/cgroupv2"],
  directories: ["/run/flannel", "/var/lib/cni/networks/cbr0", "/sys/fs/bpf/cilium"],
  filePrefixes: [
    { dir: "/var/lib/cni/results", prefix: "cbr0-" },
    { dir: "/sys/fs/bpf/tc/globals", prefix: "cilium_" },
  ],
};
const marks = { vni: 1, port: 8472, mac: "02:00:00:00:00:01" };

const good: HostOp[] = [
  { op: "awaitProcessGone", names: ["flanneld"], timeoutSeconds: 20 },
  { op: "writeFile", path: "/etc/cni/net.d/00-hold.conflist", content: "{}", mode: 0o644 },
  { op: "removeFile", path: "/etc/cni/net.d/00-hold.conflist" },
  { op: "renameVxlan", from: "flannel.1", to: "vxlan.calico", marks },
  { op: "deleteLink", name: "cni0", kind: "bridge" },
  { op: "deleteRoutes", protocol: 80, blackholeOnly: true },
  { op: "awaitHttp", url: "http://127.0.0.1:9099/readiness", statuses: [200, 204], timeoutSeconds: 60 },
  { op: "awaitFile", path: "/run/flannel/subnet.env", timeoutSeconds: 60, maxAgeSeconds: 0 },
  { op: "awaitVxlan", name: "vxlan.calico", marks: { vni: 1, port: 8472 }, timeoutSeconds: 60 },
  { op: "awaitRoutes", device: "flannel.1", destinations: ["10.244.1.0/24"], timeoutSeconds: 60 },
  { op: "exempt", ways: [{ from: "10.244.0.0/16", to: "10.245.0.0/16" }] },
  { op: "exempt", ways: [{ from: "fd01::/56", to: "fd02::/56" }] },
  { op: "removeFootprint", footprint },
  { op: "scanFootprint", footprint },
  { op: "inspect", cniConfDir: "/etc/cni/net.d", cniBinDir: "/opt/cni/bin", subnetEnvPath: "/run/flannel/subnet.env" },
];

const write = (path: unknown) => [{ op: "writeFile", path, content: "", mode: 0o644 }];
const exempt = (from: unknown, to: unknown) => [{ op: "exempt", ways: [{ from, to }] }];
const remove = (change: Record<string, unknown>) => [{ op: "removeFootprint", footprint: { ...footprint, ...change } }];

test("every operation of the closed set is taken as it is", () => {
  expect(readOps(good)).toEqual({ ops: good });
});

describe("the whole list is refused for", () => {
  test.each<[string, unknown, string]>([
    ["no list", { op: "inspect" }, "operations are not a list of 1 to 64 entries"],
    ["an empty list", [], "operations are not a list of 1 to 64 entries"],
    ["no object", ["x"], "operation 1: is not an object"],
    ["an unknown operation", [good[0], { op: "exec", command: "sh" }], 'operation 2: "exec" is not an operation'],
    ["an inherited name", [{ op: "constructor" }], 'operation 1: "constructor" is not an operation'],
    ["an unknown field", [{ ...good[2], force: true }], 'operation 1 (removeFile): field "force" is not known'],
    ["a missing field", [{ op: "removeFile" }], "operation 1 (removeFile): field path is missing"],
    ["a path outside", write("/etc/passwd"), "/etc/passwd is outside"],
    ["a path beside a root", write("/etc/cni/net.d2/x"), "/etc/cni/net.d2/x is outside"],
    ["a relative path", write("etc/cni/net.d/x"), "is not an absolute path"],
    ["a path with ..", write("/etc/cni/net.d/../../passwd"), 'holds an empty, "." or ".." segment'],
    ["a path with //", write("/etc/cni/net.d//x"), 'holds an empty, "." or ".." segment'],
    ["a path with a newline", write("/etc/cni/net.d/x\ny"), "holds a control character"],
    ["a path with a zero byte", write("/etc/cni/net.d/x\0y"), "holds a control character"],
    ["a root as a file", write("/etc/cni/net.d"), "/etc/cni/net.d is a directory"],
    ["a number as a path", write(7), "is not an absolute path"],
    ["a mode with setuid", [{ ...good[1], mode: 0o4755 }], "mode: 2541 is not a whole number from 0 to 511"],
    ["a link name with a slash", [{ ...good[4], name: "../cni0" }], 'name: "../cni0" is not a link name'],
    ["a link name of 16", [{ ...good[4], name: "a".repeat(16) }], "is not a link name"],
    ["an option as a link", [{ ...good[4], name: "-x" }], "is not a link name"],
    ["another kind of link", [{ ...good[4], kind: "dummy" }], 'kind: "dummy" is not one of vxlan, bridge, veth'],
    ["the kernel's routes", [{ ...good[5], protocol: 2 }], "2 is a protocol of the node's own routes"],
    ["a URL elsewhere", [{ ...good[6], url: "http://10.0.0.1:80/" }], "is not an http URL with a port on loopback"],
    ["a URL with a user", [{ ...good[6], url: "http://127.0.0.1:80@evil:80/" }], "is not an http URL"],
    ["no deadline", [{ ...good[0], timeoutSeconds: 1e9 }], "is not a whole number from 1 to 600"],
    ["a MAC in upper case", [{ ...good[3], marks: { ...marks, mac: "0A:00:00:00:00:01" } }], "is not a MAC address"],
    ["kube-proxy's chains", remove({ chains: ["KUBE-SVC-X"] }), '"KUBE-SVC-X" reaches KUBE-'],
    ["a prefix of them", remove({ chains: ["KUB*"] }), '"KUB*" reaches KUBE-'],
    ["a built-in chain", remove({ chains: ["FORWARD"] }), '"FORWARD" reaches FORWARD'],
    ["a prefix of one", remove({ chains: ["POST*"] }), '"POST*" reaches POSTROUTING'],
    ["every chain", remove({ chains: ["*"] }), 'chains: "*" is not a name or a prefix'],
    ["every set", remove({ ipsets: ["ca*"] }), 'ipsets: "ca*" is not a name or a prefix'],
    ["the node's own link", remove({ links: [{ name: "eth*", kind: "veth" }] }), '"eth*" reaches eth'],
    ["a shared nft table", remove({ nftTables: ["ip filter"] }), '"ip filter" is not a network\'s own'],
    ["kube-proxy's nft table", remove({ nftTables: ["ip kube-proxy"] }), "is not a network's own"],
    ["an nft command", remove({ nftTables: ["ip x; flush ruleset"] }), "is not an nft family and table"],
    ["a shared directory", remove({ directories: ["/var/lib/cni"] }), "/var/lib/cni is shared"],
    ["a comment with a line break", remove({ comments: ["x\ny"] }), "comments: "],
    ["kube-proxy's comments", remove({ comments: ["kube*"] }), '"kube*" reaches kubernetes'],
    [
      "a prefix with a slash",
      remove({ filePrefixes: [{ dir: "/run/flannel", prefix: "../x" }] }),
      "start of a file name",
    ],
    ["a file elsewhere", remove({ files: ["/etc/shadow"] }), "/etc/shadow is outside"],
    ["a file beside one that may go", remove({ files: ["/etc/sysctl.d/99-sysctl.conf"] }), "is outside"],
    ["writing where things may only go", write("/run/cilium/x"), "/run/cilium/x is outside"],
    ["writing a file that may only go", write("/etc/sysctl.d/99-zzz-override_cilium.conf"), "is outside"],
    ["all pinned maps", remove({ directories: ["/sys/fs/bpf/tc/globals"] }), "is shared with other networks"],
    ["the BPF file system", remove({ directories: ["/sys/fs/bpf"] }), "/sys/fs/bpf is outside"],
    ["unmounting elsewhere", remove({ mounts: ["/sys/fs/cgroup"] }), "/sys/fs/cgroup is outside"],
    ["unmounting a folder that may go", remove({ mounts: ["/run/cilium"] }), "/run/cilium is a directory"],
    ["the kernel's own rule", remove({ policyRules: [{ preference: 0, table: 255 }] }), "preference: 0 is not"],
    ["the table main", remove({ policyRules: [{ preference: 9, table: 254 }] }), "254 is a table of the node's own"],
    ["every filter", remove({ bpfFilters: ["*"] }), 'bpfFilters: "*" is not a name or a prefix'],
    ["no way", [{ op: "exempt", ways: [] }], "ways: is not a list of 1 to 32 entries"],
    ["half a way", exempt("10.244.0.0/16", undefined), "field to is missing"],
    ["a way from an address", exempt("10.244.0.1", "10.245.0.0/16"), '"10.244.0.1" is not a range'],
    ["a way from an option", exempt("10.244.0.0/16 -j DROP", "10.245.0.0/16"), "is not a range"],
    ["a way between families", exempt("10.244.0.0/16", "fd02::/56"), "are of different address families"],
  ])("%s", (_, input, problem) => {
    expect(readOps(input)).toEqual({ problem: expect.stringContaining(problem) });
  });
});

describe("what a network wants done on a node passes", () => {
  const overlay = {
    encapsulation: "vxlan",
    vni: 1,
    port: 8472,
    mtu: 1450,
    cidrs: ["10.244.0.0/16"],
    subnetLen: 24,
    masquerade: true,
  } as const;
  const node: PlanNode = {
    name: "n1",
    uid: "u1",
    internalIPs: ["192.0.2.1"],
    podCIDRs: ["10.244.0.0/24"],
    labels: {},
    annotations: {},
  };
  const agent = { namespace: "x", daemonSets: ["x"], podLabels: {} };
  const dirs = { cniConfDir: "/etc/cni/net.d", cniBinDir: "/opt/cni/bin" };
  const facts = { ...overlay, cidrs: [...overlay.cidrs] };

  test.each(
    networks.filter(({ plays }) => plays.source || plays.target).map((network) => [network.id, network] as const),
  )("%s", (id, network) => {
    const vteps = { n1: { ip: "10.244.0.0", mac: "02:00:00:00:00:01", publicIP: "192.0.2.1" } };
    const source = { network: id, agent, overlay: facts, vteps, ...dirs, detected: [] };
    const context: PlanContext = {
      migration: "m",
      source,
      target: { network: id, agent },
      overlay: facts,
      nodes: [node],
    };
    const ops: HostOp[] = [
      { op: "awaitProcessGone", names: network.agentProcesses, timeoutSeconds: 60 },
      ...network.leave(context, node),
      ...handOver(network, network, facts, vteps.n1.mac),
      ...network.join(context, node),
      ...network.awaitJoined(context, node),
      { op: "removeFootprint", footprint: network.footprint({ ...dirs, overlay: facts }) },
    ];
    expect(readOps(ops)).toEqual({ ops });
  });
});
