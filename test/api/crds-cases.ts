/** One object the API server must take or refuse. `spec` is merged over `base`; a value of undefined removes the field. */
export interface Case {
  title: string;
  kind: "CniMigration" | "NodeMigration";
  spec: Record<string, unknown>;
  name?: string;
  /** The spec the object was created with: the case is then an update. */
  before?: Record<string, unknown>;
}

export interface Refusal extends Case {
  /** Where the answer says it is wrong. */
  field: string;
  /** What the answer says, and the cure: each text is in the message. */
  says: readonly string[];
}

export const base = {
  CniMigration: { source: "flannel", target: "calico" },
  NodeMigration: { migrationName: "flannel-to-calico", nodeName: "n1", nodeUID: "8e6e8c5c" },
};

const m = (title: string, spec: Record<string, unknown>, more: Partial<Case> = {}): Case => {
  return { title, kind: "CniMigration", spec, ...more };
};
const n = (title: string, spec: Record<string, unknown>, more: Partial<Case> = {}): Case => {
  return { title, kind: "NodeMigration", spec, ...more };
};
const no = (refused: Case, field: string, ...says: string[]): Refusal => ({ ...refused, field, says });
const cilium = { target: "cilium", cidr: "10.245.0.0/16" };
const expressions = (...matchExpressions: object[]) => ({ nodeSelector: { matchExpressions } });
const ignore = (podSelector: object) => ({ drain: { ignore: [{ podSelector }] } });

const pairs: Case[] = [
  m("flannel to calico", {}),
  m("canal to calico", { source: "canal" }),
  m("calico to flannel", { source: "calico", target: "flannel" }),
  m("flannel to cilium", cilium),
  m("canal to cilium", { source: "canal", ...cilium }),
  m("calico to cilium", { source: "calico", ...cilium }),
];

const values: Case[] = [
  ...[1, 3, 5000, "1%", "50%", "99%", "100%"].map((v) => m(`batchSize ${JSON.stringify(v)}`, { batchSize: v })),
  ...["10.244.0.0/16", "fd00:10:244::/56", "10.244.0.0/16,fd00:10:244::/56", "10.0.0.0/8"].map((v) =>
    m(`cidr ${v}`, { cidr: v }),
  ),
  ...["10m", "90s", "1h30m", "1h", "2h0m1s", "9999h"].map((v) => m(`drain.timeout ${v}`, { drain: { timeout: v } })),
  ...["example.com:443", "a:1", "192.0.2.1:80", "[2001:db8::1]:65535"].map((v) =>
    m(`verify.externalTarget ${v}`, { verify: { externalTarget: v } }),
  ),
  ...["/etc/cni/net.d", "/var/lib/rancher/k3s/agent/etc/cni/net.d", "/var/snap/microk8s/current/args/cni-network"].map(
    (v) => m(`cniConfDir ${v}`, { flannel: { cniConfDir: v }, calico: { cniConfDir: v } }),
  ),
  ...["/opt/cni/bin", "/usr/libexec/cni", "/var/lib/.cache/a..b"].map((v) =>
    m(`cniBinDir ${v}`, { flannel: { cniBinDir: v } }),
  ),
  ...["flannel.alpha.coreos.com", "flannel.example.com/", "a.b/c-"].map((v) =>
    m(`annotationPrefix ${v}`, { flannel: { annotationPrefix: v } }),
  ),
  m("every override of flannel", {
    flannel: {
      network: "10.244.0.0/16",
      ipv6Network: "fd00:10:244::/56",
      daemonSet: { namespace: "kube-flannel", name: "kube-flannel-ds" },
      mtu: 1450,
      ipMasq: true,
      subnetLen: 24,
      ipv6SubnetLen: 64,
      annotationPrefix: "flannel.alpha.coreos.com",
      vni: 1,
      port: 8472,
      cniConfDir: "/etc/cni/net.d",
      cniBinDir: "/opt/cni/bin",
    },
  }),
  m("flannel overrides for the flannel inside Canal", { source: "canal", flannel: { mtu: 1450 } }),
  m("overrides of calico and cilium", { source: "calico", ...cilium, calico: { vni: 4096 }, cilium: { port: 8472 } }),
  m("all four operators of a node selector", {
    ...expressions(
      { key: "zone", operator: "In", values: ["a"] },
      { key: "zone", operator: "NotIn", values: ["b", "c"] },
      { key: "gpu", operator: "Exists" },
      { key: "spot", operator: "DoesNotExist" },
    ),
  }),
  m("a drain rule by label, one by expression", {
    drain: {
      ignore: [
        { namespace: "shop", podSelector: { matchLabels: { app: "agent" } } },
        { podSelector: { matchExpressions: [{ key: "app", operator: "Exists" }] } },
      ],
    },
  }),
  m("a name of 63 characters", {}, { name: "a".repeat(63) }),
  n("a node", {}),
  n("a node that goes back", { direction: "Revert" }),
];

const changeable: Case[] = [
  m("direction, and back again", { direction: "Forward" }, { before: { direction: "Revert" } }),
  m("paused and pauseAfter", { paused: true, pauseAfter: 3 }, { before: { pauseAfter: 1 } }),
  m("batchSize from a number to a share", { batchSize: "10%" }, { before: { batchSize: 2 } }),
  m("drain and verify", { drain: { timeout: "1m" }, verify: { enabled: false } }, { before: {} }),
  m("the nodes and their order", { nodeSelector: { matchLabels: { a: "b" } }, nodeOrder: ["n2"] }, { before: {} }),
  m(
    "nothing, with cidr and overrides set",
    { cidr: "10.244.0.0/16", flannel: { mtu: 1450 } },
    {
      before: { cidr: "10.244.0.0/16", flannel: { mtu: 1450 } },
    },
  ),
  n("a node's direction", { direction: "Revert" }, { before: {} }),
];

export const accepted: Case[] = [
  ...pairs,
  ...values,
  ...changeable.map((c) => ({ ...c, title: `change of ${c.title}` })),
];

const badPairs: Refusal[] = [
  no(m("source and target the same", { source: "calico" }), "spec.target", "same network", "calico", "choose another"),
  no(
    m("canal to flannel", { source: "canal", target: "flannel" }),
    "spec.target",
    "no way from canal to flannel",
    "choose",
  ),
  no(m("unknown target", { target: "weave" }), "spec.target", '"weave"', '"calico", "cilium", "flannel"'),
  no(m("unknown source", { source: "weave" }), "spec.source", '"weave"', '"flannel", "canal", "calico"'),
  no(m("cilium as source", { source: "cilium" }), "spec.source", '"cilium"', '"flannel", "canal", "calico"'),
  no(m("no source", { source: undefined }), "spec.source", "Required"),
  no(m("no target", { target: undefined }), "spec.target", "Required"),
  no(m("cilium without a cidr", { target: "cilium" }), "spec.cidr", "range of its own", "set a free one"),
];

const badNumbers: Refusal[] = [
  ...[0, -1].map((v) => no(m(`batchSize ${v}`, { batchSize: v }), "spec.batchSize", `${v} is neither`, "write 1, 3")),
  ...["150%", "0%", "x", "3", "-1", "101%", "1.5%", "007%", "%", ""].map((v) =>
    no(m(`batchSize "${v}"`, { batchSize: v }), "spec.batchSize", `"${v}" is neither`, "write 1, 3"),
  ),
  no(m("batchSize 1.5", { batchSize: 1.5 }), "spec.batchSize", "integer"),
  no(m("pauseAfter 0", { pauseAfter: 0 }), "spec.pauseAfter", "greater than or equal to 1"),
  no(m("gracePeriodSeconds -2", { drain: { gracePeriodSeconds: -2 } }), "spec.drain.gracePeriodSeconds", "equal to -1"),
  ...[0, -1, 300].map((timeout) =>
    no(m(`drain.timeout ${timeout}`, { drain: { timeout } }), "spec.drain.timeout", "must be of type string"),
  ),
  no(m("mtu 500", { flannel: { mtu: 500 } }), "spec.flannel.mtu", "576"),
  no(m("mtu 65536", { calico: { mtu: 65536 } }), "spec.calico.mtu", "65535"),
  no(m("vni 0", { flannel: { vni: 0 } }), "spec.flannel.vni", "equal to 1"),
  no(m("vni of 25 bits", { calico: { vni: 16777216 } }), "spec.calico.vni", "16777215"),
  no(m("port 0", { flannel: { port: 0 } }), "spec.flannel.port", "equal to 1"),
  no(m("port 65536", { ...cilium, cilium: { port: 65536 } }), "spec.cilium.port", "65535"),
  no(m("subnetLen 31", { flannel: { subnetLen: 31 } }), "spec.flannel.subnetLen", "30"),
  no(m("ipv6SubnetLen 127", { flannel: { ipv6SubnetLen: 127 } }), "spec.flannel.ipv6SubnetLen", "126"),
];

const bad = (
  field: string,
  at: (value: string) => Record<string, unknown>,
  what: string,
  cure: string,
  list: string[],
) => list.map((v) => no(m(`${field.replace("spec.", "")} "${v}"`, at(v)), field, `"${v}" ${what}`, cure));
const notCidr = ["10.0.0.0/33", "10.0.0.0", "10.244.0.0/16 ", "010.0.0.0/8", "10.0.0.0/08", "::ffff:10.0.0.0/104", "x"];
const notDirectory = [
  "etc/cni",
  "/etc/cni/",
  "/etc/../cni",
  "/etc/cni/..",
  "/cni",
  "/etc/cni net",
  "/etc/cni;x",
  "//cni/x",
];

const badTexts: Refusal[] = [
  ...bad("spec.cidr", (cidr) => ({ cidr }), "is not a CIDR", "write an address range", notCidr),
  ...bad("spec.cidr", (cidr) => ({ cidr }), "is not a CIDR", "no space", [
    "10.244.0.0/16, fd00::/56",
    "10.244.0.0/16,",
  ]),
  ...bad("spec.cidr", (cidr) => ({ cidr }), "has bits set behind", "first address", ["10.244.1.0/16", "fd00::1/56"]),
  ...bad("spec.cidr", (cidr) => ({ cidr }), "is not a range pods can use", "free one", [
    "0.0.0.0/0",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "224.0.0.0/8",
    "fe80::/64",
    "::/0",
    "10.0.0.0/7",
  ]),
  ...bad("spec.cidr", (cidr) => ({ cidr }), "names more than one range of the same family", "at most one", [
    "10.244.0.0/16,10.245.0.0/16",
    "fd00::/56,fd01::/56",
    "10.244.0.0/16,fd00::/56,10.245.0.0/16",
  ]),
  ...bad("spec.cidr", (cidr) => ({ cidr }), "names the IPv6 range first", "IPv4 range first", [
    "fd00::/56,10.244.0.0/16",
  ]),
  ...bad("spec.drain.timeout", (timeout) => ({ drain: { timeout } }), "is not a length of time", "such as 10m", [
    "",
    "0s",
    "10",
    "10 m",
    "-5m",
    "1d",
    "5m1h",
    "500ms",
    "5 minutes",
    "0",
    "-1",
  ]),
  ...bad("spec.verify.timeout", (timeout) => ({ verify: { timeout } }), "is not a length of time", "such as 2m", [
    "0s",
    "x",
  ]),
  ...bad(
    "spec.verify.externalTarget",
    (externalTarget) => ({ verify: { externalTarget } }),
    "is not host:port",
    "write",
    [
      "example.com",
      "example.com:0",
      "example.com:65536",
      "example.com:443/x",
      "http://example.com:80",
      "2001:db8::1:443",
      "[2001:db8::1::]:443",
      "a b:1",
      "-a:1",
      "$(id):1",
    ],
  ),
  ...["flannel", "calico"].flatMap((block) => [
    ...bad(
      `spec.${block}.network`,
      (network) => ({ [block]: { network } }),
      "is not an IPv4 range",
      "such as 10.244.0.0/16",
      ["fd00::/56", "10.244.1.0/16", "10.244.0.0"],
    ),
    ...bad(
      `spec.${block}.ipv6Network`,
      (v) => ({ [block]: { ipv6Network: v } }),
      "is not an IPv6 range",
      "such as fd00:",
      ["10.244.0.0/16", "fd00::1/56"],
    ),
  ]),
  ...bad(
    "spec.flannel.annotationPrefix",
    (v) => ({ flannel: { annotationPrefix: v } }),
    "is not a prefix",
    "lower case",
    ["flannel", "Flannel.example.com", "a.b/c/d", "a.b c"],
  ),
  ...["flannel", "calico", "cilium"].flatMap((block) => {
    const more = block === "cilium" ? cilium : {};
    const conf = (cniConfDir: string) => ({ ...more, [block]: { cniConfDir } });
    const bin = (cniBinDir: string) => ({ ...more, [block]: { cniBinDir } });
    const what = "is not a directory for CNI";
    return [
      ...bad(`spec.${block}.cniConfDir`, conf, what, "/etc/cni/net.d", [...notDirectory, "/etc/kubernetes/manifests"]),
      ...bad(`spec.${block}.cniBinDir`, bin, what, "/opt/cni/bin", notDirectory),
    ];
  }),
];

const badParts: Refusal[] = [
  no(m("a name of 64 characters", {}, { name: "a".repeat(64) }), "", "metadata.name is longer", "choose a shorter one"),
  no(m("an unknown direction", { direction: "Backward" }), "spec.direction", '"Backward"', '"Forward", "Revert"'),
  no(m("paused as text", { paused: "yes" }), "spec.paused", "boolean"),
  no(m("a node twice in nodeOrder", { nodeOrder: ["n1", "n1"] }), "spec.nodeOrder[1]", "Duplicate", "n1"),
  no(
    m("flannel overrides without flannel", { source: "calico", ...cilium, flannel: {} }),
    "spec.flannel",
    "no part",
    "remove",
  ),
  no(
    m("calico overrides for canal to cilium", { source: "canal", ...cilium, calico: {} }),
    "spec.calico",
    "no part",
    "remove",
  ),
  no(m("cilium overrides without cilium", { cilium: {} }), "spec.cilium", "no part", "remove spec.cilium"),
  no(m("half a DaemonSet", { flannel: { daemonSet: { name: "x" } } }), "spec.flannel.daemonSet.namespace", "Required"),
  ...[{ operator: "In" }, { operator: "NotIn", values: [] }, { operator: "Exists", values: ["a"] }].flatMap((e) => {
    const expression = { key: "zone", ...e };
    const pods = "spec.drain.ignore[0].podSelector.matchExpressions[0]";
    return [
      no(
        m(`${e.operator} with wrong values`, expressions(expression)),
        "spec.nodeSelector.matchExpressions[0]",
        "In and NotIn",
        "add or remove",
      ),
      no(
        m(`${e.operator} with wrong values in a drain rule`, ignore({ matchExpressions: [expression] })),
        pods,
        "In and NotIn",
        "add or remove",
      ),
    ];
  }),
  ...[{}, { matchLabels: {} }, { matchExpressions: [] }].map((selector) =>
    no(
      m(`a drain rule for ${JSON.stringify(selector)}`, ignore(selector)),
      "spec.drain.ignore[0].podSelector",
      "every pod",
      "name at least",
    ),
  ),
  no(n("a name that is not the node's", { nodeName: "n2" }), "spec.nodeName", "name of its node", "set metadata.name"),
  no(n("no node UID", { nodeUID: undefined }), "spec.nodeUID", "Required"),
];

const sizes: Refusal[] = [
  no(
    m("101 names in nodeOrder", { nodeOrder: Array.from({ length: 101 }, (_, i) => `n${i}`) }),
    "spec.nodeOrder",
    "at most 100",
  ),
  no(
    m("a label value of 64 characters", { nodeSelector: { matchLabels: { a: "b".repeat(64) } } }),
    "spec.nodeSelector.matchLabels.a",
    "63",
  ),
  no(m("a cidr of 101 characters", { cidr: "1".repeat(101) }), "spec.cidr", "100"),
  no(
    m("a directory of 254 characters", { flannel: { cniBinDir: `/opt/${"a".repeat(249)}` } }),
    "spec.flannel.cniBinDir",
    "253",
  ),
];

const fixed = (title: string, before: object, spec: object, field: string, ...says: string[]): Refusal =>
  no(
    m(`change of ${title}`, spec as Record<string, unknown>, { before: before as Record<string, unknown> }),
    field,
    ...says,
  );
const blocks: [string, object, object, object][] = [
  ["flannel", {}, { mtu: 1450 }, { mtu: 1400 }],
  ["calico", {}, { mtu: 1450 }, { mtu: 1400 }],
  ["cilium", cilium, { mtu: 1450 }, { mtu: 1400 }],
];

const immutable: Refusal[] = [
  fixed("source", {}, { source: "canal" }, "spec.source", "from flannel to canal", "create a new CniMigration"),
  fixed(
    "target",
    { cidr: "10.245.0.0/16" },
    cilium,
    "spec.target",
    "from calico to cilium",
    "create a new CniMigration",
  ),
  fixed(
    "cidr",
    { cidr: "10.244.0.0/16" },
    { cidr: "10.245.0.0/16" },
    "spec.cidr",
    "cannot be set",
    "put the old value back",
  ),
  fixed("no cidr to one", {}, { cidr: "10.245.0.0/16" }, "spec.cidr", "cannot be set", "put the old value back"),
  fixed("a cidr to none", { cidr: "10.244.0.0/16" }, {}, "spec.cidr", "cannot be set", "put the old value back"),
  ...blocks.flatMap(([block, more, one, two]) => [
    fixed(
      `${block}`,
      { ...more, [block]: one },
      { ...more, [block]: two },
      `spec.${block}`,
      "cannot be set",
      "old values back",
    ),
    fixed(`no ${block} to one`, more, { ...more, [block]: one }, `spec.${block}`, "cannot be set", "old values back"),
    fixed(`${block} to none`, { ...more, [block]: one }, more, `spec.${block}`, "cannot be set", "old values back"),
    fixed(
      `${block} to an empty one`,
      { ...more, [block]: one },
      { ...more, [block]: {} },
      `spec.${block}`,
      "cannot be set",
      "old values back",
    ),
  ]),
  no(
    n("change of the node", { nodeName: "n2" }, { before: {}, name: "n1" }),
    "spec.nodeName",
    "cannot be changed",
    "delete the object",
  ),
  no(
    n("change of the node's UID", { nodeUID: "x" }, { before: {} }),
    "spec.nodeUID",
    "cannot be changed",
    "delete the object",
  ),
  no(
    n("change of the migration", { migrationName: "x" }, { before: {} }),
    "spec.migrationName",
    "cannot be changed",
    "delete the object",
  ),
];

export const refused: Refusal[] = [...badPairs, ...badNumbers, ...badTexts, ...badParts, ...sizes, ...immutable];
