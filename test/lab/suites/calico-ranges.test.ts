import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Node, Pod } from "../../../kube/objects.ts";
import { contains, parseCidr } from "../../../networks/cidr.ts";
import { Continuity, type ContinuityReport, worstLag } from "../continuity.ts";
import { differences } from "../course.ts";
import { flannelManifest, type Lab, upLab } from "../index.ts";
import { calicoLeftovers, flannelLeftovers } from "../leftovers.ts";
import { cniMigrate, getJson, installProduct, migrationState, type RunOutcome, stepSeconds } from "../product.ts";
import { clusterState } from "../state-of-cluster.ts";

/** What nodes' podCIDRs have to do with Calico's pool: they may be missing, and they may be elsewhere. */
const items = async <T>(lab: Lab, ...args: string[]) => (await getJson<{ items: T[] }>(lab, args)).items;

describe("Calico to flannel where nodes have no podCIDR", () => {
  const folder = mkdtempSync(join(tmpdir(), "cni-migrate-lab-"));
  let lab: Lab;
  let plan: RunOutcome;
  let run: RunOutcome;
  let there: { leftovers: string[]; outside: string[]; ranges: string[] };
  let back: { run: RunOutcome; leftovers: string[] };
  let report: ContinuityReport;

  beforeAll(async () => {
    const ready = ["flannel", "calico"] as const;
    lab = await upLab({ name: "c2fbare", nodes: 3, network: "calico", ready, nodeCidrs: false });
    await installProduct(lab);
    const continuity = new Continuity(lab);
    await continuity.deploy();
    expect((await items<Node>(lab, "nodes")).flatMap(({ spec }) => spec?.podCIDRs ?? [])).toEqual([]);
    const input = await flannelManifest();
    plan = await cniMigrate(lab, ["plan", "--target", "flannel", "-f", "-"], { input });
    await continuity.start();
    try {
      const flags = ["--target", "flannel", "-f", "-", "--backup", join(folder, "calico.yaml"), "-y"];
      run = await cniMigrate(lab, ["start", ...flags, "--wait", "--timeout", "5m"], { input });
      process.stderr.write(`${JSON.stringify(stepSeconds((await migrationState(lab)).nodes))}\n`);
      there = { leftovers: await calicoLeftovers(lab), ...(await addresses()) };
      const reverted = await cniMigrate(lab, ["revert", "--wait", "--timeout", "5m"]);
      await lab.kubectl(["-n", "kube-system", "rollout", "status", "daemonset/calico-node", "--timeout=120s"]);
      back = { run: reverted, leftovers: await flannelLeftovers(lab) };
    } finally {
      report = await continuity.stop();
    }
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await lab?.down();
  });

  /** The nodes' ranges, and running pods whose address is not one of their node's. */
  async function addresses(): Promise<{ ranges: string[]; outside: string[] }> {
    const nodes = await items<Node>(lab, "nodes");
    const rangeOf = new Map(nodes.map(({ metadata, spec }) => [metadata.name, parseCidr(spec?.podCIDR ?? "")]));
    const pods = (await items<Pod>(lab, "pods", "-A")).filter(
      (p) => p.spec.hostNetwork !== true && p.status?.phase === "Running" && !p.metadata.deletionTimestamp,
    );
    const outside = pods.filter(({ spec, status }) => {
      const [range, address] = [rangeOf.get(spec.nodeName ?? ""), parseCidr(`${status?.podIP}/32`)];
      return range === undefined || address === undefined || !contains(range, address);
    });
    return {
      ranges: nodes.map(({ spec }) => spec?.podCIDR ?? "").sort(),
      outside: outside.map(({ metadata, status }) => `${metadata.name} ${status?.podIP}`),
    };
  }

  it("plan says which range each node gets, and what nodes that join later need", () => {
    expect(plan.code, plan.stderr).toBe(0);
    expect(plan.stdout).toMatch(/n1 10\.244\.\d+\.0\/24, n2 10\.244\.\d+\.0\/24, n3 10\.244\.\d+\.0\/24/);
    expect(plan.stdout).toContain("--allocate-node-cidrs=true --cluster-cidr=10.244.0.0/16 --node-cidr-mask-size=24");
  });

  it("every node gets a range of its own, and flannel gives pods addresses of it", () => {
    expect(run.code, run.stderr).toBe(0);
    expect(there.ranges.filter((range) => /^10\.244\.\d+\.0\/24$/.test(range))).toHaveLength(3);
    expect(new Set(there.ranges).size).toBe(3);
    expect(there.outside).toEqual([]);
    expect(there.leftovers).toEqual([]);
  });

  it("there and back again no request is lost, and no connection between ends that were not moved breaks", () => {
    const losses = report.losses.map((l) => `${l.at.toISOString()} ${l.probe} ${l.what}`);

    expect(back.run.code, back.run.stderr).toBe(0);
    expect(back.leftovers).toEqual([]);
    expect(losses, worstLag(report)).toEqual([]);
    expect(report.connections.brokenUnmoved).toBe(0);
    for (const probe of report.nodes) expect(probe.ok, probe.probe).toBeGreaterThan(400);
  });
});

describe("Calico with a pool beside the nodes' podCIDRs", () => {
  let lab: Lab;

  beforeAll(async () => {
    const ready = ["flannel", "calico"] as const;
    lab = await upLab({ name: "c2fpool", nodes: 2, network: "calico", ready, networkCidr: "192.168.0.0/16" });
    await installProduct(lab);
  });
  afterAll(() => lab?.down());

  it("start refuses it in one line that says what to do instead, and changes nothing", async () => {
    const before = await clusterState(lab, ["kube-system"], { ofCalico: true });
    const flags = ["start", "--target", "flannel", "-f", "-", "-y"];
    const refused = await cniMigrate(lab, flags, { input: await flannelManifest() });
    const after = await clusterState(lab, ["kube-system"], { ofCalico: true });

    expect(refused.code).toBe(3);
    expect(`${refused.stdout}${refused.stderr}`).toContain(
      "Calico's pool 192.168.0.0/16 holds none of the nodes' podCIDRs",
    );
    expect(differences(before, after)).toEqual([]);
    expect(await items(lab, "cnimigrations")).toEqual([]);
  });
});
