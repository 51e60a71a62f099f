import { describe, expect, it } from "vitest";
import type { UnknownObject } from "../../kube/types.ts";
import { snapshotOf } from "../snapshot.ts";
import { hostFacts, patched, recorded } from "../testing.ts";
import { detect } from "./detect.ts";
import { nodeObjects } from "./node-objects.ts";

const cluster = () => recorded("canal-3.28.5");

function found(objects: UnknownObject[] = cluster(), hosts = {}) {
  const result = detect(snapshotOf({ objects, hosts }), {});
  if (result.state === "absent") throw new Error("Canal was not found");
  return result;
}

function values(objects?: UnknownObject[], hosts?: object): Record<string, string> {
  return Object.fromEntries(found(objects, hosts).facts.detected.map(({ name, value }) => [name, value]));
}

/** "severity reason what", infos left out. */
function verdict(objects: UnknownObject[]): string[] {
  return found(objects)
    .findings.filter(({ severity }) => severity !== "info")
    .map(({ severity, reason, what }) => `${severity} ${reason} ${what}`);
}

/** The recording with variables of one container of Canal's set; null takes one away. */
function withEnv(
  name: string,
  value: string | null,
  kind: "containers" | "initContainers" = "containers",
): UnknownObject[] {
  return cluster().map((object) => {
    if (object.metadata.name !== "canal" || object.kind !== "DaemonSet") return object;
    const copy = structuredClone(object) as UnknownObject & {
      spec: { template: { spec: Record<string, { env?: { name: string; value?: string }[] }[]> } };
    };
    const [container] = copy.spec.template.spec[kind] ?? [];
    if (container === undefined) throw new Error(`no ${kind}`);
    const others = (container.env ?? []).filter((e) => e.name !== name);
    container.env = value === null ? others : [...others, { name, value }];
    return copy;
  });
}

describe("networks/canal/detect", () => {
  it("reads flanneld's half as flannel's, and names the pool of Calico's", () => {
    expect(values()).toMatchObject({
      network: "10.244.0.0/16",
      ipv6Network: "none",
      daemonSet: "kube-system/canal",
      mtu: "unknown",
      ipMasq: "true",
      subnetLen: "24",
      annotationPrefix: "flannel.alpha.coreos.com",
      vni: "1",
      port: "8472",
      cniConfDir: "/etc/cni/net.d",
      cniBinDir: "/opt/cni/bin",
      ipPool: "default-ipv4-ippool",
    });
    expect(Object.keys(found().facts.vteps)).toEqual(["n1", "n2", "n3"]);
    expect(found().findings.filter(({ severity }) => severity !== "info")).toEqual([]);
  });

  it("takes the MTU from the device on the nodes, the smallest of all", () => {
    const host = (mtu: number) =>
      hostFacts({
        vxlans: [{ name: "flannel.1", vni: 1, port: 8472, mac: "", mtu, external: false, addresses: [] }],
      });

    expect(values(cluster(), { n1: host(1450), n2: host(1400) }).mtu).toBe("1400");
  });

  it("finds directories that are mounted below /host", () => {
    const volumes = [{ name: "cni-net-dir", hostPath: { path: "/etc/cni/net.d/canal" } }];
    const objects = patched(
      cluster(),
      { kind: "DaemonSet", name: "canal" },
      { spec: { template: { spec: { volumes } } } },
    );

    expect(values(objects).cniConfDir).toBe("/etc/cni/net.d/canal");
  });

  it("is found under another name, as distributions call it", () => {
    const objects = patched(cluster(), { kind: "DaemonSet", name: "canal" }, { metadata: { name: "rke2-canal" } });

    expect(found(objects).facts.agent).toMatchObject({ namespace: "kube-system", daemonSets: ["rke2-canal"] });
  });

  it("names no pool of another range", () => {
    expect(values(patched(cluster(), { kind: "IPPool" }, { spec: { cidr: "192.168.0.0/16" } })).ipPool).toBeUndefined();
  });
});

describe("networks/canal/checks", () => {
  it.each<[string, UnknownObject[], string]>([
    [
      "etcd",
      withEnv("DATASTORE_TYPE", "etcdv3"),
      "blocker EtcdDatastore DATASTORE_TYPE is etcdv3: Canal must keep its data in the Kubernetes API",
    ],
    [
      "BIRD",
      withEnv("CALICO_NETWORKING_BACKEND", "bird"),
      "blocker UnsupportedBackend CALICO_NETWORKING_BACKEND is bird: Calico's half must leave the routes to flanneld",
    ],
    [
      "no backend said",
      withEnv("CALICO_NETWORKING_BACKEND", null),
      "blocker UnsupportedBackend CALICO_NETWORKING_BACKEND is not as it has to be: Calico's half must leave the routes to flanneld",
    ],
    [
      "a device of Felix",
      withEnv("FELIX_VXLANENABLED", "true"),
      "blocker UnsupportedBackend FELIX_VXLANENABLED is true: a device of Felix's own stands beside flanneld's",
    ],
    [
      "another health port",
      withEnv("FELIX_HEALTHPORT", "9098"),
      "blocker NotSupportedYet FELIX_HEALTHPORT is 9098: its health port must be 9099",
    ],
    [
      "another file",
      withEnv("CNI_CONF_NAME", "10-x.conflist", "initContainers"),
      "blocker NotSupportedYet CNI_CONF_NAME is 10-x.conflist: its CNI configuration must be named 10-canal.conflist",
    ],
    [
      "addresses of Calico's own",
      patched(cluster(), { kind: "ConfigMap" }, { data: { cni_network_config: '{"ipam": {"type": "calico-ipam"}}' } }),
      'blocker NotSupportedYet CNI_NETWORK_CONFIG is {"ipam": {"type": "calico-ipam"}}: its pods must have addresses of the node\'s podCIDR (host-local)',
    ],
    [
      "another backend of flanneld",
      patched(
        cluster(),
        { kind: "ConfigMap" },
        { data: { "net-conf.json": '{"Network":"10.244.0.0/16","Backend":{"Type":"host-gw"}}' } },
      ),
      "blocker UnsupportedBackend flannel's backend is host-gw; only VXLAN can be shared with another network",
    ],
  ])("refuses %s", (_, objects, expected) => {
    expect(verdict(objects)).toEqual([expected]);
  });

  it("refuses IPv6, though flannel's half could", () => {
    const netConf = {
      Network: "10.244.0.0/16",
      EnableIPv6: true,
      IPv6Network: "fd00:10::/56",
      Backend: { Type: "vxlan" },
    };
    const data = { "net-conf.json": JSON.stringify(netConf) };

    expect(verdict(patched(cluster(), { kind: "ConfigMap" }, { data }))).toContain(
      "blocker NotSupportedYet Canal with IPv6 cannot be left yet",
    );
  });

  it("refuses Felix's settings of single nodes that a person made, not those the migration made", () => {
    const made = (labels: Record<string, string>): UnknownObject => ({
      apiVersion: "crd.projectcalico.org/v1",
      kind: "FelixConfiguration",
      metadata: { name: "node.n1", labels },
      spec: { vxlanEnabled: false },
    });
    const [node] = found().facts.agent.daemonSets.map(() => ({ name: "n1" }));
    const [own] = nodeObjects({} as never, node as never, "in");

    expect(verdict([...cluster(), made({})])).toEqual([
      expect.stringMatching(/^blocker NotSupportedYet settings of Felix/),
    ]);
    expect(own?.change === "create" && verdict([...cluster(), own.object])).toEqual([]);
  });
});

describe("networks/canal/node-objects", () => {
  const node = { name: "n1" } as never;

  it("Felix makes no device while the node is on Canal, whatever the pool says", () => {
    const [change, ...more] = nodeObjects({} as never, node, "in");
    if (change?.change !== "create") throw new Error("nothing is made");

    expect(more).toEqual([]);
    expect(change.object).toMatchObject({ metadata: { name: "node.n1" }, spec: { vxlanEnabled: false } });
    expect(change.accepts(change.object)).toBeUndefined();
    expect(change.accepts({ ...change.object, spec: {} })).toBe("vxlanEnabled is not set, not false");
  });

  it("what was made goes when the node does", () => {
    expect(nodeObjects({} as never, node, "out")).toMatchObject([{ change: "delete", key: { name: "node.n1" } }]);
  });
});
