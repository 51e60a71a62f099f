import { describe, expect, it } from "vitest";
import type { Container, DaemonSet } from "../../kube/objects.ts";
import type { UnknownObject } from "../../kube/types.ts";
import type { OverlayFacts } from "../contract.ts";
import { patched, planOfRecording } from "../testing.ts";
import { calicoManifests } from "./fixtures.ts";
import { transformManifests } from "./transform.ts";

const plan = planOfRecording();

function transformed(
  objects: readonly UnknownObject[] = calicoManifests,
  overlay: Partial<OverlayFacts> = {},
  form?: "final",
) {
  const result = transformManifests(objects, { ...plan, overlay: { ...plan.overlay, ...overlay } }, form);
  const daemonSet = result.find((o) => o.kind === "DaemonSet") as DaemonSet | undefined;
  const config = result.find((o) => o.kind === "ConfigMap")?.data as Record<string, string> | undefined;
  if (daemonSet === undefined || config === undefined)
    throw new Error("the manifests lost their DaemonSet or ConfigMap");
  return {
    result,
    config,
    daemonSet,
    spec: daemonSet.spec.template.spec,
    node: daemonSet.spec.template.spec.containers[0] as Container,
  };
}

function env(container: Container): Record<string, unknown> {
  return Object.fromEntries((container.env ?? []).map((e) => [e.name, e.value ?? e.valueFrom]));
}

describe("networks/calico/transform", () => {
  it("keeps the agent to nodes of Calico, beside what the manifests ask for", () => {
    const { daemonSet, spec } = transformed();

    expect(spec.nodeSelector).toEqual({ "kubernetes.io/os": "linux", "cni-migrate.io/network": "calico" });
    expect(daemonSet.spec.updateStrategy).toEqual({ type: "OnDelete" });
  });

  it("sets backend and MTU where the manifests have them", () => {
    expect(transformed().config).toMatchObject({
      calico_backend: "vxlan",
      veth_mtu: "1450",
      typha_service_name: "none",
    });
  });

  it("takes the address of the node, makes no pool, and lets nothing stand above what is prepared", () => {
    expect(env(transformed().node)).toEqual({
      DATASTORE_TYPE: "kubernetes",
      CALICO_NETWORKING_BACKEND: { configMapKeyRef: { name: "calico-config", key: "calico_backend" } },
      IP: "autodetect",
      IP_AUTODETECTION_METHOD: "kubernetes-internal-ip",
      NO_DEFAULT_POOLS: "true",
      FELIX_HEALTHENABLED: "true",
      FELIX_VXLANMTU: { configMapKeyRef: { name: "calico-config", key: "veth_mtu" } },
      FELIX_LOGSEVERITYSCREEN: "info",
    });
  });

  it("asks no BGP daemon for its health", () => {
    const { node } = transformed();

    expect(node.livenessProbe).toEqual({ exec: { command: ["/bin/calico-node", "-felix-live"] }, periodSeconds: 10 });
    expect(node.readinessProbe).toEqual({ exec: { command: ["/bin/calico-node", "-felix-ready"] } });
  });

  it("leaves out what would act by itself: initial pools, the conversion of old addresses, mounts for eBPF, settings that are prepared", () => {
    const { result, spec } = transformed();

    expect(result.map((o) => o.kind)).not.toContain("IPPool");
    expect(spec.initContainers?.map((c) => c.name)).toEqual(["install-cni"]);
    expect(result.find((o) => o.kind === "FelixConfiguration")?.spec).toEqual({ prometheusMetricsEnabled: true });
  });

  it("an MTU that is not known yet comes with FelixConfiguration, which a variable would hide", () => {
    const { node, config } = transformed(calicoManifests, { mtu: 0 });

    expect(env(node)).not.toHaveProperty("FELIX_VXLANMTU");
    expect(config.veth_mtu).toBe("0");
  });

  it("changes literals in their place where there is no ConfigMap for them", () => {
    const containers = [
      {
        name: "calico-node",
        env: [
          { name: "CALICO_NETWORKING_BACKEND", value: "bird" },
          { name: "FELIX_VXLANMTU", value: "0" },
          { name: "IP", value: "172.30.0.11" },
        ],
      },
    ];
    const { node } = transformed(
      patched(calicoManifests, { kind: "DaemonSet" }, { spec: { template: { spec: { containers } } } }),
    );

    expect(node.env?.slice(0, 3)).toEqual([
      { name: "CALICO_NETWORKING_BACKEND", value: "vxlan" },
      { name: "FELIX_VXLANMTU", value: "1450" },
      { name: "IP", value: "autodetect" },
    ]);
  });

  it("installs plugin and configuration where the nodes have theirs", () => {
    const dirs = {
      ...plan,
      source: { ...plan.source, cniConfDir: "/etc/cni/net.d/own", cniBinDir: "/opt/cni/bin/own" },
    };
    const daemonSet = transformManifests(calicoManifests, dirs).find((o) => o.kind === "DaemonSet") as
      | DaemonSet
      | undefined;

    expect(daemonSet?.spec.template.spec.volumes?.map((v) => v.hostPath)).toEqual([
      { path: "/opt/cni/bin/own", type: "DirectoryOrCreate" },
      { path: "/etc/cni/net.d/own" },
    ]);
  });

  it("in its final form runs on every node as the manifests ask, with all their init containers", () => {
    const given = calicoManifests.find((o) => o.kind === "DaemonSet") as DaemonSet | undefined;
    const { daemonSet, spec } = transformed(calicoManifests, {}, "final");

    expect(daemonSet.spec.updateStrategy).toEqual(given?.spec.updateStrategy);
    expect(spec.nodeSelector).toEqual(given?.spec.template.spec.nodeSelector);
    expect(spec.initContainers?.map((c) => c.name)).toEqual(["upgrade-ipam", "mount-bpffs", "install-cni"]);
  });

  it("in its final form goes on with the overlay and with every node's address, and makes no pool", () => {
    const { config, node, result } = transformed(calicoManifests, {}, "final");

    expect(config).toMatchObject({ calico_backend: "vxlan", veth_mtu: "1450" });
    expect(env(node)).toEqual({
      DATASTORE_TYPE: "kubernetes",
      CALICO_NETWORKING_BACKEND: { configMapKeyRef: { name: "calico-config", key: "calico_backend" } },
      IP: "autodetect",
      IP_AUTODETECTION_METHOD: "kubernetes-internal-ip",
      NO_DEFAULT_POOLS: "true",
      FELIX_VXLANMTU: { configMapKeyRef: { name: "calico-config", key: "veth_mtu" } },
      FELIX_LOGSEVERITYSCREEN: "info",
    });
    expect(result.map((o) => o.kind)).not.toContain("IPPool");
    expect(result.find((o) => o.kind === "FelixConfiguration")?.spec).toEqual({ prometheusMetricsEnabled: true });
  });

  it("in its final form finds addresses as the manifests say, where they say it", () => {
    const containers = [{ name: "calico-node", env: [{ name: "IP_AUTODETECTION_METHOD", value: "interface=eth1" }] }];
    const objects = patched(calicoManifests, { kind: "DaemonSet" }, { spec: { template: { spec: { containers } } } });

    expect(env(transformed(objects).node)).toMatchObject({ IP_AUTODETECTION_METHOD: "kubernetes-internal-ip" });
    expect(env(transformed(objects, {}, "final").node)).toMatchObject({ IP_AUTODETECTION_METHOD: "interface=eth1" });
  });

  it("leaves all other objects as they were", () => {
    const { result } = transformed();

    for (const kind of ["CustomResourceDefinition", "Deployment"])
      expect(result.find((o) => o.kind === kind)).toEqual(calicoManifests.find((o) => o.kind === kind));
  });
});
