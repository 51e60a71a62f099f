import { expect, test } from "vitest";
import { dualStackCniImage } from "./images.ts";
import { calicoForLab, canalForLab, flannelForLab, type ManifestObject, parseObjects } from "./manifests.ts";

const configMap = (data: Record<string, unknown>): ManifestObject => ({
  kind: "ConfigMap",
  metadata: { name: "config" },
  data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, JSON.stringify(value)])),
});

const daemonSet = (containers: { name: string; env?: { name: string; value?: string }[] }[]): ManifestObject => ({
  kind: "DaemonSet",
  metadata: { name: "agent" },
  spec: { template: { spec: { containers } } },
});

const dataOf = (object: ManifestObject | undefined, key: string) => JSON.parse(object?.data?.[key] ?? "null");
const envOf = (object: ManifestObject | undefined, index: number) =>
  object?.spec?.template?.spec?.containers?.[index]?.env;

test("flannel gets the cluster's CIDR and a CNI version its plugin speaks; the rest stays", () => {
  const netConf = { Network: "10.244.0.0/16", EnableNFTables: false, Backend: { Type: "vxlan" } };
  const cniConf = { name: "cbr0", cniVersion: "1.0.0", plugins: [{ type: "flannel" }] };
  const [config, agent] = flannelForLab(
    [configMap({ "net-conf.json": netConf, "cni-conf.json": cniConf }), daemonSet([{ name: "kube-flannel" }])],
    "10.99.0.0/16",
  );
  expect(dataOf(config, "net-conf.json")).toEqual({ ...netConf, Network: "10.99.0.0/16" });
  expect(dataOf(config, "cni-conf.json")).toEqual({ ...cniConf, cniVersion: "0.3.1" });
  expect(envOf(agent, 0)).toBeUndefined();
});

test("flannel in a lab of both families has both switched on, and the lab's CNI plugin", () => {
  const initContainers = [
    { name: "install-cni-plugin", image: "flannel's" },
    { name: "install-cni", image: "flannel's" },
  ];
  const agent: ManifestObject = { ...daemonSet([]), spec: { template: { spec: { initContainers } } } };
  const [config, edited] = flannelForLab(
    [configMap({ "net-conf.json": { Network: "10.244.0.0/16" } }), agent],
    "10.99.0.0/16,fd01::/56",
  );
  expect(dataOf(config, "net-conf.json")).toEqual({
    Network: "10.99.0.0/16",
    EnableIPv6: true,
    IPv6Network: "fd01::/56",
  });
  expect(edited?.spec?.template?.spec?.initContainers).toEqual([
    { name: "install-cni-plugin", image: dualStackCniImage },
    { name: "install-cni", image: "flannel's" },
  ]);
});

test("Calico's first pool is the cluster's CIDR, once, and only calico-node is told", () => {
  const before = daemonSet([
    {
      name: "calico-node",
      env: [
        { name: "IP", value: "autodetect" },
        { name: "CALICO_IPV4POOL_CIDR", value: "1.2.3.0/24" },
      ],
    },
    { name: "other", env: [] },
  ]);
  const [after] = calicoForLab([before], "10.99.0.0/16");
  expect(envOf(after, 0)).toEqual([
    { name: "IP", value: "autodetect" },
    { name: "CALICO_IPV4POOL_CIDR", value: "10.99.0.0/16" },
  ]);
  expect(envOf(after, 1)).toEqual([]);
  expect(envOf(before, 0)).toContainEqual({ name: "CALICO_IPV4POOL_CIDR", value: "1.2.3.0/24" });
});

test("Canal's flannel network and Calico pool are the same", () => {
  const objects = [configMap({ "net-conf.json": { Network: "10.244.0.0/16" } }), daemonSet([{ name: "calico-node" }])];
  const [config, agent] = canalForLab(objects, "10.99.0.0/16");
  expect(dataOf(config, "net-conf.json").Network).toBe("10.99.0.0/16");
  expect(envOf(agent, 0)).toEqual([{ name: "CALICO_IPV4POOL_CIDR", value: "10.99.0.0/16" }]);
});

test("empty documents of a manifest are no objects", () => {
  expect(parseObjects("---\nkind: A\n---\n# nothing\n---\nkind: B\n").map(({ kind }) => kind)).toEqual(["A", "B"]);
});
