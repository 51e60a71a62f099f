import { describe, expect, it } from "vitest";
import type { Pod } from "../../kube/objects.ts";
import type { ObjectKey } from "../../kube/types.ts";
import type { Finding } from "../../networks/contract.ts";
import { ownerOf } from "../tasks.ts";
import { condition, migration, node, testScope } from "../testing.ts";
import type { MigrationContext } from "./phase.ts";
import { preflightPhase, sentence } from "./preflight.ts";

function finding(number: number): Finding {
  return {
    severity: "blocker",
    reason: "PodCIDRMissing",
    what: `it has no podCIDR (${number})`,
    where: `node n${number}`,
    cure: "set one",
  };
}

describe("sentence", () => {
  it.each([
    [0, "the source network was not found; kubectl cni-migrate plan says more"],
    [1, "node n1: it has no podCIDR (1); set one"],
    [
      3,
      "node n1: it has no podCIDR (1); set one | node n2: it has no podCIDR (2); set one | node n3: it has no podCIDR (3); set one",
    ],
    [
      5,
      "node n1: it has no podCIDR (1); set one | node n2: it has no podCIDR (2); set one | node n3: it has no podCIDR (3); set one (and 2 more: kubectl cni-migrate plan lists them)",
    ],
  ])("of %i blockers names where, what and the cure of three at most", (count, text) => {
    expect(sentence(Array.from({ length: count }, (_, i) => finding(i + 1)))).toBe(text);
  });
});

describe("a blocked preflight", () => {
  /** One node without flannel's marks that said what it is, and a count of looks at the cluster. */
  function blockedCluster() {
    const lists: string[] = [];
    const made: string[] = [];
    const deleted: string[] = [];
    const scope = testScope({
      list: async ({ plural }: { plural: string }) => {
        lists.push(plural);
        return { items: [], resourceVersion: "1" } as never;
      },
      create: async (_: unknown, object: unknown) => {
        made.push((object as Pod).metadata.name);
        return endedWell(object as Pod) as never;
      },
      delete: async (_: unknown, key: ObjectKey) => {
        deleted.push(key.name);
        return true;
      },
    });
    const context: MigrationContext = {
      scope,
      migration: migration(),
      nodes: [node("n1")],
      nodeMigrations: [],
      async record(status) {
        context.migration = { ...context.migration, status: { ...context.migration.status, ...status } };
      },
    };
    return { context, scope, lists, made, deleted, run: () => preflightPhase.run(context) };
  }

  function endedWell(pod: Pod): Pod {
    const message = JSON.stringify({ ok: true, elapsedMs: 1, facts: { kernel: "6.18.44" } });
    const state = { terminated: { exitCode: 0, message } };
    const containerStatuses = [{ name: "host-task", ready: false, restartCount: 0, state }];
    const metadata = {
      ...pod.metadata,
      uid: "uid-pod",
      resourceVersion: "9",
      ownerReferences: [ownerOf(migration())],
    };
    return { ...pod, metadata, status: { phase: "Succeeded", containerStatuses } };
  }

  const message =
    "the cluster: no network of ours was found: no DaemonSet of flannel, Canal, Calico or Cilium; if it runs under another name, give its DaemonSet: spec.flannel.daemonSet or spec.calico.daemonSet";

  it("is judged once in 30 s, however often it is asked", async () => {
    const { scope, lists, run } = blockedCluster();
    const first = await run();
    const looked = lists.length;
    scope.clock.freeze(10);

    expect(first).toEqual({ outcome: "stalled", reason: "PreflightBlocked", message, afterSeconds: 30 });
    expect(await run()).toEqual({ outcome: "stalled", reason: "PreflightBlocked", message, afterSeconds: 20 });
    expect(looked).toBeGreaterThan(0);
    expect(lists.length).toBe(looked);
  });

  it("is then judged anew, by what nodes say of themselves then", async () => {
    const { scope, lists, made, deleted, run } = blockedCluster();
    await run();
    const looked = lists.length;
    scope.clock.freeze(30);

    const dropped = await run();
    await run();

    expect(dropped).toEqual({ outcome: "stalled", reason: "PreflightBlocked", message, afterSeconds: 1 });
    expect(deleted).toEqual(made);
    expect(lists.length).toBe(2 * looked);
  });

  it("stays Stalled with what was found while nodes are looked at again", async () => {
    const { context, scope, run } = blockedCluster();
    await run();
    scope.looks.forget("uid-m preflight");
    context.nodes = [node("n2")];
    scope.client.create = async (_: unknown, object: unknown) => object as never;

    expect(await run()).toEqual({ outcome: "stalled", reason: "PreflightBlocked", message, afterSeconds: 30 });
  });

  it("is judged at once when the spec is another", async () => {
    const { context, lists, run } = blockedCluster();
    await run();
    const looked = lists.length;
    context.migration = { ...context.migration, metadata: { ...context.migration.metadata, generation: 3 } };

    await run();

    expect(lists.length).toBe(2 * looked);
  });

  it("is not confused with one that was never looked at", async () => {
    const { context, scope, run } = blockedCluster();
    scope.client.create = async (_: unknown, object: unknown) => object as never;
    context.migration = migration({}, { conditions: [condition("PreflightPassed", "Unknown", "Pending")] });

    expect(await run()).toEqual({
      outcome: "wait",
      summary: "Preflight",
      reason: "Preflight",
      message: "looking at 1 nodes: waiting for n1",
      afterSeconds: 15,
    });
  });
});
