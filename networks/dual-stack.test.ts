import { describe, expect, it } from "vitest";
import type { Container, DaemonSet } from "../kube/objects.ts";
import type { UnknownObject } from "../kube/types.ts";
import { calicoManifests } from "./calico/fixtures.ts";
import { calico } from "./calico/index.ts";
import type { NetworkId, PlanContext, PlanNode } from "./contract.ts";
import { flannel } from "./flannel/index.ts";
import { planNodes } from "./nodes.ts";
import { handOver, mtuOf } from "./overlays.ts";
import { preflight } from "./preflight.ts";
import { snapshotOf } from "./snapshot.ts";
import { hostFacts, patched, recorded, subnetEnv } from "./testing.ts";

const prefix = "flannel.alpha.coreos.com";
const names = ["n1", "n2", "n3"];
const mac = (index: number) => `0a:00:00:00:06:0${index}`;
const range = (index: number) => `fd00:10:244:${index}::/64`;
const address = (index: number) => `fd00:172:30::1${index}`;

/** The recorded flannel cluster as it would be with IPv6 beside IPv4. */
function cluster(changes: Record<string, Record<string, unknown>> = {}): UnknownObject[] {
  const conf = {
    Network: "10.244.0.0/16",
    EnableIPv6: true,
    IPv6Network: "fd00:10:244::/56",
    Backend: { Type: "vxlan" },
  };
  const objects = patched(
    recorded("flannel-0.28.10"),
    { kind: "ConfigMap" },
    { data: { "net-conf.json": JSON.stringify(conf) } },
  );
  return names.reduce((all, name, index) => {
    const annotations = {
      [`${prefix}/backend-v6-data`]: JSON.stringify({ VNI: 1, VtepMAC: mac(index) }),
      [`${prefix}/public-ipv6`]: address(index),
    };
    const dual = {
      metadata: { annotations },
      spec: { podCIDRs: [`10.244.${index}.0/24`, range(index)] },
      status: {
        addresses: [`172.30.0.1${index + 1}`, address(index)].map((ip) => ({ type: "InternalIP", address: ip })),
      },
    };
    const changed = patched(all, { kind: "Node", name }, dual);
    return changes[name] === undefined ? changed : patched(changed, { kind: "Node", name }, changes[name]);
  }, objects);
}

const hosts = { n1: hostFacts(subnetEnv({ FLANNEL_IPV6_NETWORK: "fd00:10:244::/56" })) };

function planOf(objects: UnknownObject[] = cluster()): PlanContext {
  const snapshot = snapshotOf({ objects, hosts });
  const found = flannel.detect(snapshot, {});
  if (found.state === "absent") throw new Error("flannel was not found");
  const agent = { namespace: "kube-system", daemonSets: ["calico-node"], podLabels: {} };
  return {
    migration: "flannel-to-calico",
    source: found.facts,
    target: { network: "calico", agent },
    overlay: found.facts.overlay,
    nodes: planNodes(snapshot),
  };
}

const plan = planOf();
const [n1] = plan.nodes;
if (n1 === undefined) throw new Error("the recording has no node");
const firstNode: PlanNode = n1;

const blockers = (objects: UnknownObject[], target: NetworkId = "calico") =>
  preflight({ snapshot: snapshotOf({ objects, hosts }), target }).findings.filter((f) => f.severity === "blocker");

describe("networks: dual stack, flannel as the source", () => {
  it("is read with both ranges, and both ends of each node", () => {
    expect(plan.overlay).toMatchObject({ cidrs: ["10.244.0.0/16", "fd00:10:244::/56"], subnetLen: 24, mtu: 1450 });
    expect(plan.source.vteps.n1).toMatchObject({
      ip: "10.244.0.0",
      v6: { ip: "fd00:10:244::", mac: mac(0), publicIP: address(0) },
    });
  });

  it("can go to Calico, and to nothing that cannot hand over a second device", () => {
    expect(blockers(cluster())).toEqual([]);
    expect(blockers(cluster(), "cilium").map((f) => f.reason)).toContain("NotSupportedYet");
  });

  it("Calico with a pool of IPv6 cannot be left yet", () => {
    const pool = {
      apiVersion: "crd.projectcalico.org/v1",
      kind: "IPPool",
      metadata: { name: "default-ipv6-ippool" },
      spec: { cidr: "fd00:10:244::/56", vxlanMode: "Always" },
    };
    const objects = [...recorded("calico-3.28.5"), pool];

    expect(blockers(objects, "flannel").map((f) => f.reason)).toContain("NotSupportedYet");
  });

  it.each([
    ["a node without an IPv6 range", { spec: { podCIDRs: ["10.244.1.0/24"] } }, ["PodCIDRMissing", /no IPv6 podCIDR/]],
    [
      "a node whose IPv6 range is another network's",
      { spec: { podCIDRs: ["10.244.1.0/24", "fd11::/64"] } },
      ["PodCIDROutsideNetwork", /outside the pod network fd00:10:244::\/56/],
    ],
    [
      "a node with an IPv6 range of fewer addresses than its IPv4 one",
      { spec: { podCIDRs: ["10.244.1.0/24", "fd00:10:244:1::/121"] } },
      ["PodCIDRTooLong", /smaller than \/120/],
    ],
    [
      "a node flannel has not described its IPv6 end of",
      { metadata: { annotations: { [`${prefix}/backend-v6-data`]: null } } },
      ["ValueNotFound", /public-ipv6 and .*backend-v6-data/],
    ],
    [
      "a node peers reach by another IPv6 address than Calico would choose",
      { metadata: { annotations: { [`${prefix}/public-ipv6`]: "fd00:172:30::99" } } },
      ["AddressMismatch", /peers send to fd00:172:30::99, but Calico would choose .* fd00:172:30::11$/],
    ],
    [
      "a node without an IPv6 address",
      { status: { addresses: [{ type: "InternalIP", address: "172.30.0.12" }] } },
      ["AddressMismatch", /has no IPv6 InternalIP/],
    ],
  ])("%s: one blocker", (_, change, [reason, what]) => {
    expect(blockers(cluster({ n2: change }))).toEqual([
      expect.objectContaining({
        reason,
        what: expect.stringMatching(what as RegExp),
        where: expect.stringContaining("n2"),
      }),
    ]);
  });

  it("its own second device is in nobody's way, another one is", () => {
    const device = { vni: 1, port: 8472, mac: mac(0), mtu: 1430, external: false, addresses: [] };
    const look = (name: string) => {
      const seen = { n1: { ...hosts.n1, vxlans: [{ ...device, name }] } };
      return preflight({ snapshot: snapshotOf({ objects: cluster(), hosts: seen }), target: "calico" }).findings;
    };

    expect(look("flannel-v6.1").filter((f) => f.severity === "blocker")).toEqual([]);
    expect(look("vxlan-v6.calico").map((f) => f.what)).toContainEqual(
      "a device vxlan-v6.calico is left of an earlier Calico",
    );
  });
});

describe("networks: dual stack, work on a node", () => {
  const marks = { vni: 1, port: 8472 };

  it("hands over each family's device, and waits for each with its own MAC", () => {
    expect(handOver(flannel, calico, plan.overlay)).toEqual([
      { op: "renameVxlan", from: "flannel.1", to: "vxlan.calico", marks },
      { op: "renameVxlan", from: "flannel-v6.1", to: "vxlan-v6.calico", marks },
    ]);
    for (const [network, device] of [
      [calico, "vxlan-v6.calico"],
      [flannel, "flannel-v6.1"],
    ] as const)
      expect(network.awaitJoined(plan, firstNode)).toContainEqual(
        expect.objectContaining({ op: "awaitVxlan", name: device, marks: { ...marks, mac: mac(0) } }),
      );
  });

  it("both devices are part of what a network leaves; Calico's routes to IPv6 blocks too, not the node's whole range", () => {
    const facts = { ...plan.source, overlay: plan.overlay };

    expect(flannel.footprint(facts).links.map((l) => l.name)).toEqual(["flannel.1", "flannel-v6.1", "cni0"]);
    expect(calico.footprint(facts).links.map((l) => l.name)).toEqual(["vxlan.calico", "vxlan-v6.calico", "cali*"]);
    expect(calico.footprint(facts).tunnelRoutes).toEqual([
      { within: "10.244.0.0/16", prefix: 26 },
      { within: "fd00:10:244::/56", prefix: 122 },
    ]);
  });

  it("IPv6 has 20 bytes less, and nothing while the MTU is not known", () => {
    expect([mtuOf(plan.overlay, 4), mtuOf(plan.overlay, 6), mtuOf({ mtu: 0 }, 6)]).toEqual([1450, 1430, 0]);
  });
});

describe("networks: dual stack, Calico's objects", () => {
  const objects = (state: PlanContext = plan) =>
    [...calico.prepare(state), ...state.nodes.flatMap((node) => calico.prepareNode(state, node))].flatMap((c) =>
      c.change === "create" ? [c.object] : c.change === "merge" ? (c.orCreate ?? []) : [],
    );
  const blocksOf = (node: string, state?: PlanContext) =>
    objects(state)
      .filter((o) => o.kind === "IPAMBlock" && (o.spec as { affinity: string }).affinity === `host:${node}`)
      .map((o) => (o.spec as { cidr: string }).cidr)
      .filter((cidr) => cidr.includes(":"));

  it("a pool of each family, and the device's MTU of each", () => {
    const specs = objects().filter((o) => o.kind === "IPPool" || o.kind === "FelixConfiguration");

    expect(specs.map((o) => [o.metadata.name, o.spec])).toEqual([
      ["default", { vxlanVNI: 1, vxlanPort: 8472, vxlanMTU: 1450, vxlanMTUV6: 1430 }],
      ["default-ipv4-ippool", expect.objectContaining({ cidr: "10.244.0.0/16", blockSize: 26 })],
      [
        "default-ipv6-ippool",
        expect.objectContaining({ cidr: "fd00:10:244::/56", blockSize: 122, vxlanMode: "Always" }),
      ],
    ]);
  });

  it("as many IPv6 blocks as IPv4 ones from the start of the range, the tunnel address in the first, and one for all of it", () => {
    expect(blocksOf("n2")).toEqual([
      "fd00:10:244:1::/122",
      "fd00:10:244:1::40/122",
      "fd00:10:244:1::80/122",
      "fd00:10:244:1::c0/122",
      "fd00:10:244:1::/64",
    ]);
    const named = (kind: string, name: string) =>
      objects().find((o) => o.kind === kind && o.metadata.name === name)?.spec;
    expect(named("IPAMHandle", "vxlan-v6-tunnel-addr-n2")).toMatchObject({ block: { "fd00:10:244:1::/122": 1 } });
    expect(named("IPAMBlock", "fd00-10-244-1---122")).toMatchObject({
      attributes: [{ handle_id: "vxlan-v6-tunnel-addr-n2", secondary: { node: "n2", type: "vxlanV6TunnelAddress" } }],
    });
    const affinities = objects().filter((o) => o.kind === "BlockAffinity" && o.metadata.name.startsWith("n2-fd00"));
    expect(affinities.map((o) => (o.spec as { cidr: string }).cidr)).not.toContain("fd00:10:244:1::/64");
  });

  it("the one for the whole range is there as long as the node is not on Calico, and no longer", () => {
    const joined = {
      ...plan,
      nodes: plan.nodes.map((n) => ({ ...n, labels: { "cni-migrate.io/network": "calico" } })),
    };

    expect(blocksOf("n2", joined)).not.toContain("fd00:10:244:1::/64");
    expect(calico.nodeObjects(plan, firstNode, "in")).toEqual([
      expect.objectContaining({ change: "delete", key: { name: "fd00-10-244---64" } }),
    ]);
    expect(calico.nodeObjects(plan, firstNode, "out")).toEqual([
      expect.objectContaining({ change: "create", object: expect.objectContaining({ kind: "IPAMBlock" }) }),
    ]);
  });

  it("annotations of both families, and all of them go when a revert ends", () => {
    const merge = calico.prepareNode(plan, firstNode).find((c) => c.change === "merge");
    const written =
      merge?.change === "merge" ? (merge.patch.metadata as { annotations: Record<string, string> }) : undefined;

    expect(written?.annotations).toMatchObject({
      "projectcalico.org/IPv6Address": `${address(0)}/128`,
      "projectcalico.org/IPv6VXLANTunnelAddr": "fd00:10:244::",
      "projectcalico.org/VXLANTunnelMACAddrV6": mac(0),
    });
    expect(Object.keys(written?.annotations ?? {}).filter((key) => !calico.nodeAnnotations.includes(key))).toEqual([]);
    const [, , owned] = calico.residue.map((r) => r.owned);
    expect(objects().filter((o) => o.kind === "IPAMBlock" && owned?.(o, plan.overlay) !== true)).toEqual([]);
  });

  it("is not in its own way when preflight is asked again, and a pool that differs is", () => {
    const all = [...cluster(), ...objects()];
    const other = patched(all, { kind: "IPPool", name: "default-ipv6-ippool" }, { spec: { vxlanMode: "Never" } });

    expect(blockers(all)).toEqual([]);
    expect(blockers(other).map((f) => f.what)).toEqual(["vxlanMode is Never, not Always"]);
  });
});

describe("networks: dual stack, Calico's manifests", () => {
  const env = (container: Container | undefined) =>
    Object.fromEntries((container?.env ?? []).map((e) => [e.name, e.value ?? ""]));

  it.each([[undefined], ["final" as const]])("IPv6 is switched on beside IPv4, form %s", (form) => {
    const made = calico.transformManifests(calicoManifests, plan, form);
    const agent = made.find((o) => o.kind === "DaemonSet") as DaemonSet | undefined;
    const config = made.find((o) => o.kind === "ConfigMap")?.data as Record<string, string>;

    expect(env(agent?.spec.template.spec.containers[0])).toMatchObject({
      FELIX_IPV6SUPPORT: "true",
      IP6: "autodetect",
      IP6_AUTODETECTION_METHOD: "kubernetes-internal-ip",
    });
    expect(JSON.parse(config.cni_network_config ?? "").plugins[0].ipam).toEqual({
      type: "calico-ipam",
      assign_ipv4: "true",
      assign_ipv6: "true",
    });
  });

  it("what the CNI configuration says of families is set right, and its marks stay", () => {
    const text =
      '{"plugins": [{"mtu": __CNI_MTU__, "ipam": {\n  "type": "calico-ipam",\n  "assign_ipv6" : "false"\n}}]}';
    const objects = patched(calicoManifests, { kind: "ConfigMap" }, { data: { cni_network_config: text } });
    const made = calico.transformManifests(objects, plan);
    const texts = made.flatMap((o) => (o.kind === "ConfigMap" ? Object.entries(o.data as object) : []));

    expect(Object.fromEntries(texts).cni_network_config).toBe(
      '{"plugins": [{"mtu": __CNI_MTU__, "ipam": {\n  "assign_ipv4": "true", "type": "calico-ipam",\n  "assign_ipv6" : "true"\n}}]}',
    );
  });

  it("of an IPv4 cluster they say nothing of IPv6", () => {
    const made = calico.transformManifests(calicoManifests, {
      ...plan,
      overlay: { ...plan.overlay, cidrs: ["10.244.0.0/16"] },
    });

    expect(JSON.stringify(made)).not.toMatch(/IPV6SUPPORT|IP6_|assign_ipv6/);
  });
});
