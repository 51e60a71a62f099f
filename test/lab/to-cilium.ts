import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CniMigration } from "../../crds/index.ts";
import type { ConfigMap, DaemonSet, Node, Pod } from "../../kube/objects.ts";
import { contains, parseCidr } from "../../networks/cidr.ts";
import { type AddressReport, seenAddresses } from "./addresses.ts";
import { Continuity, type ContinuityReport, worstLag } from "./continuity.ts";
import { Course, differences, standing } from "./course.ts";
import { foreignThings, plantForeignThings } from "./foreign.ts";
import { ciliumManifestPath, type Lab, upLab } from "./index.ts";
import { ciliumLeftovers, leftoversBeforeCilium } from "./leftovers.ts";
import {
  cniMigrate,
  getJson,
  installProduct,
  migrationState,
  type RunOutcome,
  stepSeconds,
  succeed,
} from "./product.ts";
import { type ClusterState, clusterState } from "./state-of-cluster.ts";

/** A network that is left for Cilium, as the lab has it. */
interface Left {
  source: keyof typeof leftoversBeforeCilium;
  namespaces: readonly string[];
  agent: { namespace: string; name: string };
  /** Most seconds a node may take. */
  nodeSeconds: number;
}

/** What is to be seen at the end of one stretch of the way. */
interface Seen {
  run: RunOutcome;
  migration: CniMigration;
  standing: string;
  leftovers: string[];
  differences: string[];
  foreign: string[];
  /** Pods of the two networks' agents. */
  agents: { source: number; cilium: number };
}

const untilItsEnd = ["--wait", "--timeout", "6m"];
const cilium = { namespace: "kube-system", name: "cilium" };

/**
 * To Cilium, as its own chart installs it, with two overlays: turned round in the middle of the second node's switch, all the way
 * there, all the way back, and there again for good. Under one run of probes: nothing is lost, nothing is left.
 */
export function describeToCilium({ source, namespaces, agent, nodeSeconds }: Left): void {
  const name = `${source}-to-cilium`;

  describe(`${source} to Cilium and back`, () => {
    const folder = mkdtempSync(join(tmpdir(), "cni-migrate-lab-"));
    let lab: Lab;
    let course: Course;
    let before: ClusterState;
    let foreignBefore: string[];
    let report: ContinuityReport;
    let midway: Seen;
    let mixed: AddressReport;
    let forward: Seen;
    let perNode: ReturnType<typeof stepSeconds>;
    let outside: string[];
    let fromTheEnd: Seen;
    let finalized: Seen;

    beforeAll(async () => {
      lab = await upLab({ name: `six${source}`, nodes: 3, network: source, ready: [source, "cilium"] });
      await installProduct(lab);
      foreignBefore = await plantForeignThings(lab);
      const continuity = new Continuity(lab);
      await continuity.deploy();
      before = await state();
      course = await Course.of(lab);
      await continuity.start();
      try {
        const given = [
          "--target",
          "cilium",
          "-f",
          await ciliumManifestPath(lab.name),
          "--backup",
          join(folder, "s.yaml"),
        ];
        await succeed(cniMigrate(lab, ["start", ...given, "-y"]), "start");
        const { nodes } = await course.untilStep("n3", "JoinTarget", "Forward", 300);
        expect(nodes.find((nm) => nm.spec.nodeName === "n2")?.status?.step).toBe("Done");
        midway = await goBack("midway");
        forward = await goForward();
        fromTheEnd = await goBack("from the end");
        await succeed(cniMigrate(lab, ["start", name, "-y", ...untilItsEnd]), "start for good");
        const last = await cniMigrate(lab, ["finalize", "-y", "--backup", join(folder, "left.yaml")]);
        // What a restart would break shows within the time a connection is kept idle.
        await new Promise((resolve) => setTimeout(resolve, 10_000));
        finalized = await look("finalized", last, leftoversBeforeCilium[source]);
      } finally {
        process.stderr.write(`${standing(course.seen)}\n`);
        report = await continuity.stop();
        say();
      }
    });
    afterAll(async () => {
      course?.stop();
      rmSync(folder, { recursive: true, force: true });
      await lab?.down();
    });

    const items = async <T>(...args: string[]) => (await getJson<{ items: T[] }>(lab, args)).items;

    /** A token is another one each time; Cilium's own DaemonSet stays in the API when a revert has ended. */
    async function state(): Promise<ClusterState> {
      const found = await clusterState(lab, namespaces, { ofCalico: source !== "flannel" });
      delete found[`daemonset ${cilium.namespace}/${cilium.name}`];
      for (const [key, files] of Object.entries(found))
        if (key.startsWith("files of "))
          found[key] = (files as string[]).map((line) => line.replace(/^[0-9a-f]+ +calico-kube/, "calico-kube")).sort();
      return found;
    }

    /** Stops when the first node has moved, to look at the two overlays; then goes on to the end. */
    async function goForward(): Promise<Seen> {
      await succeed(cniMigrate(lab, ["start", name, "-y"]), "start again");
      await course.untilStep("n2", "JoinTarget", "Forward", 300);
      await succeed(cniMigrate(lab, ["pause"]), "pause");
      await course.untilStep("n2", "Done", "Forward");
      mixed = await seenAddresses(lab);
      await succeed(cniMigrate(lab, ["resume"]), "resume");
      await course.untilEnd("Succeeded", 300);
      perNode = stepSeconds((await migrationState(lab)).nodes);
      outside = await outsideTheirRange();
      return look("forward", await cniMigrate(lab, ["status"]), leftoversBeforeCilium[source]);
    }

    async function goBack(whence: string): Promise<Seen> {
      const run = await cniMigrate(lab, ["revert", ...untilItsEnd]);
      // Agents that were made meanwhile are restarted one by one: that must lose nothing either.
      await lab.kubectl(["-n", agent.namespace, "rollout", "status", `daemonset/${agent.name}`, "--timeout=120s"]);
      return look(whence, run, ciliumLeftovers);
    }

    async function look(way: string, run: RunOutcome, leftovers: (lab: Lab) => Promise<string[]>): Promise<Seen> {
      const { migration, nodes } = await migrationState(lab);
      process.stderr.write(`${way}: ${run.seconds.toFixed(1)} s ${JSON.stringify(stepSeconds(nodes))}\n`);
      const pods = async (of: { namespace: string; name: string }) =>
        (await items<Pod>("pods", "-n", of.namespace)).filter((pod) =>
          pod.metadata.ownerReferences?.some((owner) => owner.kind === "DaemonSet" && owner.name === of.name),
        ).length;
      return {
        run,
        migration,
        standing: standing(course.seen),
        leftovers: await leftovers(lab),
        differences: differences(before, await state()),
        foreign: await foreignThings(lab),
        agents: { source: await pods(agent), cilium: await pods(cilium) },
      };
    }

    /** Pods whose address is not one of Cilium's. */
    async function outsideTheirRange(): Promise<string[]> {
      const range = parseCidr((await settings())["cluster-pool-ipv4-cidr"] ?? "");
      const own = (await items<Pod>("pods", "-A")).filter(
        (pod) => pod.spec.hostNetwork !== true && pod.status?.phase === "Running" && !pod.metadata.deletionTimestamp,
      );
      expect(own.length).toBeGreaterThan(3);
      return own.flatMap(({ metadata, status }) => {
        const address = parseCidr(`${status?.podIP}/32`);
        const inside = range !== undefined && address !== undefined && contains(range, address);
        return inside ? [] : [`${metadata.name} ${status?.podIP}`];
      });
    }

    async function settings(): Promise<Record<string, string>> {
      const config = await getJson<ConfigMap>(lab, ["-n", cilium.namespace, "configmap", "cilium-config"]);
      return config.data ?? {};
    }

    function say(): void {
      const requests = [...report.nodes, ...report.pods].reduce((sum, { ok, failed }) => sum + ok + failed, 0);
      const { held, worstGapMs, movedAway } = report.connections;
      const seconds = (perNode ?? []).map(
        ({ node, total, steps }) => `${node} ${total.toFixed(1)} (agent ${steps.JoinTarget?.toFixed(1)})`,
      );
      process.stderr.write(
        [
          `seconds a node, and of them the agent's own restart: ${seconds.join(", ")}`,
          `${requests} requests, ${report.losses.length} lost; ${held} connections held, ${movedAway} moved away, worst gap ${worstGapMs} ms; ${worstLag(report)}`,
          ...report.losses.slice(0, 20).map((l) => `  ${l.at.toISOString()} ${l.probe}: ${l.what}`),
          "",
        ].join("\n"),
      );
    }

    const conditionsOf = ({ migration }: Seen) =>
      Object.fromEntries((migration.status?.conditions ?? []).map((c) => [c.type, `${c.status} ${c.reason}`]));

    async function expectAsBefore(seen: Seen): Promise<void> {
      expect(seen.run.code, `${seen.run.stderr}${seen.standing}`).toBe(0);
      expect(conditionsOf(seen)).toMatchObject({ Succeeded: "True Reverted", Reverted: "True Reverted" });
      expect(seen.migration.status?.undo ?? []).toEqual([]);
      expect(seen.differences).toEqual([]);
      expect(seen.leftovers).toEqual([]);
      expect(seen.foreign).toEqual(foreignBefore);
      expect(seen.agents).toEqual({ source: 3, cilium: 0 });
    }

    it("no request is lost, from any node or pod, and no connection between ends that were not moved breaks", () => {
      const lag = worstLag(report);
      const losses = report.losses.map((l) => `${l.at.toISOString()} ${l.probe} ${l.what}`);

      expect(losses, lag).toEqual([]);
      expect(report.connections.brokenUnmoved, lag).toBe(0);
      for (const probe of report.nodes) expect(probe.ok, probe.probe).toBeGreaterThan(2000);
      expect(report.connections.held).toBeGreaterThan(0);
    });

    it("turned round in the middle of the second node's switch, the cluster is as it was, object by object", () =>
      expectAsBefore(midway));

    it("while nodes are on both networks, pods of both see each other under their own addresses", () => {
      expect(mixed.rewritten).toEqual([]);
      expect(mixed.tried).toBe(6);
    });

    it("forward to its end: every node is on Cilium, and nothing of the network that was left is on any", () => {
      expect(conditionsOf(forward)).toMatchObject({
        Succeeded: "True Succeeded",
        PreflightPassed: "True PreflightPassed",
        TargetInstalled: "True TargetInstalled",
        NodesMigrated: "True NodesMigrated",
        ConnectivityVerified: "True ConnectivityVerified",
        SourceRemoved: "True SourceRemoved",
      });
      expect(forward.migration.status?.progress).toBe("3/3");
      expect(forward.leftovers).toEqual([]);
      expect(forward.foreign).toEqual(foreignBefore);
      expect(forward.agents).toEqual({ source: 0, cilium: 3 });
      expect(outside).toEqual([]);
    });

    it(`takes ${nodeSeconds} s a node at most`, () => {
      expect(perNode.map(({ node }) => node).sort()).toEqual(["n1", "n2", "n3"]);
      expect(perNode.filter(({ total }) => total > nodeSeconds)).toEqual([]);
    });

    it("reverted after the end, the cluster is as it was, and nothing of Cilium is on any node", () =>
      expectAsBefore(fromTheEnd));

    it("finalized, it is a plain Cilium: the user's own settings, agents that took them, and nothing else's objects", async () => {
      const found = await settings();
      const { spec, status } = await getJson<DaemonSet>(lab, ["-n", cilium.namespace, "daemonset", cilium.name]);
      const nodes = await items<Node>("nodes");
      const keys = nodes.flatMap(({ metadata }) => Object.keys({ ...metadata.labels, ...metadata.annotations }));

      expect(finalized.run.code, finalized.run.stderr).toBe(0);
      expect(finalized.leftovers).toEqual([]);
      expect(finalized.agents).toEqual({ source: 0, cilium: 3 });
      expect(found).toMatchObject({ "enable-policy": "default", "cni-exclusive": "true", "custom-cni-conf": "false" });
      expect(spec.template.spec.nodeSelector).toEqual({ "kubernetes.io/os": "linux" });
      expect(status).toMatchObject({ desiredNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 3 });
      expect(keys.filter((key) => /cni-migrate|flannel|projectcalico/.test(key))).toEqual([]);
      expect(await items("ciliumnodeconfigs", "-A")).toEqual([]);
    });
  });
}
