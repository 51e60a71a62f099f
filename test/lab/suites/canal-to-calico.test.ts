import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NodeMigration } from "../../../crds/index.ts";
import type { KubeObject } from "../../../kube/types.ts";
import { Continuity, type ContinuityReport } from "../continuity.ts";
import { Course, differences } from "../course.ts";
import { calicoManifestPath, type Lab, upLab } from "../index.ts";
import { calicoLeftoversBesideCanal, canalLeftovers } from "../leftovers.ts";
import { PolicyProbes, type PolicyReport } from "../policy-probes.ts";
import { cniMigrate, getJson, installProduct, migrationState, stepSeconds, succeed } from "../product.ts";
import { type ClusterState, clusterState } from "../state-of-cluster.ts";

type Spec = KubeObject & { spec: Record<string, unknown>; rules?: unknown };

/** Kinds the two installs consist of. */
const kinds =
  "daemonsets,deployments,configmaps,serviceaccounts,poddisruptionbudgets,clusterroles,clusterrolebindings,customresourcedefinitions";

/** What was seen at the end of one stretch of the way. */
interface Seen {
  leftovers: string[];
  differences: string[];
  progress: string | undefined;
  nodes: NodeMigration[];
}

const name = "canal-to-calico";
const limitSeconds = 300;

/**
 * Canal, as its own manifest installs it: begun and turned round after the first node, then all the way to Calico, then all the
 * way back, and finalized there. Under one run of probes: nothing is lost, and no policy lets anything pass meanwhile.
 */
describe("Canal to Calico", () => {
  let lab: Lab;
  let before: ClusterState;
  let halfWayBack: Seen;
  let forward: Seen;
  let onCalico: { pools: Spec[]; felix: Spec[] };
  let back: Seen;
  let installed: Record<string, unknown>;
  let finalized: Record<string, unknown>;
  let report: ContinuityReport;
  let policies: PolicyReport;

  beforeAll(async () => {
    lab = await upLab({ name: "canal", nodes: 3, network: "canal", ready: ["canal", "calico"] });
    await installProduct(lab);
    const continuity = new Continuity(lab);
    const probes = new PolicyProbes(lab);
    await continuity.deploy();
    await probes.deploy();
    before = await state();
    installed = await install();
    await continuity.start();
    await probes.start();
    const course = await Course.of(lab);
    const start = ["start", "--target", "calico", "-f", await calicoManifestPath(), "-y"];
    await succeed(cniMigrate(lab, start), "start");
    await course.untilStep("n2", "Done", "Forward");
    await course.turn("Revert");
    await course.untilEnd("Reverted", limitSeconds);
    halfWayBack = await look(calicoLeftoversBesideCanal);
    await succeed(cniMigrate(lab, ["start", name, "-y"]), "start again");
    await course.untilEnd("Succeeded", limitSeconds);
    forward = await look(canalLeftovers);
    onCalico = { pools: await items("ippools"), felix: await items("felixconfigurations") };
    await succeed(cniMigrate(lab, ["revert", name]), "revert");
    await course.untilEnd("Reverted", limitSeconds);
    back = await look(calicoLeftoversBesideCanal);
    course.stop();
    // The agents that were made meanwhile are restarted one by one.
    await lab.kubectl(["-n", "kube-system", "rollout", "status", "daemonset/canal", "--timeout=120s"]);
    const folder = mkdtempSync(join(tmpdir(), "cni-migrate-lab-"));
    await succeed(cniMigrate(lab, ["finalize", name, "-y", "--backup", join(folder, "calico.yaml")]), "finalize");
    rmSync(folder, { recursive: true });
    finalized = await install();
    policies = await probes.stop();
    report = await continuity.stop();
    say();
  });
  afterAll(() => lab?.down());

  const items = async (kind: string) =>
    (await getJson<{ items: Spec[] }>(lab, [`${kind}.crd.projectcalico.org`])).items;

  /** Each agent writes a token of its own into the plugin's kubeconfig: only that it is there is compared. */
  async function state(): Promise<ClusterState> {
    const found = await clusterState(lab, ["kube-system"]);
    for (const [key, files] of Object.entries(found))
      if (key.startsWith("files of "))
        found[key] = (files as string[]).map((line) => line.replace(/^[0-9a-f]+ +calico-kube/, "calico-kube")).sort();
    return found;
  }

  /** The networks' objects by kind and name; of ClusterRoles the rules, of workloads the images. */
  async function install(): Promise<Record<string, unknown>> {
    const found = await getJson<{ items: Spec[] }>(lab, [kinds, "-n", "kube-system"]);
    const own = found.items.filter(({ metadata }) => /calico|canal|flannel/.test(metadata.name));
    return Object.fromEntries(
      own.map(({ kind, metadata, rules, spec }) => [
        `${kind} ${metadata.name}`,
        kind === "ClusterRole" ? rules : (JSON.stringify(spec ?? {}).match(/"image":"[^"]+"/g) ?? []),
      ]),
    );
  }

  async function look(leftovers: (lab: Lab) => Promise<string[]>): Promise<Seen> {
    const { migration, nodes } = await migrationState(lab);
    return {
      leftovers: await leftovers(lab),
      differences: differences(before, await state()),
      progress: migration.status?.progress,
      nodes,
    };
  }

  function say(): void {
    const tries = (flows: readonly { tried: number }[]) => flows.reduce((sum, { tried }) => sum + tried, 0);
    const seconds = ({ nodes }: Seen) =>
      stepSeconds(nodes)
        .map((n) => `${n.node} ${n.total.toFixed(1)}`)
        .join(", ");
    const requests = [...report.nodes, ...report.pods].reduce((sum, { ok, failed }) => sum + ok + failed, 0);
    process.stderr.write(
      [
        `seconds a node: forward ${seconds(forward)}; back ${seconds(back)}`,
        `requests ${requests}, lost ${report.losses.length}`,
        `denied ${tries(policies.denied)}, passed ${policies.passed.length}`,
        `allowed ${tries(policies.allowed)}, failed ${policies.lost.length}`,
        "",
      ].join("\n"),
    );
  }

  it("no request is lost, from any node or pod, and no connection between ends that were not moved breaks", () => {
    expect(report.losses.map((l) => `${l.at.toISOString()} ${l.probe} ${l.what}`)).toEqual([]);
    expect(report.connections.brokenUnmoved).toBe(0);
    for (const probe of report.nodes) expect(probe.ok, probe.probe).toBeGreaterThan(600);
  });

  it("on no node and at no time does a denied flow pass, or an allowed one fail between pods that live", () => {
    const told = (losses: PolicyReport["lost"]) => losses.map((l) => `${l.at.toISOString()} ${l.probe} ${l.what}`);

    expect(told(policies.passed)).toEqual([]);
    expect(told(policies.lost)).toEqual([]);
    for (const node of lab.nodes)
      for (const flows of [policies.denied, policies.allowed])
        expect(flows.filter((f) => f.node === node.name).reduce((sum, f) => sum + f.tried, 0)).toBeGreaterThan(1500);
  });

  it("turned round after the first node, the cluster is as it was, object by object, and nothing of Calico's is left", () => {
    expect(halfWayBack).toMatchObject({ leftovers: [], differences: [], progress: "3/3" });
  });

  it("forward again, every node is on Calico, and nothing of Canal is left but what Calico has too", () => {
    expect(forward).toMatchObject({ leftovers: [], progress: "3/3" });
    expect(onCalico.pools.map((p) => [p.metadata.name, p.spec.vxlanMode])).toEqual([["default-ipv4-ippool", "Always"]]);
    expect(onCalico.felix.map((f) => f.metadata.name)).toEqual(["default"]);
    expect(onCalico.felix[0]?.spec).toMatchObject({ vxlanVNI: 1, vxlanPort: 8472, vxlanMTU: 1450 });
  });

  it("reverted after the end, the cluster is as it was, object by object, and nothing of Calico's is left", () => {
    expect(back).toMatchObject({ leftovers: [], differences: [], progress: "3/3" });
  });

  it("finalized there, Canal's install is as it was, its ClusterRoles too, and nothing of Calico's own is left", () => {
    expect(Object.keys(installed).length).toBeGreaterThan(20);
    expect(differences(installed, finalized)).toEqual([]);
  });
});
