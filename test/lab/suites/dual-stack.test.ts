import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NodeMigration } from "../../../crds/index.ts";
import type { Node, Pod } from "../../../kube/objects.ts";
import type { KubeObject } from "../../../kube/types.ts";
import { contains, parseCidr } from "../../../networks/cidr.ts";
import { Continuity, type ContinuityReport, worstLag } from "../continuity.ts";
import { calicoManifestPath, type Lab, upLab } from "../index.ts";
import { calicoLeftovers, flannelLeftovers } from "../leftovers.ts";
import { cniMigrate, getJson, installProduct, migrationState, type RunOutcome } from "../product.ts";

type Spec = KubeObject & { spec: Record<string, unknown> };

/**
 * flannel with IPv4 and IPv6 becomes Calico with both, and goes back. Its pods' IPv6 addresses are far up in their nodes'
 * ranges, as after months of pods that came and went, where no block of Calico's is.
 */
describe("flannel to Calico and back in a dual-stack cluster", () => {
  let lab: Lab;
  const forward = {} as { run: RunOutcome; report: ContinuityReport; nodes: NodeMigration[] };
  const back = {} as { run: RunOutcome; report: ContinuityReport };
  let leftOfFlannel: string[];
  let pods: Pod[];
  let pools: Spec[];
  let blocks: Spec[];

  beforeAll(async () => {
    lab = await upLab({ name: "dual", nodes: 3, dualStack: true });
    await installProduct(lab);
    for (const node of await items<Node>("nodes")) await agePodRange(lab, node);
    let continuity = new Continuity(lab);
    await continuity.deploy();
    await continuity.start();
    const manifests = await calicoManifestPath();
    forward.run = await cniMigrate(lab, ["start", "--target", "calico", "-f", manifests, "-y", ...waiting]);
    forward.report = await continuity.stop();
    forward.nodes = (await migrationState(lab)).nodes;
    leftOfFlannel = await flannelLeftovers(lab);
    pods = await items<Pod>("pods");
    pools = await items<Spec>("ippools.crd.projectcalico.org");
    blocks = await items<Spec>("ipamblocks.crd.projectcalico.org");

    continuity = new Continuity(lab);
    await continuity.deploy();
    await continuity.start();
    back.run = await cniMigrate(lab, ["revert", ...waiting]);
    back.report = await continuity.stop();
    for (const { report } of [forward, back]) process.stderr.write(`${summary(report)}\n`);
  });
  afterAll(() => lab?.down());

  const items = async <T>(kind: string) => (await getJson<{ items: T[] }>(lab, [kind, "-A"])).items;

  it("forward and back end with 0", () => {
    expect(forward.run.code, forward.run.stderr).toBe(0);
    expect(back.run.code, back.run.stderr).toBe(0);
  });

  it.each([
    ["forward", forward],
    ["back", back],
  ])("%s, no request is lost by IPv4 or IPv6, and no connection between ends that were not moved", (_, { report }) => {
    expect(
      report.losses.map((l) => `${l.at.toISOString()} ${l.probe} ${l.what}`),
      worstLag(report),
    ).toEqual([]);
    expect(report.connections.brokenUnmoved).toBe(0);
    expect(report.nodes.map(({ probe }) => probe).sort()).toEqual(
      ["n1", "n2", "n3"].flatMap((name) => [`node ${name}`, `node ${name} by IPv6`]),
    );
    for (const probe of report.nodes) expect(probe.ok, probe.probe).toBeGreaterThan(200);
  });

  it("on Calico every pod has an address of each family, from its node's ranges", async () => {
    const ranges = new Map((await items<Node>("nodes")).map((n) => [n.metadata.name, n.spec?.podCIDRs ?? []]));
    const own = pods.filter((p) => p.spec.hostNetwork !== true && p.metadata.deletionTimestamp === undefined);

    expect(own.length).toBeGreaterThan(6);
    for (const { metadata, spec, status } of own) {
      const of = ranges.get(spec.nodeName ?? "") ?? [];
      const found = (status?.podIPs ?? []).map(({ ip }) => of.find((range) => isWithin(ip, range)));
      expect(found, `${metadata.name} on ${spec.nodeName}`).toEqual(of);
    }
  });

  it("each probe of a node tried both families, both ways", () => {
    for (const { spec, status } of forward.nodes) {
      const paths = (status?.evidence?.checks ?? []).map((check) => check.path).join("\n");
      expect(paths, spec.nodeName).toMatch(/fd00:/);
    }
  });

  it("on Calico there is a pool of each family, and no block is wider than the pools'", () => {
    expect(pools.map((p) => [p.metadata.name, p.spec.cidr, p.spec.blockSize, p.spec.vxlanMode])).toEqual([
      ["default-ipv4-ippool", "10.244.0.0/16", 26, "Always"],
      ["default-ipv6-ippool", "fd00:10:244::/56", 122, "Always"],
    ]);
    expect(blocks.map((b) => String(b.spec.cidr)).filter((cidr) => !/\/(26|122)$/.test(cidr))).toEqual([]);
  });

  it("nothing of flannel was left, and nothing of Calico is", async () => {
    expect(leftOfFlannel).toEqual([]);
    expect(await calicoLeftovers(lab)).toEqual([]);
  });

  it("back on flannel, each node's IPv6 range has its one route, and Calico's addresses are gone from the API", async () => {
    const nodes = await items<Node>("nodes");
    for (const { name } of lab.nodes) {
      const { stdout } = await lab.exec(name, ["ip", "-6", "route", "show", "dev", "flannel-v6.1"]);
      const routed = stdout.split("\n").flatMap((line) => (line.includes(" via ") ? (line.split(" ")[0] ?? "") : []));
      const others = nodes.filter((n) => n.metadata.name !== name).map((n) => n.spec?.podCIDRs?.[1]);
      expect(routed.sort(), name).toEqual(others.sort());
    }
    const left = await items<Spec>("ipamblocks.crd.projectcalico.org");
    expect(left.map((b) => b.metadata.name)).toEqual([]);
    const annotations = nodes.flatMap((n) => Object.keys(n.metadata.annotations ?? {}));
    expect(annotations.filter((key) => key.startsWith("projectcalico.org/"))).toEqual([]);
  });
});

const waiting = ["--wait", "--timeout", "5m"];

/** The next pod on the node gets an IPv6 address behind the first 65,536 of its range. */
async function agePodRange(lab: Lab, { metadata, spec }: Node): Promise<void> {
  const [, range = ""] = spec?.podCIDRs ?? [];
  const last = range.replace("::/64", "::1:0");
  const script = `mkdir -p /var/lib/cni/networks/cbr0 && printf %s "$0" > /var/lib/cni/networks/cbr0/last_reserved_ip.1`;
  await lab.exec(metadata.name, ["sh", "-c", script, last]);
}

function isWithin(address: string, range: string): boolean {
  const inner = parseCidr(`${address}/${address.includes(":") ? 128 : 32}`);
  const outer = parseCidr(range);
  return inner !== undefined && outer !== undefined && contains(outer, inner);
}

function summary({ nodes, pods, connections, losses, excused }: ContinuityReport): string {
  const lines = [...nodes, ...pods].map((p) => `${p.probe}: ${p.ok} ok, ${p.failed} failed, lag ${p.worstLagMs} ms`);
  const ends = `${losses.length} lost, ${excused.length} of moved ends; connections ${JSON.stringify(connections)}`;
  return [...lines, ends].join("\n");
}
