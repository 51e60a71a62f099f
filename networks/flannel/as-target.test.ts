import { describe, expect, it } from "vitest";
import type { ConfigMap } from "../../kube/objects.ts";
import type { KubeObject } from "../../kube/types.ts";
import type { NetworkFacts } from "../contract.ts";
import { snapshotOf } from "../snapshot.ts";
import { hostFacts, patched, planOfRecording, recorded } from "../testing.ts";
import { checkAsTarget } from "./as-target.ts";
import { flannelManifests } from "./fixtures.ts";
import { flannel } from "./index.ts";
import { checkManifests, transformManifests } from "./manifests.ts";

const { source } = planOfRecording();
const straight: NetworkFacts = {
  ...source,
  detected: [{ name: "directRouting", value: "true", from: "ippool default-ipv4-ippool, vxlanMode" }],
};

/** What is said of manifests whose net-conf.json is this one. */
function said(conf: unknown, facts = source): string[] {
  const objects = patched(flannelManifests, { kind: "ConfigMap" }, { data: { "net-conf.json": JSON.stringify(conf) } });
  return checkManifests(objects, facts).map((f) => `${f.severity} ${f.reason} ${f.where}: ${f.what}; ${f.cure}`);
}

const where = "configmap kube-flannel/flannel-settings, net-conf.json";

describe("networks/flannel/as-target", () => {
  it("refuses manifests of another backend, or of one that goes past the overlay", () => {
    expect(said({ Network: "10.244.0.0/16", Backend: { Type: "vxlan" } })).toEqual([]);
    expect(said({ Network: "10.244.0.0/16", Backend: { Type: "host-gw" } })).toEqual([
      `blocker UnsupportedBackend ${where}: its backend is host-gw; only VXLAN can be shared with the network that is left; set Backend.Type to vxlan`,
    ]);
    const direct = { Network: "10.244.0.0/16", Backend: { Type: "vxlan", DirectRouting: true } };
    expect(said(direct)).toEqual([
      `blocker DirectRoutingEnabled ${where}: DirectRouting sends pod traffic past the overlay that is to be shared; leave Backend.DirectRouting out`,
    ]);
    expect(said(direct, straight)).toEqual([]);
  });

  it("goes on to send straight between nodes of one subnet where the network that is left did so", () => {
    const backendFor = (facts: NetworkFacts) => {
      const objects = transformManifests(flannelManifests, { ...planOfRecording(), source: facts });
      const { data } = objects.find(({ kind }) => kind === "ConfigMap") as KubeObject as ConfigMap;
      return (JSON.parse(data?.["net-conf.json"] ?? "") as { Backend: object }).Backend;
    };

    expect(backendFor(straight)).toMatchObject({ Type: "vxlan", DirectRouting: true });
    expect(backendFor(source)).not.toHaveProperty("DirectRouting");
  });

  it("its straight routes lead to nodes still on flannel, and are nobody's that sends through the overlay", () => {
    const routes = [{ within: "10.244.0.0/16", prefix: 24, straight: true }];

    expect(flannel.footprint(straight).tunnelRoutes).toEqual(routes);
    expect(flannel.lingers(straight)).toEqual({ tunnelRoutes: routes });
    expect(flannel.footprint(source).tunnelRoutes).toEqual([]);
  });

  it("refuses manifests of another range, and names both", () => {
    const conf = { Network: "10.9.0.0/16", Backend: { Type: "vxlan" } };

    expect(said(conf)).toEqual([
      `blocker ManifestsUnusable ${where}: its Network is 10.9.0.0/16, but the pods' range is 10.244.0.0/16; set Network to 10.244.0.0/16`,
    ]);
    expect(
      checkManifests(
        patched(flannelManifests, { kind: "ConfigMap" }, { data: { "net-conf.json": JSON.stringify(conf) } }),
      ),
    ).toEqual([]);
  });

  it("names the plugins a node lacks, where it was read", () => {
    const hosts = {
      n1: hostFacts({ cniBinaries: ["calico", "calico-ipam", "loopback", "portmap"] }),
      n2: hostFacts(),
    };
    const findings = checkAsTarget(snapshotOf({ objects: recorded("calico-3.28.5"), hosts }), source);

    expect(findings).toEqual([
      {
        severity: "blocker",
        reason: "CNIPluginMissing",
        what: "no CNI plugin bridge, host-local in /opt/cni/bin, which flannel runs",
        where: "node n1",
        cure: "install the CNI plugins there (most distributions: package containernetworking-plugins)",
      },
    ]);
  });
});
