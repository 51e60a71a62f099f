import { describe, expect, it } from "vitest";
import type { CniMigration } from "../../crds/index.ts";
import type { Node } from "../../kube/objects.ts";
import type { KubeObject, Resource } from "../../kube/types.ts";
import { patched, recorded } from "../../networks/testing.ts";
import { flannelOverlay, migration, testScope } from "../testing.ts";
import type { MigrationContext } from "./phase.ts";
import { giveRanges } from "./ranges.ts";

const facts = {
  sourceAgent: { namespace: "kube-system", daemonSets: ["calico-node"], podLabels: {} },
  overlay: flannelOverlay,
} as const satisfies NonNullable<NonNullable<CniMigration["status"]>["facts"]>;

const none = { spec: { podCIDR: null, podCIDRs: null } };

/** A Calico cluster whose nodes of these names have no podCIDR; gives what is written, and the requests it took. */
function cluster(bare: readonly string[], spec: Partial<CniMigration["spec"]> = {}) {
  const objects = bare.reduce((all, name) => patched(all, { kind: "Node", name }, none), recorded("calico-3.28.5"));
  const written: Record<string, unknown> = {};
  let lists = 0;
  const nodesIn = objects.filter(({ kind }) => kind === "Node") as KubeObject[] as Node[];
  const scope = testScope({
    list: async (resource: Resource<KubeObject>) => {
      lists++;
      return { items: objects.filter(({ kind }) => kind === resource.kind), resourceVersion: "1" };
    },
    get: async () => undefined,
    patch: async (_: unknown, { name }: { name: string }, patch: { spec: Node["spec"]; metadata: unknown }) => {
      written[name] = patch;
      const node = nodesIn.find(({ metadata }) => metadata.name === name);
      return { ...node, spec: { ...node?.spec, ...patch.spec } };
    },
  } as never);
  const context: MigrationContext = {
    scope,
    migration: migration({ source: "calico", target: "flannel", ...spec }, { facts }),
    nodes: nodesIn,
    nodeMigrations: [],
    record: async () => undefined,
  };
  return { context, written, listed: () => lists };
}

describe("controller/migration/ranges", () => {
  it("sets the podCIDR of nodes that have none, guarded, and goes on with them", async () => {
    const { context, written } = cluster(["n1", "n3"]);
    const versions = Object.fromEntries(context.nodes.map(({ metadata }) => [metadata.name, metadata.resourceVersion]));
    await giveRanges(context);

    expect(written).toEqual({
      n1: {
        metadata: { resourceVersion: versions.n1, uid: expect.any(String) },
        spec: { podCIDR: "10.244.0.0/24", podCIDRs: ["10.244.0.0/24"] },
      },
      n3: {
        metadata: { resourceVersion: versions.n3, uid: expect.any(String) },
        spec: { podCIDR: "10.244.1.0/24", podCIDRs: ["10.244.1.0/24"] },
      },
    });
    expect(context.nodes.map((node) => node.spec?.podCIDR)).toEqual([
      "10.244.0.0/24",
      "10.244.2.0/24",
      "10.244.1.0/24",
    ]);
  });

  it("asks the cluster nothing where every node has one, or the source goes by them itself", async () => {
    const whole = cluster([]);
    await giveRanges(whole.context);
    const flannel = cluster(["n1"], { source: "flannel", target: "calico" });
    await giveRanges(flannel.context);

    expect([whole.listed(), flannel.listed()]).toEqual([0, 0]);
    expect({ ...whole.written, ...flannel.written }).toEqual({});
  });

  it("where the target brings an overlay of its own, podCIDRs are not its concern", async () => {
    const { context, written } = cluster(["n1"], { target: "cilium", cidr: "10.245.0.0/16" });
    await giveRanges(context);

    expect(written).toEqual({});
  });

  it("looks for room again after a while, not at every pass", async () => {
    const { context, listed } = cluster(["n1", "n2", "n3"]);
    const [first] = context.nodes;
    if (first === undefined) throw new Error("the recording has no node");
    // Joined since the snapshot was made: nothing is found for it.
    context.nodes = [{ ...first, metadata: { ...first.metadata, name: "late" } }];
    await giveRanges(context);
    const once = listed();
    await giveRanges(context);

    expect(once).toBeGreaterThan(0);
    expect(listed()).toBe(once);
  });
});
