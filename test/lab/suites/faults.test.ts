import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KubeClient } from "../../../kube/types.ts";
import { type AuditEntry, auditEntries, isLead, isOurs, isProgress, podOf, timeOf } from "../audit.ts";
import { Continuity, type ContinuityReport, worstLag } from "../continuity.ts";
import { type Kill, Killer, leaseHolder, recoveries, signalController } from "../controllers.ts";
import { Course, clientOf, differences, standing } from "../course.ts";
import { cniConfigurations, defects, untilTaskRuns, withoutApiServer } from "../faults.ts";
import { calicoManifestPath, type Lab, upLab } from "../index.ts";
import { calicoLeftovers, flannelLeftovers } from "../leftovers.ts";
import { cniMigrate, installProduct, stepSeconds, succeed } from "../product.ts";
import { type ClusterState, clusterState } from "../state-of-cluster.ts";

const name = "flannel-to-calico";
const confs = { flannel: "10-flannel.conflist", calico: "10-calico.conflist" };
/** Milliseconds a test may take: a controller that is killed again and again is slow. */
const timeout = 900_000;
const say = (text: string) => process.stderr.write(`${text}\n`);
const sleep = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** A lab with the product in it, and what is done to it while it migrates. */
class Trial {
  readonly lab: Lab;
  readonly course: Course;
  readonly client: KubeClient;
  readonly before: ClusterState;

  private constructor(lab: Lab, course: Course, client: KubeClient, before: ClusterState) {
    this.lab = lab;
    this.course = course;
    this.client = client;
    this.before = before;
  }

  static async begin(lab: string): Promise<Trial> {
    const up = await upLab({ name: lab, nodes: 3 });
    await installProduct(up);
    await new Continuity(up).deploy({ oneNode: "n2" });
    const before = await clusterState(up, ["kube-flannel", "kube-system"]);
    return new Trial(up, await Course.of(up), await clientOf(up), before);
  }

  async end(): Promise<void> {
    this.course.stop();
    await this.lab.down();
  }

  /** Sets out one way, does `harm`, and waits for the end; probed all the while. Where it fails, it says where everything stood. */
  async go(way: "Forward" | "Revert", harm: (continuity: Continuity) => Promise<unknown>): Promise<ContinuityReport> {
    const continuity = new Continuity(this.lab);
    await continuity.deploy();
    await continuity.start();
    const started = performance.now();
    try {
      await succeed(cniMigrate(this.lab, await this.#words(way)), way);
      await harm(continuity);
      const { nodes } = await this.course.untilEnd(way === "Forward" ? "Succeeded" : "Reverted", 780);
      const seconds = (performance.now() - started) / 1000;
      say(`${way} took ${seconds.toFixed(1)} s: ${JSON.stringify(stepSeconds(nodes))}`);
    } catch (error) {
      say(standing(this.course.seen));
      await continuity.stop();
      throw error;
    }
    return continuity.stop();
  }

  async #words(way: "Forward" | "Revert"): Promise<string[]> {
    if (way === "Revert") return ["revert"];
    if (this.course.seen.migration !== undefined) return ["start", name, "-y"];
    return ["start", "--target", "calico", "-f", await calicoManifestPath(), "-y"];
  }

  /** Nothing lost, nothing left, nothing missing; after a revert all as it was before. */
  async expectWhole(way: "Forward" | "Revert", report: ContinuityReport): Promise<void> {
    const lag = worstLag(report);
    say(`${report.nodes.reduce((sum, p) => sum + p.ok, 0)} requests from nodes, ${report.losses.length} lost; ${lag}`);
    expect(
      report.losses.map((l) => `${l.at.toISOString()} ${l.probe} ${l.what}`),
      lag,
    ).toEqual([]);
    expect(report.connections.brokenUnmoved, lag).toBe(0);
    for (const probe of report.nodes.filter((p) => p.ok > 0)) expect(probe.ok, probe.probe).toBeGreaterThan(200);
    if (way === "Forward") {
      expect(await flannelLeftovers(this.lab)).toEqual([]);
      expect(await defects(this.lab, confs.calico)).toEqual([]);
      return;
    }
    await this.lab.kubectl(["-n", "kube-flannel", "rollout", "status", "daemonset", "--timeout=120s"]);
    expect(await calicoLeftovers(this.lab)).toEqual([]);
    expect(await defects(this.lab, confs.flannel)).toEqual([]);
    expect(differences(this.before, await clusterState(this.lab, ["kube-flannel", "kube-system"]))).toEqual([]);
  }

  /** Requests of the controller since then. */
  requests(since: Date, belongs: (entry: AuditEntry) => boolean): Promise<AuditEntry[]> {
    return auditEntries(this.lab, (entry) => belongs(entry) && timeOf(entry) >= since);
  }
}

async function freshControllers(lab: Lab): Promise<void> {
  const controller = "cni-migrate-controller";
  const inNamespace = ["-n", "cni-migrate"];
  await lab.kubectl([...inNamespace, "delete", "pods", "-l", `app.kubernetes.io/name=${controller}`]);
  await lab.kubectl([...inNamespace, "rollout", "status", `deployment/${controller}`, "--timeout=60s"]);
}

describe("the leader is killed every 7 s", () => {
  let trial: Trial;
  beforeAll(async () => {
    trial = await Trial.begin("kills");
  });
  afterAll(() => trial?.end());

  it.each(["Forward", "Revert"] as const)("%s: nothing is lost, and the end is whole", { timeout }, async (way) => {
    // The kubelet starts a container that has ended often later and later: each way begins with pods that never did.
    await freshControllers(trial.lab);
    let killer: Killer | undefined;
    let kills: readonly Kill[] = [];
    const began = new Date();
    const report = await trial.go(way, async () => {
      killer = new Killer(trial.lab, trial.client, 7);
      await trial.course.untilEnd(way === "Forward" ? "Succeeded" : "Reverted", 780).finally(async () => {
        kills = (await killer?.stop()) ?? [];
      });
    });
    const writes = (await trial.requests(began, isProgress)).map(timeOf);
    const seconds = recoveries(kills, writes);
    say(`${way}: ${kills.length} kills, ${killer?.idle} turns with nobody to kill; seconds until the next write after`);
    say(`each: ${seconds.map((s) => s.toFixed(1)).join(" ")}; longest ${Math.max(0, ...seconds).toFixed(1)} s`);

    expect(kills.length).toBeGreaterThan(2);
    await trial.expectWhole(way, report);
  });
});

describe("the API server goes, and the leader is stopped", () => {
  let trial: Trial;
  beforeAll(async () => {
    trial = await Trial.begin("outage");
  });
  afterAll(() => trial?.end());

  it("forward, the API server gone for 60 s in the middle of a switch: it goes on by itself", async () => {
    let outage: { gone: Date; back: Date } | undefined;
    const report = await trial.go("Forward", async () => {
      await trial.course.untilStep("n2", "JoinTarget", "Forward");
      outage = await withoutApiServer(trial.lab, 60);
    });
    const back = outage?.back ?? new Date();
    const first = async (belongs: (entry: AuditEntry) => boolean) => {
      const [entry] = await trial.requests(back, belongs);
      return ((entry === undefined ? Number.NaN : timeOf(entry).getTime()) - back.getTime()) / 1000;
    };
    const leads = await first(isLead);
    // What there is to write first depends on when the target's agent, the scheduler and the others are back.
    const writes = await first(isProgress);
    say(`after the API server was back, one led within ${leads.toFixed(1)} s, and wrote after ${writes.toFixed(1)} s`);

    expect(leads).toBeLessThan(30);
    await trial.expectWhole("Forward", report);
  });

  it("back, the leader stopped for 60 s: the other one goes on, and it writes no more", async () => {
    let leader: string | undefined;
    let stopped = new Date();
    let continued = new Date();
    const report = await trial.go("Revert", async () => {
      await trial.course.untilStep("n2", "Drain", "Revert");
      const holder = await leaseHolder(trial.client);
      if (holder === undefined) throw new Error("nobody leads");
      leader = holder.pod;
      expect(await signalController(trial.lab, holder.node, "STOP")).toBe(true);
      stopped = new Date();
      await sleep(60);
      await signalController(trial.lab, holder.node, "CONT");
      continued = new Date();
    });
    const writes = await trial.requests(stopped, isProgress);
    const [takenOver] = writes.filter((entry) => podOf(entry) !== leader).map(timeOf);
    const seconds = ((takenOver?.getTime() ?? Number.NaN) - stopped.getTime()) / 1000;
    const late = await trial.requests(continued, (e) => isOurs(e) && podOf(e) === leader && isChange(e));
    say(`the other one wrote ${seconds.toFixed(1)} s after the leader was stopped`);

    expect(seconds).toBeLessThan(20);
    expect(late.filter(hadEffect).map(words)).toEqual([]);
    expect(late.filter(isProgress).map(words)).toEqual([]);
    await trial.expectWhole("Revert", report);
  });

  const isChange = ({ verb = "" }: AuditEntry) => !["get", "list", "watch"].includes(verb);
  const hadEffect = ({ responseStatus }: AuditEntry) => (responseStatus?.code ?? 0) < 300;
  const words = ({ verb, objectRef, responseStatus }: AuditEntry) =>
    `${verb} ${objectRef?.resource} ${objectRef?.name}: ${responseStatus?.code}`;
});

describe("nodes are rebooted in the middle of their switch", () => {
  let trial: Trial;
  beforeAll(async () => {
    trial = await Trial.begin("reboot");
  });
  afterAll(() => trial?.end());

  it.each(["Forward", "Revert"] as const)(
    "%s: n2 in LeaveSource, n3 in JoinTarget; each has one network in the end, and the line goes on",
    { timeout },
    async (way) => {
      const empty: string[] = [];
      const report = await trial.go(way, async (continuity) => {
        for (const [node, step, task] of [
          ["n2", "LeaveSource", "switch"],
          ["n3", "JoinTarget", "join"],
        ] as const) {
          await trial.course.untilStep(node, step, way, 300);
          await untilTaskRuns(trial.course, trial.client, node, task);
          continuity.noteCut(node);
          await trial.lab.restartNode(node, { reboot: true });
          say(`${node} was rebooted in ${step}, and comes up with ${cniConfigurations(trial.lab, node).join(" ")}`);
          const watching = setInterval(() => {
            if (cniConfigurations(trial.lab, node).length === 0) empty.push(node);
          }, 20);
          await trial.course.untilStep(node, "Done", way, 420).finally(() => clearInterval(watching));
        }
      });

      expect(empty, "moments without any CNI configuration").toEqual([]);
      await trial.expectWhole(way, report);
    },
  );
});
