import { formatCidr } from "../cidr.ts";
import type { FootprintFacts } from "../contract.ts";
import { footprintOf } from "../footprints.ts";
import type { Footprint } from "../host-ops.ts";
import { familiesOf, rangeOf } from "../overlays.ts";
import { flannel, linkName, routesDirectly } from "./facts.ts";

/**
 * What flannel leaves on a node: it removes nothing when it stops. Chains since v0.20 (before, the same rules stood in
 * POSTROUTING and FORWARD under the same comments, since v0.16.2); nft tables with EnableNFTables. Shared plugins
 * (bridge, host-local, portmap) are not its own and stay.
 */
export function footprint(facts: FootprintFacts): Footprint {
  return footprintOf("flannel", {
    links: [
      ...familiesOf(facts.overlay).map((family) => ({ name: linkName(facts.overlay, family), kind: "vxlan" as const })),
      { name: flannel.bridge, kind: "bridge" },
    ],
    chains: ["FLANNEL-POSTRTG", "FLANNEL-FWD"],
    comments: ["flanneld masq", "flanneld forward", `dnat name: "${flannel.cniName}"*`, `name: "${flannel.cniName}"*`],
    nftTables: ["ip flannel-ipv4", "ip6 flannel-ipv6"],
    ipsets: [],
    routeProtocols: [],
    tunnelRoutes: straightRoutes(facts),
    files: [
      `${facts.cniConfDir}/${flannel.conflist}`,
      `${facts.cniConfDir}/${flannel.conf}`,
      `${facts.cniBinDir}/flannel`,
    ],
    directories: ["/run/flannel", "/var/lib/cni/flannel", `/var/lib/cni/networks/${flannel.cniName}`],
    filePrefixes: [
      { dir: "/var/lib/cni/results", prefix: `${flannel.cniName}-` },
      { dir: "/var/lib/cni/cache/results", prefix: `${flannel.cniName}-` },
    ],
  });
}

/** With DirectRouting, its routes to other nodes' podCIDRs over the node's own link, to nodes still on flannel. */
export function lingers(facts: FootprintFacts): Partial<Footprint> {
  return { tunnelRoutes: straightRoutes(facts) };
}

function straightRoutes({ overlay, detected = [] }: FootprintFacts): Footprint["tunnelRoutes"] {
  const range = rangeOf(overlay, 4);
  if (range === undefined || !routesDirectly({ detected })) return [];
  return [{ within: formatCidr(range), prefix: overlay.subnetLen, straight: true }];
}
