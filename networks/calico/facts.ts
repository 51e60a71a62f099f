import type { KubeObject } from "../../kube/types.ts";
import type { OverlayFacts } from "../contract.ts";
import { containersOf, podLabelsOf, podSpecOf } from "../workloads.ts";

/** Calico's names and defaults. Read in its source and manifests (v3.28), and seen on the lab with v3.28.5. */
export const calico = {
  vni: 4096,
  /** UDP. */
  port: 4789,
  /** Prefix length of an address block; a pool may be cut into /20 to /32, one of IPv6 into /116 to /128. */
  blockSize: 26,
  blockSize6: 122,
  smallestBlockSize: 20,
  link: "vxlan.calico",
  link6: "vxlan-v6.calico",
  pool: "default-ipv4-ippool",
  pool6: "default-ipv6-ippool",
  conflist: "10-calico.conflist",
  kubeconfig: "calico-kubeconfig",
  /** Name of the CNI network, the first part of file names in /var/lib/cni. */
  cniName: "k8s-pod-network",
  /** Felix answers 200 (204 since v3.29) when its dataplane is in sync; asked on the node's loopback. */
  readiness: "http://127.0.0.1:9099/readiness",
  /** Protocol number of Felix's routes (DeviceRouteProtocol). */
  routeProtocol: 80,
  /** Felix's readiness port, FELIX_HEALTHPORT. */
  healthPort: "9099",
  /** API groups of Calico's objects in its manifests. */
  groups: ["crd.projectcalico.org", "projectcalico.org", "policy.networking.k8s.io"],
} as const;

/** Annotations calico-node keeps its node's facts in. */
export const annotations = {
  /** With a prefix length: "172.30.0.11/32". */
  address: "projectcalico.org/IPv4Address",
  tunnelAddress: "projectcalico.org/IPv4VXLANTunnelAddr",
  tunnelMac: "projectcalico.org/VXLANTunnelMACAddr",
} as const;

/** The same of IPv6, as a dual-stack node has them too. */
export const annotations6 = {
  address: "projectcalico.org/IPv6Address",
  tunnelAddress: "projectcalico.org/IPv6VXLANTunnelAddr",
  tunnelMac: "projectcalico.org/VXLANTunnelMACAddrV6",
} as const;

/** While a node carries it with another value than "calico", Calico's controllers leave its empty blocks alone. */
export const migrationLabel = "projectcalico.org/node-network-during-migration";

/** One device of a family for every VNI. */
export function linkName(_overlay: OverlayFacts, family: 4 | 6 = 4): string {
  return family === 4 ? calico.link : calico.link6;
}

/** By container or image; by label only for pods on the host's network. With flanneld beside it, it is Canal. */
export function isAgent(daemonSet: KubeObject): boolean {
  const containers = containersOf(daemonSet);
  if (containers.some((c) => c.name === "kube-flannel")) return false;
  const byContainer = containers.some(
    (c) => c.name === "calico-node" || /(^|\/)calico\/node(:[^/]*)?(@[^/]*)?$/.test(c.image ?? ""),
  );
  const byLabel = podLabelsOf(daemonSet)["k8s-app"] === "calico-node" && podSpecOf(daemonSet).hostNetwork === true;
  return byContainer || byLabel;
}
