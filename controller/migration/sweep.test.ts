import { describe, expect, it } from "vitest";
import type { CniMigration, NodeMigration } from "../../crds/index.ts";
import { networkLabel } from "../../crds/names.ts";
import type { Pod } from "../../kube/objects.ts";
import type { HostOp, HostResult } from "../../networks/host-ops.ts";
import { flannelOverlay, migration, node, nodeMigration, testScope } from "../testing.ts";
import { finishPhase } from "./finish.ts";
import type { MigrationContext } from "./phase.ts";
import { sweep } from "./sweep.ts";

const facts = {
  sourceAgent: { namespace: "kube-system", daemonSets: ["calico-node"], podLabels: {} },
  overlay: { ...flannelOverlay, vni: 4096, port: 4789 },
  cniConfDir: "/etc/cni/net.d",
  cniBinDir: "/opt/cni/bin",
} as const satisfies NonNullable<NonNullable<CniMigration["status"]>["facts"]>;

/** Two nodes on these networks, their parts Done, n1's second way. `ends`: what host tasks say in the end; undefined: they run. */
function finished(
  spec: Partial<CniMigration["spec"]>,
  networks: readonly [string, string],
  ends?: Partial<HostResult>,
) {
  const made: Pod[] = [];
  const removed: string[] = [];
  const scope = testScope({
    create: async (_: unknown, pod: Pod) => {
      made.push(pod);
      const message = JSON.stringify({ ok: true, changes: [], elapsedMs: 1, ...ends });
      const terminated = { exitCode: 0, reason: "Completed", message };
      const status =
        ends === undefined
          ? { phase: "Running" }
          : { phase: "Succeeded", containerStatuses: [{ name: "task", state: { terminated } }] };
      return { ...pod, metadata: { ...pod.metadata, uid: `uid-${pod.metadata.name}` }, status } as never;
    },
    delete: async (_: unknown, { name }: { name: string }) => {
      removed.push(name);
      return undefined as never;
    },
  } as never);
  const nodes = networks.map((network, i) => node(`n${i + 1}`, { labels: { [networkLabel]: network } }));
  const parts: NodeMigration[] = [
    nodeMigration("n1", "Done", { status: { step: "Done", attempts: 2 } }),
    nodeMigration("n2", "Done"),
  ];
  const context: MigrationContext = {
    scope,
    migration: migration({ source: "calico", target: "flannel", ...spec }, { facts }),
    nodes,
    nodeMigrations: parts,
    record: async () => undefined,
  };
  return { context, made, removed };
}

const opsOf = (pod: Pod | undefined) => JSON.parse(pod?.spec.containers[0]?.args?.at(-1) ?? "[]") as HostOp[];

describe("controller/migration/sweep", () => {
  it("takes away what led to nodes of the network that was left, on each node, and reads it again", async () => {
    const { context, made } = finished({}, ["flannel", "flannel"]);

    expect(await sweep(context)).toMatchObject({
      outcome: "wait",
      message: "removing what led to nodes on calico: n1, n2",
    });
    expect(made.map((pod) => pod.spec.nodeName)).toEqual(["n1", "n2"]);
    const [first, second] = opsOf(made[0]);
    expect(first).toMatchObject({
      op: "removeFootprint",
      footprint: {
        network: "calico",
        routeProtocols: [80],
        tunnelRoutes: [{ within: "10.244.0.0/16", prefix: 26 }],
        links: [],
        chains: [],
        files: [],
      },
    });
    expect(second).toMatchObject({ op: "scanFootprint" });
  });

  it("with two overlays takes away all the network left and the rules between, from nodes that were never moved, too", async () => {
    const { context, made } = finished({ target: "cilium", cidr: "10.245.0.0/16" }, ["cilium", "cilium"]);
    const [part] = context.nodeMigrations;

    expect(await sweep({ ...context, nodeMigrations: part === undefined ? [] : [part] })).toMatchObject({
      outcome: "wait",
      message: "removing what calico left: n1, n2",
    });
    expect(made.map((pod) => pod.spec.nodeName)).toEqual(["n1"]);
    expect(opsOf(made[0])[0]).toMatchObject({
      op: "removeFootprint",
      footprint: {
        network: "calico",
        links: expect.arrayContaining([{ name: "vxlan.calico", kind: "vxlan" }]),
        chains: ["cali-*"],
        comments: expect.arrayContaining(["cali:*", "cni-migrate: pods keep their own address"]),
      },
    });
  });

  it("with two overlays does so on as many nodes at a time as were moved", async () => {
    const given = { target: "cilium", cidr: "10.245.0.0/16", batchSize: 2 } as const;
    const [running, ended] = [finished(given, ["cilium", "cilium"]), finished(given, ["cilium", "cilium"], {})];

    await sweep(running.context);
    expect(running.made.map((pod) => pod.spec.nodeName)).toEqual(["n1", "n2"]);
    expect(await sweep(ended.context)).toEqual({ leftovers: [] });
  });

  it("is over when every node has said so, and tells what is still there", async () => {
    const leftovers = [{ kind: "route", name: "10.244.1.0/26 via 172.30.0.13 dev eth0 proto 80" }];
    const { context, removed } = finished({}, ["flannel", "flannel"], { leftovers });

    expect(await sweep(context)).toEqual({
      leftovers: [
        "n1: route 10.244.1.0/26 via 172.30.0.13 dev eth0 proto 80",
        "n2: route 10.244.1.0/26 via 172.30.0.13 dev eth0 proto 80",
      ],
    });
    // What the pods said is part of the end: they stay until that is recorded.
    expect(removed).toEqual([]);
  });

  it("is let work: nothing of it is removed before it is over, however often the end is looked at", async () => {
    const { context, made, removed } = finished({}, ["flannel", "flannel"]);

    expect(await finishPhase.run(context)).toMatchObject({ outcome: "wait", summary: "CleaningUp" });
    expect(await finishPhase.run(context)).toMatchObject({ outcome: "wait", summary: "CleaningUp" });
    expect([made.length, removed]).toEqual([2, []]);
  });

  it.each<[string, Parameters<typeof finished>]>([
    ["a node stays on the network on purpose", [{}, ["flannel", "calico"]]],
    ["nothing of what is left leads anywhere", [{ direction: "Revert" }, ["calico", "calico"]]],
  ])("does nothing where %s", async (_, given) => {
    const { context, made } = finished(...given);

    expect(await sweep(context)).toEqual({ leftovers: [] });
    expect(made).toEqual([]);
  });
});
