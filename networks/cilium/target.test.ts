import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { apiVersionOf, daemonSets } from "../../kube/resources.ts";
import type { UnknownObject } from "../../kube/types.ts";
import type { Network } from "../contract.ts";
import { snapshotOf } from "../snapshot.ts";
import { mayDo, patched, recorded } from "../testing.ts";
import { agentsIn, isAgent } from "./facts.ts";
import { ciliumManifests, ciliumPlan } from "./fixtures.ts";
import { asTarget } from "./target.ts";
import { transformManifests } from "./transform.ts";

const plan = ciliumPlan();
const facts = { ...plan.source, overlay: plan.overlay };
const [node] = plan.nodes;
if (node === undefined) throw new Error("the plan has no node");

const nodeObject = (name: string, kernelVersion: string): UnknownObject => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name, labels: {} },
  status: { nodeInfo: { kernelVersion } },
});

const nodeConfig = (labels: Record<string, string>, key: string): UnknownObject => ({
  apiVersion: "cilium.io/v2",
  kind: "CiliumNodeConfig",
  metadata: { name: "cilium-default", namespace: "kube-system", labels },
  spec: { nodeSelector: {}, defaults: { [key]: "x" } },
});

const reasons = (objects: UnknownObject[]) =>
  asTarget.checkAsTarget(snapshotOf({ objects }), plan.source).map(({ reason, what, where }) => [reason, what, where]);

describe("networks/cilium/node-config", () => {
  const [change, ...more] = asTarget.prepare(plan);
  if (change?.change !== "create") throw new Error("nothing is made");

  it("is one object for all nodes, switched by this project's label alone, for the time of the migration", () => {
    expect(more).toEqual([]);
    expect(change.transient).toBe(true);
    expect(change.object).toEqual({
      apiVersion: apiVersionOf(change.resource),
      kind: "CiliumNodeConfig",
      metadata: {
        namespace: "kube-system",
        name: "cni-migrate",
        labels: { "app.kubernetes.io/managed-by": "cni-migrate" },
      },
      spec: {
        nodeSelector: { matchLabels: { "cni-migrate.io/network": "cilium" } },
        defaults: {
          "write-cni-conf-when-ready": "/host/etc/cni/net.d/05-cilium.conflist",
          "custom-cni-conf": "false",
        },
      },
    });
    for (const verb of ["get", "create", "patch", "delete"])
      expect(mayDo({ permissions: asTarget.permissions } as Network, change.resource, verb)).toBe(true);
  });

  it("accepts itself, and nothing that would switch other nodes or otherwise", () => {
    const withSpec = (spec: object) => change.accepts({ ...change.object, spec });
    const { nodeSelector, defaults } = change.object.spec as { nodeSelector: object; defaults: object };

    expect(change.accepts(structuredClone(change.object))).toBeUndefined();
    expect(withSpec({ nodeSelector: {}, defaults })).toBe("its nodeSelector is not cni-migrate.io/network=cilium");
    expect(withSpec({ nodeSelector: { ...nodeSelector, matchExpressions: [] }, defaults })).toMatch(/nodeSelector/);
    expect(withSpec({ nodeSelector, defaults: { ...defaults, debug: "true" } })).toBe("it sets other keys or values");
    expect(withSpec({})).toMatch(/nodeSelector/);
  });

  it("agrees with the final settings, so that it does not matter which of the two goes first", () => {
    const config = transformManifests(ciliumManifests, plan, "final").find((o) => o.metadata.name === "cilium-config");

    expect(config?.data).toMatchObject((change.object.spec as { defaults: object }).defaults);
  });
});

describe("networks/cilium/check-target", () => {
  const [agent] = agentsIn(ciliumManifests) as unknown as UnknownObject[];

  it("finds nothing in the way in clusters of the other networks", () => {
    for (const name of ["flannel-0.28.10", "canal-3.28.5", "calico-3.28.5"] as const)
      expect(reasons(recorded(name))).toEqual([]);
  });

  it("refuses a cluster that runs it, and not the migration's own install", () => {
    const own = agentsIn(transformManifests(ciliumManifests, plan)) as unknown as UnknownObject[];

    expect(reasons(agent === undefined ? [] : [agent])).toEqual([
      ["TargetAlreadyRuns", "Cilium runs in this cluster already", "daemonset kube-system/cilium"],
    ]);
    expect(own.filter(isAgent).length).toBe(1);
    expect(reasons(own)).toEqual([]);
    // Let onto all nodes.
    const released = patched(own, { kind: "DaemonSet" }, { spec: { template: { spec: { nodeSelector: null } } } });
    expect(reasons(released)).toEqual([]);
  });

  it("refuses kernels its agents do not start on", () => {
    const nodes = [
      nodeObject("n1", "5.4.0-150-generic"),
      nodeObject("n2", "5.10.1"),
      nodeObject("n3", "6.1.0-9-amd64"),
    ];

    expect(reasons(nodes)).toEqual([["KernelTooOld", "kernel 5.4.0-150-generic; Cilium needs 5.10", "node n1"]]);
  });

  it("refuses node settings of somebody else that switch nodes, too", () => {
    expect(reasons([nodeConfig({}, "write-cni-conf-when-ready")])).toEqual([
      [
        "PoolConflict",
        "it says on which nodes Cilium takes over (write-cni-conf-when-ready), as the migration does",
        "ciliumnodeconfig kube-system/cilium-default",
      ],
    ]);
    expect(reasons([nodeConfig({}, "debug")])).toEqual([]);
    expect(reasons([nodeConfig({ "app.kubernetes.io/managed-by": "cni-migrate" }, "custom-cni-conf")])).toEqual([]);
  });

  it("may list what it looks at", () => {
    expect(asTarget.reads).toContain(daemonSets);
    for (const resource of asTarget.reads)
      expect(mayDo({ permissions: asTarget.permissions } as Network, resource, "list")).toBe(true);
  });
});

describe("networks/cilium: host work", () => {
  const conflist = "/etc/cni/net.d/05-cilium.conflist";

  it("waits for the file before the health, since the agent of before answers there as well", () => {
    expect(asTarget.awaitJoined(plan, node).map(({ op }) => op)).toEqual(["awaitFile", "awaitHttp"]);
    expect(asTarget.awaitJoined(plan, node)).toMatchObject([
      { path: conflist },
      { url: "http://127.0.0.1:9879/healthz", statuses: [200] },
    ]);
  });

  it("removes the file it waits for before its agent starts, and when it leaves", () => {
    expect(asTarget.join(plan, node)).toEqual([{ op: "removeFile", path: conflist }]);
    expect(asTarget.leave(plan, node)).toEqual([{ op: "removeFile", path: conflist }]);
  });

  it("keeps no label of its own on nodes", () => {
    expect([asTarget.nodeLabels("in"), asTarget.nodeLabels("out")]).toEqual([{}, {}]);
  });
});

describe("networks/cilium/footprint", () => {
  const whole = asTarget.footprint(facts);

  it("puts the kernel's own rule back after its own are gone, and unmounts before directories go", () => {
    expect(whole.policyRules.at(-1)).toEqual({ preference: 100, table: 255 });
    expect(whole.mounts.map((path) => dirname(path))).toEqual(["/run/cilium"]);
    expect(whole.directories).toContain("/var/run/cilium");
  });

  it("names no link of the node itself, though its programs hang on them", () => {
    expect(whole.links.filter(({ name }) => !/^(cilium_|lxc)/.test(name))).toEqual([]);
    expect(whole.bpfFilters).toEqual(["cil_*"]);
  });

  it("what its agents make in the API may be listed and removed", () => {
    for (const { resource, owned } of asTarget.residue) {
      expect(owned({ apiVersion: "cilium.io/v2", kind: resource.kind, metadata: { name: "x" } }, plan.overlay)).toBe(
        true,
      );
      for (const verb of ["list", "delete"])
        expect(mayDo({ permissions: asTarget.permissions } as Network, resource, verb)).toBe(true);
    }
    expect(asTarget.belongings([]).crdGroups).toEqual(["cilium.io"]);
  });
});
