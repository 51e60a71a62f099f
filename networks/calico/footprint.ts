import { formatCidr } from "../cidr.ts";
import type { OverlayFacts } from "../contract.ts";
import { footprintOf } from "../footprints.ts";
import type { Footprint } from "../host-ops.ts";
import { familiesOf, rangeOf } from "../overlays.ts";
import { calico, linkName } from "./facts.ts";
import { blockSizeOf } from "./ranges.ts";

/**
 * What Calico (VXLAN, iptables or nft dataplane, no BIRD) leaves on a node: Felix removes nothing when it stops. Not named:
 * plugins it shares with others (portmap, bandwidth, host-local), routes of protocol bird, which may be the host's own, and
 * /run/calico, which holds mounts (cgroup, bpf) and goes with the next boot but for the parts below.
 */
export function footprint(facts: { cniConfDir: string; cniBinDir: string; overlay: OverlayFacts }): Footprint {
  return footprintOf("calico", {
    links: [
      ...familiesOf(facts.overlay).map((family) => ({ name: linkName(facts.overlay, family), kind: "vxlan" as const })),
      { name: "cali*", kind: "veth" },
    ],
    chains: ["cali-*"],
    comments: ["cali:*", `dnat name: "${calico.cniName}"*`, `name: "${calico.cniName}"*`],
    nftTables: ["ip calico", "ip6 calico"],
    ipsets: ["cali40*", "cali60*", "cali4t*", "cali6t*"],
    routeProtocols: [calico.routeProtocol],
    tunnelRoutes: blockRoutes(facts.overlay),
    files: [
      `${facts.cniConfDir}/${calico.conflist}`,
      `${facts.cniConfDir}/${calico.kubeconfig}`,
      `${facts.cniBinDir}/calico`,
      `${facts.cniBinDir}/calico-ipam`,
      "/run/calico/ipam.lock",
    ],
    directories: [
      "/var/lib/calico",
      "/var/log/calico",
      "/var/run/nodeagent",
      "/run/calico/cni",
      "/run/calico/endpoint-status",
    ],
    filePrefixes: [
      { dir: "/var/lib/cni/results", prefix: `${calico.cniName}-` },
      { dir: "/var/lib/cni/cache/results", prefix: `${calico.cniName}-` },
    ],
  });
}

/** Felix's routes to blocks are on the overlay's device, which stays; another network has one a node, to its whole range. */
export function blockRoutes(overlay: OverlayFacts): Footprint["tunnelRoutes"] {
  return familiesOf(overlay).flatMap((family) => {
    const range = rangeOf(overlay, family);
    const prefix = blockSizeOf(overlay, family);
    // A node's IPv6 range is larger than a block of it (check-target.ts).
    if (range === undefined || (family === 4 && prefix === overlay.subnetLen)) return [];
    return [{ within: formatCidr(range), prefix }];
  });
}
