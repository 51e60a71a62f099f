import type { Lab } from "./index.ts";

/** The path of the network namespace in which a node's pod has this address, as this process sees it. */
export async function podNetns(lab: Lab, node: string, ip: string): Promise<string | undefined> {
  const { stdout } = await lab.exec(node, [
    "sh",
    "-c",
    'for n in /run/netns/cni-*; do ip netns exec $(basename $n) ip -4 -o addr show dev eth0 2>/dev/null | sed "s#^#$n #"; done',
  ]);
  const line = stdout.split("\n").find((l) => l.includes(` ${ip}/`));
  return line === undefined ? undefined : `/proc/${lab.nodePid(node)}/root${line.split(" ")[0]}`;
}
