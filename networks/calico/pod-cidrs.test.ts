import { describe, expect, it } from "vitest";
import type { UnknownObject } from "../../kube/types.ts";
import { contains, overlaps, parseCidr } from "../cidr.ts";
import { snapshotOf } from "../snapshot.ts";
import { patched, recorded } from "../testing.ts";
import { calico } from "./index.ts";
import { rangedNodes, rangesFor } from "./pod-cidrs.ts";

/** The recording's nodes n1, n2, n3, with these podCIDRs. */
function cluster(ranges: (string | null)[] = [null, null, null]): UnknownObject[] {
  return ranges.reduce<UnknownObject[]>(
    (objects, range, i) =>
      patched(
        objects,
        { kind: "Node", name: `n${i + 1}` },
        { spec: { podCIDR: range, podCIDRs: range === null ? null : [range] } },
      ),
    recorded("calico-3.28.5").filter(({ kind }) => kind !== "IPAMBlock"),
  );
}

const block = (cidr: string, node?: string): UnknownObject => ({
  apiVersion: "crd.projectcalico.org/v1",
  kind: "IPAMBlock",
  metadata: { name: cidr.replace(/[./]/g, "-") },
  spec: { cidr, ...(node === undefined ? {} : { affinity: `host:${node}` }) },
});

const withPool = (objects: UnknownObject[], cidr: string) => patched(objects, { kind: "IPPool" }, { spec: { cidr } });
const given = (objects: UnknownObject[]) => rangesFor(snapshotOf({ objects }));

describe("networks/calico/pod-cidrs", () => {
  it("gives each node a /24 of the pool, in order, the same each time", () => {
    const first = given(cluster());

    expect(first).toEqual({ n1: "10.244.0.0/24", n2: "10.244.1.0/24", n3: "10.244.2.0/24" });
    expect(given(cluster())).toEqual(first);
  });

  it("gives nothing to nodes that have one, and others one of the same length beside it", () => {
    expect(given(cluster(["10.244.0.0/24", "10.244.1.0/24", "10.244.2.0/24"]))).toEqual({});
    expect(given(cluster(["10.244.0.64/26", null, "10.244.0.128/26"]))).toEqual({ n2: "10.244.0.0/26" });
  });

  it("passes over ranges with another node's block, or nobody's, and takes those with the node's own", () => {
    const blocks = [block("10.244.0.64/26", "n2"), block("10.244.1.0/26"), block("10.244.2.192/26", "n3")];

    expect(given([...cluster(), ...blocks])).toEqual({ n1: "10.244.3.0/24", n2: "10.244.0.0/24", n3: "10.244.2.0/24" });
  });

  it("makes them longer where the pool has not as many, never smaller than a block, and leaves out who finds no room", () => {
    expect(given(withPool(cluster(), "10.244.8.0/23"))).toEqual({
      n1: "10.244.8.0/25",
      n2: "10.244.8.128/25",
      n3: "10.244.9.0/25",
    });
    expect(given(withPool(cluster(), "10.244.8.0/25"))).toEqual({ n1: "10.244.8.0/26", n2: "10.244.8.64/26" });
    expect(given(withPool(cluster(), "10.244.8.0/28"))).toEqual({});
  });

  it("whatever blocks there are, no two nodes share a range, and none has a block of another", () => {
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return seed % below;
    };
    for (let round = 0; round < 50; round++) {
      const blocks = Array.from({ length: 12 }, () => ({
        cidr: `10.244.${random(6)}.${random(4) * 64}/26`,
        node: `n${1 + random(3)}`,
      }));
      const known = blocks.filter(({ cidr }, i) => blocks.findIndex((other) => other.cidr === cidr) === i);
      const ranges = Object.entries(given([...cluster(), ...known.map(({ cidr, node }) => block(cidr, node))]));
      const parsed = ranges.map(([name, text]) => ({ name, range: parseCidr(text) }));

      expect(ranges).toHaveLength(3);
      for (const { name, range } of parsed) {
        expect(range !== undefined && parsed.filter((o) => o.range && overlaps(o.range, range))).toHaveLength(1);
        const foreign = known.filter(({ cidr, node }) => {
          const other = parseCidr(cidr);
          return node !== name && range !== undefined && other !== undefined && contains(range, other);
        });
        expect(foreign).toEqual([]);
      }
    }
  });

  it("all that is found out goes by what they will have", () => {
    const snapshot = snapshotOf({ objects: cluster() });
    const found = calico.detect(snapshot, {});

    expect(rangedNodes(snapshot).map(({ podCIDRs }) => podCIDRs)).toEqual([
      ["10.244.0.0/24"],
      ["10.244.1.0/24"],
      ["10.244.2.0/24"],
    ]);
    expect(found).toMatchObject({ state: "found", facts: { overlay: { subnetLen: 24 } } });
  });
});
