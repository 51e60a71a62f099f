import type { Lab } from "./index.ts";

/** Things that belong to others on a node; a migration must not touch them. */
const plant = [
  "iptables-nft -N OTHERS-CHAIN",
  "iptables-nft -A OTHERS-CHAIN -s 192.0.2.0/24 -m comment --comment 'of others, keep' -j RETURN",
  "iptables-nft -I FORWARD -j OTHERS-CHAIN",
  "iptables-nft -t nat -A POSTROUTING -s 192.0.2.7/32 -d 192.0.2.8/32 -j ACCEPT",
  "ipset create others-set hash:net",
  "ipset add others-set 192.0.2.0/24",
  "nft add table ip others",
  "ip link add others0 type bridge",
  "ip route add 192.0.2.0/25 dev others0 2>/dev/null || ip link set others0 up && ip route replace 192.0.2.0/25 dev others0",
  "echo '{}' > /etc/cni/net.d/99-others.conflist.disabled",
  "mkdir -p /var/lib/cni/networks/others && echo x > /var/lib/cni/networks/others/192.0.2.9",
].join("\n");

const look = [
  "iptables-nft-save | grep -E 'OTHERS|192\\.0\\.2\\.' | sed 's/\\[[0-9:]*\\]//'",
  "ipset save others-set",
  "nft list tables | grep others",
  "ip -o link show others0 | cut -d' ' -f2",
  "ip route show 192.0.2.0/25",
  "cat /etc/cni/net.d/99-others.conflist.disabled /var/lib/cni/networks/others/192.0.2.9",
  "ls /opt/cni/bin | grep -v -x -E 'flannel|calico|calico-ipam|cilium-cni|install'",
].join("; ");

/** Plants them on every node and gives what is then to be seen. */
export async function plantForeignThings(lab: Lab): Promise<string[]> {
  for (const { name } of lab.nodes) {
    const result = await lab.exec(name, ["sh", "-ec", plant]);
    if (result.code !== 0) throw new Error(`${name}: ${result.stderr}`);
  }
  return foreignThings(lab);
}

/** What of them is to be seen now, a line each. */
export async function foreignThings(lab: Lab): Promise<string[]> {
  const lines: string[] = [];
  for (const { name } of lab.nodes) {
    const { stdout } = await lab.exec(name, ["sh", "-c", look]);
    for (const line of stdout.split("\n")) if (line.trim() !== "") lines.push(`${name}: ${line.trim()}`);
  }
  return lines;
}
