import { describe, expect, it } from "vitest";
import type { UnknownObject } from "../../kube/types.ts";
import { hostFacts, patched, subnetEnv } from "../testing.ts";
import { blockersOf, cluster, configMap, daemonSet, found, vxlan, withContainer, withNetConf } from "./fixtures.ts";

describe("networks/flannel/checks", () => {
  const conf = "configmap kube-flannel/kube-flannel-cfg, net-conf.json";
  const agent = "daemonset kube-flannel/kube-flannel-ds";
  const cases: [string, UnknownObject[], string, string, RegExp][] = [
    [
      "host-gw",
      withNetConf({ ...vxlan, Backend: { Type: "host-gw" } }),
      "UnsupportedBackend",
      conf,
      /backend is host-gw/,
    ],
    [
      "no backend, which flannel takes for UDP",
      withNetConf({ Network: "10.244.0.0/16" }),
      "UnsupportedBackend",
      conf,
      /backend is udp/,
    ],
    [
      "DirectRouting",
      withNetConf({ ...vxlan, Backend: { Type: "vxlan", DirectRouting: true } }),
      "DirectRoutingEnabled",
      conf,
      /past the overlay/,
    ],
    [
      "GBP",
      withNetConf({ ...vxlan, Backend: { Type: "vxlan", GBP: true } }),
      "UnsupportedBackend",
      conf,
      /cannot take over/,
    ],
    ["IPv6 only", withNetConf({ ...vxlan, EnableIPv4: false }), "NotSupportedYet", conf, /runs without IPv4/],
    [
      "an IPv6 network that is none",
      withNetConf({ ...vxlan, EnableIPv6: true, IPv6Network: "fd00::" }),
      "ValueNotFound",
      conf,
      /IPv6 pod network \(fd00::\) is not an IPv6 range/,
    ],
    [
      "a network that is none",
      withNetConf({ ...vxlan, Network: "10.244.0.0" }),
      "ValueNotFound",
      conf,
      /\(10.244.0.0\) is not an IPv4 range/,
    ],
    ["no network", withNetConf({ Backend: { Type: "vxlan" } }), "ValueNotFound", conf, /\(none\) is not an IPv4 range/],
    [
      "net-conf.json that is no JSON",
      patched(cluster(), configMap, { data: { "net-conf.json": "{" } }),
      "ValueNotFound",
      agent,
      /has no JSON object under net-conf.json/,
    ],
    [
      "a ConfigMap that is gone",
      cluster().filter((o) => o.kind !== "ConfigMap"),
      "ValueNotFound",
      agent,
      /kube-flannel-cfg does not exist/,
    ],
    [
      "a configuration of another path",
      withContainer({ command: ["flanneld", "--kube-subnet-mgr", "--net-config-path=/own/net.json"] }),
      "ValueNotFound",
      agent,
      /\/own\/net.json is not in a ConfigMap/,
    ],
    [
      "subnets in etcd",
      withContainer({ command: ["flanneld", "--etcd-endpoints=http://e:2379"] }),
      "EtcdDatastore",
      agent,
      /in etcd/,
    ],
    [
      "the addon manager's label",
      patched(cluster(), daemonSet, { metadata: { labels: { "addonmanager.kubernetes.io/mode": "Reconcile" } } }),
      "AddonManaged",
      agent,
      /undo every change/,
    ],
    [
      "a CNI directory nothing may be written to",
      patched(cluster(), daemonSet, {
        spec: {
          template: {
            spec: {
              volumes: [
                { name: "cni", hostPath: { path: "/etc/kubernetes/cni" } },
                { name: "flannel-cfg", configMap: { name: "kube-flannel-cfg" } },
              ],
            },
          },
        },
      }),
      "NotSupportedYet",
      agent,
      /\/etc\/kubernetes\/cni, where nothing may be written/,
    ],
    [
      "a node flannel has not come up on",
      patched(
        cluster(),
        { kind: "Node", name: "n3" },
        { metadata: { annotations: { "flannel.alpha.coreos.com/backend-data": null } } },
      ),
      "ValueNotFound",
      "node n3",
      /has not written/,
    ],
    [
      "a MAC that is none",
      patched(
        cluster(),
        { kind: "Node", name: "n3" },
        { metadata: { annotations: { "flannel.alpha.coreos.com/backend-data": '{"VtepMAC":"x"}' } } },
      ),
      "ValueNotFound",
      "node n3",
      /has not written/,
    ],
    [
      "a node with another backend",
      patched(
        cluster(),
        { kind: "Node", name: "n2" },
        { metadata: { annotations: { "flannel.alpha.coreos.com/backend-type": "host-gw" } } },
      ),
      "UnsupportedBackend",
      "node n2",
      /with backend host-gw/,
    ],
    [
      "another VNI than configured",
      withNetConf({ ...vxlan, Backend: { Type: "vxlan", VNI: 9 } }),
      "ValueNotFound",
      "nodes n1, n2, n3",
      /another VNI than 9/,
    ],
  ];

  it.each(cases)("%s: one blocker with reason, place and cure", (_, objects, reason, where, what) => {
    expect(blockersOf(objects)).toEqual([
      {
        severity: "blocker",
        reason,
        where,
        what: expect.stringMatching(what),
        cure: expect.stringMatching(/^[^\n]{10,}$/),
      },
    ]);
  });

  it("says everything at once", () => {
    const objects = patched(withNetConf({ ...vxlan, Backend: { Type: "vxlan", DirectRouting: true } }), daemonSet, {
      metadata: { labels: { "addonmanager.kubernetes.io/mode": "x" } },
    });

    expect(
      blockersOf(objects)
        .map((f) => f.reason)
        .sort(),
    ).toEqual(["AddonManaged", "DirectRoutingEnabled"]);
  });

  it("a configuration that is not in effect, unless the user says what is", () => {
    const objects = withNetConf({ ...vxlan, Network: "10.0.0.0/8" });
    const hosts = { n1: hostFacts(subnetEnv()) };

    expect(blockersOf(objects, {}, hosts)).toEqual([
      expect.objectContaining({ what: "Network is 10.0.0.0/8, but the nodes run with 10.244.0.0/16" }),
    ]);
    expect(blockersOf(objects, { network: "10.244.0.0/16" }, hosts)).toEqual([]);
  });

  it("another VXLAN device on the port, where a node was read", () => {
    const device = { name: "cilium_vxlan", vni: 0, port: 8472, mac: "", mtu: 1500, external: true, addresses: [] };
    const own = { name: "flannel.1", vni: 1, port: 8472, mac: "", mtu: 1450, external: false, addresses: [] };
    const apart = { ...own, name: "vxlan.calico", vni: 4096, port: 4789 };

    expect(blockersOf(cluster(), {}, { n2: hostFacts({ vxlans: [own, apart, device] }) })).toEqual([
      expect.objectContaining({
        reason: "TargetAlreadyRuns",
        where: "node n2",
        cure: "if nothing uses it any more: ip link delete cilium_vxlan",
      }),
    ]);
  });

  it("MTUs that differ are a warning, for the smallest fits all", () => {
    const hosts = { n1: hostFacts(subnetEnv()), n2: hostFacts(subnetEnv({ FLANNEL_MTU: "8950" })) };

    expect(found(cluster(), {}, hosts).findings).toEqual([
      expect.objectContaining({
        severity: "warning",
        what: "the nodes' overlay MTUs differ: 1450, 8950; the smallest is used for all",
      }),
    ]);
  });

  it("a CNI network of another name: its files are not known to the clean-up", () => {
    const objects = patched(cluster(), configMap, { data: { "cni-conf.json": '{"name":"podnet"}' } });

    expect(found(objects).findings).toContainEqual(
      expect.objectContaining({ severity: "warning", what: expect.stringContaining("named podnet") }),
    );
  });

  it("DaemonSets in two namespaces are ambiguous until one is named", () => {
    const [second] = cluster().filter((o) => o.kind === "DaemonSet");
    const objects = [
      ...cluster(),
      { ...(second as UnknownObject), metadata: { name: "kube-flannel-ds", namespace: "kube-system" } },
    ];

    expect(blockersOf(objects).map((f) => f.reason)).toEqual(["SourceAmbiguous"]);
    expect(blockersOf(objects, { daemonSet: { namespace: "kube-flannel", name: "kube-flannel-ds" } })).toEqual([]);
  });

  it("a DaemonSet that is named and does not exist", () => {
    const { facts, findings } = found(cluster(), { daemonSet: { namespace: "x", name: "y" } });

    expect(facts.agent.daemonSets).toEqual([]);
    expect(findings).toEqual([expect.objectContaining({ reason: "SourceNotFound", where: "daemonset x/y" })]);
  });

  it("flannel built into a distribution: its marks on the nodes, and no DaemonSet", () => {
    const objects = cluster().filter((o) => o.kind === "Node");

    expect(blockersOf(objects)).toEqual([
      expect.objectContaining({ reason: "EmbeddedFlannel", where: "nodes n1, n2, n3" }),
    ]);
  });

  it("Windows nodes do not count: flannel for Linux says nothing of them", () => {
    const objects = patched(
      cluster(),
      { kind: "Node", name: "n3" },
      { metadata: { labels: { "kubernetes.io/os": "windows" }, annotations: null } },
    );

    expect(blockersOf(objects)).toEqual([]);
  });
});
