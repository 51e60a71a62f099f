import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CniMigration, NodeMigration } from "../../../crds/index.ts";
import type { Node, Pod } from "../../../kube/objects.ts";
import { contains, parseCidr } from "../../../networks/cidr.ts";
import { Continuity, type ContinuityReport } from "../continuity.ts";
import { flannelManifest, type Lab, upLab } from "../index.ts";
import { calicoLeftovers } from "../leftovers.ts";
import { cniMigrate, getJson, installProduct, migrationState, type RunOutcome, stepSeconds } from "../product.ts";

/** Calico as its own manifest installs it, its blocks anywhere in the pool, becomes flannel: nothing is lost or left. */
describe("Calico to flannel", () => {
  const folder = mkdtempSync(join(tmpdir(), "cni-migrate-lab-"));
  const backup = join(folder, "calico.yaml");
  let lab: Lab;
  let report: ContinuityReport;
  let run: RunOutcome;
  let agentsBefore: string[];
  let migration: CniMigration;
  let nodes: NodeMigration[];

  beforeAll(async () => {
    lab = await upLab({ name: "c2f", nodes: 3, network: "calico", ready: ["flannel", "calico"] });
    await installProduct(lab);
    const continuity = new Continuity(lab);
    await continuity.deploy();
    agentsBefore = await restarts();
    await continuity.start();
    const flags = ["--target", "flannel", "-f", "-", "--backup", backup, "-y", "--wait", "--timeout", "5m"];
    run = await cniMigrate(lab, ["start", ...flags], { input: await flannelManifest() });
    report = await continuity.stop();
    ({ migration, nodes } = await migrationState(lab));
    process.stderr.write(`${JSON.stringify(stepSeconds(nodes))}\n`);
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await lab?.down();
  });

  const condition = (type: string) => migration.status?.conditions?.find((c) => c.type === type)?.status;
  const podsOf = async (...args: string[]) => (await getJson<{ items: Pod[] }>(lab, ["pods", ...args])).items;
  const restarts = async () =>
    (await podsOf("-n", "kube-system", "-l", "k8s-app=calico-node")).map((pod) => pod.metadata.uid ?? "").sort();

  it("start --wait ends with 0 and the CniMigration has Succeeded", () => {
    expect({ code: run.code, progress: migration.status?.progress }, run.stderr).toEqual({ code: 0, progress: "3/3" });
    for (const fact of ["PreflightPassed", "TargetInstalled", "NodesMigrated", "ConnectivityVerified", "SourceRemoved"])
      expect(condition(fact), fact).toBe("True");
    expect(migration.metadata.name).toBe("calico-to-flannel");
    expect(migration.status?.facts?.overlay).toMatchObject({ vni: 4096, port: 4789, cidrs: ["10.244.0.0/16"] });
  });

  it("no request is lost, from any node or pod, and no connection between ends that were not moved breaks", () => {
    expect(report.losses.map((l) => `${l.at.toISOString()} ${l.probe} ${l.what}`)).toEqual([]);
    expect(report.connections.brokenUnmoved).toBe(0);
    for (const probe of report.nodes) expect(probe.ok, probe.probe).toBeGreaterThan(200);
    expect(report.connections.held).toBeGreaterThan(0);
  });

  it("nothing of Calico is left on any node, its routes included", async () => {
    expect(await calicoLeftovers(lab)).toEqual([]);
  });

  it("Calico's agents ran until their node left, and none runs now", async () => {
    expect(agentsBefore).toHaveLength(3);
    expect(await restarts()).toEqual([]);
  });

  it("every pod with a network of its own has an address of its node's podCIDR", async () => {
    const { items } = await getJson<{ items: Node[] }>(lab, ["nodes"]);
    const rangeOf = new Map(items.map((node) => [node.metadata.name, parseCidr(node.spec?.podCIDR ?? "")]));
    const own = (await podsOf("-A")).filter((p) => p.spec.hostNetwork !== true && p.status?.phase === "Running");
    const outside = own.filter((pod) => {
      const [range, address] = [rangeOf.get(pod.spec.nodeName ?? ""), parseCidr(`${pod.status?.podIP}/32`)];
      return range === undefined || address === undefined || !contains(range, address);
    });

    expect(outside.map((pod) => `${pod.metadata.name} ${pod.status?.podIP}`)).toEqual([]);
    expect(own.length).toBeGreaterThan(3);
    expect(items.map((node) => node.status?.conditions?.find((c) => c.type === "NetworkUnavailable")?.status)).toEqual([
      "False",
      "False",
      "False",
    ]);
  });

  it("Calico's own objects were written to a file before", () => {
    const text = readFileSync(backup, "utf8");
    for (const kind of ["IPPool", "FelixConfiguration", "IPAMBlock", "ClusterInformation"])
      expect(text).toContain(`kind: ${kind}\n`);
    expect(text).not.toContain("kind: IPReservation");
  });

  it("host tasks and probes are gone", async () => {
    const names = (await podsOf("-n", "cni-migrate")).map((pod) => pod.metadata.name);
    expect(names.filter((name) => !name.startsWith("cni-migrate-controller"))).toEqual([]);
  });
});
