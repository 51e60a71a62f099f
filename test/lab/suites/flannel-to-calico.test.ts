import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CniMigration, NodeMigration } from "../../../crds/index.ts";
import type { Node, Pod } from "../../../kube/objects.ts";
import { auditEntries, isOurs } from "../audit.ts";
import { Continuity, type ContinuityReport } from "../continuity.ts";
import { foreignThings, plantForeignThings } from "../foreign.ts";
import { calicoManifestPath, type Lab, upLab } from "../index.ts";
import { flannelLeftovers } from "../leftovers.ts";
import { cniMigrate, getJson, installProduct, migrationState, type RunOutcome } from "../product.ts";
import { replicas } from "../workload.ts";

/**
 * The main job on a real cluster of four nodes, one of them cordoned by a person before: nothing is lost, nothing is left,
 * nothing of others is touched.
 */
describe("flannel to Calico", () => {
  let lab: Lab;
  let manifests: string;
  let report: ContinuityReport;
  let run: RunOutcome;
  let foreignBefore: string[];
  let migration: CniMigration;
  let nodes: NodeMigration[];

  beforeAll(async () => {
    lab = await upLab({ name: "suite", nodes: 4 });
    await installProduct(lab);
    manifests = await calicoManifestPath();
    await lab.kubectl(["cordon", "n4"]);
    foreignBefore = await plantForeignThings(lab);
    const continuity = new Continuity(lab);
    await continuity.deploy({ oneNode: "n2" });
    await lab.kubectl(["cordon", "n4"]);
    await continuity.start();
    run = await cniMigrate(lab, ["start", "--target", "calico", "-f", manifests, "-y", "--wait", "--timeout", "5m"]);
    report = await continuity.stop();
    ({ migration, nodes } = await migrationState(lab));
  });
  afterAll(() => lab?.down());

  const condition = (of: { status?: { conditions?: { type: string; status: string }[] } }, type: string) =>
    of.status?.conditions?.find((c) => c.type === type)?.status;

  it("start --wait ends with 0 and the CniMigration has Succeeded", () => {
    expect({ code: run.code, progress: migration.status?.progress }, run.stderr).toEqual({ code: 0, progress: "4/4" });
    expect(condition(migration, "Succeeded")).toBe("True");
    for (const fact of ["PreflightPassed", "TargetInstalled", "NodesMigrated", "ConnectivityVerified", "SourceRemoved"])
      expect(condition(migration, fact), fact).toBe("True");
  });

  it("no request is lost, from any node or pod, and no connection between ends that were not moved breaks", () => {
    expect(report.losses.map((l) => `${l.at.toISOString()} ${l.probe} ${l.what}`)).toEqual([]);
    expect(report.connections.brokenUnmoved).toBe(0);
    for (const probe of report.nodes) expect(probe.ok, probe.probe).toBeGreaterThan(200);
    expect(report.connections.held).toBeGreaterThan(0);
  });

  it("nothing of flannel is left on any node", async () => {
    expect(await flannelLeftovers(lab)).toEqual([]);
  });

  it("what is not flannel's is as it was", async () => {
    expect(await foreignThings(lab)).toEqual(foreignBefore);
  });

  it("the replicas are spread over the nodes again", async () => {
    const { items } = await getJson<{ items: Pod[] }>(lab, ["pods", "-n", "default", "-l", "app=web"]);
    const perNode = new Map(["n2", "n3"].map((n) => [n, items.filter((p) => p.spec.nodeName === n)]));
    expect(items).toHaveLength(replicas);
    expect(["n2", "n3"].map((n) => perNode.get(n)?.length)).toEqual([2, 2]);
  });

  it("a node a person had cordoned stays cordoned, the others do not", async () => {
    const { items } = await getJson<{ items: Node[] }>(lab, ["nodes"]);
    expect(items.map((n) => [n.metadata.name, n.spec?.unschedulable ?? false])).toEqual([
      ["n1", false],
      ["n2", false],
      ["n3", false],
      ["n4", true],
    ]);
    expect(items.flatMap((n) => (n.spec?.taints ?? []).filter((t) => t.key.startsWith("cni-migrate.io/")))).toEqual([]);
  });

  it("workers went by name, the control plane last, one at a time", () => {
    const spans = nodes
      .map((nm) => ({
        node: nm.spec.nodeName,
        from: nm.status?.steps?.[0]?.startTime ?? "",
        to: nm.status?.steps?.at(-1)?.completionTime ?? "",
      }))
      .sort((a, b) => (a.from < b.from ? -1 : 1));
    expect(spans.map((s) => s.node)).toEqual(["n2", "n3", "n4", "n1"]);
    for (const [i, span] of spans.entries()) if (i > 0) expect(span.from >= (spans[i - 1]?.to ?? "")).toBe(true);
  });

  it("every pod with a network of its own has an address of its node's podCIDR, from Calico", async () => {
    const { items } = await getJson<{ items: Pod[] }>(lab, ["pods", "-A"]);
    const own = items.filter((p) => p.spec.hostNetwork !== true && p.status?.phase === "Running");
    const without = own.filter((p) => p.metadata.annotations?.["cni.projectcalico.org/podIP"] === undefined);
    expect(without.map((p) => p.metadata.name)).toEqual([]);
    expect(own.length).toBeGreaterThan(replicas);
  });

  it("host tasks and probes are gone", async () => {
    const { items } = await getJson<{ items: Pod[] }>(lab, ["pods", "-n", "cni-migrate"]);
    expect(items.map((p) => p.metadata.name).filter((n) => !n.startsWith("cni-migrate-controller"))).toEqual([]);
  });

  it("when idle the controller asks at most once in two seconds, and stays below 120 MiB", async () => {
    const asked = async () => (await auditEntries(lab, isOurs)).length;
    const seconds = 20;
    const before = await asked();
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const requestsPerSecond = ((await asked()) - before) / seconds;
    const metrics = await Promise.all(
      lab.nodes.map(({ name }) => lab.exec(name, ["busybox", "wget", "-qO-", "http://127.0.0.1:18081/metrics"])),
    );
    const memory = metrics.flatMap(({ stdout }) => /^process_resident_memory_bytes (\d+)/m.exec(stdout)?.[1] ?? []);

    expect(requestsPerSecond).toBeLessThanOrEqual(0.5);
    expect(memory).toHaveLength(2);
    for (const bytes of memory) expect(Number(bytes) / 2 ** 20).toBeLessThan(120);
  });

  it("a second migration of the same cluster is refused in one line", async () => {
    const again = await cniMigrate(lab, ["start", "--target", "calico", "-f", manifests, "-y"]);
    expect(again.code).toBe(3);
    expect(again.stderr.trim().split("\n").length).toBeLessThanOrEqual(3);
  });
});
