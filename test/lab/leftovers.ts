import type { Lab } from "./index.ts";

interface Look {
  what: string;
  script: string;
}

/** What a person would type on a node to see whether anything of flannel is left. The product's own check is not asked. */
const ofFlannel: readonly Look[] = [
  { what: "link", script: "ip -o link show | grep -oE ': (flannel[^:@]*|cni0)' | cut -c3-" },
  {
    what: "rule (nft)",
    script: "for t in iptables-nft-save ip6tables-nft-save; do $t 2>/dev/null | grep -i flannel; done",
  },
  { what: "rule (legacy)", script: "[ -s /proc/net/ip_tables_names ] && iptables-legacy-save | grep -i flannel" },
  {
    what: "rule of its CNI plugins",
    script: "for t in iptables-nft-save ip6tables-nft-save; do $t 2>/dev/null | grep -E '^:CNI-'; done",
  },
  { what: "nft table", script: "nft list tables 2>/dev/null | grep flannel" },
  {
    what: "file",
    script:
      "ls -d /etc/cni/net.d/*flannel* /etc/cni/net.d/*hold* /run/flannel /var/lib/cni/flannel /var/lib/cni/networks/cbr0 /var/lib/cni/results/cbr0-* /var/lib/cni/cache/results/cbr0-* 2>/dev/null",
  },
];

/** The same for Calico over VXLAN. */
const ofCalico: readonly Look[] = [
  { what: "link", script: "ip -o link show | grep -oE ': (vxlan[.]calico|vxlan-v6[.]calico|cali[^:@]*)' | cut -c3-" },
  { what: "route", script: "ip route show table all proto 80; ip -6 route show table all proto 80" },
  {
    what: "route to a block",
    script: "ip route show root 10.244.0.0/16 | grep -E '/26 via'; ip -6 route | grep '/122 via'",
  },
  {
    what: "rule (nft)",
    script: "for t in iptables-nft-save ip6tables-nft-save; do $t 2>/dev/null | grep -i cali; done",
  },
  { what: "rule (legacy)", script: "[ -s /proc/net/ip_tables_names ] && iptables-legacy-save | grep -i cali" },
  { what: "ipset", script: "ipset list -n 2>/dev/null | grep ^cali" },
  {
    what: "file",
    script:
      "ls -d /etc/cni/net.d/*calico* /etc/cni/net.d/*hold* /opt/cni/bin/calico* /var/lib/calico /var/lib/cni/results/k8s-pod-network-* 2>/dev/null",
  },
];

/** A node that went from Canal to Calico: of Canal, what is not Calico's as well. */
const ofCanal: readonly Look[] = [
  ...ofFlannel.filter(({ what }) => !["file", "rule of its CNI plugins"].includes(what)),
  {
    what: "file",
    script:
      "ls -d /etc/cni/net.d/*canal* /etc/cni/net.d/*hold* /run/flannel /var/lib/cni/networks/k8s-pod-network 2>/dev/null",
  },
];

/** A node that went back from Calico to Canal: of Calico, what is not Canal's as well. */
const ofCalicoBesideCanal: readonly Look[] = [
  { what: "link", script: "ip -o link show | grep -oE ': vxlan[^:@]*' | cut -c3-" },
  ...ofCalico.filter(({ what }) => what.startsWith("route")),
  { what: "file", script: "ls -d /etc/cni/net.d/10-calico* /etc/cni/net.d/*hold* /run/calico/ipam.lock 2>/dev/null" },
];

/** Everything of flannel that is on these nodes of the lab, or all: "n2: link flannel.1". */
export function flannelLeftovers(lab: Lab, nodes?: readonly string[]): Promise<string[]> {
  return leftovers(lab, ofFlannel, nodes);
}

/** The same of Calico. */
export function calicoLeftovers(lab: Lab, nodes?: readonly string[]): Promise<string[]> {
  return leftovers(lab, ofCalico, nodes);
}

/** The same of Canal, where Calico came after it. */
export function canalLeftovers(lab: Lab, nodes?: readonly string[]): Promise<string[]> {
  return leftovers(lab, ofCanal, nodes);
}

/** The same of Calico, where Canal came back. */
export function calicoLeftoversBesideCanal(lab: Lab, nodes?: readonly string[]): Promise<string[]> {
  return leftovers(lab, ofCalicoBesideCanal, nodes);
}

async function leftovers(
  lab: Lab,
  looks: readonly Look[],
  nodes: readonly string[] = lab.nodes.map(({ name }) => name),
): Promise<string[]> {
  const found: string[] = [];
  for (const name of nodes)
    for (const { what, script } of looks) {
      const { stdout } = await lab.exec(name, ["sh", "-c", script]);
      for (const line of stdout.split("\n")) if (line.trim() !== "") found.push(`${name}: ${what} ${line.trim()}`);
    }
  return found;
}
