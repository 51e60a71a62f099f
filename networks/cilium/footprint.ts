import type { OverlayFacts } from "../contract.ts";
import { footprintOf } from "../footprints.ts";
import type { Footprint } from "../host-ops.ts";
import { cilium } from "./facts.ts";

interface Facts {
  cniConfDir: string;
  cniBinDir: string;
  overlay: OverlayFacts;
}

/** What serves the nodes on Cilium, and an agent that runs needs wherever it runs: goes when the last of them has left. */
export function lingers({ cniBinDir }: Facts): Partial<Footprint> {
  return {
    links: [
      { name: cilium.link, kind: "vxlan" },
      { name: "cilium_host", kind: "veth" },
      { name: "cilium_net", kind: "veth" },
      { name: "lxc*", kind: "veth" },
    ],
    chains: ["CILIUM_*", "OLD_CILIUM_*"],
    comments: ["cilium-feeder:*", "cilium:*"],
    ipsets: ["cilium_node_set_v*"],
    files: [`${cniBinDir}/cilium-cni`, "/etc/sysctl.d/99-zzz-override_cilium.conf"],
    // Pins hold the BPF maps and, since 1.16, the programs on the node's own links: without them both are gone.
    directories: ["/sys/fs/bpf/cilium", "/var/run/cilium"],
    filePrefixes: [{ dir: "/sys/fs/bpf/tc/globals", prefix: "cilium_" }],
  };
}

/**
 * All that Cilium (VXLAN tunnel, kube-proxy kept) leaves on a node: agents remove nothing when they end. Its routes are on its
 * links and go with them. Not named: the plugin loopback, which is everybody's.
 */
export function footprint(facts: Facts): Footprint {
  const agents = footprintOf("cilium", lingers(facts));
  return {
    ...agents,
    files: [`${facts.cniConfDir}/${cilium.conflist}`, ...agents.files],
    filePrefixes: [
      { dir: "/var/lib/cni/results", prefix: "cilium-" },
      { dir: "/var/lib/cni/cache/results", prefix: "cilium-" },
      ...agents.filePrefixes,
    ],
  };
}
