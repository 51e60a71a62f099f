import { describe, expect, it } from "vitest";
import type { UnknownObject } from "../../kube/types.ts";
import type { HostFacts } from "../host-ops.ts";
import { snapshotOf } from "../snapshot.ts";
import { hostFacts, patched, recorded } from "../testing.ts";
import { detect } from "./detect.ts";

function found(objects: UnknownObject[], hosts: Record<string, HostFacts> = {}) {
  const detection = detect(snapshotOf({ objects, hosts }), {});
  if (detection.state === "absent") throw new Error("Calico was not found");
  return detection;
}

const device = {
  name: "vxlan.calico",
  vni: 4096,
  port: 4789,
  mac: "66:40:B3:EA:B6:3F",
  mtu: 1450,
  external: false,
  addresses: [],
};

describe("networks/calico/detect", () => {
  it("reads a recorded cluster as it was installed", () => {
    const { facts, findings } = found(recorded("calico-3.28.5"), { n1: hostFacts({ vxlans: [device] }) });

    expect(findings).toEqual([]);
    expect(facts.agent).toEqual({
      namespace: "kube-system",
      daemonSets: ["calico-node"],
      podLabels: { "k8s-app": "calico-node" },
    });
    expect(facts.overlay).toEqual({
      encapsulation: "vxlan",
      vni: 4096,
      port: 4789,
      mtu: 1450,
      cidrs: ["10.244.0.0/16"],
      subnetLen: 24,
      masquerade: true,
    });
    const end = (mac: string, publicIP: string) => ({ ip: expect.stringMatching(/^10\.244\./), mac, publicIP });
    expect(facts.vteps).toEqual({
      n1: end("66:40:b3:ea:b6:3f", "172.30.0.11"),
      n2: end("66:40:24:34:76:fc", "172.30.0.12"),
      n3: end("66:26:c2:ce:28:d0", "172.30.0.13"),
    });
  });

  it("in the middle of a migration knows every node's end from its annotations", () => {
    const { facts } = found(recorded("mixed-calico-3.28.5"));

    expect(Object.keys(facts.vteps)).toEqual(["n1", "n2", "n3"]);
    expect(facts.overlay).toMatchObject({ vni: 1, port: 8472, mtu: 1450 });
  });

  it("finds Calico in any namespace, by container, image or labels", () => {
    const named = (containers: unknown[], labels: unknown) =>
      patched(
        recorded("calico-3.28.5"),
        { kind: "DaemonSet" },
        { metadata: { namespace: "net" }, spec: { template: { metadata: { labels }, spec: { containers } } } },
      );

    expect(found(named([{ name: "calico-node" }], { "k8s-app": null })).facts.agent.namespace).toBe("net");
    expect(
      found(named([{ name: "x", image: "mirror.example.org/calico/node:v3.28.5" }], { "k8s-app": null })).facts.agent
        .namespace,
    ).toBe("net");
    expect(found(named([{ name: "x" }], { "k8s-app": "calico-node" })).facts.agent.namespace).toBe("net");
    expect(
      detect(
        snapshotOf({
          objects: named([{ name: "x", image: "example.org/my-calico/node-exporter:1" }], { "k8s-app": null }),
        }),
        {},
      ).state,
    ).toBe("absent");
  });

  it("refuses a pool without VXLAN, an operator and eBPF, all at once", () => {
    const objects = patched(
      recorded("calico-3.28.5"),
      { kind: "IPPool" },
      { spec: { vxlanMode: "Never", ipipMode: "Always" } },
    );
    const felix = patched(objects, { kind: "FelixConfiguration" }, { spec: { bpfEnabled: true } });
    const all = [
      ...felix,
      { apiVersion: "operator.tigera.io/v1", kind: "Installation", metadata: { name: "default" } },
    ];

    expect(
      found(all)
        .findings.map((f) => `${f.reason} ${f.where}`)
        .sort(),
    ).toEqual([
      "EBPFDataplane felixconfiguration default",
      "OperatorManaged installation default",
      "UnsupportedBackend ippool default-ipv4-ippool",
    ]);
  });

  it("says how the operator steps aside: stopped, its finalizers gone, and only then its object, with nothing of what it made", () => {
    const installation = { apiVersion: "operator.tigera.io/v1", kind: "Installation", metadata: { name: "default" } };
    const [finding] = found([...recorded("calico-3.28.5"), installation]).findings;
    const commands = finding?.cure.split("): ")[1]?.split(" && ");

    expect(commands).toEqual([
      "kubectl -n tigera-operator scale deployment tigera-operator --replicas=0",
      `kubectl patch installations.operator.tigera.io default --type merge -p '{"metadata":{"finalizers":null}}'`,
      "kubectl delete installations.operator.tigera.io default --cascade=orphan",
    ]);
  });
});
