import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contains, formatCidr, overlaps, parseCidr } from "./cidr.ts";
import {
  checkSecondRange,
  checkShares,
  proposeRange,
  rangesOfCluster,
  type TakenRange,
  takenRanges,
} from "./dual-overlay-ranges.ts";
import { snapshotOf } from "./snapshot.ts";
import { hostFacts, planOfRecording } from "./testing.ts";

const taken = (...cidrs: string[]): TakenRange[] => cidrs.map((cidr) => ({ cidr, from: `place of ${cidr}` }));
const parsed = (text: string) => {
  const range = parseCidr(text);
  if (range === undefined) throw new Error(`${text} is no range`);
  return range;
};
const small = { nodes: 3, subnetLen: 24 };
const privateOnes = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].map(parsed);

/** Ranges inside the private ones and across their edges, and single addresses. */
const ranges = fc
  .record({
    within: fc.constantFrom(...privateOnes, parsed("0.0.0.0/0")),
    bits: fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }),
    prefix: fc.integer({ min: 1, max: 32 }),
  })
  .map(({ within, bits, prefix }) => {
    const base = within.base + (bits & ((1n << BigInt(32 - within.prefix)) - 1n));
    return formatCidr(parsed(formatCidr({ family: 4, base, prefix })));
  });

describe("networks/dual-overlay-ranges: proposal", () => {
  it.each<[string, string[], Parameters<typeof proposeRange>[1], string | undefined]>([
    [
      "the range behind the pods'",
      ["10.244.0.0/16", "10.96.0.0/12"],
      { ...small, beside: "10.244.0.0/16" },
      "10.245.0.0/16",
    ],
    [
      "the first free one where that is taken",
      ["10.244.0.0/15", "10.0.0.0/9"],
      { ...small, beside: "10.244.0.0/16" },
      "10.128.0.0/16",
    ],
    ["another private range when 10/8 is full", ["10.0.0.0/8"], { ...small, beside: "10.244.0.0/16" }, "172.16.0.0/16"],
    [
      "as large as many nodes need",
      ["10.244.0.0/14"],
      { nodes: 300, subnetLen: 24, beside: "10.244.0.0/14" },
      "10.248.0.0/14",
    ],
    ["less than usual before nothing", ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/17"], small, "192.168.128.0/17"],
    ["nothing where all is taken", ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"], small, undefined],
    ["none a node's address is in", ["10.0.0.5/32", "10.1.0.0/16"], small, "10.2.0.0/16"],
    [
      "the next whole one behind a smaller one",
      ["10.244.0.0/17"],
      { ...small, beside: "10.244.0.0/17" },
      "10.245.0.0/16",
    ],
    ["not behind a range of IPv6", ["fd00::/56"], { ...small, beside: "fd00::/56" }, "10.0.0.0/16"],
    ["nothing behind the last address", ["10.0.0.0/8"], { ...small, beside: "255.255.0.0/16" }, "172.16.0.0/16"],
  ])("proposes %s", (_, cidrs, wanted, expected) => {
    expect(proposeRange(taken(...cidrs), wanted)).toBe(expected);
  });

  it("is private, free, of a fitting size and always the same; its own check has nothing against it", () => {
    const wants = fc.record({ nodes: fc.integer({ min: 1, max: 2000 }), subnetLen: fc.integer({ min: 22, max: 28 }) });
    fc.assert(
      fc.property(
        fc.array(ranges, { maxLength: 12 }),
        wants,
        fc.option(ranges, { nil: undefined }),
        (cidrs, want, beside) => {
          const used = taken(...cidrs);
          const wanted = beside === undefined ? want : { ...want, beside };
          const text = proposeRange(used, wanted);
          expect(proposeRange([...used].reverse(), wanted)).toBe(text);
          if (text === undefined) return;
          const range = parsed(text);
          expect(privateOnes.some((one) => contains(one, range))).toBe(true);
          expect(cidrs.filter((cidr) => overlaps(parsed(cidr), range))).toEqual([]);
          expect(2 ** (want.subnetLen - range.prefix)).toBeGreaterThanOrEqual(want.nodes);
          expect(checkSecondRange(text, "--cidr", used, want)).toEqual([]);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("finds a range whenever some private one is wholly free", () => {
    fc.assert(
      fc.property(fc.array(ranges, { maxLength: 8 }), (cidrs) => {
        const isFree = privateOnes.some((one) => !cidrs.some((cidr) => overlaps(parsed(cidr), one)));
        if (isFree) expect(proposeRange(taken(...cidrs), small)).toBeDefined();
      }),
      { numRuns: 300 },
    );
  });
});

describe("networks/dual-overlay-ranges: check", () => {
  const { source, nodes } = planOfRecording();
  const all = takenRanges(source, nodes, [{ cidr: "10.96.0.0/12", from: "servicecidr kubernetes" }]);
  const check = (cidr: string) => checkSecondRange(cidr, "--cidr", all, small).map(({ what }) => what);

  it("knows where each range comes from", () => {
    expect(all[0]).toEqual({ cidr: "10.244.0.0/16", from: source.detected.find((d) => d.name === "network")?.from });
    expect(all).toContainEqual({ cidr: "10.244.0.0/24", from: expect.stringMatching(/^node n\d, podCIDR$/) });
    expect(all.filter(({ from }) => from.endsWith("InternalIP"))).toHaveLength(nodes.length);
  });

  it("names both ranges and where each comes from, and not once more each range inside one that is named", () => {
    expect(check("10.244.128.0/17")).toEqual([`10.244.128.0/17 overlaps with 10.244.0.0/16 (${all[0]?.from})`]);
    expect(check("10.0.0.0/8")).toEqual([
      `10.0.0.0/8 overlaps with 10.244.0.0/16 (${all[0]?.from}), 10.96.0.0/12 (servicecidr kubernetes)`,
    ]);
  });

  it("names the widest of ranges inside each other, whichever is known first", () => {
    const used = taken("10.1.2.0/24", "10.1.0.0/16", "10.1.3.4/32", "10.1.0.0/16");

    expect(checkSecondRange("10.1.0.0/16", "--cidr", used, small).map(({ what }) => what)).toEqual([
      "10.1.0.0/16 overlaps with 10.1.0.0/16 (place of 10.1.0.0/16)",
    ]);
  });

  it("names the node whose address is in it", () => {
    const address = nodes[0]?.internalIPs[0] ?? "";
    const range = formatCidr(parsed(`${address}/16`));

    expect(check(range)[0]).toContain(` overlaps with ${address}/32 (node n1, InternalIP), `);
  });

  it("names a few of many in its one line", () => {
    const used = taken("10.1.0.1/32", "10.1.0.2/32", "10.1.0.3/32", "10.1.0.4/32", "10.1.0.5/32");

    expect(checkSecondRange("10.1.0.0/16", "--cidr", used, small).map(({ what }) => what)).toEqual([
      "10.1.0.0/16 overlaps with 10.1.0.1/32 (place of 10.1.0.1/32), 10.1.0.2/32 (place of 10.1.0.2/32), 10.1.0.3/32 (place of 10.1.0.3/32) and 2 more",
    ]);
  });

  it("proposes a free one as the cure", () => {
    const [finding] = checkSecondRange("10.244.0.0/16", "spec.cidr", all, small);

    expect(finding).toMatchObject({ severity: "blocker", reason: "CIDRConflict", where: "spec.cidr" });
    expect(finding?.cure).toMatch(/^choose a range that nothing uses, such as 10\.\d+\.0\.0\/16$/);
  });

  it("has room for every node, or is refused", () => {
    const room = (cidr: string) =>
      checkSecondRange(cidr, "--cidr", [], { nodes: 5, subnetLen: 24 }).map(({ what }) => what);

    expect(room("10.245.0.0/21")).toEqual([]);
    expect(room("10.245.0.0/22")).toEqual(["10.245.0.0/22 has no room for 5 nodes with a /24 each"]);
  });

  it("holds no more ranges for nodes than can be counted", () => {
    const size = (cidr: string) =>
      checkSecondRange(cidr, "--cidr", [], { nodes: 5, subnetLen: 26 }).map(({ what }) => what);

    expect(size("12.0.0.0/10")).toEqual([]);
    expect(size("12.0.0.0/9")).toEqual(["12.0.0.0/9 holds more than 65536 ranges for nodes, a /26 each"]);
  });

  it("warns of nodes that may run more pods than their share has addresses", () => {
    const node = (name: string, pods: string | undefined) => ({
      apiVersion: "v1",
      kind: "Node",
      metadata: { name },
      status: pods === undefined ? {} : { allocatable: { pods, cpu: "2" } },
    });
    const snapshot = snapshotOf({ objects: [node("n1", "110"), node("n2", "250"), node("n3", undefined)] });

    expect(checkShares(snapshot, 24)).toEqual([]);
    expect(checkShares(snapshot, 25)).toMatchObject([
      {
        severity: "warning",
        where: "node n2",
        what: "it may run 250 pods, and its share of the target's range, a /25, has addresses for 124",
      },
    ]);
    expect(checkShares(snapshot, 26)).toMatchObject([{ where: "nodes n1, n2" }]);
  });

  it("knows pools, BGP peers, other addresses of nodes and devices, and not what the migration has made", () => {
    const crd = (kind: string, name: string, spec: object, labels = {}) => ({
      apiVersion: "crd.projectcalico.org/v1",
      kind,
      metadata: { name, labels },
      spec,
    });
    const node = {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "n1" },
      status: {
        addresses: [
          { type: "InternalIP", address: "192.0.2.1" },
          { type: "ExternalIP", address: "198.51.100.1" },
          { type: "Hostname", address: "n1" },
        ],
      },
    };
    const device = { name: "vpn", vni: 9, port: 4789, mac: "", mtu: 1400, external: false, addresses: ["10.9.0.1/24"] };
    const snapshot = snapshotOf({
      objects: [
        crd("IPPool", "old", { cidr: "10.7.0.0/16", disabled: true }),
        crd("IPPool", "cni-migrate", { cidr: "10.245.0.0/16" }, { "app.kubernetes.io/managed-by": "cni-migrate" }),
        crd("BGPPeer", "rack", { peerIP: "203.0.113.1:1790" }),
        crd("BGPPeer", "rack6", { peerIP: "[fd00::1]:1790" }),
        crd("BGPPeer", "selected", { peerSelector: "all()" }),
        node,
      ],
      hosts: { n1: hostFacts({ vxlans: [device] }) },
    });

    expect(rangesOfCluster(snapshot)).toEqual([
      { cidr: "10.7.0.0/16", from: "ippool old, cidr" },
      { cidr: "203.0.113.1/32", from: "bgppeer rack, peerIP" },
      { cidr: "fd00::1/128", from: "bgppeer rack6, peerIP" },
      { cidr: "198.51.100.1/32", from: "node n1, ExternalIP" },
      { cidr: "10.9.0.1/32", from: "node n1, device vpn" },
    ]);
  });

  it("looks at each family for itself", () => {
    const used = taken("10.244.0.0/16", "fd00:10::/56");

    expect(checkSecondRange("10.245.0.0/16,fd00:10::/64", "--cidr", used, small).map(({ what }) => what)).toEqual([
      "fd00:10::/64 overlaps with fd00:10::/56 (place of fd00:10::/56)",
    ]);
  });
});
