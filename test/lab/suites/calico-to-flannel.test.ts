import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CniMigration } from "../../../crds/index.ts";
import type { Node, Pod } from "../../../kube/objects.ts";
import type { UnknownObject } from "../../../kube/types.ts";
import { contains, parseCidr } from "../../../networks/cidr.ts";
import { Continuity, type ContinuityReport, worstLag } from "../continuity.ts";
import { Course, differences, standing } from "../course.ts";
import { foreignThings, plantForeignThings } from "../foreign.ts";
import { flannelManifest, type Lab, upLab } from "../index.ts";
import { calicoLeftovers, flannelLeftovers } from "../leftovers.ts";
import {
  cniMigrate,
  getJson,
  installProduct,
  migrationState,
  type RunOutcome,
  stepSeconds,
  succeed,
} from "../product.ts";
import { type ClusterState, clusterState } from "../state-of-cluster.ts";

const name = "calico-to-flannel";
const untilItsEnd = ["--wait", "--timeout", "5m"];

/** What is to be seen at the end of one stretch of the way. */
interface Seen {
  run: RunOutcome;
  migration: CniMigration;
  standing: string;
  leftovers: string[];
  differences: string[];
  foreign: string[];
  /** Names of the agents' pods. */
  agents: { calico: number; flannel: number };
}

/**
 * Calico as its own manifest installs it, its blocks anywhere in the pool: begun and turned round after the first node, begun
 * anew and turned round in the middle of the next one's switch, then all the way to flannel, and all the way back. Under one run
 * of probes: nothing is lost, nothing is left, and Calico's settings are what they were.
 */
describe("Calico to flannel and back", () => {
  const folder = mkdtempSync(join(tmpdir(), "cni-migrate-lab-"));
  const backup = join(folder, "calico.yaml");
  let lab: Lab;
  let course: Course;
  let before: ClusterState;
  let blocksBefore: Map<string, unknown>;
  let foreignBefore: string[];
  let report: ContinuityReport;
  let afterFirst: Seen;
  let midway: Seen;
  let forward: Seen;
  let addresses: string[];
  let fromTheEnd: Seen;
  let blocksAfter: Map<string, unknown>;

  beforeAll(async () => {
    lab = await upLab({ name: "c2f", nodes: 3, network: "calico", ready: ["flannel", "calico"] });
    await installProduct(lab);
    foreignBefore = await plantForeignThings(lab);
    const continuity = new Continuity(lab);
    await continuity.deploy();
    before = await state();
    blocksBefore = await blocks();
    course = await Course.of(lab);
    await continuity.start();
    try {
      const flags = ["--target", "flannel", "-f", "-", "--backup", backup, "-y"];
      await succeed(cniMigrate(lab, ["start", ...flags], { input: await flannelManifest() }), "start");
      await course.untilStep("n2", "Done", "Forward");
      afterFirst = await goBack();
      await succeed(cniMigrate(lab, ["start", name, "-y"]), "start again");
      const { nodes } = await course.untilStep("n3", "JoinTarget", "Forward", 240);
      expect(nodes.find((nm) => nm.spec.nodeName === "n2")?.status?.step).toBe("Done");
      midway = await goBack();
      forward = await look("forward", await cniMigrate(lab, ["start", name, "-y", ...untilItsEnd]), calicoLeftovers);
      addresses = await outsideTheirNode();
      fromTheEnd = await goBack();
      blocksAfter = await blocks();
    } finally {
      process.stderr.write(`${standing(course.seen)}\n`);
      report = await continuity.stop();
    }
    const requests = [...report.nodes, ...report.pods].reduce((sum, { ok, failed }) => sum + ok + failed, 0);
    const { held, worstGapMs, movedAway } = report.connections;
    process.stderr.write(
      `${requests} requests, ${report.losses.length} lost; ${held} connections held, ${movedAway} moved away, worst gap ${worstGapMs} ms\n`,
    );
  });
  afterAll(async () => {
    course?.stop();
    rmSync(folder, { recursive: true, force: true });
    await lab?.down();
  });

  const items = async <T>(...args: string[]) => (await getJson<{ items: T[] }>(lab, args)).items;

  /** With what the kernel was told; a token is another one each time, and how much of a Calico annotation's text. */
  async function state(): Promise<ClusterState> {
    const found = await clusterState(lab, ["kube-system"], { ofCalico: true });
    for (const [key, files] of Object.entries(found))
      if (key.startsWith("files of "))
        found[key] = (files as string[]).map((line) => line.replace(/^[0-9a-f]+ +calico-kube/, "calico-kube")).sort();
    const settings =
      "cd /proc/sys/net; grep -rs . ipv4/ip_forward ipv6/conf/all/forwarding ipv[46]/conf/all ipv[46]/conf/default ipv[46]/conf/eth0";
    for (const node of lab.nodes) {
      const { stdout } = await lab.exec(node.name, ["sh", "-c", settings]);
      found[`kernel settings of ${node.name}`] = [...new Set(stdout.split("\n"))]
        .filter((l) => !/secret/.test(l))
        .sort();
    }
    return found;
  }

  /** Whose each address block is. */
  async function blocks(): Promise<Map<string, unknown>> {
    const found = await items<UnknownObject & { spec: { affinity?: string } }>("ipamblocks.crd.projectcalico.org");
    return new Map(found.map(({ metadata, spec }) => [metadata.name, spec.affinity]));
  }

  async function goBack(): Promise<Seen> {
    const run = await cniMigrate(lab, ["revert", ...untilItsEnd]);
    // Agents that were made meanwhile are restarted one by one: that must lose nothing either.
    await lab.kubectl(["-n", "kube-system", "rollout", "status", "daemonset/calico-node", "--timeout=120s"]);
    return look("back", run, flannelLeftovers);
  }

  async function look(way: string, run: RunOutcome, leftovers: (lab: Lab) => Promise<string[]>): Promise<Seen> {
    const { migration, nodes } = await migrationState(lab);
    process.stderr.write(`${way}: ${run.seconds.toFixed(1)} s ${JSON.stringify(stepSeconds(nodes))}\n`);
    const [calico, flannel] = await Promise.all([
      items<Pod>("pods", "-n", "kube-system", "-l", "k8s-app=calico-node"),
      items<Pod>("pods", "-n", "kube-flannel"),
    ]);
    return {
      run,
      migration,
      standing: standing(course.seen),
      leftovers: await leftovers(lab),
      differences: differences(before, await state()),
      foreign: await foreignThings(lab),
      agents: { calico: calico.length, flannel: flannel.length },
    };
  }

  /** Running pods whose address is not one of their node's podCIDR. */
  async function outsideTheirNode(): Promise<string[]> {
    const nodes = await items<Node>("nodes");
    const rangeOf = new Map(nodes.map((node) => [node.metadata.name, parseCidr(node.spec?.podCIDR ?? "")]));
    const own = (await items<Pod>("pods", "-A")).filter(
      (p) => p.spec.hostNetwork !== true && p.status?.phase === "Running" && !p.metadata.deletionTimestamp,
    );
    expect(own.length).toBeGreaterThan(3);
    return own.flatMap((pod) => {
      const [range, address] = [rangeOf.get(pod.spec.nodeName ?? ""), parseCidr(`${pod.status?.podIP}/32`)];
      const inside = range !== undefined && address !== undefined && contains(range, address);
      return inside ? [] : [`${pod.metadata.name} ${pod.status?.podIP}`];
    });
  }

  const conditionsOf = ({ migration }: Seen) =>
    Object.fromEntries((migration.status?.conditions ?? []).map((c) => [c.type, `${c.status} ${c.reason}`]));

  function expectAsBefore(seen: Seen): void {
    expect(seen.run.code, `${seen.run.stderr}${seen.standing}`).toBe(0);
    expect(conditionsOf(seen)).toMatchObject({ Succeeded: "True Reverted", Reverted: "True Reverted" });
    expect(seen.migration.status?.undo ?? []).toEqual([]);
    expect(seen.differences).toEqual([]);
    expect(seen.leftovers).toEqual([]);
    expect(seen.foreign).toEqual(foreignBefore);
    expect(seen.agents).toEqual({ calico: 3, flannel: 0 });
  }

  it("no request is lost, from any node or pod, and no connection between ends that were not moved breaks", () => {
    const lag = worstLag(report);
    const losses = report.losses.map((l) => `${l.at.toISOString()} ${l.probe} ${l.what}`);

    expect(losses, lag).toEqual([]);
    expect(report.connections.brokenUnmoved, lag).toBe(0);
    for (const probe of report.nodes) expect(probe.ok, probe.probe).toBeGreaterThan(800);
    expect(report.connections.held).toBeGreaterThan(0);
  });

  it("turned round after the first node, the cluster is as it was, object by object", () => {
    expectAsBefore(afterFirst);
  });

  it("turned round in the middle of the next node's switch, it is so, too", () => {
    expectAsBefore(midway);
  });

  it("forward to its end: every node is on flannel, nothing of Calico is left on any, its routes included", () => {
    expect(forward.run.code, `${forward.run.stderr}${forward.standing}`).toBe(0);
    expect(conditionsOf(forward)).toMatchObject({
      Succeeded: "True Succeeded",
      PreflightPassed: "True PreflightPassed",
      TargetInstalled: "True TargetInstalled",
      NodesMigrated: "True NodesMigrated",
      ConnectivityVerified: "True ConnectivityVerified",
      SourceRemoved: "True SourceRemoved",
    });
    expect(forward.migration.status?.progress).toBe("3/3");
    expect(forward.migration.metadata.name).toBe(name);
    expect(forward.migration.status?.facts?.overlay).toMatchObject({ vni: 4096, port: 4789, cidrs: ["10.244.0.0/16"] });
    expect(forward.leftovers).toEqual([]);
    expect(forward.foreign).toEqual(foreignBefore);
    expect(forward.agents).toEqual({ calico: 0, flannel: 3 });
    expect(addresses).toEqual([]);
    // Of the kernel's settings Calico changed none that flannel would not need.
    expect(forward.differences.filter((line) => line.startsWith("kernel settings"))).toEqual([]);
  });

  it("reverted after the end, the cluster is as it was, and every block Calico had is its node's still", () => {
    expectAsBefore(fromTheEnd);
    expect(blocksBefore.size).toBeGreaterThan(2);
    expect([...blocksBefore].filter(([block, node]) => blocksAfter.get(block) !== node)).toEqual([]);
  });

  it("Calico's own objects were written to a file before", () => {
    const text = readFileSync(backup, "utf8");

    for (const kind of ["IPPool", "FelixConfiguration", "IPAMBlock", "ClusterInformation"])
      expect(text).toContain(`kind: ${kind}\n`);
    expect(text).not.toContain("kind: IPReservation");
  });

  it("host tasks and probes are gone, and every node is told that its network is there", async () => {
    const names = (await items<Pod>("pods", "-n", "cni-migrate")).map((pod) => pod.metadata.name);
    const nodes = await items<Node>("nodes");
    const unavailable = nodes.map((n) => n.status?.conditions?.find((c) => c.type === "NetworkUnavailable")?.status);

    expect(names.filter((pod) => !pod.startsWith("cni-migrate-controller"))).toEqual([]);
    expect(unavailable).toEqual(["False", "False", "False"]);
  });
});
