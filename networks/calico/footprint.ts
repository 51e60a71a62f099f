import type { OverlayFacts } from "../contract.ts";
import type { Footprint } from "../host-ops.ts";
import { calico } from "./facts.ts";

/**
 * What Calico (VXLAN, iptables or nft dataplane, no BIRD) leaves on a node: Felix removes nothing when it stops. Not named:
 * plugins it shares with others (portmap, bandwidth, host-local), routes of protocol bird, which may be the host's own, and
 * /run/calico, which holds mounts (cgroup, bpf) and goes with the next boot but for the parts below.
 */
export function footprint(facts: { cniConfDir: string; cniBinDir: string; overlay: OverlayFacts }): Footprint {
  return {
    network: "calico",
    links: [
      { name: calico.link, kind: "vxlan" },
      { name: "cali*", kind: "veth" },
    ],
    chains: ["cali-*"],
    comments: ["cali:*", `dnat name: "${calico.cniName}"*`, `name: "${calico.cniName}"*`],
    nftTables: ["ip calico", "ip6 calico"],
    ipsets: ["cali40*", "cali60*", "cali4t*", "cali6t*"],
    routeProtocols: [calico.routeProtocol],
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
  };
}
