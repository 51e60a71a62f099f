import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Continuity, type ContinuityReport, worstLag } from "../continuity.ts";
import { Course, differences, type Seen, standing } from "../course.ts";
import { foreignThings, plantForeignThings } from "../foreign.ts";
import { calicoManifestPath, type Lab, upLab } from "../index.ts";
import { calicoLeftovers, flannelLeftovers } from "../leftovers.ts";
import { cniMigrate, installProduct, migrationState, type RunOutcome, stepSeconds, succeed } from "../product.ts";
import { type ClusterState, clusterState } from "../state-of-cluster.ts";

const name = "flannel-to-calico";
const namespaces = ["kube-flannel", "kube-system"];

/** What a way back must leave: the cluster as it was, and nothing lost on the way. */
interface Back {
  run: RunOutcome;
  report: ContinuityReport;
  seen: Seen;
  differences: string[];
  leftovers: string[];
  foreign: string[];
}

/**
 * There and back again on a real cluster of three nodes, one of them cordoned by a person, in one lab: from the middle of the
 * second node's switch, from the end, and turned round twice within one step.
 */
describe("flannel to Calico and back", () => {
  let lab: Lab;
  let course: Course;
  let before: ClusterState;
  let foreignBefore: string[];

  beforeAll(async () => {
    lab = await upLab({ name: "revert", nodes: 3 });
    await installProduct(lab);
    foreignBefore = await plantForeignThings(lab);
    await new Continuity(lab).deploy({ oneNode: "n2" });
    await lab.kubectl(["cordon", "n1"]);
    before = await clusterState(lab, namespaces);
    course = await Course.of(lab);
  });
  afterAll(async () => {
    course?.stop();
    await lab?.down();
  });

  async function probed(work: () => Promise<unknown>): Promise<ContinuityReport> {
    const continuity = new Continuity(lab);
    await continuity.deploy();
    await continuity.start();
    try {
      await work();
    } catch (error) {
      process.stderr.write(`${standing(course.seen)}\n`);
      await continuity.stop();
      throw error;
    }
    return continuity.stop();
  }

  /** Goes back and looks: the probes run until the source's agents have their own template again. */
  async function goBack(whence: () => Promise<unknown>): Promise<Back> {
    let run: RunOutcome | undefined;
    const report = await probed(async () => {
      await whence();
      run = await cniMigrate(lab, ["revert", "--wait", "--timeout", "5m"]);
      await lab.kubectl(["-n", "kube-flannel", "rollout", "status", "daemonset", "--timeout=120s"]);
    });
    if (run === undefined) throw new Error("it did not run");
    const { nodes } = await migrationState(lab);
    const perNode = stepSeconds(nodes).map(({ node, total, steps }) => ({ node, total, steps }));
    process.stderr.write(`revert took ${run.seconds.toFixed(1)} s: ${JSON.stringify(perNode)}\n`);
    return {
      run,
      report,
      seen: course.seen,
      differences: differences(before, await clusterState(lab, namespaces)),
      leftovers: await calicoLeftovers(lab),
      foreign: await foreignThings(lab),
    };
  }

  function condition({ migration }: Seen, type: string): string | undefined {
    const found = migration?.status?.conditions?.find((c) => c.type === type);
    return found && `${found.status} ${found.reason}`;
  }

  function expectNothingLost(report: ContinuityReport, requests: number): void {
    const lag = worstLag(report);
    expect(
      report.losses.map((l) => `${l.at.toISOString()} ${l.probe} ${l.what}`),
      lag,
    ).toEqual([]);
    expect(report.connections.brokenUnmoved, lag).toBe(0);
    for (const probe of report.nodes) expect(probe.ok, probe.probe).toBeGreaterThan(requests);
    expect(report.connections.held).toBeGreaterThan(0);
  }

  function expectAsBefore({ run, report, seen, differences, leftovers, foreign }: Back): void {
    expect({ code: run.code }, `${run.stderr}${standing(seen)}`).toEqual({ code: 0 });
    expect(condition(seen, "Succeeded")).toBe("True Reverted");
    expect(condition(seen, "Reverted")).toBe("True Reverted");
    expect(seen.migration?.status?.undo ?? []).toEqual([]);
    expectNothingLost(report, 200);
    expect(differences).toEqual([]);
    expect(leftovers).toEqual([]);
    expect(foreign).toEqual(foreignBefore);
  }

  it("from the middle of the second node's switch, the first one done: all is as it was before", async () => {
    const back = await goBack(async () => {
      const given = ["start", "--target", "calico", "-f", await calicoManifestPath(), "-y"];
      await succeed(cniMigrate(lab, given), "start");
      const { nodes } = await course.untilStep("n3", "JoinTarget", "Forward", 240);
      expect(nodes.find((nm) => nm.spec.nodeName === "n2")?.status?.step).toBe("Done");
    });

    expectAsBefore(back);
    expect(back.seen.nodes.find((nm) => nm.spec.nodeName === "n1")?.status?.step ?? "Pending").toBe("Pending");
  });

  it("forward again, and from the end: all is as it was before", async () => {
    const back = await goBack(async () => {
      await succeed(cniMigrate(lab, ["start", name, "-y", "--wait", "--timeout", "5m"]), "start again");
      expect(await flannelLeftovers(lab)).toEqual([]);
    });

    expectAsBefore(back);
    expect(back.seen.nodes.map((nm) => [nm.status?.step, nm.status?.direction])).toEqual(
      back.seen.nodes.map(() => ["Done", "Revert"]),
    );
  });

  it("turned round twice within Drain and within Verify, it still comes to its end", async () => {
    const report = await probed(async () => {
      await succeed(cniMigrate(lab, ["start", name, "-y"]), "start again");
      // At once: the controller may not even have heard of the first turn.
      await course.untilStep("n2", "Drain", "Forward");
      await course.turn("Revert");
      await course.turn("Forward");
      // After each turn the node has begun its way back, or out again.
      await course.untilStep("n2", "Verify", "Forward");
      await course.turn("Revert");
      await course.until("n2 has turned", (seen) => directionOf(seen, "n2") === "Revert", 60);
      await course.turn("Forward");
      await course.until("n2 has turned again", (seen) => directionOf(seen, "n2") === "Forward", 60);
      await course.untilStep("n3", "Drain", "Forward", 240);
      await course.turn("Revert");
      await course.until("n3 has turned", (seen) => directionOf(seen, "n3") === "Revert", 60);
      await course.turn("Forward");
      await course.untilEnd("Succeeded", 300);
    });

    expectNothingLost(report, 200);
    expect(await flannelLeftovers(lab)).toEqual([]);
    expect(await foreignThings(lab)).toEqual(foreignBefore);
  });

  function directionOf({ nodes }: Seen, node: string): string | undefined {
    return nodes.find((nm) => nm.spec.nodeName === node)?.status?.direction;
  }
});
