import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DaemonSet, Node, Pod } from "../../../kube/objects.ts";
import { Continuity, type ContinuityReport } from "../continuity.ts";
import { calicoManifestPath, type Lab, upLab } from "../index.ts";
import { cniMigrate, getJson, installProduct, migrationState, type RunOutcome, succeed } from "../product.ts";
import { poll } from "../run.ts";

/** The end of the main job on a real cluster: flannel goes from the API, Calico takes its own form, a node joins later. */
describe("finalize", () => {
  const late = "n4";
  let lab: Lab;
  let folder: string;
  let backup: string;
  let report: ContinuityReport;
  let run: RunOutcome;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "cni-migrate-lab-"));
    backup = join(folder, "flannel.yaml");
    lab = await upLab({ name: "finalize", nodes: 4 });
    await installProduct(lab);
    // A node that is not there yet: without a network's configuration and devices, without an object in the API.
    await lab.exec(late, ["sh", "-c", "rm -f /etc/cni/net.d/*"]);
    await lab.stopNode(late);
    await lab.kubectl(["delete", "node", late]);
    for (const link of ["flannel.1", "cni0"])
      await new Promise((resolve) => lab.spawnInNode(late, ["ip", "link", "delete", link]).once("close", resolve));
    const continuity = new Continuity({ ...lab, nodes: lab.nodes.filter(({ name }) => name !== late) });
    await continuity.deploy();
    await continuity.start();
    const manifests = await calicoManifestPath();
    await succeed(
      cniMigrate(lab, ["start", "--target", "calico", "-f", manifests, "-y", "--wait", "--timeout", "5m"]),
      "start",
    );
    run = await cniMigrate(lab, ["finalize", "-y", "--backup", backup]);
    // What a restart would break shows within the time a connection is kept idle.
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    report = await continuity.stop();
  });
  afterAll(async () => {
    await lab?.down();
    rmSync(folder, { recursive: true, force: true });
  });

  it("ends with 0, and the CniMigration says that it is over", async () => {
    const { migration } = await migrationState(lab);
    const removed = migration.status?.conditions?.find((c) => c.type === "SourceRemoved");

    expect(run.code, run.stderr).toBe(0);
    expect(removed).toMatchObject({ status: "True", reason: "Finalized" });
  });

  it("loses no request and breaks no connection", () => {
    expect(report.losses.map((l) => `${l.at.toISOString()} ${l.probe} ${l.what}`)).toEqual([]);
    expect(report.connections.brokenUnmoved).toBe(0);
    expect(report.connections.held).toBeGreaterThan(0);
  });

  it("leaves nothing of flannel in the API, and kubectl would take the backup back", async () => {
    const all = await lab.kubectl([
      "get",
      "namespaces,daemonsets,configmaps,serviceaccounts,clusterroles,clusterrolebindings",
      "-A",
      "-o",
      "name",
    ]);
    const again = await lab.kubectl(["apply", "--dry-run=client", "-f", "-"], { input: readFileSync(backup, "utf8") });

    expect(all.stdout.split("\n").filter((name) => name.includes("flannel"))).toEqual([]);
    expect({ code: again.code, created: again.stdout.match(/ created /g)?.length }, again.stderr).toEqual({
      code: 0,
      created: 6,
    });
  });

  it("Calico runs on every node by itself, in its newest form", async () => {
    const agent = await getJson<DaemonSet>(lab, ["-n", "kube-system", "daemonset", "calico-node"]);
    const { items } = await getJson<{ items: Node[] }>(lab, ["nodes"]);
    const keys = items.flatMap(({ metadata }) => Object.keys({ ...metadata.labels, ...metadata.annotations }));

    expect(agent.spec.template.spec.nodeSelector).toEqual({ "kubernetes.io/os": "linux" });
    expect(agent.status).toMatchObject({ desiredNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 3 });
    expect(keys.filter((key) => /cni-migrate|flannel|during-migration/.test(key))).toEqual([]);
  });

  it("a node that joins later gets Calico without help", async () => {
    await lab.startNode(late);
    const pod = await poll(
      async () => {
        const { items } = await getJson<{ items: Pod[] }>(lab, ["pods", "-n", "default", "-l", "app=echo"]);
        return items.find((p) => p.spec.nodeName === late && p.status?.phase === "Running");
      },
      { timeoutMs: 120_000, intervalMs: 500 },
    );
    const { items } = await getJson<{ items: Pod[] }>(lab, ["pods", "-n", "default", "-l", "app=echo"]);
    const peer = items.find((p) => p.spec.nodeName === "n2");

    // Each request ends by itself after a few seconds: Felix on both sides learns of the other's blocks in that time.
    const address = peer?.status?.podIP ?? "no pod on n2";
    const answer = await poll(
      async () => {
        const url = `http://${address}:8080/`;
        // Not wget's own -T: it ends the static program with a segmentation fault.
        const { code } = await lab.exec(late, ["timeout", "2", "busybox", "wget", "-qO-", url]);
        return code === 0 ? address : undefined;
      },
      { timeoutMs: 60_000, intervalMs: 500 },
    );
    const routes = await lab.exec(late, [
      "sh",
      "-c",
      "ip route; ip -d link show vxlan.calico; bridge fdb show dev vxlan.calico",
    ]);

    expect(pod?.metadata.annotations?.["cni.projectcalico.org/podIP"]).toBeDefined();
    expect(answer, routes.stdout).toBe(address);
  });
});
