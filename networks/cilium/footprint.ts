import type { FootprintFacts } from "../contract.ts";
import { footprintOf } from "../footprints.ts";
import type { Footprint } from "../host-ops.ts";
import { cilium } from "./facts.ts";

/**
 * All that Cilium (VXLAN tunnel, kube-proxy kept) leaves on a node: agents remove nothing when they end but the link of their own
 * health checks. Its routes are on its links and go with them. Not named: the plugin loopback, which is everybody's, and settings
 * of the kernel (README.md).
 */
export function footprint({ cniConfDir, cniBinDir }: FootprintFacts): Footprint {
  return footprintOf("cilium", {
    links: [
      { name: cilium.link, kind: "vxlan" },
      { name: "cilium_host", kind: "veth" },
      { name: "cilium_net", kind: "veth" },
      { name: "lxc*", kind: "veth" },
    ],
    chains: ["CILIUM_*", "OLD_CILIUM_*"],
    comments: ["cilium-feeder:*", "cilium:*"],
    ipsets: ["cilium_node_set_v*"],
    policyRules: [
      { preference: 9, table: 2004 },
      { preference: 10, table: 2005 },
      { preference: 100, table: 255 },
    ],
    // Programs on links the node had before: by their name where they are filters, by their pin where the kernel knows tcx.
    bpfFilters: ["cil_*"],
    files: [`${cniConfDir}/${cilium.conflist}`, `${cniBinDir}/cilium-cni`, "/etc/sysctl.d/99-zzz-override_cilium.conf"],
    mounts: ["/run/cilium/cgroupv2"],
    directories: ["/sys/fs/bpf/cilium", "/var/run/cilium"],
    filePrefixes: [
      { dir: "/var/lib/cni/results", prefix: "cilium-" },
      { dir: "/var/lib/cni/cache/results", prefix: "cilium-" },
      { dir: "/sys/fs/bpf/tc/globals", prefix: "cilium_" },
    ],
  });
}
