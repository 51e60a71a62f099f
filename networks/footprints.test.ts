import { describe, expect, it } from "vitest";
import { footprintOf, onlyOf } from "./footprints.ts";
import type { Footprint } from "./host-ops.ts";

const empty = footprintOf("one", {});

describe("onlyOf", () => {
  it("leaves out what the network that stays has, too, in every list", () => {
    const leaving: Footprint = {
      ...empty,
      links: [
        { name: "one.1", kind: "vxlan" },
        { name: "cali*", kind: "veth" },
      ],
      chains: ["ONE", "cali-*"],
      routeProtocols: [80],
      tunnelRoutes: [{ within: "10.0.0.0/8", prefix: 26 }],
      files: ["/etc/cni/net.d/10-one.conflist", "/opt/cni/bin/calico"],
    };
    const staying: Footprint = {
      ...empty,
      network: "two",
      links: [{ name: "cali*", kind: "veth" }],
      chains: ["cali-*", "TWO"],
      routeProtocols: [80],
      files: ["/opt/cni/bin/calico"],
    };

    expect(onlyOf(leaving, staying)).toEqual({
      ...empty,
      links: [{ name: "one.1", kind: "vxlan" }],
      chains: ["ONE"],
      tunnelRoutes: [{ within: "10.0.0.0/8", prefix: 26 }],
      files: ["/etc/cni/net.d/10-one.conflist"],
    });
  });

  it("keeps a link of the same name and another kind", () => {
    const leaving = { ...empty, links: [{ name: "x", kind: "vxlan" as const }] };

    expect(onlyOf(leaving, { ...empty, links: [{ name: "x", kind: "veth" }] })).toEqual(leaving);
  });
});
