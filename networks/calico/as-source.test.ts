import { describe, expect, it } from "vitest";
import { contains, parseCidr } from "../cidr.ts";
import type { PlanContext } from "../contract.ts";
import { flannel } from "../flannel/index.ts";
import { onlyOf } from "../footprints.ts";
import { planNodes } from "../nodes.ts";
import { snapshotOf } from "../snapshot.ts";
import { recorded } from "../testing.ts";
import { macOf, reserve, reserveNode } from "./as-source.ts";
import { calico } from "./index.ts";

/** A migration of the recorded Calico to flannel. */
function plan(): PlanContext {
  const snapshot = snapshotOf({ objects: recorded("calico-3.28.5") });
  const found = calico.detect(snapshot, {});
  if (found.state === "absent") throw new Error("Calico was not found");
  const agent = { namespace: "kube-flannel", daemonSets: ["kube-flannel-ds"], podLabels: { app: "flannel" } };
  return {
    migration: "calico-to-flannel",
    source: found.facts,
    target: { network: "flannel", agent },
    overlay: found.facts.overlay,
    nodes: planNodes(snapshot),
  };
}

function node(name = "n2") {
  const found = plan().nodes.find((each) => each.name === name);
  if (found === undefined) throw new Error(`the recording has no node ${name}`);
  return found;
}

const never = { family: 6, base: 0n, prefix: 0 } as const;

describe("networks/calico/as-source", () => {
  it("every address of a node's podCIDR is its own: blocks without an address taken, each with its affinity", () => {
    const changes = reserveNode(plan(), node());
    const blocks = ["10-244-2-0-26", "10-244-2-64-26", "10-244-2-128-26", "10-244-2-192-26"];

    const made = changes.map((c) => (c.change === "create" ? `${c.object.kind} ${c.object.metadata.name}` : c.change));
    expect(made).toEqual([...blocks.map((b) => `IPAMBlock ${b}`), ...blocks.map((b) => `BlockAffinity n2-${b}`)]);
    const [first] = changes;
    if (first?.change !== "create") throw new Error("nothing is made");
    expect(first.object.spec).toMatchObject({ cidr: "10.244.2.0/26", affinity: "host:n2", attributes: [] });
    expect(first.accepts({ ...first.object, spec: { ...(first.object.spec as object), affinity: "host:n3" } })).toBe(
      "it belongs to host:n3, not to node n2",
    );
  });

  it("pods get addresses of their node's podCIDR only, but for its first part, until that is taken back", () => {
    const [config, reservation] = reserve(plan());
    if (reservation?.change !== "merge") throw new Error("nothing is reserved");
    const { reservedCIDRs } = reservation.patch.spec as { reservedCIDRs: string[] };
    const isReserved = (address: string) =>
      reservedCIDRs
        .flatMap((text) => parseCidr(text) ?? [])
        .some((range) => contains(range, parseCidr(`${address}/32`) ?? never));

    expect(config).toMatchObject({
      change: "merge",
      key: { name: "default" },
      patch: { spec: { strictAffinity: true, autoAllocateBlocks: false } },
    });
    expect(reservation.orCreate).toMatchObject({ kind: "IPReservation", spec: { reservedCIDRs } });
    for (const address of ["10.244.0.0", "10.244.0.31", "10.244.2.2", "10.244.3.0", "10.244.217.7", "10.244.255.255"])
      expect(isReserved(address), address).toBe(true);
    for (const address of ["10.244.0.32", "10.244.0.255", "10.244.1.99", "10.244.2.255"])
      expect(isReserved(address), address).toBe(false);
    expect(reservedCIDRs.filter((text) => text.endsWith("/27"))).toEqual([
      "10.244.0.0/27",
      "10.244.1.0/27",
      "10.244.2.0/27",
    ]);
  });

  it("goes on with the ranges of nodes that come later", () => {
    const context = plan();
    const more = { ...node(), name: "n4", podCIDRs: ["10.244.3.0/24"] };
    const text = (nodes: PlanContext["nodes"]) => JSON.stringify(reserve({ ...context, nodes }));

    expect(text(context.nodes)).toContain("10.244.3.0/24");
    expect(text([...context.nodes, more])).toContain("10.244.3.0/27");
    expect(text([...context.nodes, more])).not.toContain("10.244.3.0/24");
  });

  it("a node's end is known from the API alone, and from the annotation where a MAC was set", () => {
    expect(plan().source.vteps.n2).toEqual({ ip: "10.244.217.0", mac: macOf(node()), publicIP: "172.30.0.12" });
    expect(macOf({ ...node(), annotations: { "projectcalico.org/VXLANTunnelMACAddr": "66:AA:00:00:00:01" } })).toBe(
      "66:aa:00:00:00:01",
    );
  });

  it("flannel is told of every node ahead, on Calico's VNI and port", () => {
    const [change] = flannel.prepareNode(plan(), node());

    expect(change).toMatchObject({
      change: "merge",
      patch: {
        metadata: {
          annotations: {
            "flannel.alpha.coreos.com/backend-type": "vxlan",
            "flannel.alpha.coreos.com/backend-data": `{"VNI":4096,"VtepMAC":"${macOf(node())}"}`,
            "flannel.alpha.coreos.com/public-ip": "172.30.0.12",
            "flannel.alpha.coreos.com/kube-subnet-manager": "true",
          },
        },
      },
    });
  });

  it("routes to nodes still on Calico outlive CleanUp; blackholes are gone before", () => {
    const facts = { ...plan().source, overlay: plan().overlay };
    const [whole, part] = [calico.footprint(facts), calico.lingers(facts)];

    expect(part).toEqual({ routeProtocols: [80], tunnelRoutes: [{ within: "10.244.0.0/16", prefix: 26 }] });
    expect(onlyOf(whole, flannel.footprint(facts))).toMatchObject(part);
    expect(calico.leave(plan(), node())).toContainEqual({ op: "deleteRoutes", protocol: 80, blackholeOnly: true });
  });
});
