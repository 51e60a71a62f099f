import type { KubeObject } from "../../kube/types.ts";
import type { Detected, OverlayFacts } from "../contract.ts";
import { containersOf, podLabelsOf, podSpecOf, wordsOf } from "../workloads.ts";

/** flannel's names and defaults. Read in its source and manifests, v0.7 to v0.28, and seen on the lab with v0.28.10. */
export const flannel = {
  /** Annotations of Nodes (--kube-annotation-prefix). */
  annotationPrefix: "flannel.alpha.coreos.com",
  vni: 1,
  /** UDP. Backend.Port 0 means the same. */
  port: 8472,
  /** What VXLAN over IPv4 adds to a packet: the device's MTU is the link's, or Backend.MTU, less this. */
  overheadBytes: 50,
  subnetLen: 24,
  ipv6SubnetLen: 64,
  /** ConfigMap key with the network, and where the agent looks for it (--net-config-path). */
  netConfPath: "/etc/kube-flannel/net-conf.json",
  cniConfPath: "/etc/kube-flannel/cni-conf.json",
  /** Name of the CNI network, the first part of file names in /var/lib/cni. */
  cniName: "cbr0",
  /** Since v0.10 a conflist; before, a single plugin, whose file would sort in front of it. */
  conflist: "10-flannel.conflist",
  conf: "10-flannel.conf",
  bridge: "cni0",
  subnetEnv: "/run/flannel/subnet.env",
} as const;

/** "flannel.1", "flannel-v6.1": the VXLAN devices are named after their VNI. */
export function linkName(overlay: Pick<OverlayFacts, "vni">, family: 4 | 6 = 4): string {
  return `flannel${family === 6 ? "-v6" : ""}.${overlay.vni}`;
}

/** Key of a Node annotation. flannel puts "/" behind a bare domain, and "-" behind a domain with a path. */
export function annotationKey(prefix: string, name: string): string {
  if (!prefix.includes("/")) return `${prefix}/${name}`;
  return prefix.endsWith("/") || prefix.endsWith("-") ? `${prefix}${name}` : `${prefix}-${name}`;
}

/**
 * By container name, command or image; by labels only for pods on the host's network. A pod that runs calico-node beside
 * flanneld is Canal, another network.
 */
export function isAgent(daemonSet: KubeObject): boolean {
  const containers = containersOf(daemonSet);
  if (isInOther(daemonSet)) return false;
  const byContainer = containers.some(
    (c) =>
      c.name === "kube-flannel" ||
      wordsOf(c).some((w) => w.endsWith("/flanneld") || w === "flanneld") ||
      isImage(c.image),
  );
  const labels = podLabelsOf(daemonSet);
  const byLabel = labels.app === "flannel" || labels["k8s-app"] === "flannel";
  return byContainer || (byLabel && podSpecOf(daemonSet).hostNetwork === true);
}

/** Whether flanneld, if it runs in these pods at all, is a part of Canal. */
export function isInOther(daemonSet: KubeObject): boolean {
  return containersOf(daemonSet).some((c) => c.name === "calico-node");
}

/** "quay.io/coreos/flannel:v0.11.0-amd64", "docker.io/rancher/mirrored-flannelcni-flannel:v0.18.1", "…/flannel@sha256:…" */
function isImage(image: string | undefined): boolean {
  return /(^|\/|-)flannel(:[^/]*)?(@[^/]*)?$/.test(image ?? "");
}

/** Whether nodes of one subnet send straight to each other under the network that is left: they go on so (DirectRouting). */
export function routesDirectly({ detected }: { detected: readonly Detected[] }): boolean {
  return detected.some(({ name, value }) => name === "directRouting" && value === "true");
}
