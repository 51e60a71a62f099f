import { calico, linkName as calicoLink } from "../calico/facts.ts";
import { footprint as calicoFootprint } from "../calico/footprint.ts";
import type { OverlayFacts } from "../contract.ts";
import { flannel, linkName } from "../flannel/facts.ts";
import { footprintOf } from "../footprints.ts";
import type { Footprint } from "../host-ops.ts";
import { canal } from "./facts.ts";

/**
 * What Canal leaves on a node: flanneld's device and rules, and all of Calico's kind but what only an overlay and addresses of
 * Calico's own make. Where Calico comes after it, or came before it, these shared parts stay (networks/footprints.ts).
 */
export function footprint(facts: { cniConfDir: string; cniBinDir: string; overlay: OverlayFacts }): Footprint {
  const shared = calicoFootprint(facts);
  const notCanals = [`${facts.cniConfDir}/${calico.conflist}`, "/run/calico/ipam.lock"];
  return footprintOf("canal", {
    links: [
      { name: linkName(facts.overlay), kind: "vxlan" },
      ...shared.links.filter(({ name }) => name !== calicoLink(facts.overlay)),
    ],
    chains: ["FLANNEL-POSTRTG", "FLANNEL-FWD", ...shared.chains],
    comments: ["flanneld masq", "flanneld forward", ...shared.comments],
    nftTables: ["ip flannel-ipv4", "ip6 flannel-ipv6", ...shared.nftTables],
    ipsets: shared.ipsets,
    routeProtocols: [],
    tunnelRoutes: [],
    files: [`${facts.cniConfDir}/${canal.conflist}`, ...shared.files.filter((path) => !notCanals.includes(path))],
    directories: [
      flannel.subnetEnv.slice(0, flannel.subnetEnv.lastIndexOf("/")),
      canal.addresses,
      ...shared.directories,
    ],
    filePrefixes: shared.filePrefixes,
  });
}
