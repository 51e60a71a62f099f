import { describe, expect, it } from "vitest";
import type { UnknownObject } from "../../kube/types.ts";
import type { OverlayFacts, PlanContext } from "../contract.ts";
import { planOfRecording } from "../testing.ts";
import { poolObjection, prepare, prepareNode } from "./prepare.ts";

const plan = planOfRecording();

function planWith(overlay: Partial<OverlayFacts>): PlanContext {
  return { ...plan, overlay: { ...plan.overlay, ...overlay } };
}

describe("networks/calico/prepare", () => {
  it("settings of Felix first, then the pool, then the rules for addresses", () => {
    expect(prepare(plan)).toEqual([
      expect.objectContaining({
        change: "merge",
        key: { name: "default" },
        patch: { spec: { vxlanVNI: 1, vxlanPort: 8472, vxlanMTU: 1450, vxlanEnabled: null } },
        orCreate: {
          apiVersion: "crd.projectcalico.org/v1",
          kind: "FelixConfiguration",
          metadata: { name: "default" },
          spec: { vxlanVNI: 1, vxlanPort: 8472, vxlanMTU: 1450 },
        },
      }),
      expect.objectContaining({
        change: "create",
        object: {
          apiVersion: "crd.projectcalico.org/v1",
          kind: "IPPool",
          metadata: { name: "default-ipv4-ippool" },
          spec: {
            cidr: "10.244.0.0/16",
            blockSize: 26,
            vxlanMode: "Always",
            ipipMode: "Never",
            natOutgoing: true,
            nodeSelector: "all()",
            allowedUses: ["Workload", "Tunnel"],
          },
        },
      }),
      expect.objectContaining({
        change: "merge",
        key: { name: "default" },
        patch: { spec: { strictAffinity: true, autoAllocateBlocks: true, maxBlocksPerHost: 4 } },
      }),
    ]);
  });

  it("the pool the source runs with is brought to the overlay, and keeps its range and blocks", () => {
    const [, pool] = prepare(planOfRecording("canal"));
    const changeable = {
      vxlanMode: "Always",
      ipipMode: "Never",
      natOutgoing: true,
      nodeSelector: "all()",
      allowedUses: ["Workload", "Tunnel"],
    };
    const spec = { cidr: "10.244.0.0/16", blockSize: 26, vxlanMode: "Never" };
    const existing = {
      apiVersion: "crd.projectcalico.org/v1",
      kind: "IPPool",
      metadata: { name: "default-ipv4-ippool" },
    };

    expect(pool).toMatchObject({ change: "merge", key: { name: "default-ipv4-ippool" }, patch: { spec: changeable } });
    expect(pool?.change === "merge" && Object.keys(pool.patch.spec as object).sort()).toEqual(
      Object.keys(changeable).sort(),
    );
    expect(pool).toMatchObject({ orCreate: { spec: { ...changeable, cidr: "10.244.0.0/16", blockSize: 26 } } });
    expect(pool?.change === "merge" && pool.accepts?.({ ...existing, spec })).toBeUndefined();
    expect(pool?.change === "merge" && pool.accepts?.({ ...existing, spec: { ...spec, blockSize: 24 } })).toBe(
      "blockSize is 24, not 26",
    );
  });

  it.each([
    [24, 26, 4],
    [20, 26, 64],
    [26, 26, 1],
    [28, 28, 1],
  ])("podCIDRs of /%i get blocks of /%i, %i a node", (subnetLen, blockSize, maxBlocksPerHost) => {
    const [, pool, addresses] = prepare(planWith({ subnetLen }));

    expect(pool).toMatchObject({ object: { spec: { blockSize } } });
    expect(addresses).toMatchObject({ patch: { spec: { maxBlocksPerHost } } });
  });

  it("a network without masquerading stays without it", () => {
    expect(prepare(planWith({ masquerade: false }))[1]).toMatchObject({ object: { spec: { natOutgoing: false } } });
  });

  it("an MTU that is not known is left to Felix", () => {
    const [felix] = prepare(planWith({ mtu: 0 }));

    expect(felix).toMatchObject({ patch: { spec: { vxlanVNI: 1, vxlanPort: 8472, vxlanEnabled: null } } });
    expect(JSON.stringify(felix)).not.toContain("vxlanMTU");
  });

  it("gives a node its end of the overlay as it is: address, MAC, outer address", () => {
    const [node] = plan.nodes;
    if (node === undefined) throw new Error("no node");
    const vtep = plan.source.vteps[node.name];

    const changes = prepareNode(plan, node);

    expect(changes.at(-1)).toMatchObject({
      change: "merge",
      key: { name: node.name },
      patch: {
        metadata: {
          annotations: {
            "projectcalico.org/IPv4Address": `${vtep?.publicIP}/32`,
            "projectcalico.org/IPv4VXLANTunnelAddr": node.podCIDRs[0]?.replace("/24", ""),
            "projectcalico.org/VXLANTunnelMACAddr": vtep?.mac,
          },
        },
      },
    });
    expect(changes).toHaveLength(10);
  });

  it("a network that is not known is refused, not guessed at", () => {
    expect(() => prepare(planWith({ cidrs: [] }))).toThrow(/no pod network/);
  });
});

describe("networks/calico/prepare: an existing pool", () => {
  const pool = (spec: Record<string, unknown>): UnknownObject => ({
    apiVersion: "crd.projectcalico.org/v1",
    kind: "IPPool",
    metadata: { name: "default-ipv4-ippool" },
    spec: { cidr: "10.244.0.0/16", vxlanMode: "Always", natOutgoing: true, ...spec },
  });

  it.each([
    ["with defaults left out will do", {}, undefined],
    ["with uses in another order will do", { allowedUses: ["Tunnel", "Workload"], blockSize: 26 }, undefined],
    ["of another range will not", { cidr: "192.168.0.0/16" }, "cidr is 192.168.0.0/16, not 10.244.0.0/16"],
    ["of other blocks will not", { blockSize: 24 }, "blockSize is 24, not 26"],
    ["that spares the same subnet will not", { vxlanMode: "CrossSubnet" }, "vxlanMode is CrossSubnet, not Always"],
    [
      "with IPIP and no masquerading will not",
      { ipipMode: "Always", natOutgoing: false },
      "ipipMode is Always, not Never; natOutgoing is false, not true",
    ],
    ["for some nodes only will not", { nodeSelector: "zone == 'a'" }, "nodeSelector is zone == 'a', not all()"],
    ["that is disabled will not", { disabled: true }, "it is disabled"],
  ])("%s", (_, spec, objection) => {
    expect(poolObjection(pool(spec), plan.overlay, plan.source)).toBe(objection);
  });
});
