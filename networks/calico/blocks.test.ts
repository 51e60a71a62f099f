import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { UnknownObject } from "../../kube/types.ts";
import { type Cidr, formatAddress, formatCidr, parseCidr, sizeOf, split } from "../cidr.ts";
import type { RecordedChange } from "../contract.ts";
import { affinityName, blockChanges, blockName, blockObjection, tunnelHandle } from "./blocks.ts";

function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(`${text} is no range`);
  return parsed;
}

function objectsOf(changes: readonly RecordedChange[], kind: string): UnknownObject[] {
  return changes.flatMap((c) => (c.change === "create" && c.object.kind === kind ? [c.object] : []));
}

interface BlockSpec {
  cidr: string;
  affinity: string;
  allocations: (number | null)[];
  unallocated: number[];
  attributes: { handle_id: string; secondary: Record<string, string> }[];
}

const specOf = (block: UnknownObject) => block.spec as BlockSpec;

describe("networks/calico/blocks", () => {
  it("makes the objects that were seen to work: a /24 in blocks of /26", () => {
    const range = cidr("10.244.1.0/24");

    const changes = blockChanges(split(range, 26), { node: "n1", tunnelAddress: range.base });

    expect(changes.map((c) => c.change === "create" && `${c.object.kind} ${c.object.metadata.name}`)).toEqual([
      "IPAMHandle vxlan-tunnel-addr-n1",
      "IPAMBlock 10-244-1-0-26",
      "IPAMBlock 10-244-1-64-26",
      "IPAMBlock 10-244-1-128-26",
      "IPAMBlock 10-244-1-192-26",
      "BlockAffinity n1-10-244-1-0-26",
      "BlockAffinity n1-10-244-1-64-26",
      "BlockAffinity n1-10-244-1-128-26",
      "BlockAffinity n1-10-244-1-192-26",
    ]);
    expect(objectsOf(changes, "IPAMHandle")[0]?.spec).toEqual({
      handleID: "vxlan-tunnel-addr-n1",
      block: { "10.244.1.0/26": 1 },
      deleted: false,
    });
    expect(objectsOf(changes, "BlockAffinity")[3]?.spec).toEqual({
      cidr: "10.244.1.192/26",
      node: "n1",
      state: "confirmed",
      deleted: "false",
    });
    const [first, second] = objectsOf(changes, "IPAMBlock").map(specOf);
    expect(first?.allocations.slice(0, 2)).toEqual([0, null]);
    expect(first?.unallocated).toEqual(Array.from({ length: 63 }, (_, i) => 63 - i));
    expect(first?.attributes).toEqual([
      { handle_id: "vxlan-tunnel-addr-n1", secondary: { node: "n1", type: "vxlanTunnelAddress" } },
    ]);
    expect(second?.attributes).toEqual([]);
    expect(second?.allocations).toEqual(Array(64).fill(null));
  });

  it("covers any podCIDR with blocks of any size, each address once, the tunnel address taken and nothing else", () => {
    const cases = fc
      .record({
        address: fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }),
        blockSize: fc.integer({ min: 20, max: 32 }),
        more: fc.integer({ min: 0, max: 6 }),
        at: fc.nat({ max: 4095 }),
      })
      .map(({ address, blockSize, more, at }) => {
        const range = cidr(`${formatAddress(4, address)}/${blockSize - more}`);
        return { range, blockSize, tunnelAddress: range.base + (BigInt(at) % sizeOf(range)) };
      });
    fc.assert(
      fc.property(cases, ({ range, blockSize, tunnelAddress }) => {
        const changes = blockChanges(split(range, blockSize), { node: "n1", tunnelAddress });
        const blocks = objectsOf(changes, "IPAMBlock").map(specOf);

        expect(blocks.map((b) => b.cidr)).toEqual(split(range, blockSize).map(formatCidr));
        expect(objectsOf(changes, "BlockAffinity")).toHaveLength(blocks.length);
        for (const block of blocks) {
          const size = Number(sizeOf(cidr(block.cidr)));
          const taken = block.allocations.flatMap((a, i) => (a === null ? [] : [i]));
          expect(block.allocations).toHaveLength(size);
          expect([...taken, ...block.unallocated].sort((a, b) => a - b)).toEqual(
            Array.from({ length: size }, (_, i) => i),
          );
        }
        const allocated = blocks.flatMap((b) =>
          b.allocations.flatMap((a, i) => (a === null ? [] : [cidr(b.cidr).base + BigInt(i)])),
        );
        expect(allocated).toEqual([tunnelAddress]);
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    [
      "a podCIDR longer than a block",
      () => blockChanges(split(cidr("10.0.0.0/27"), 26), { node: "n", tunnelAddress: cidr("10.0.0.0/27").base }),
    ],
    [
      "a tunnel address outside",
      () => blockChanges(split(cidr("10.0.0.0/24"), 26), { node: "n", tunnelAddress: cidr("10.0.1.0/24").base }),
    ],
  ])("refuses %s", (_, work) => {
    expect(work).toThrow(RangeError);
  });

  it.each([
    ["10.244.1.64/26", "10-244-1-64-26"],
    ["fd00:10:244::/122", "fd00-10-244---122"],
  ])("names block %s %s, as Calico does", (text, name) => {
    expect(blockName(cidr(text))).toBe(name);
  });

  it("cuts an affinity's name that would be too long, and keeps two such nodes apart", () => {
    const block = cidr("10.244.100.192/26");
    const [a, b] = [`${"n".repeat(240)}a`, `${"n".repeat(240)}b`];

    expect(affinityName("n".repeat(234), block)).toBe(`${"n".repeat(234)}-10-244-100-192-26`);
    expect(affinityName(a, block)).toMatch(/^n{222}-10-244-100-192-26-[0-9a-f]{11}$/);
    expect(affinityName(a, block)).toHaveLength(252);
    expect(affinityName(a, block)).not.toBe(affinityName(b, block));
  });

  describe("an existing block", () => {
    const block = cidr("10.244.1.0/26");
    const owner = { node: "n1", tunnelAddress: block.base };
    const [made] = objectsOf(blockChanges([block], owner), "IPAMBlock");
    const existing = (spec: Record<string, unknown>): UnknownObject => ({
      ...(made as UnknownObject),
      spec: { ...(made?.spec as object), ...spec },
    });
    const pod = { handle_id: "k8s-pod-network.1", secondary: {} };
    const tunnel = { handle_id: tunnelHandle("n1"), secondary: {} };

    it.each([
      [
        "with pods in it will do",
        { allocations: [1, 0, ...Array(62).fill(null)], attributes: [pod, tunnel] },
        undefined,
      ],
      ["of another node will not", { affinity: "host:n2" }, "it belongs to host:n2, not to node n1"],
      ["of no node will not", { affinity: null }, "it belongs to no node, not to node n1"],
      ["of another size will not", { cidr: "10.244.1.0/27" }, "its range is 10.244.1.0/27, not 10.244.1.0/26"],
      ["on its way out will not", { deleted: true }, "it is being deleted"],
      [
        "without the tunnel address will not",
        { allocations: Array(64).fill(null), attributes: [] },
        "the tunnel address 10.244.1.0 in it is not allocated to the node",
      ],
      [
        "whose tunnel address a pod has will not",
        { allocations: [0, ...Array(63).fill(null)], attributes: [pod] },
        "the tunnel address 10.244.1.0 in it is not allocated to the node",
      ],
    ])("%s", (_, spec, objection) => {
      expect(blockObjection(existing(spec), block, owner)).toBe(objection);
    });
  });
});
