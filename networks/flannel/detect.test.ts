import { describe, expect, it } from "vitest";
import type { UnknownObject } from "../../kube/types.ts";
import type { Finding, NetworkFacts, Overrides } from "../contract.ts";
import type { HostFacts } from "../host-ops.ts";
import { snapshotOf } from "../snapshot.ts";
import { hostFacts, patched, recorded, subnetEnv } from "../testing.ts";
import { detect } from "./detect.ts";

const cluster = () => recorded("flannel-0.28.10");
const configMap = { kind: "ConfigMap", name: "kube-flannel-cfg" };
const daemonSet = { kind: "DaemonSet", name: "kube-flannel-ds" };

function found(objects: UnknownObject[], overrides: Overrides = {}, hosts: Record<string, HostFacts> = {}) {
  const detection = detect(snapshotOf({ objects, hosts }), overrides);
  if (detection.state === "absent") throw new Error("flannel was not found");
  return detection;
}

function blockersOf(objects: UnknownObject[], overrides?: Overrides, hosts?: Record<string, HostFacts>): Finding[] {
  return found(objects, overrides, hosts).findings.filter((f) => f.severity === "blocker");
}

function origin(facts: NetworkFacts, name: string): string {
  const detected = facts.detected.find((d) => d.name === name);
  return `${detected?.value} <- ${detected?.from}`;
}

function withNetConf(conf: unknown): UnknownObject[] {
  return patched(cluster(), configMap, { data: { "net-conf.json": JSON.stringify(conf) } });
}

function withContainer(container: Record<string, unknown>): UnknownObject[] {
  const mounts = [{ name: "flannel-cfg", mountPath: "/etc/kube-flannel/" }];
  return patched(cluster(), daemonSet, {
    spec: { template: { spec: { containers: [{ name: "kube-flannel", volumeMounts: mounts, ...container }] } } },
  });
}

const vxlan = { Network: "10.244.0.0/16", Backend: { Type: "vxlan" } };

describe("networks/flannel/detect", () => {
  it("reads a recorded cluster as it was installed", () => {
    const { facts, findings } = found(cluster(), {}, { n2: hostFacts(subnetEnv()) });

    expect(findings).toEqual([]);
    expect(facts.agent).toEqual({
      namespace: "kube-flannel",
      daemonSets: ["kube-flannel-ds"],
      podLabels: { app: "flannel", tier: "node" },
    });
    expect(facts.overlay).toEqual({
      encapsulation: "vxlan",
      vni: 1,
      port: 8472,
      mtu: 1450,
      cidrs: ["10.244.0.0/16"],
      subnetLen: 24,
      masquerade: true,
    });
    expect(Object.keys(facts.vteps)).toEqual(["n1", "n2", "n3"]);
    for (const vtep of Object.values(facts.vteps))
      expect(vtep).toEqual({
        ip: expect.stringMatching(/^10\.244\.[0-9]+\.0$/),
        mac: expect.stringMatching(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/),
        publicIP: expect.stringMatching(/^172\.30\.0\.1[123]$/),
      });
  });

  it("gives every setting of flannel a value and a place, read or not", () => {
    const { facts } = found(cluster());

    expect(facts.detected.map((d) => d.name)).toEqual([
      "network",
      "ipv6Network",
      "daemonSet",
      "mtu",
      "ipMasq",
      "subnetLen",
      "ipv6SubnetLen",
      "annotationPrefix",
      "vni",
      "port",
      "cniConfDir",
      "cniBinDir",
    ]);
    expect(origin(facts, "network")).toBe(
      "10.244.0.0/16 <- configmap kube-flannel/kube-flannel-cfg, net-conf.json, Network",
    );
    expect(origin(facts, "mtu")).toBe("unknown <- not read yet: subnet.env on the nodes has it");
  });

  it("an MTU nobody has read is said, and does not stop the migration", () => {
    const { facts, findings } = found(cluster());

    expect(facts.overlay.mtu).toBe(0);
    expect(findings).toEqual([
      expect.objectContaining({
        severity: "info",
        what: "the overlay's MTU is not known yet; the controller reads it on the nodes",
      }),
    ]);
  });

  it.each([
    [
      "what a node runs with, before what is configured",
      cluster(),
      {},
      { n1: hostFacts(subnetEnv()) },
      "network",
      "10.244.0.0/16 <- node n1, /run/flannel/subnet.env, FLANNEL_NETWORK",
    ],
    [
      "the smallest MTU of the nodes",
      cluster(),
      {},
      { n1: hostFacts(subnetEnv()), n3: hostFacts(subnetEnv({ FLANNEL_MTU: "1400" })) },
      "mtu",
      "1400 <- node n3, /run/flannel/subnet.env, FLANNEL_MTU",
    ],
    [
      "the link's MTU of the configuration, less what VXLAN adds",
      withNetConf({ ...vxlan, Backend: { Type: "vxlan", MTU: 1500 } }),
      {},
      {},
      "mtu",
      "1450 <- configmap kube-flannel/kube-flannel-cfg, net-conf.json, Backend.MTU",
    ],
    [
      "keys in any case, as flannel reads them",
      withNetConf({ network: "10.9.0.0/16", backend: { TYPE: "VXLAN", vni: 4096 } }),
      {},
      {},
      "vni",
      "4096 <- configmap kube-flannel/kube-flannel-cfg, net-conf.json, Backend.VNI",
    ],
    [
      "port 0 as the default",
      withNetConf({ ...vxlan, Backend: { Type: "vxlan", Port: 0 } }),
      {},
      {},
      "port",
      "8472 <- flannel's default",
    ],
    [
      "a flag's value behind it",
      withContainer({
        command: ["/opt/bin/flanneld", "--kube-subnet-mgr", "--kube-annotation-prefix", "net.example.org/f"],
      }),
      {},
      {},
      "annotationPrefix",
      "net.example.org/f <- daemonset kube-flannel/kube-flannel-ds, --kube-annotation-prefix",
    ],
    [
      "flags inside a shell line",
      withContainer({ command: ["/bin/sh", "-c", "exec /opt/bin/flanneld -ip-masq=false -kube-subnet-mgr"] }),
      {},
      {},
      "ipMasq",
      "false <- daemonset kube-flannel/kube-flannel-ds, --ip-masq",
    ],
    [
      "an environment variable",
      withContainer({ command: ["flanneld", "--kube-subnet-mgr"], env: [{ name: "FLANNELD_IP_MASQ", value: "true" }] }),
      {},
      {},
      "ipMasq",
      "true <- daemonset kube-flannel/kube-flannel-ds, FLANNELD_IP_MASQ",
    ],
    [
      "flannel's default where nothing is said",
      withContainer({ command: ["flanneld", "--kube-subnet-mgr"] }),
      {},
      {},
      "ipMasq",
      "false <- flannel's default",
    ],
    [
      "the DaemonSet the user named",
      cluster(),
      { daemonSet: { namespace: "kube-flannel", name: "kube-flannel-ds" } },
      {},
      "daemonSet",
      "kube-flannel/kube-flannel-ds <- spec.flannel.daemonSet",
    ],
    [
      "the longest prefix of the nodes",
      patched(cluster(), { kind: "Node", name: "n2" }, { spec: { podCIDRs: ["10.244.2.0/27"] } }),
      {},
      {},
      "subnetLen",
      "27 <- podCIDRs of the nodes",
    ],
  ] as [string, UnknownObject[], Overrides, Record<string, HostFacts>, string, string][])(
    "takes %s",
    (_, objects, overrides, hosts, name, expected) => {
      expect(origin(found(objects, overrides, hosts).facts, name)).toBe(expected);
    },
  );

  it("takes a variable from the ConfigMap it is set from", () => {
    const env = [
      { name: "FLANNELD_IP_MASQ", valueFrom: { configMapKeyRef: { name: "kube-flannel-cfg", key: "masquerade" } } },
    ];
    const objects = patched(withContainer({ command: ["flanneld", "--kube-subnet-mgr"], env }), configMap, {
      data: { masquerade: "true" },
    });

    expect(origin(found(objects).facts, "ipMasq")).toBe("true <- configmap kube-flannel/kube-flannel-cfg, masquerade");
  });

  it("reads the annotations of a prefix of the cluster's own", () => {
    const rename = (key: string) => key.replace("flannel.alpha.coreos.com/", "net.example.org/f-");
    const objects = withContainer({
      command: ["flanneld", "--kube-subnet-mgr", "--kube-annotation-prefix=net.example.org/f"],
    }).map((o) =>
      o.kind === "Node"
        ? {
            ...o,
            metadata: {
              ...o.metadata,
              annotations: Object.fromEntries(
                Object.entries(o.metadata.annotations ?? {}).map(([k, v]) => [rename(k), v]),
              ),
            },
          }
        : o,
    );

    expect(Object.keys(found(objects).facts.vteps)).toEqual(["n1", "n2", "n3"]);
    expect(blockersOf(objects)).toEqual([]);
  });

  it("takes the DaemonSets of each architecture together, and those with pods as the ones that count", () => {
    const [first] = cluster().filter((o) => o.kind === "DaemonSet");
    const others = ["amd64", "arm64", "arm", "ppc64le", "s390x"].map((arch) => ({
      ...structuredClone(first as UnknownObject),
      metadata: { name: `kube-flannel-ds-${arch}`, namespace: "kube-system" },
      status: { desiredNumberScheduled: arch === "arm64" ? 3 : 0 },
    }));
    const config = patched(cluster(), configMap, { metadata: { namespace: "kube-system" } });

    const { facts } = found([...config.filter((o) => o.kind !== "DaemonSet"), ...others]);

    expect(facts.agent.daemonSets).toEqual(
      ["amd64", "arm", "arm64", "ppc64le", "s390x"].map((arch) => `kube-flannel-ds-${arch}`),
    );
    expect(origin(facts, "cniConfDir")).toBe("/etc/cni/net.d <- daemonset kube-system/kube-flannel-ds-arm64, volumes");
  });

  it("finds flannel under another name, by image or by labels", () => {
    const container = { image: "quay.io/coreos/flannel:v0.11.0-amd64", name: "agent" };
    const byImage = patched(withContainer(container), daemonSet, {
      metadata: { name: "net", namespace: "infra" },
      spec: { template: { metadata: { labels: null } } },
    });
    const byLabel = patched(withContainer({ name: "agent", image: "example.org/own:1" }), daemonSet, {
      metadata: { name: "net" },
    });
    const neither = patched(
      byLabel,
      { kind: "DaemonSet" },
      { spec: { template: { metadata: { labels: { app: "shop" } } } } },
    );

    expect(found(byImage).facts.agent).toMatchObject({ namespace: "infra", daemonSets: ["net"] });
    expect(found(byLabel).facts.agent.daemonSets).toEqual(["net"]);
    expect(found(neither).facts.agent.daemonSets).toEqual([]);
  });
});

describe("networks/flannel/detect: refusals", () => {
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
    [
      "dual stack",
      withNetConf({ ...vxlan, EnableIPv6: true, IPv6Network: "fd00::/56" }),
      "NotSupportedYet",
      conf,
      /IPv6 overlay/,
    ],
    ["IPv6 only", withNetConf({ ...vxlan, EnableIPv4: false }), "NotSupportedYet", conf, /IPv6 overlay/],
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
