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

/** A node that went from Canal to a network that has nothing of Calico's. */
const ofCanalWhole: readonly Look[] = [
  ...ofFlannel.filter(({ what }) => what !== "file"),
  ...ofCalico.filter(({ what }) => what !== "file"),
  {
    what: "file",
    script:
      "ls -d /etc/cni/net.d/*canal* /etc/cni/net.d/*calico* /etc/cni/net.d/*hold* /opt/cni/bin/calico* /run/flannel /var/lib/calico /var/lib/cni/networks/k8s-pod-network /var/lib/cni/results/k8s-pod-network-* 2>/dev/null",
  },
];

/** The same for Cilium, with what a migration of two overlays puts there beside it. */
const ofCilium: readonly Look[] = [
  { what: "link", script: "ip -o link show | grep -oE ': (cilium_[^:@]*|lxc[^:@]*)' | cut -c3-" },
  {
    what: "rule of the routing policy",
    script: "ip rule | grep -vE '^(0|32766|32767):'; ip rule | grep -q ^0: || echo no local",
  },
  {
    what: "route",
    script: "ip route show table 2004 2>/dev/null; ip route show table 2005 2>/dev/null; ip route | grep cilium",
  },
  {
    what: "filter",
    script:
      "for d in $(ls /sys/class/net); do for w in ingress egress; do tc filter show dev $d $w 2>/dev/null | grep -o 'cil_[^ ]*'; done; tc qdisc show dev $d clsact; done",
  },
  { what: "BPF", script: "find /sys/fs/bpf -mindepth 1 2>/dev/null | grep -E 'cil' | head -5" },
  { what: "mount", script: "grep -o '[^ ]*/cilium/[^ ]*' /proc/self/mounts | sort -u" },
  {
    what: "rule (nft)",
    script: "for t in iptables-nft-save ip6tables-nft-save; do $t 2>/dev/null | grep -iE 'cilium|cni-migrate: '; done",
  },
  {
    what: "rule (legacy)",
    script: "[ -s /proc/net/ip_tables_names ] && iptables-legacy-save | grep -iE 'cilium|cni-migrate: '",
  },
  { what: "ipset", script: "ipset list -n 2>/dev/null | grep ^cilium" },
  {
    what: "file",
    script:
      "ls -d /etc/cni/net.d/*cilium* /etc/cni/net.d/*hold* /opt/cni/bin/cilium* /etc/sysctl.d/*cilium* /run/cilium /var/run/cilium /var/lib/cni/results/cilium-* 2>/dev/null",
  },
];

/** What only a migration of two overlays puts on a node. */
const ofMigration: readonly Look[] = [
  { what: "rule (nft)", script: "iptables-nft-save 2>/dev/null | grep 'cni-migrate: '" },
  { what: "rule (legacy)", script: "[ -s /proc/net/ip_tables_names ] && iptables-legacy-save | grep 'cni-migrate: '" },
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

/** The same of Cilium. */
export function ciliumLeftovers(lab: Lab, nodes?: readonly string[]): Promise<string[]> {
  return leftovers(lab, ofCilium, nodes);
}

/** The same of each network, where Cilium, which has nothing in common with any, came after it. */
export const leftoversBeforeCilium = {
  flannel: (lab: Lab) => leftovers(lab, [...ofFlannel, ...ofMigration]),
  canal: (lab: Lab) => leftovers(lab, [...ofCanalWhole, ...ofMigration]),
  calico: (lab: Lab) => leftovers(lab, [...ofCalico, ...ofMigration]),
} as const;

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
