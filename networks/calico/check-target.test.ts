import { describe, expect, it } from "vitest";
import type { UnknownObject } from "../../kube/types.ts";
import type { HostFacts } from "../host-ops.ts";
import { snapshotOf } from "../snapshot.ts";
import { hostFacts, patched, planOfRecording, recorded } from "../testing.ts";
import { checkAsTarget } from "./check-target.ts";
import { prepare, prepareNode } from "./prepare.ts";

const plan = planOfRecording();
const cluster = () => recorded("flannel-0.28.10");

function check(objects: UnknownObject[], hosts: Record<string, HostFacts> = {}) {
  return checkAsTarget(snapshotOf({ objects, hosts }), plan.source);
}

function calicoObject(kind: string, name: string, spec: Record<string, unknown>): UnknownObject {
  return { apiVersion: "crd.projectcalico.org/v1", kind, metadata: { name }, spec };
}

function block(cidr: string, affinity: string | null): UnknownObject {
  return calicoObject("IPAMBlock", cidr.replace(/[./]/g, "-"), { cidr, affinity, allocations: [], attributes: [] });
}

const device = {
  name: "vxlan.calico",
  vni: 4096,
  port: 4789,
  mac: "66:00:00:00:00:01",
  mtu: 1450,
  external: false,
  addresses: [],
};

describe("networks/calico/check-target", () => {
  it("finds nothing in the way on a cluster that never had Calico", () => {
    expect(check(cluster())).toEqual([]);
  });

  it("takes all that a migration prepared, and all that it has done, for what it is", () => {
    const prepared = [...prepare(plan), ...plan.nodes.flatMap((node) => prepareNode(plan, node))];
    const objects = prepared.flatMap((c) =>
      c.change === "create" ? [c.object] : c.change === "merge" ? (c.orCreate ?? []) : [],
    );
    const mixed = recorded("mixed-calico-3.28.5");
    const vteps = Object.fromEntries(
      mixed
        .filter((o) => o.kind === "Node")
        .map(({ metadata }) => {
          const annotations = metadata.annotations ?? {};
          return [
            metadata.name,
            {
              ip: annotations["projectcalico.org/IPv4VXLANTunnelAddr"] ?? "",
              mac: "",
              publicIP: annotations["flannel.alpha.coreos.com/public-ip"] ?? "",
            },
          ];
        }),
    );

    expect(check([...cluster(), ...objects])).toEqual([]);
    expect(checkAsTarget(snapshotOf({ objects: mixed }), { ...plan.source, vteps })).toEqual([]);
  });

  const installed = recorded("calico-3.28.5").filter((o) => o.kind === "DaemonSet");
  const cases: [string, UnknownObject[], string, string, RegExp][] = [
    [
      "Calico that runs already",
      installed,
      "TargetAlreadyRuns",
      "daemonset kube-system/calico-node",
      /runs in this cluster already/,
    ],
    [
      "an operator",
      [{ apiVersion: "operator.tigera.io/v1", kind: "Installation", metadata: { name: "default" } }],
      "OperatorManaged",
      "installation default",
      /undo every change/,
    ],
    [
      "eBPF",
      [calicoObject("FelixConfiguration", "default", { bpfEnabled: true })],
      "EBPFDataplane",
      "felixconfiguration default",
      /eBPF/,
    ],
    [
      "a locked datastore",
      [calicoObject("ClusterInformation", "default", { datastoreReady: false })],
      "PoolConflict",
      "clusterinformation default",
      /locked/,
    ],
    [
      "a pool of the right name and other values",
      [
        calicoObject("IPPool", "default-ipv4-ippool", {
          cidr: "10.244.0.0/16",
          natOutgoing: true,
          vxlanMode: "CrossSubnet",
        }),
      ],
      "PoolConflict",
      "ippool default-ipv4-ippool",
      /^vxlanMode is CrossSubnet, not Always$/,
    ],
    [
      "a pool beside the overlay",
      [calicoObject("IPPool", "other", { cidr: "192.168.0.0/16" })],
      "PoolConflict",
      "ippool other",
      /192.168.0.0\/16 would be used beside the overlay's 10.244.0.0\/16/,
    ],
    [
      "a block of another node",
      [block("10.244.1.0/26", "host:n1")],
      "PoolConflict",
      "ipamblock 10-244-1-0-26",
      /belongs to host:n1, not to node n[23]/,
    ],
    [
      "a block of another size",
      [block("10.244.1.0/24", "host:n2")],
      "PoolConflict",
      "ipamblock 10-244-1-0-24",
      /not one of a node's podCIDR/,
    ],
    [
      "a block outside every podCIDR",
      [block("10.244.200.0/26", "host:n2")],
      "PoolConflict",
      "ipamblock 10-244-200-0-26",
      /not one of a node's podCIDR/,
    ],
    [
      "a block nobody owns",
      [block("10.244.200.0/26", null)],
      "PoolConflict",
      "ipamblock 10-244-200-0-26",
      /not one of a node's podCIDR/,
    ],
  ];

  it.each(cases)("says %s", (_, objects, reason, where, what) => {
    expect(check([...cluster(), ...objects])).toEqual([
      {
        severity: "blocker",
        reason,
        where,
        what: expect.stringMatching(what),
        cure: expect.stringMatching(/^[^\n]{10,}$/),
      },
    ]);
  });

  it("passes over what cannot touch the overlay: disabled pools, other ranges, blocks of nodes that are gone", () => {
    const objects = [
      calicoObject("IPPool", "off", { cidr: "10.244.0.0/16", disabled: true }),
      calicoObject("IPPool", "v6", { cidr: "fd00::/48" }),
      calicoObject("ClusterInformation", "default", { datastoreReady: true }),
      block("192.168.0.0/26", "host:n1"),
      block("10.244.200.0/26", "host:gone"),
    ];

    expect(check([...cluster(), ...objects])).toEqual([]);
  });

  it("an address of the node that is not the one peers send to", () => {
    const address = { status: { addresses: [{ type: "InternalIP", address: "192.0.2.7" }] } };

    expect(check(patched(cluster(), { kind: "Node", name: "n2" }, address))).toEqual([
      expect.objectContaining({
        reason: "AddressMismatch",
        where: "node n2",
        what: "peers send to 172.30.0.12, but Calico would choose the node's InternalIP 192.0.2.7",
      }),
    ]);
  });

  it("a podCIDR smaller than a block", () => {
    const objects = patched(cluster(), { kind: "Node", name: "n3" }, { spec: { podCIDRs: ["10.244.1.0/28"] } });

    expect(check(objects)).toEqual([
      expect.objectContaining({ reason: "PodCIDRTooLong", where: "node n3", what: expect.stringContaining("(/26)") }),
    ]);
  });

  it("a tunnel device left of an earlier Calico, but not that of a node which has moved", () => {
    const moved = patched(
      cluster(),
      { kind: "Node", name: "n1" },
      { metadata: { labels: { "cni-migrate.io/network": "calico" } } },
    );
    const hosts = { n1: hostFacts({ vxlans: [device] }), n2: hostFacts({ vxlans: [device] }) };

    expect(check(moved, hosts)).toEqual([
      expect.objectContaining({ where: "node n2", cure: "ip link delete vxlan.calico" }),
    ]);
  });
});
