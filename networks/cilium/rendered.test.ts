import { describe, expect, it, vi } from "vitest";
import type { UnknownObject } from "../../kube/types.ts";
import { podSpecOf } from "../workloads.ts";
import { configIn, settingsOf } from "./config.ts";
import { agentsIn, isOperator, isProxy } from "./facts.ts";
import { ciliumPlan } from "./fixtures.ts";
import { agentOf, checkManifests } from "./manifests.ts";
import { findChart, rendered } from "./testing/rendered.ts";
import { transformManifests } from "./transform.ts";

// Each render is a run of helm, which takes seconds where others use the processor too.
vi.setConfig({ testTimeout: 60_000 });

const chart = findChart();
const plan = ciliumPlan();
const settings = (objects: UnknownObject[]) => settingsOf(configIn(objects, "kube-system"));
const blockers = (objects: UnknownObject[]) =>
  checkManifests(objects, plan.source).flatMap(({ severity, what }) => (severity === "blocker" ? [what] : []));

/** Values of the migration as Cilium's own guide for one gives them to the chart. */
const guide = {
  "operator.unmanagedPodWatcher.restart": "false",
  "cni.customConf": "true",
  policyEnforcementMode: "never",
  "bpf.hostLegacyRouting": "true",
  tunnelPort: "8473",
  "ipam.operator.clusterPoolIPv4PodCIDRList": "{10.245.0.0/16}",
};

/** Settings the guide does without; each says why in config.ts. */
const beyondGuide = {
  "cni-exclusive": "false",
  "enable-bpf-masquerade": "false",
  "prepend-iptables-chains": "false",
  "set-cilium-node-taints": "false",
};

describe("networks/cilium: the official chart", () => {
  if (chart === undefined) {
    it.skip("is not here: the lab brings it (npm run lab -- up --ready cilium)", () => {});
    return;
  }
  const own = rendered(chart);

  it("passes as it comes, with its own values", () => {
    expect(blockers(own)).toEqual([]);
    expect(agentOf(own)).toMatchObject({ namespace: "kube-system", daemonSets: ["cilium"] });
    expect(agentOf(own).podLabels).toMatchObject({ "k8s-app": "cilium" });
    expect(own.filter(isOperator).map(({ metadata }) => metadata.name)).toEqual(["cilium-operator"]);
  });

  it("is transformed into what its own values for a migration make of it, and four settings more", () => {
    const mixed = settings(transformManifests(own, plan));
    const { "cni-log-file": logFile, ...rest } = mixed;

    expect(rest).toEqual({ ...settings(rendered(chart, guide)), ...beyondGuide });
    // The chart leaves it out where nobody writes the configuration; here some nodes do.
    expect(logFile).toBe(settings(own)["cni-log-file"]);
  });

  it("transforms values of a migration that are set already into the same", () => {
    const { "cni-log-file": _, ...mixed } = settings(transformManifests(own, plan));

    expect(settings(transformManifests(rendered(chart, guide), plan))).toEqual(mixed);
  });

  it("keeps its proxies to nodes on Cilium while it lasts", () => {
    const selectors = (objects: UnknownObject[]) => objects.filter(isProxy).map((o) => podSpecOf(o).nodeSelector);
    const linux = { "kubernetes.io/os": "linux" };

    expect(selectors(transformManifests(own, plan))).toEqual([{ ...linux, "cni-migrate.io/network": "cilium" }]);
    expect(selectors(transformManifests(own, plan, "final"))).toEqual([linux]);
  });

  it("in the end is its own again but for range and port", () => {
    const final = transformManifests(own, plan, "final");

    expect(settings(final)).toEqual({
      ...settings(own),
      "cluster-pool-ipv4-cidr": "10.245.0.0/16",
      "tunnel-port": "8473",
    });
    expect(agentsIn(final)).toEqual(agentsIn(own));
  });

  it.each<[string, Record<string, string>, string[]]>([
    [
      "what a user may have set",
      {
        kubeProxyReplacement: "true",
        k8sServiceHost: "192.0.2.1",
        k8sServicePort: "6443",
        "cni.customConf": "true",
        "cni.configMap": "own",
        "cni.chainingMode": "generic-veth",
        "cni.uninstall": "true",
        "daemon.configSources": "config-map:kube-system/cilium-config",
        "daemon.blockedConfigOverrides": "custom-cni-conf",
        "ipv6.enabled": "true",
        cleanState: "true",
        tunnelPort: "8472",
      },
      [
        "daemon.configSources is config-map:kube-system/cilium-config: ",
        "daemon.blockedConfigOverrides keeps CiliumNodeConfig from setting custom-cni-conf",
        "kube-proxy-replacement is true: ",
        "enable-ipv6 is true: ",
        "cni-chaining-mode is generic-veth: ",
        "cni-uninstall is true: ",
        "clean-cilium-state is true: ",
        "cni.customConf and cni.configMap are both set: ",
        "tunnel-port is 8472, which is flannel's own",
      ],
    ],
    [
      "another kind of cluster",
      {
        "ipam.mode": "kubernetes",
        tunnelProtocol: "geneve",
        "daemon.allowedConfigOverrides": "debug",
        cleanBpfState: "true",
      },
      [
        "daemon.allowedConfigOverrides keeps CiliumNodeConfig from setting write-cni-conf-when-ready, custom-cni-conf",
        "tunnel-protocol is geneve: ",
        "ipam is kubernetes: ",
        "clean-cilium-bpf-state is true: ",
      ],
    ],
    [
      "routes in the place of a tunnel",
      { routingMode: "native", ipv4NativeRoutingCIDR: "10.0.0.0/8" },
      ["routing-mode is native: "],
    ],
  ])("refuses %s as the chart writes it, one line each", (_, values, starts) => {
    const found = blockers(rendered(chart, { ...values, "hubble.enabled": "false" }));

    expect(found.map((what, i) => what.slice(0, starts[i]?.length))).toEqual(starts);
  });

  it("refuses the hooks it has for certificates", () => {
    expect(blockers(rendered(chart, { "hubble.tls.auto.method": "cronJob" }))).toContain(
      "it is a hook, which Helm alone knows when to run",
    );
  });
});
