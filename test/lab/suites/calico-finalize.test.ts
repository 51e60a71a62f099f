import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DaemonSet, Node, Pod } from "../../../kube/objects.ts";
import { Continuity, type ContinuityReport, worstLag } from "../continuity.ts";
import { flannelManifest, type Lab, upLab } from "../index.ts";
import { calicoLeftovers } from "../leftovers.ts";
import { cniMigrate, getJson, installProduct, migrationState, type RunOutcome, succeed } from "../product.ts";
import { poll } from "../run.ts";

/** One request from a node itself. By bash: a busybox that is linked statically may crash where it would look up a name. */
async function isAnswered(lab: Lab, from: string, address: string): Promise<boolean> {
  const request = `exec 3<>/dev/tcp/${address}/8080; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; grep -q 200 <&3`;
  return (await lab.exec(from, ["timeout", "3", "bash", "-c", request])).code === 0;
}

/** The end of Calico to flannel on a real cluster: Calico goes from the API, flannel takes its own form, a node joins later. */
describe("finalize after Calico", () => {
  const late = "n4";
  const folder = mkdtempSync(join(tmpdir(), "cni-migrate-lab-"));
  const backup = join(folder, "calico.yaml");
  let lab: Lab;
  let present: Lab;
  let report: ContinuityReport;
  let run: RunOutcome;

  beforeAll(async () => {
    lab = await upLab({ name: "c2ffin", nodes: 4, network: "calico", ready: ["flannel", "calico"] });
    await installProduct(lab);
    // A node that is not there yet: without a network's configuration, without an object in the API.
    await lab.exec(late, ["sh", "-c", "rm -rf /etc/cni/net.d/* /var/lib/calico /opt/cni/bin/calico*"]);
    await lab.stopNode(late);
    await lab.kubectl(["delete", "node", late]);
    present = { ...lab, nodes: lab.nodes.filter(({ name }) => name !== late) };
    const continuity = new Continuity(present);
    await continuity.deploy();
    await continuity.start();
    try {
      const flags = ["--target", "flannel", "-f", "-", "--backup", join(folder, "before.yaml"), "-y"];
      const start = ["start", ...flags, "--wait", "--timeout", "5m"];
      await succeed(cniMigrate(lab, start, { input: await flannelManifest() }), "start");
      run = await cniMigrate(lab, ["finalize", "-y", "--backup", backup]);
      // What a restart would break shows within the time a connection is kept idle.
      await new Promise((resolve) => setTimeout(resolve, 10_000));
    } finally {
      report = await continuity.stop();
    }
    process.stderr.write(run.stderr);
  });
  afterAll(async () => {
    await lab?.down();
    rmSync(folder, { recursive: true, force: true });
  });

  const items = async <T>(...args: string[]) => (await getJson<{ items: T[] }>(lab, args)).items;

  it("ends with 0, and the CniMigration says that it is over", async () => {
    const { migration } = await migrationState(lab);
    const removed = migration.status?.conditions?.find((c) => c.type === "SourceRemoved");

    expect(run.code, run.stderr).toBe(0);
    expect(removed).toMatchObject({ status: "True", reason: "Finalized" });
  });

  it("loses no request and breaks no connection", () => {
    const losses = report.losses.map((l) => `${l.at.toISOString()} ${l.probe} ${l.what}`);

    expect(losses, worstLag(report)).toEqual([]);
    expect(report.connections.brokenUnmoved).toBe(0);
    expect(report.connections.held).toBeGreaterThan(0);
  });

  it("leaves nothing of Calico in the API, and nothing that is held on its way out", async () => {
    const kinds =
      "daemonsets,deployments,configmaps,secrets,serviceaccounts,services,poddisruptionbudgets,roles,rolebindings,clusterroles,clusterrolebindings,customresourcedefinitions,apiservices,priorityclasses,validatingwebhookconfigurations,mutatingwebhookconfigurations";
    const all = await items<{ kind: string; metadata: { name: string; deletionTimestamp?: string } }>(kinds, "-A");

    expect(all.length).toBeGreaterThan(50);
    expect(
      all.filter(({ metadata }) => /calico/.test(metadata.name)).map((o) => `${o.kind} ${o.metadata.name}`),
    ).toEqual([]);
    expect(all.filter(({ metadata }) => metadata.deletionTimestamp !== undefined)).toEqual([]);
  });

  it("leaves nothing of Calico on a node or a Node, and kubectl would take the backup back", async () => {
    const nodes = await items<Node>("nodes");
    const keys = nodes.flatMap(({ metadata }) => Object.keys({ ...metadata.labels, ...metadata.annotations }));
    const text = readFileSync(backup, "utf8");
    const again = await lab.kubectl(["apply", "--dry-run=client", "-f", "-"], { input: text });

    expect(await calicoLeftovers(present)).toEqual([]);
    expect(keys.filter((key) => /cni-migrate|calico|during-migration/.test(key))).toEqual([]);
    for (const kind of ["DaemonSet", "CustomResourceDefinition", "IPPool", "IPAMBlock"])
      expect(text).toContain(`kind: ${kind}\n`);
    // Of kinds whose definitions are gone kubectl knows nothing: they are for the second time.
    expect(again.stdout.match(/ created /g)?.length ?? 0, again.stderr).toBeGreaterThan(20);
    expect(
      again.stderr.split("\n").filter((line) => /^error|^Error/.test(line) && !/no matches for kind/.test(line)),
    ).toEqual([]);
  });

  it("flannel runs on every node by itself, in its own form", async () => {
    const agent = await getJson<DaemonSet>(lab, ["-n", "kube-flannel", "daemonset", "kube-flannel-ds"]);

    expect(agent.spec.template.spec.nodeSelector).toBeUndefined();
    expect(agent.spec.updateStrategy?.type).toBe("RollingUpdate");
    expect(agent.status).toMatchObject({ desiredNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 3 });
  });

  it("a node that joins later gets flannel without help", async () => {
    await lab.restartNode(late, { reboot: true });
    const echo = async () => items<Pod>("pods", "-n", "default", "-l", "app=echo");
    const pod = await poll(
      async () => (await echo()).find((p) => p.spec.nodeName === late && p.status?.phase === "Running"),
      { timeoutMs: 120_000, intervalMs: 500 },
    );
    const peer = (await echo()).find((p) => p.spec.nodeName === "n2");
    const [there, back] = [peer?.status?.podIP ?? "no pod on n2", pod?.status?.podIP ?? `no pod on ${late}`];
    const answers = async (from: string, address: string) =>
      poll(async () => ((await isAnswered(lab, from, address)) ? address : undefined), {
        timeoutMs: 60_000,
        intervalMs: 500,
      });
    const node = await getJson<Node>(lab, ["node", late]);

    expect(await answers(late, there)).toBe(there);
    expect(await answers("n2", back)).toBe(back);
    expect(back.split(".").slice(0, 3)).toEqual(node.spec?.podCIDR?.split(".").slice(0, 3));
    expect(await calicoLeftovers({ ...lab, nodes: lab.nodes.filter(({ name }) => name === late) })).toEqual([]);
  });
});
