import type { Lab } from "./index.ts";

/** What a person would type on a node to see whether anything of flannel is left. The product's own check is not asked. */
const looks: readonly { what: string; script: string }[] = [
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

/** Everything of flannel that is on the lab's nodes: "n2: link flannel.1". */
export async function flannelLeftovers(lab: Lab): Promise<string[]> {
  const found: string[] = [];
  for (const { name } of lab.nodes)
    for (const { what, script } of looks) {
      const { stdout } = await lab.exec(name, ["sh", "-c", script]);
      for (const line of stdout.split("\n")) if (line.trim() !== "") found.push(`${name}: ${what} ${line.trim()}`);
    }
  return found;
}
