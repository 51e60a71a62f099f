import { describe, expect, it } from "vitest";
import type { ConfigMap } from "../../kube/objects.ts";
import type { UnknownObject } from "../../kube/types.ts";
import { deepFrozen, patched } from "../testing.ts";
import { containersOf, heldTo, hostPathOf, podSpecOf } from "../workloads.ts";
import { configIn } from "./config.ts";
import { ciliumManifests, ciliumPlan } from "./fixtures.ts";
import { transformManifests } from "./transform.ts";

const plan = ciliumPlan();

function settings(objects: UnknownObject[]): Record<string, string> {
  return (configIn(objects, "kube-system") as ConfigMap | undefined)?.data ?? {};
}

function named(objects: readonly UnknownObject[], kind: string): UnknownObject {
  const found = objects.find((o) => o.kind === kind);
  if (found === undefined) throw new Error(`no ${kind}`);
  return found;
}

describe("networks/cilium/transform", () => {
  it("gives cilium-config the settings for the time of the migration, and leaves all others", () => {
    expect(settings(transformManifests(ciliumManifests, plan))).toEqual({
      ipam: "cluster-pool",
      "cluster-pool-ipv4-cidr": "10.245.0.0/16",
      "cluster-pool-ipv4-mask-size": "24",
      "routing-mode": "tunnel",
      "tunnel-protocol": "vxlan",
      "tunnel-port": "8473",
      "enable-ipv4": "true",
      "enable-ipv6": "false",
      "enable-policy": "never",
      "custom-cni-conf": "true",
      "cni-exclusive": "false",
      "enable-host-legacy-routing": "true",
      "enable-bpf-masquerade": "false",
      "set-cilium-node-taints": "false",
      "prepend-iptables-chains": "false",
      "kube-proxy-replacement": "false",
      "unmanaged-pod-watcher-interval": "0",
      debug: "false",
    });
  });

  it("in the end it is the user's own, on the overlay there is", () => {
    expect(settings(transformManifests(ciliumManifests, plan, "final"))).toEqual({
      ...settings(ciliumManifests),
      "cluster-pool-ipv4-cidr": "10.245.0.0/16",
      "tunnel-port": "8473",
    });
  });

  it("keeps the port that is asked for, and Cilium's usual one where the source leaves it free", () => {
    const asked = patched(
      ciliumManifests,
      { kind: "ConfigMap", name: "cilium-config" },
      { data: { "tunnel-port": "9000" } },
    );
    const calicos = ciliumPlan({ overlay: { ...plan.overlay, port: 4789 } });

    for (const form of [undefined, "final"] as const) {
      expect(settings(transformManifests(asked, plan, form))["tunnel-port"]).toBe("9000");
      expect(settings(transformManifests(ciliumManifests, calicos, form))["tunnel-port"]).toBeUndefined();
    }
  });

  it("holds the agent until all is prepared, restarted by no change of its template, and marks it as the migration's", () => {
    const agent = named(transformManifests(ciliumManifests, plan), "DaemonSet");
    const own = podSpecOf(named(ciliumManifests, "DaemonSet"));

    expect(agent).toMatchObject({
      metadata: { labels: { "k8s-app": "cilium", "cni-migrate.io/network": "cilium" } },
      spec: {
        updateStrategy: { type: "OnDelete" },
        template: { metadata: { annotations: { "cni-migrate.io/form": "migration" } } },
      },
    });
    expect(heldTo(agent)).toBe("cilium");
    expect(podSpecOf(agent)).toEqual({
      ...own,
      nodeSelector: { "kubernetes.io/os": "linux", "cni-migrate.io/network": "cilium" },
    });
  });

  it("lets the operator run on every node, cordoned or not", () => {
    const operator = named(transformManifests(ciliumManifests, plan), "Deployment");

    expect(podSpecOf(operator).tolerations).toEqual([{ operator: "Exists" }]);
    expect(containersOf(operator)).toEqual(containersOf(named(ciliumManifests, "Deployment")));
  });

  it("in the end only the settings are not as given: the templates differ from before by what restarts each pod once", () => {
    const final = transformManifests(ciliumManifests, plan, "final");
    const isSettings = (o: UnknownObject) => o.kind === "ConfigMap" && o.metadata.namespace === "kube-system";

    expect(final.filter((o) => !isSettings(o))).toEqual(ciliumManifests.filter((o) => !isSettings(o)));
    for (const kind of ["DaemonSet", "Deployment"])
      expect(JSON.stringify(named(transformManifests(ciliumManifests, plan), kind))).toContain("cni-migrate.io/form");
  });

  it("uses the node's own CNI directories, also where programs are run from them", () => {
    const source = { ...plan.source, cniConfDir: "/etc/cni/net.d/own", cniBinDir: "/opt/cni/bin/own" };

    for (const form of [undefined, "final"] as const) {
      const agent = named(transformManifests(ciliumManifests, { ...plan, source }, form), "DaemonSet");

      expect(hostPathOf(agent, "/host/etc/cni/net.d")).toBe("/etc/cni/net.d/own");
      expect(hostPathOf(agent, "/hostbin")).toBe("/opt/cni/bin/own");
      expect(podSpecOf(agent).initContainers?.flatMap((c) => c.env ?? [])).toEqual([
        { name: "BIN_PATH", value: "/opt/cni/bin/own" },
      ]);
    }
  });

  it("leaves what it was given alone, and comes to the same when done twice", () => {
    const once = transformManifests(deepFrozen(structuredClone(ciliumManifests)), plan);

    expect(transformManifests(deepFrozen(structuredClone(once)), plan)).toEqual(once);
  });

  it("needs to know the second overlay", () => {
    const { second: _, ...shared } = plan;

    expect(() => transformManifests(ciliumManifests, shared)).toThrow(/has no second overlay/);
  });

  it("keeps proxies to nodes on Cilium while it lasts, and nobody restarts them by hand", () => {
    const proxy = {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata: { name: "cilium-envoy", namespace: "kube-system" },
      spec: {
        updateStrategy: { type: "RollingUpdate" },
        template: {
          spec: {
            nodeSelector: { os: "linux" },
            containers: [{ name: "cilium-envoy", image: "example.org/cilium/cilium-envoy:v1" }],
          },
        },
      },
    };
    const found = (form?: "final") => {
      const all = transformManifests([...ciliumManifests, proxy], plan, form);
      return all.find(({ metadata }) => metadata.name === "cilium-envoy") as UnknownObject;
    };

    expect(podSpecOf(found()).nodeSelector).toEqual({ os: "linux", "cni-migrate.io/network": "cilium" });
    expect((found().spec as typeof proxy.spec).updateStrategy).toEqual({ type: "RollingUpdate" });
    expect(found("final")).toEqual(proxy);
  });
});
