import { describe, expect, it } from "vitest";
import type { UnknownObject } from "../../kube/types.ts";
import type { Overrides } from "../contract.ts";
import type { HostFacts } from "../host-ops.ts";
import { hostFacts, patched, subnetEnv } from "../testing.ts";
import {
  blockersOf,
  cluster,
  configMap,
  daemonSet,
  found,
  origin,
  vxlan,
  withContainer,
  withNetConf,
} from "./fixtures.ts";

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
