import { describe, expect, it } from "vitest";
import type { UnknownObject } from "../kube/types.ts";
import { ciliumManifests, ciliumPlan } from "./cilium/fixtures.ts";
import { transformManifests } from "./cilium/transform.ts";
import type { NetworkId, Overrides } from "./contract.ts";
import { preflight } from "./preflight.ts";
import { snapshotOf } from "./snapshot.ts";
import { flannelCluster, patched, recorded } from "./testing.ts";

const cluster = () => recorded("flannel-0.28.10");

interface Asked {
  source?: NetworkId;
  target?: NetworkId;
  overrides?: Partial<Record<NetworkId, Overrides>>;
}

function ask(objects: UnknownObject[], { target = "calico", ...asked }: Asked = {}) {
  return preflight({ snapshot: snapshotOf({ objects }), target, ...asked });
}

/** "severity reason where", infos left out. */
function verdict(objects: UnknownObject[], asked?: Asked): string[] {
  const { findings } = ask(objects, asked);
  return findings.filter((f) => f.severity !== "info").map((f) => `${f.severity} ${f.reason} ${f.where}`);
}

describe("networks/preflight: the range of a second overlay", () => {
  const services = [{ cidr: "10.96.0.0/16", from: "servicecidr kubernetes" }];
  const conflicts = (cidr: string | undefined, more: Partial<Parameters<typeof preflight>[0]> = {}) =>
    preflight({
      snapshot: snapshotOf({ objects: cluster() }),
      target: "cilium",
      services,
      cidr,
      ...more,
    }).findings.flatMap(({ severity, what }) => (severity === "blocker" ? [what] : []));
  const flannels = "10.244.0.0/16 (configmap kube-flannel/kube-flannel-cfg, net-conf.json, Network)";

  it.each<[string, string[]]>([
    ["10.245.0.0/16", []],
    ["10.244.0.0/16", [`10.244.0.0/16 overlaps with ${flannels}`]],
    ["10.96.128.0/17", ["10.96.128.0/17 overlaps with 10.96.0.0/16 (servicecidr kubernetes)"]],
    ["fd00:1::/56", ["fd00:1::/56 is IPv6, and pods have addresses of IPv4 now"]],
    ["10.245.0.0/16,fd00:1::/56", ["10.245.0.0/16,fd00:1::/56 is IPv4 and IPv6, and pods have addresses of IPv4 now"]],
    ["10.245.0.0/24", ["10.245.0.0/24 has no room for 3 nodes with a /24 each"]],
  ])("%s", (cidr, expected) => {
    expect(conflicts(cidr)).toEqual(expected);
  });

  it("is not looked at where none was given yet, and where the overlay is shared", () => {
    expect(conflicts(undefined)).toEqual([]);
    expect(conflicts("10.96.0.0/16", { target: "calico" })).toEqual([]);
  });

  it("names a flag where it was given with one", () => {
    const { findings } = preflight({
      ...{ snapshot: snapshotOf({ objects: cluster() }), target: "cilium", services },
      ...{ cidr: "10.96.0.0/16", cidrFrom: "--cidr" },
    });

    expect(findings.filter(({ severity }) => severity === "blocker")).toEqual([
      expect.objectContaining({ where: "--cidr", cure: "choose a range that nothing uses, such as 10.245.0.0/16" }),
    ]);
  });

  it("knows the install of the migration itself, held to its nodes and let onto all of them", () => {
    const own = transformManifests(ciliumManifests, ciliumPlan());
    const released = patched(own, { kind: "DaemonSet" }, { spec: { template: { spec: { nodeSelector: null } } } });
    for (const objects of [own, released]) {
      const { source, findings } = ask([...cluster(), ...objects], { target: "cilium" });
      expect([source?.network, findings.filter((f) => f.severity === "blocker")]).toEqual(["flannel", []]);
    }
    expect(verdict([...cluster(), ...ciliumManifests], { target: "cilium" })).toEqual([
      "blocker SourceAmbiguous daemonset kube-flannel/kube-flannel-ds, daemonset kube-system/cilium",
    ]);
  });

  it("a cluster that runs Cilium is left by nothing yet", () => {
    const { findings } = ask(ciliumManifests, { target: "calico" });

    expect(findings.map(({ reason, what }) => `${reason} ${what}`)).toEqual([
      "NotSupportedYet there is no way from Cilium to Calico",
    ]);
  });
});

describe("networks/preflight", () => {
  it("a recorded flannel cluster can go to Calico, asked by name or found", () => {
    expect(preflight({ snapshot: flannelCluster(), target: "calico" }).findings).toEqual([]);
    expect(preflight({ snapshot: flannelCluster(), source: "flannel", target: "calico" }).source?.network).toBe(
      "flannel",
    );
  });

  it("in the middle of a migration neither network is in the other's way", () => {
    const { source, findings } = ask(recorded("mixed-calico-3.28.5"), { source: "flannel" });

    expect(source?.network).toBe("flannel");
    expect(findings.filter((f) => f.severity !== "info")).toEqual([]);
  });

  it("a recorded Canal cluster can go to Calico: its pool is no obstacle, though it says no VXLAN", () => {
    const { source, findings } = ask(recorded("canal-3.28.5"));

    expect(source?.network).toBe("canal");
    expect(findings.filter((f) => f.severity !== "info")).toEqual([]);
  });

  it("a pool of another range stays one, also of Canal's own making", () => {
    const objects = patched(recorded("canal-3.28.5"), { kind: "IPPool" }, { spec: { cidr: "192.168.0.0/16" } });

    expect(verdict(objects)).toEqual(["blocker PoolConflict ippool default-ipv4-ippool"]);
  });

  it("Canal is found by its name, too, when the user gives it as flannel's", () => {
    const named = (name: string) => ({ overrides: { flannel: { daemonSet: { namespace: "kube-system", name } } } });

    expect(ask(recorded("canal-3.28.5"), named("canal")).source?.network).toBe("canal");
    expect(verdict(recorded("canal-3.28.5"), named("other"))).toContain(
      "blocker SourceNotFound daemonset kube-system/other",
    );
  });

  const calicoBeside = () => [...cluster(), ...recorded("calico-3.28.5").filter((o) => o.kind === "DaemonSet")];
  const cases: [string, UnknownObject[], Asked, string[]][] = [
    ["an empty cluster", [], {}, ["blocker SourceNotFound the cluster"]],
    [
      "another source than runs",
      cluster(),
      { source: "canal" },
      ["blocker SourceNotFound daemonset kube-flannel/kube-flannel-ds"],
    ],
    [
      "two networks at once",
      calicoBeside(),
      {},
      ["blocker SourceAmbiguous daemonset kube-flannel/kube-flannel-ds, daemonset kube-system/calico-node"],
    ],
    [
      "two networks at once, even if one is named",
      calicoBeside(),
      { source: "flannel" },
      ["blocker SourceAmbiguous daemonset kube-flannel/kube-flannel-ds, daemonset kube-system/calico-node"],
    ],
    [
      "the network that runs already",
      recorded("calico-3.28.5"),
      {},
      ["blocker TargetAlreadyRuns daemonset kube-system/calico-node"],
    ],
    [
      "a pair there is no way for",
      cluster(),
      { target: "canal" },
      ["blocker NotSupportedYet daemonset kube-flannel/kube-flannel-ds"],
    ],
    [
      "flannel without a DaemonSet",
      cluster().filter((o) => o.kind === "Node"),
      {},
      ["blocker EmbeddedFlannel nodes n1, n2, n3"],
    ],
    [
      "Windows nodes",
      patched(cluster(), { kind: "Node", name: "n3" }, { metadata: { labels: { "kubernetes.io/os": "windows" } } }),
      {},
      ["blocker WindowsNode node n3"],
    ],
    [
      "a node that is not Ready",
      patched(
        cluster(),
        { kind: "Node", name: "n2" },
        { status: { conditions: [{ type: "Ready", status: "Unknown" }] } },
      ),
      {},
      ["warning NodeNotReady node n2"],
    ],
    [
      "no address",
      patched(
        cluster(),
        { kind: "Node", name: "n2" },
        { status: { addresses: [{ type: "Hostname", address: "n2" }] } },
      ),
      {},
      ["blocker AddressMismatch node n2"],
    ],
    [
      "no podCIDR",
      patched(cluster(), { kind: "Node", name: "n2" }, { spec: { podCIDR: null, podCIDRs: null } }),
      {},
      ["blocker PodCIDRMissing node n2"],
    ],
    [
      "a podCIDR outside the network",
      patched(cluster(), { kind: "Node", name: "n2" }, { spec: { podCIDRs: ["10.99.1.0/24"] } }),
      {},
      ["blocker PodCIDROutsideNetwork node n2"],
    ],
    [
      "one podCIDR twice",
      patched(cluster(), { kind: "Node" }, { spec: { podCIDRs: ["10.244.7.0/24"] } }),
      {},
      ["blocker CIDRConflict nodes n1, n2", "blocker CIDRConflict nodes n1, n3"],
    ],
  ];

  it.each(cases)("%s", (_, objects, asked, expected) => {
    expect(verdict(objects, asked)).toEqual(expected);
  });

  it("the other findings of a pair come all at once, blockers first", () => {
    const addresses = [{ type: "InternalIP", address: "192.0.2.9" }];
    const objects = patched(cluster(), { kind: "Node", name: "n1" }, { status: { addresses, conditions: [] } });
    const pool = {
      apiVersion: "crd.projectcalico.org/v1",
      kind: "IPPool",
      metadata: { name: "p" },
      spec: { cidr: "192.168.0.0/16" },
    };

    expect(verdict([...objects, pool])).toEqual([
      "blocker AddressMismatch node n1",
      "blocker PoolConflict ippool p",
      "warning NodeNotReady node n1",
    ]);
  });

  it("annotations left of an old flannel do not make a Calico cluster two networks", () => {
    const annotations = { "flannel.alpha.coreos.com/kube-subnet-manager": "true" };
    const objects = patched(recorded("calico-3.28.5"), { kind: "Node" }, { metadata: { annotations } });

    expect(verdict(objects)).toEqual(["blocker TargetAlreadyRuns daemonset kube-system/calico-node"]);
  });

  it("overrides of the spec reach the network they are for", () => {
    const { source } = ask(cluster(), { overrides: { flannel: { mtu: 1400 }, calico: { mtu: 9000 } } });

    expect(source?.overlay.mtu).toBe(1400);
    expect(source?.detected).toContainEqual({ name: "mtu", value: "1400", from: "spec.flannel.mtu" });
  });

  it("every finding of every recording names what, where and, unless it is only told, a cure, each in one line", () => {
    const all = (["flannel-0.28.10", "canal-3.28.5", "calico-3.28.5", "mixed-calico-3.28.5"] as const).flatMap((name) =>
      (["flannel", "calico", "cilium"] as const).flatMap((target) => ask(recorded(name), { target }).findings),
    );

    expect(all.length).toBeGreaterThan(5);
    for (const { severity, what, where, cure } of all) {
      expect([what, where, cure].join(" ")).not.toContain("\n");
      expect(what).not.toMatch(/\.$|^$/);
      expect(where).not.toBe("");
      expect(cure === "").toBe(severity === "info");
    }
  });
});
