import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { controllerName, networkLabel, pendingTaint, systemNamespace } from "../../crds/names.ts";
import { cniMigrations, daemonSets, leases, nodes, pods } from "../../kube/resources.ts";
import { ControllerCluster, migrationName } from "./controller-cluster.ts";
import type { ControllerProcess } from "./controller-process.ts";
import { summaryOf } from "./run-summary.ts";

/** The whole controller in this process, carrying migrations through on a real control plane; hosts are models. */
let cluster: ControllerCluster;
let uninterrupted: Awaited<ReturnType<typeof summaryOf>>;

const runTimeout = 60_000;
const calico = { namespace: "kube-system", name: "calico-node" };
/** Of the moments in which the controller is cut off. */
const seed = 20_260;
const restarts = 10;

beforeAll(async () => {
  cluster = await ControllerCluster.start();
});

afterAll(() => cluster?.stop());

const trueConditions = (of: { status?: { conditions?: { type: string; status: string }[] } }) =>
  (of.status?.conditions ?? []).filter((c) => c.status === "True").map((c) => c.type);

describe("a migration", () => {
  let leader: ControllerProcess;
  let candidate: ControllerProcess;

  it("that preflight blocks is Stalled with every cure, and nothing was changed", async () => {
    const begun = await cluster.startMigration();
    expect(begun, begun.err).toMatchObject({ code: 0 });
    await cluster.annotate("n2", { "flannel.alpha.coreos.com/public-ip": "192.0.2.77" });
    const before = await cluster.inventory();

    leader = await cluster.startController();
    const blocked = await cluster.migrationSays("Stalled", "True", "PreflightBlocked");

    const message =
      "node n2: peers send to 192.0.2.77, but Calico would choose the node's InternalIP 192.0.2.2; make both the same: kubelet's --node-ip, or --iface or --public-ip of the agent that runs now";
    expect(blocked.status).toMatchObject({ summary: "Stalled", message, progress: "0/3" });
    expect(blocked.status).not.toHaveProperty("startTime");
    expect(trueConditions(blocked)).toEqual(["Stalled"]);
    // Looking at the nodes takes a pod on each; the rest is what it says of itself.
    const made = (await cluster.inventory()).filter((line) => !before.includes(line)).map((line) => line.split(" ")[0]);
    expect([...new Set(made)].sort()).toEqual([
      "cnimigrations.cni-migrate.io/v1alpha1",
      "events.events.k8s.io/v1",
      "events.v1",
      "leases.coordination.k8s.io/v1",
      "pods.v1",
    ]);
    expect(cluster.model.tasks.every((name) => name.startsWith("inspect-"))).toBe(true);
  });

  it("is Stalled, too, when a node cannot get an image of the target, and still nothing was changed", async () => {
    const agent = await cluster.client.get(daemonSets, calico);
    const image = agent?.spec.template.spec.containers[0]?.image;
    cluster.model.missingImages.set(`n3 ${image}`, "manifest unknown");
    await cluster.annotate("n2", { "flannel.alpha.coreos.com/public-ip": "192.0.2.2" });
    // A new process looks at once; this one would in half a minute.
    await leader.stop();
    leader = await cluster.startController();

    const blocked = await cluster.migrationSays("PreflightPassed", "False", "ImageMissing");
    const stalled = await cluster.migrationSays("Stalled", "True", "ImageMissing");

    expect(image).toMatch(/calico\/node:/);
    expect(stalled.status?.message).toBe(
      `node n3: image ${image} cannot be had: ErrImagePull: manifest unknown; load it there or let the node pull it, or correct its name in DaemonSet kube-system/calico-node`,
    );
    expect(trueConditions(blocked)).not.toContain("TargetInstalled");
    expect(stalled.status).not.toHaveProperty("startTime");
    expect(leader.writes.filter((write) => /\/daemonsets\/|\/nodes\//.test(write))).toEqual([]);
    expect(cluster.ownPods("image-check").map((name) => name.replace(/-[^-]*$/, ""))).toEqual([
      "images-n1",
      "images-n2",
      "images-n3",
    ]);
  });

  it("goes on when that is mended, and a second one has to wait", async () => {
    cluster.model.missingImages.clear();
    // The controller asks anew by itself in half a minute; a person may be quicker.
    const asked = cluster.ownPods("image-check").find((name) => name.startsWith("images-n3-")) ?? "";
    await cluster.client.delete(pods, { namespace: systemNamespace, name: asked }, { gracePeriodSeconds: 0 });
    await cluster.migrationSays("PreflightPassed", "True", "PreflightPassed");
    candidate = await cluster.startController();

    const { apiVersion, kind, spec } = await cluster.migration();
    await cluster.client.create(cniMigrations, { apiVersion, kind, metadata: { name: "second" }, spec });

    const second = await cluster.migrationSays("Stalled", "True", "AnotherMigrationActive", "second");
    expect(second.status?.message).toBe(
      "CniMigration flannel-to-calico is not finished; this one begins when it is, or remove it with kubectl delete cnimigration second",
    );
    await cluster.client.delete(cniMigrations, { name: "second" });
  });

  it("ends Succeeded, with every node Done", { timeout: runTimeout }, async () => {
    const end = await cluster.migrationSays("Succeeded", "True", "Succeeded");
    await cluster.whole();

    uninterrupted = await summaryOf(cluster, [leader, candidate]);
    expect(end.status).toMatchObject({
      summary: "Succeeded",
      message: "3 nodes are on calico",
      progress: "3/3",
      strategy: "SharedOverlay",
      nodes: { total: 3, pending: 0, inProgress: 0, migrated: 3, failed: 0, skipped: 0 },
    });
    expect(trueConditions(end).sort()).toEqual([
      "ConnectivityVerified",
      "NodesMigrated",
      "PreflightPassed",
      "SourceRemoved",
      "Succeeded",
      "TargetInstalled",
    ]);
    expect(end.status?.completionTime).toBeDefined();
    for (const name of ["n1", "n2", "n3"]) expect(uninterrupted.nodes[name]?.step).toBe("Done");
  });

  it("takes the workers by name, then the control plane, one at a time", () => {
    expect(cluster.journal).toMatchObject({ begun: ["n2", "n3", "n1"], mostAtOnce: 1 });
  });

  it("shows reasons of the vocabulary only, and never two of Stalled, Reconciling and Succeeded at once", () => {
    expect([...cluster.journal.illegal]).toEqual([]);
  });

  it("makes one host task of each kind a node, and asks each pod to leave at most once", () => {
    expect(uninterrupted.tasks).toEqual({
      inspect: { n1: 1, n2: 1, n3: 1 },
      switch: { n1: 1, n2: 1, n3: 1 },
      join: { n1: 1, n2: 1, n3: 1 },
      cleanup: { n1: 1, n2: 1, n3: 1 },
    });
    expect(uninterrupted.mostEvictionsOfAPod).toBe(1);
    // n2's two pods go to n3, n3's four to n2, two of them back; each node's own is made anew where it is.
    expect(uninterrupted.evictions).toEqual({ web: 8, log: 3 });
    expect(uninterrupted.webPods).toEqual({ n2: 2, n3: 2 });
  });

  it("never leaves a node with no or two active CNI configurations outside the hold, or two devices of one overlay", () => {
    expect(cluster.model.violations).toEqual([]);
  });

  it("hands each device over and leaves nothing of flannel, and no pod with an address of it", () => {
    for (const name of ["n1", "n2", "n3"])
      expect(uninterrupted.hosts[name]).toEqual({
        handedOver: true,
        conflists: ["10-calico.conflist"],
        links: ["vxlan.calico"],
        chains: ["cali-FORWARD"],
        files: ["/etc/cni/net.d/10-calico.conflist", "/etc/cni/net.d/calico-kubeconfig", "/opt/cni/bin/calico"],
      });
    expect(uninterrupted.networksOfPods).toEqual(["calico"]);
  });

  it("leaves a node cordoned that a person had cordoned, the others open, and no taint or mark of its own", () => {
    const mark = { network: "calico", taints: [], cordonedBy: undefined };
    expect(uninterrupted.nodes).toMatchObject({
      n1: { ...mark, unschedulable: true, cordoned: "True Cordoned" },
      n2: { ...mark, unschedulable: false, cordoned: "False Uncordoned" },
      n3: { ...mark, unschedulable: false, cordoned: "False Uncordoned" },
    });
    const left = (["probe-server", "probe", "host-task", "image-check"] as const).flatMap((role) =>
      cluster.ownPods(role),
    );
    expect(left).toEqual([]);
  });

  it("is the leader's alone: a candidate writes nothing", () => {
    expect(leader.writes.length).toBeGreaterThan(50);
    expect(candidate.writes).toEqual([]);
  });

  it("holds the nodes' names: another begins only when its record is gone", async () => {
    const { apiVersion, kind, spec } = await cluster.migration();
    await cluster.client.create(cniMigrations, { apiVersion, kind, metadata: { name: "third" }, spec });

    const third = await cluster.migrationSays("Stalled", "True", "AnotherMigrationActive", "third");
    await cluster.client.delete(cniMigrations, { name: "third" });

    expect(third.status?.message).toContain("kubectl delete cnimigration flannel-to-calico");
  });
});

describe("a migration that people step in on", () => {
  it("begins no node while it is paused", { timeout: runTimeout }, async () => {
    await cluster.reset();
    await cluster.startMigration();
    await cluster.setSpec({ paused: true });

    await cluster.startController();
    const paused = await cluster.migrationSays("Reconciling", "True", "Paused");

    expect(paused.status).toMatchObject({
      summary: "Paused",
      message: "paused with 0 of 3 nodes done; kubectl cni-migrate resume flannel-to-calico",
    });
    expect(cluster.journal.begun).toEqual([]);
  });

  it("stops a node before its next disruptive step when it is paused under way, and resumes", async () => {
    await cluster.setSpec({ paused: false });
    await cluster.nodeReaches("n2", "Drain");
    await cluster.setSpec({ paused: true });
    const held = await cluster.nodeSays("n2", "Reconciling", "True", "Paused");

    expect(held.status).toMatchObject({
      step: "Drain",
      message: "paused before LeaveSource; kubectl cni-migrate resume flannel-to-calico",
    });
    expect(cluster.model.tasks.filter((name) => name.startsWith("switch-"))).toEqual([]);

    await cluster.run("resume");
    await cluster.nodeReaches("n2", "LeaveSource");
  });

  it("stops the line where a host task fails, and says what, where and what to do", {
    timeout: runTimeout,
  }, async () => {
    cluster.model.failOnce("switch", "n3", "renameVxlan", "both flannel.1 and vxlan.calico are there");

    const node = await cluster.nodeSays("n3", "Stalled", "True", "HostTaskFailed");
    const stalled = await cluster.migrationSays("Stalled", "True", "NodeFailed");

    const [pod] = cluster.model.tasks.filter((name) => name.startsWith("switch-n3-"));
    const message = `switch on node n3 failed: renameVxlan: both flannel.1 and vxlan.calico are there; see kubectl -n cni-migrate logs ${pod}, then kubectl cni-migrate retry n3`;
    expect(node.status).toMatchObject({ step: "LeaveSource", summary: "Stalled", message });
    expect(stalled.status).toMatchObject({
      summary: "Stalled",
      message: `node n3 failed in LeaveSource: ${message}`,
      nodes: { total: 3, pending: 1, inProgress: 0, migrated: 1, failed: 1, skipped: 0 },
    });
    expect(trueConditions(stalled)).toContain("Stalled");
    expect((await cluster.nodeMigration("n1")).status?.step).toBe("Pending");
  });

  it("waits to be deleted for the node half-way, and says how to bring it on", async () => {
    await cluster.client.delete(cniMigrations, { name: migrationName });

    const deleting = await cluster.migrationIs("Deleting");
    expect(deleting.status?.message).toBe("nodes half-way: n3; kubectl cni-migrate retry brings a stalled one on");
  });

  it("goes on with a task of its own when a person asks for another try; then it is gone, and no other node has begun", {
    timeout: runTimeout,
  }, async () => {
    const done = cluster.nodeReaches("n3", "Done");
    await cluster.run("retry", "n3");
    const { status } = await done;
    await cluster.gone();

    expect(status?.attempts).toBe(1);
    expect(new Set(cluster.model.tasks.filter((name) => name.startsWith("switch-n3-"))).size).toBe(2);
    expect(cluster.journal).toMatchObject({ begun: ["n2", "n3"], mostAtOnce: 1 });
    const { items } = await cluster.client.list(nodes);
    expect(items.map(({ metadata }) => metadata.labels?.[networkLabel])).toEqual(["flannel", "calico", "calico"]);
    expect(items.flatMap(({ spec }) => spec?.taints ?? []).filter(({ key }) => key === pendingTaint)).toEqual([]);
    expect([...cluster.journal.illegal]).toEqual([]);
    expect(cluster.model.violations).toEqual([]);
  });
});

describe("a controller that is cut off again and again", () => {
  it(`comes to the same end with the same work, seed ${seed}`, { timeout: runTimeout }, async () => {
    await cluster.reset();
    await cluster.startMigration();
    const random = randomFrom(seed);
    const processes: ControllerProcess[] = [];

    for (let i = 0; i < restarts; i++) {
      const process = await cluster.startController(5 + Math.floor(random() * 15));
      processes.push(process);
      await process.ended;
    }
    const cutOff = (await cluster.migration()).status;
    processes.push(await cluster.startController());
    const end = await cluster.migrationSays("Succeeded", "True", "Succeeded");
    await cluster.whole();

    expect(cutOff?.progress).not.toBe("3/3");
    expect(end.status?.message).toBe("3 nodes are on calico");
    expect(await summaryOf(cluster, processes)).toEqual(uninterrupted);
    expect(cluster.journal).toMatchObject({ begun: ["n2", "n3", "n1"], mostAtOnce: 1 });
    expect([...cluster.journal.illegal]).toEqual([]);
    expect(cluster.model.violations).toEqual([]);
  });

  it("ends when somebody else takes its Lease, and writes nothing more", async () => {
    const leader = await cluster.lastController();
    const lease = { name: controllerName, namespace: systemNamespace };
    await cluster.client.patch(leases, lease, { spec: { holderIdentity: "thief" } });

    expect(await leader.ended).toBe("leadership lost: the Lease is held by thief");

    const written = leader.writes.length;
    await cluster.setSpec({ paused: true });
    expect((await cluster.migration()).status?.observedGeneration).toBe(1);
    expect(leader.writes.length).toBe(written);
  });
});

/** mulberry32: the same numbers in [0, 1) for the same seed. */
function randomFrom(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
