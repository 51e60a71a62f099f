import { describe, expect, it } from "vitest";
import type { UnknownObject } from "../../kube/types.ts";
import { patched, withoutEachField } from "../testing.ts";
import { agentsIn } from "./facts.ts";
import { ciliumManifests, ciliumPlan } from "./fixtures.ts";
import { agentOf, checkManifests } from "./manifests.ts";
import { transformManifests } from "./transform.ts";

const { source } = ciliumPlan();

function withSetting(key: string, value: string | null): UnknownObject[] {
  return patched(ciliumManifests, { kind: "ConfigMap", name: "cilium-config" }, { data: { [key]: value } });
}

/** The agent's pods changed. */
function withAgent(change: (spec: Record<string, { name: string }[]>) => void): UnknownObject[] {
  const objects = structuredClone(ciliumManifests);
  for (const agent of agentsIn(objects))
    change(agent.spec.template.spec as unknown as Record<string, { name: string }[]>);
  return objects;
}

function withBuilder(...flags: string[]): UnknownObject[] {
  return withAgent((spec) => {
    for (const container of spec.initContainers ?? [])
      if (container.name === "config") Object.assign(container, { command: ["cilium-dbg", "build-config", ...flags] });
  });
}

function withImage(image: string): UnknownObject[] {
  return withAgent((spec) => {
    for (const container of spec.containers ?? []) Object.assign(container, { image });
  });
}

const second = (namespace: string): UnknownObject[] => {
  const [agent] = structuredClone(agentsIn(ciliumManifests));
  if (agent === undefined) throw new Error("the fixture has no agent");
  agent.metadata.namespace = namespace;
  return [...ciliumManifests, agent as unknown as UnknownObject];
};

const plus = (object: Record<string, unknown>): UnknownObject[] => [
  ...ciliumManifests,
  { apiVersion: "v1", metadata: { name: "x", namespace: "kube-system" }, ...object } as UnknownObject,
];

describe("networks/cilium/manifests", () => {
  it("takes what the chart gives, and names its agent", () => {
    expect(checkManifests(ciliumManifests, source)).toEqual([]);
    expect(agentOf(ciliumManifests)).toEqual({
      namespace: "kube-system",
      daemonSets: ["cilium"],
      podLabels: { "k8s-app": "cilium" },
    });
  });

  it.each<[string, UnknownObject[], string]>([
    ["nothing at all", [], "these are not Cilium's manifests: there is nothing in them"],
    [
      "another install",
      [{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "shop" } }],
      "these are not Cilium's manifests: no DaemonSet that runs cilium-agent",
    ],
    [
      "two installs in two namespaces",
      second("cilium"),
      "2 DaemonSets run cilium-agent: kube-system/cilium, cilium/cilium",
    ],
    [
      "the same install twice",
      second("kube-system"),
      "2 DaemonSets run cilium-agent: kube-system/cilium, kube-system/cilium",
    ],
    [
      "a chart before CiliumNodeConfig v2",
      withImage("quay.io/cilium/cilium:v1.15.4@sha256:abc"),
      "Cilium 1.15 has no CiliumNodeConfig that switches single nodes (1.16 is the first)",
    ],
    [
      "a chart whose agents leave the file to a script, whatever the image is called",
      withAgent((spec) => {
        for (const c of spec.containers ?? [])
          Object.assign(c, {
            image: "example.org/own@sha256:abc",
            lifecycle: { postStart: { exec: { command: ["/cni-install.sh"] } } },
          });
      }),
      "Cilium before 1.14 has no CiliumNodeConfig that switches single nodes (1.16 is the first)",
    ],
    [
      "no build-config",
      withAgent((spec) => {
        spec.initContainers = (spec.initContainers ?? []).filter((c) => c.name !== "config");
      }),
      "its settings come from the ConfigMap alone: no init container runs build-config, which reads CiliumNodeConfig",
    ],
    [
      "the ConfigMap as the only source",
      withBuilder("--source=config-map:kube-system/cilium-config"),
      "daemon.configSources is config-map:kube-system/cilium-config: agents do not read CiliumNodeConfig",
    ],
    [
      "keys that may be overridden, ours not among them",
      withBuilder("--allow-config-keys=debug,custom-cni-conf"),
      "daemon.allowedConfigOverrides keeps CiliumNodeConfig from setting write-cni-conf-when-ready",
    ],
    [
      "keys that may not be overridden, ours among them",
      withBuilder("--deny-config-keys=debug,write-cni-conf-when-ready"),
      "daemon.blockedConfigOverrides keeps CiliumNodeConfig from setting write-cni-conf-when-ready",
    ],
    [
      "customConf and configMap",
      patched(
        ciliumManifests,
        { kind: "ConfigMap", name: "cilium-config" },
        { data: { "custom-cni-conf": "true", "read-cni-conf": "/tmp/cni-configuration/cni-config" } },
      ),
      "cni.customConf and cni.configMap are both set: agents of all nodes would write the CNI configuration at once",
    ],
    [
      "kube-proxy replacement",
      withSetting("kube-proxy-replacement", "true"),
      "kube-proxy-replacement is true: Services of pods on the other network are kube-proxy's until the migration is finalized",
    ],
    ["the source's port", withSetting("tunnel-port", "8472"), "tunnel-port is 8472, which is flannel's own"],
    ["no port", withSetting("tunnel-port", "vxlan"), "tunnel-port is vxlan, which is no port"],
    [
      "native routing",
      withSetting("routing-mode", "native"),
      "routing-mode is native: only a tunnel keeps the two networks apart",
    ],
    ["Geneve", withSetting("tunnel-protocol", "geneve"), "tunnel-protocol is geneve: only VXLAN was proved"],
    [
      "ranges of Kubernetes",
      withSetting("ipam", "kubernetes"),
      "ipam is kubernetes: nodes need ranges of their own beside their podCIDR",
    ],
    ["IPv6", withSetting("enable-ipv6", "true"), "enable-ipv6 is true: IPv6 beside IPv4 is not supported yet"],
    ["no IPv4", withSetting("enable-ipv4", "false"), "enable-ipv4 is false: IPv6 alone is not supported yet"],
    [
      "chaining",
      withSetting("cni-chaining-mode", "aws-cni"),
      "cni-chaining-mode is aws-cni: chained to another plugin it gives pods no addresses of its own",
    ],
    ["WireGuard", withSetting("enable-wireguard", "true"), "enable-wireguard is true: only an open tunnel was proved"],
    ["IPsec", withSetting("enable-ipsec", "true"), "enable-ipsec is true: only an open tunnel was proved"],
    [
      "uninstall",
      withSetting("cni-uninstall", "true"),
      "cni-uninstall is true: a node would be without CNI configuration whenever its agent ends",
    ],
    [
      "state that is cleaned",
      withSetting("clean-cilium-state", "true"),
      "clean-cilium-state is true: each restart of an agent would cut its pods off",
    ],
    [
      "BPF state that is cleaned",
      withSetting("clean-cilium-bpf-state", "true"),
      "clean-cilium-bpf-state is true: each restart of an agent would cut its pods off",
    ],
    [
      "no settings",
      ciliumManifests.filter(({ kind }) => kind !== "ConfigMap"),
      "ConfigMap cilium-config is not in them",
    ],
    [
      "a hook",
      plus({
        apiVersion: "batch/v1",
        kind: "Job",
        metadata: { name: "hubble-generate-certs", annotations: { "helm.sh/hook": "post-install,post-upgrade" } },
      }),
      "it is a hook, which Helm alone knows when to run",
    ],
    [
      "Helm's own Secret",
      plus({ kind: "Secret", type: "helm.sh/release.v1", metadata: { name: "sh.helm.release.v1.cilium.v1" } }),
      "it is Helm's own record of a release",
    ],
    [
      "settings of nodes, as Cilium's own guide has them",
      plus({
        apiVersion: "cilium.io/v2",
        kind: "CiliumNodeConfig",
        metadata: { name: "cilium-default", namespace: "kube-system" },
      }),
      "they hold objects of Cilium's own kinds, which the API server does not know before its operator runs: ciliumnodeconfig kube-system/cilium-default",
    ],
    [
      "a foreign object",
      plus({ apiVersion: "batch/v1", kind: "Job" }),
      "Job (batch/v1) is not part of a network's install",
    ],
  ])("refuses %s, in one line with a cure", (_, objects, what) => {
    const findings = checkManifests(objects, source);

    expect(findings.map((f) => f.what)).toEqual([what]);
    expect(findings[0]?.severity).toBe("blocker");
    expect(findings[0]?.cure).not.toBe("");
    expect(`${findings[0]?.where}${findings[0]?.cure}`).not.toContain("\n");
  });

  it.each([
    ["its own port where the source has another", withSetting("tunnel-port", "8473")],
    ["replacement switched off in the words of older charts", withSetting("kube-proxy-replacement", "disabled")],
    ["overrides of other keys that are blocked", withBuilder("--deny-config-keys=debug")],
    ["node settings among the sources", withBuilder("--source=config-map:a/b,cilium-node-config:kube-system")],
    ["a template of the CNI configuration, alone", withSetting("read-cni-conf", "/tmp/cni-configuration/cni-config")],
    ["an image by digest", withImage("registry.example.org:5000/own@sha256:abc")],
    ["a later version", withImage("quay.io/cilium/cilium:v2.0.0")],
  ])("takes %s", (_, objects) => {
    expect(checkManifests(objects, source)).toEqual([]);
  });

  it("asks for care with the keys a render makes, and stops at nothing for them", () => {
    const findings = checkManifests(
      plus({ kind: "Secret", metadata: { name: "cilium-ca", namespace: "kube-system" } }),
    );

    expect(findings.map(({ severity, what }) => [severity, what])).toEqual([
      ["warning", "they hold private keys (secret kube-system/cilium-ca), which each helm template makes anew"],
    ]);
  });

  it("gets by with any one field missing", () => {
    for (const objects of withoutEachField(ciliumManifests)) {
      const blocked = checkManifests(objects, source).some((f) => f.severity === "blocker");
      if (!blocked) expect(() => transformManifests(objects, ciliumPlan())).not.toThrow();
    }
  });
});
