import { describe, expect, it } from "vitest";
import { overridesOf, planContext, selectedNodes, sourceOverrides } from "./plan.ts";
import { migration, node } from "./testing.ts";

const sourceAgent = { namespace: "kube-flannel", daemonSets: ["kube-flannel-ds"], podLabels: { app: "flannel" } };
const overlay = {
  encapsulation: "vxlan" as const,
  vni: 1,
  port: 8472,
  mtu: 1450,
  cidrs: ["10.244.0.0/16"],
  subnetLen: 24,
  masquerade: true,
};

describe("planContext", () => {
  it("is rebuilt from the recorded facts and the nodes as they are", () => {
    const targetAgent = { namespace: "kube-system", daemonSets: ["calico-node"], podLabels: {} };
    const detected = [{ name: "mtu", value: "1450", from: "subnet.env" }];
    const facts = { sourceAgent, targetAgent, overlay, cniConfDir: "/conf", cniBinDir: "/bin" };
    const vteps = { n1: { ip: "10.244.0.0", mac: "aa:bb:cc:00:00:01", publicIP: "192.0.2.1" } };

    const plan = planContext(migration({}, { facts, detected }), [node("n1", { addresses: ["192.0.2.1"] })], vteps);

    expect(plan).toEqual({
      migration: "flannel-to-calico",
      source: {
        network: "flannel",
        agent: sourceAgent,
        overlay,
        vteps,
        cniConfDir: "/conf",
        cniBinDir: "/bin",
        detected,
      },
      target: { network: "calico", agent: targetAgent },
      overlay,
      nodes: [
        {
          name: "n1",
          uid: "uid-n1",
          internalIPs: ["192.0.2.1"],
          podCIDRs: [],
          labels: {},
          annotations: {},
        },
      ],
    });
  });

  it("has the usual directories, and no agent of the target, while nothing else is known", () => {
    const plan = planContext(migration({}, { facts: { sourceAgent, overlay } }), []);

    expect(plan.source).toMatchObject({ cniConfDir: "/etc/cni/net.d", cniBinDir: "/opt/cni/bin", detected: [] });
    expect(plan.target.agent).toEqual({ namespace: "", daemonSets: [], podLabels: {} });
  });

  it.each([
    ["before preflight", undefined],
    ["without the overlay", { facts: { sourceAgent } }],
    ["without the source's agent", { facts: { overlay } }],
  ])("cannot be made %s", (_title, status) => {
    expect(() => planContext(migration({}, status), [])).toThrow("CniMigration flannel-to-calico has no facts yet");
  });
});

describe("overrides", () => {
  const flannel = { mtu: 1400 };
  const calico = { vni: 7 };

  it.each([
    ["flannel's from spec.flannel", { source: "flannel" as const, flannel, calico }, flannel],
    ["Canal's from spec.flannel, whose overlay it is", { source: "canal" as const, flannel, calico }, flannel],
    ["Calico's from spec.calico", { source: "calico" as const, flannel, calico }, calico],
    ["none when the spec has none", { source: "flannel" as const, calico }, {}],
  ])("of the source are %s", (_title, spec, expected) => {
    expect(sourceOverrides(migration(spec).spec)).toEqual(expected);
  });

  it("of all networks are those the spec has", () => {
    expect(overridesOf(migration().spec)).toEqual({});
    expect(overridesOf(migration({ flannel, cilium: { mtu: 1 } }).spec)).toEqual({ flannel, cilium: { mtu: 1 } });
  });
});

describe("selectedNodes", () => {
  const nodes = [node("n1", { labels: { pool: "a" } }), node("n2", { labels: { pool: "b" } }), node("n3")];

  it.each([
    ["all without a selector", undefined, ["n1", "n2", "n3"]],
    ["all with an empty one", {}, ["n1", "n2", "n3"]],
    ["those whose labels match", { matchLabels: { pool: "a" } }, ["n1"]],
    ["those an expression picks", { matchExpressions: [{ key: "pool", operator: "DoesNotExist" as const }] }, ["n3"]],
    ["none when nothing matches", { matchLabels: { pool: "c" } }, []],
  ])("are %s", (_title, nodeSelector, expected) => {
    const spec = nodeSelector === undefined ? {} : { nodeSelector };
    expect(selectedNodes(migration(spec), nodes).map((n) => n.metadata.name)).toEqual(expected);
  });
});
