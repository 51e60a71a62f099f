import { describe, expect, it } from "vitest";
import type { UnknownObject } from "../../kube/types.ts";
import type { HostFacts } from "../host-ops.ts";
import { snapshotOf } from "../snapshot.ts";
import { hostFacts, patched, recorded } from "../testing.ts";
import { calico } from "./index.ts";

const cluster = () => recorded("calico-3.28.5");

function told(objects: UnknownObject[], hosts: Record<string, HostFacts> = {}): string[] {
  const snapshot = snapshotOf({ objects, hosts });
  const found = calico.detect(snapshot, {});
  if (found.state === "absent") throw new Error("Calico was not found");
  return [...found.findings, ...calico.checkAsSource(snapshot, found.facts)].map(
    (f) => `${f.severity} ${f.reason} ${f.where}: ${f.what}; ${f.cure}`,
  );
}

const made = (
  kind: string,
  name: string,
  spec: object = {},
  annotations: Record<string, string> = {},
): UnknownObject => ({
  apiVersion: kind === "Namespace" ? "v1" : "crd.projectcalico.org/v1",
  kind,
  metadata: { name, annotations },
  spec,
});

const pool = (spec: Record<string, unknown>) => patched(cluster(), { kind: "IPPool" }, { spec });
const felix = (spec: Record<string, unknown>) => patched(cluster(), { kind: "FelixConfiguration" }, { spec });

function withEnv(name: string, value: string): UnknownObject[] {
  return cluster().map((object) => {
    if (object.kind !== "DaemonSet") return object;
    const copy = structuredClone(object) as UnknownObject & {
      spec: { template: { spec: { containers: { name: string; env: object[] }[] } } };
    };
    for (const container of copy.spec.template.spec.containers)
      if (container.name === "calico-node")
        container.env = [...container.env.filter((e) => (e as { name: string }).name !== name), { name, value }];
    return copy;
  });
}

/** podCIDRs of the nodes, in the order of the recording: n1, n2, n3. */
function withPodCIDRs(...ranges: (string | null)[]): UnknownObject[] {
  return ranges.reduce<UnknownObject[]>(
    (objects, range, i) =>
      patched(
        objects,
        { kind: "Node", name: `n${i + 1}` },
        { spec: { podCIDR: range, podCIDRs: range === null ? null : [range] } },
      ),
    cluster(),
  );
}

describe("networks/calico/check-source", () => {
  it("takes Calico as its own manifest installs it, VXLAN CrossSubnet", () => {
    expect(told(cluster())).toEqual([]);
  });

  it.each<[string, UnknownObject[], string]>([
    [
      "IPIP",
      pool({ vxlanMode: "Never", ipipMode: "Always" }),
      'blocker UnsupportedBackend ippool default-ipv4-ippool: pods reach other nodes over IPIP (vxlanMode Never, ipipMode Always); only VXLAN can be shared with another network; open UDP port 4789 between the nodes, then: kubectl patch ippools.crd.projectcalico.org default-ipv4-ippool --type merge -p \'{"spec":{"ipipMode":"Never","vxlanMode":"CrossSubnet"}}\'',
    ],
    [
      "plain BGP",
      pool({ vxlanMode: null }),
      'blocker UnsupportedBackend ippool default-ipv4-ippool: pods reach other nodes over plain BGP (vxlanMode Never, ipipMode Never); only VXLAN can be shared with another network; open UDP port 4789 between the nodes, then: kubectl patch ippools.crd.projectcalico.org default-ipv4-ippool --type merge -p \'{"spec":{"ipipMode":"Never","vxlanMode":"CrossSubnet"}}\'',
    ],
    [
      "WireGuard",
      felix({ wireguardEnabled: true }),
      'blocker UnsupportedBackend felixconfiguration default: WireGuard encrypts what nodes send to each other (wireguardEnabled); turn it off first: kubectl patch felixconfigurations.crd.projectcalico.org default --type merge -p \'{"spec":{"wireguardEnabled":false}}\'',
    ],
    [
      "floating IPs",
      felix({ floatingIPs: "Enabled" }),
      'blocker NotSupportedYet felixconfiguration default: pods may have floating IPs, which end with Calico (floatingIPs); turn it off first: kubectl patch felixconfigurations.crd.projectcalico.org default --type merge -p \'{"spec":{"floatingIPs":null}}\'',
    ],
    [
      "egress gateways",
      felix({ egressIPSupport: "EnabledPerNamespace" }),
      'blocker NotSupportedYet felixconfiguration default: pods leave through egress gateways, which end with Calico (egressIPSupport); turn it off first: kubectl patch felixconfigurations.crd.projectcalico.org default --type merge -p \'{"spec":{"egressIPSupport":null}}\'',
    ],
    [
      "BGP peers",
      [...cluster(), made("BGPPeer", "rack-1")],
      "blocker NotSupportedYet bgppeer rack-1: routers outside the cluster learn its routes from Calico by BGP; give these networks another way to the cluster first, then: kubectl delete bgppeers.crd.projectcalico.org rack-1",
    ],
    [
      "advertised Services",
      [...cluster(), made("BGPConfiguration", "default", { serviceClusterIPs: [{ cidr: "10.96.0.0/16" }] })],
      'blocker NotSupportedYet bgpconfiguration default: addresses of Services are advertised by BGP (serviceClusterIPs); give these networks another way to the cluster first, then: kubectl patch bgpconfigurations.crd.projectcalico.org default --type merge -p \'{"spec":{"serviceClusterIPs":null}}\'',
    ],
    [
      "HostEndpoints",
      [...cluster(), made("HostEndpoint", "n1-eth0")],
      "blocker NotSupportedYet hostendpoint n1-eth0: Calico guards interfaces of a node itself, which ends with it; guard the node by other means first, then: kubectl delete hostendpoints.crd.projectcalico.org n1-eth0",
    ],
    [
      "pools of a namespace",
      [...cluster(), made("Namespace", "shop", {}, { "cni.projectcalico.org/ipv4pools": '["a"]' })],
      "blocker NotSupportedYet namespace shop: its pods have addresses or ways of their own (annotation cni.projectcalico.org/ipv4pools), which end with Calico; if they can do without: kubectl annotate namespace shop cni.projectcalico.org/ipv4pools-",
    ],
    [
      "a pool of some nodes",
      pool({ nodeSelector: "zone == 'a'" }),
      'blocker NotSupportedYet ippool default-ipv4-ippool: the pool is for some nodes only (nodeSelector zone == \'a\'); kubectl patch ippools.crd.projectcalico.org default-ipv4-ippool --type merge -p \'{"spec":{"nodeSelector":"all()"}}\'',
    ],
    [
      "an overlay for all",
      pool({ vxlanMode: "Always" }),
      'blocker NotSupportedYet ippool default-ipv4-ippool: the nodes\' own connections to pods go through the overlay, too (vxlanMode Always), and would be cut off; where all nodes are in one subnet: kubectl patch ippools.crd.projectcalico.org default-ipv4-ippool --type merge -p \'{"spec":{"vxlanMode":"CrossSubnet"}}\'',
    ],
    [
      "two pools",
      [...cluster(), made("IPPool", "more", { cidr: "10.100.0.0/16", vxlanMode: "CrossSubnet" })],
      "blocker NotSupportedYet ippools default-ipv4-ippool, more: pods get addresses of 2 IPv4 pools: default-ipv4-ippool, more; keep one: set disabled: true on the others, restart the workloads with addresses of theirs, delete them",
    ],
    [
      "etcd",
      withEnv("DATASTORE_TYPE", "etcdv3"),
      "blocker EtcdDatastore daemonset kube-system/calico-node: DATASTORE_TYPE is etcdv3, which cannot be migrated; if nothing needs it: kubectl -n kube-system set env daemonset calico-node DATASTORE_TYPE-",
    ],
    [
      "another health port",
      withEnv("FELIX_HEALTHPORT", "9098"),
      "blocker NotSupportedYet daemonset kube-system/calico-node: FELIX_HEALTHPORT is 9098, which cannot be migrated; if nothing needs it: kubectl -n kube-system set env daemonset calico-node FELIX_HEALTHPORT-",
    ],
  ])("refuses %s, with the way out", (_, objects, expected) => {
    expect(told(objects)).toEqual([expected]);
  });

  it("refuses Calico without a pool, and one whose agent is not up on a node", () => {
    expect(told(cluster().filter((o) => o.kind !== "IPPool"))).toEqual([
      expect.stringMatching(
        /^blocker ValueNotFound daemonset kube-system\/calico-node: there is no enabled IPv4 IPPool/,
      ),
    ]);
    const bare = { metadata: { annotations: { "projectcalico.org/IPv4VXLANTunnelAddr": null } } };
    expect(told(patched(cluster(), { kind: "Node", name: "n2" }, bare))).toEqual([
      expect.stringMatching(/^blocker ValueNotFound node n2: calico-node has not written/),
    ]);
  });

  it("where a node was read, its device must be what the settings say", () => {
    const device = (change: object) => ({
      n1: hostFacts({
        vxlans: [
          {
            name: "vxlan.calico",
            vni: 4096,
            port: 4789,
            mac: "66:40:b3:ea:b6:3f",
            mtu: 1450,
            external: false,
            addresses: [],
            ...change,
          },
        ],
      }),
    });
    expect(told(cluster(), device({}))).toEqual([]);
    expect(told(cluster(), device({ port: 8472 }))[0]).toContain(
      "node n1: device vxlan.calico has VNI 4096 and port 8472, not 4096 and 4789",
    );
    expect(told(cluster(), device({ mac: "66:00:00:00:00:01" }))[0]).toContain(
      "has MAC 66:00:00:00:00:01, but other nodes",
    );
    expect(told(cluster(), { n1: hostFacts() })[0]).toContain("node n1: there is no device vxlan.calico");
  });
});

describe("networks/calico/check-ranges", () => {
  it("refuses nodes of several subnets, where what Calico sends straight within one goes through the overlay", () => {
    const address = (name: string, text: string, objects: UnknownObject[]) =>
      patched(
        objects,
        { kind: "Node", name },
        { metadata: { annotations: { "projectcalico.org/IPv4Address": text } } },
      );

    expect(told(address("n3", "172.31.0.13/24", cluster()))).toEqual([
      "blocker NotSupportedYet ippool default-ipv4-ippool: the nodes are in 2 subnets (172.30.0.0/24, 172.31.0.0/24), between which their own connections to pods go through the overlay (vxlanMode CrossSubnet) and would be cut off; choose Cilium as the target: it brings an overlay of its own",
    ]);
    expect(told(address("n3", "172.30.0.99/24", cluster()))).toEqual([]);
  });

  it("says which podCIDRs nodes without one get, and what nodes that join later need", () => {
    expect(told(withPodCIDRs(null, null, null))).toEqual([
      "warning PodCIDRMissing nodes n1, n2, n3: no IPv4 podCIDR in its spec; each gets one of Calico's pool when the migration begins, for good: n1 10.244.0.0/24, n2 10.244.1.0/24, n3 10.244.2.0/24; nodes that join after the migration need one, too: run kube-controller-manager with --allocate-node-cidrs=true --cluster-cidr=10.244.0.0/16 --node-cidr-mask-size=24",
    ]);
  });

  it("refuses a pool without a range for every node", () => {
    const small = patched(withPodCIDRs(null, null, null), { kind: "IPPool" }, { spec: { cidr: "10.244.0.0/25" } });

    expect(told(small)[0]).toBe(
      "blocker PodCIDRMissing node n3: no IPv4 podCIDR in its spec, of which the other network gives pods their addresses, and Calico's pool 10.244.0.0/25 has no range free of other nodes' podCIDRs and address blocks; move Calico's pods to a larger pool first, or take nodes that are not needed out of the cluster",
    );
  });

  it("explains a pool that holds none of the podCIDRs, and how to make it one overlay", () => {
    expect(told(pool({ cidr: "192.168.0.0/16" }))).toEqual([
      "blocker NotSupportedYet nodes n1, n2, n3: Calico's pool 192.168.0.0/16 holds none of the nodes' podCIDRs (10.244.0.0/24, 10.244.2.0/24, 10.244.1.0/24): the two networks would need an overlay each, which this version does not build; move Calico's pods first: add an IPPool with vxlanMode Always that holds the podCIDRs, set disabled: true on the one of 192.168.0.0/16, restart the workloads, delete it",
    ]);
  });

  it("names the nodes whose podCIDR alone is outside", () => {
    expect(told(withPodCIDRs("10.244.0.0/24", "10.9.0.0/24"))).toEqual([
      "blocker PodCIDROutsideNetwork node n2: the podCIDR (10.9.0.0/24) does not lie inside Calico's pool 10.244.0.0/16; delete the Node when it is drained and let its kubelet register it anew, so that it gets a range inside the pool",
    ]);
  });

  it("names another node's block inside a podCIDR, with the pods it has", () => {
    expect(told(withPodCIDRs("10.244.98.0/24"))).toEqual([
      "blocker PoolConflict node n1: address block 10.244.98.0/26 is node n3's and lies in the podCIDR 10.244.98.0/24 of node n1 (pods with addresses of it: 0); reserve it with an IPReservation (reservedCIDRs: [10.244.98.0/26]), have its tunnel address changed (kubectl annotate node n3 projectcalico.org/IPv4VXLANTunnelAddr-): Calico lets an empty block go after 15 minutes; then delete the IPReservation",
    ]);
    expect(told(withPodCIDRs("10.244.40.0/24"))).toEqual([]);
  });

  it("counts what a podCIDR has room for", () => {
    const secondary = { namespace: "shop", node: "n2", pod: "web" };
    const attributes = Array.from({ length: 64 }, () => ({ secondary }));
    const spec = { allocations: attributes.map((_, i) => i), attributes };
    const full = patched(
      withPodCIDRs("10.244.0.0/26", "10.244.2.0/26", "10.244.1.0/26"),
      { kind: "IPAMBlock", name: "10-244-217-0-26" },
      { spec },
    );

    expect(told(full)).toEqual([
      "blocker PodCIDRTooLong node n2: its podCIDR 10.244.2.0/26 has addresses for 53 pods, and 64 pods of the node have one now; move 11 pods to other nodes, or register the node anew with a larger range",
    ]);
  });

  it("refuses podCIDRs that cut a block, and pools of other blocks", () => {
    expect(told(pool({ blockSize: 24 }))).toEqual([
      "blocker NotSupportedYet ippool default-ipv4-ippool: its blocks have prefix length 24; with these podCIDRs only 26 can be migrated yet; move the pods to a pool with blockSize 26, then delete this one",
    ]);
    expect(told(withPodCIDRs("10.244.0.0/24", "10.244.2.0/27"))[0]).toMatch(/^blocker PodCIDRTooLong node n2/);
  });

  it("refuses podCIDRs that overlap", () => {
    expect(told(withPodCIDRs("10.244.2.0/24"))[0]).toMatch(/^blocker CIDRConflict nodes n1, n2/);
  });
});
