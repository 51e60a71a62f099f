import { arch, release } from "node:os";
import type { HostFacts, HostOp } from "../../networks/host-ops.ts";
import { type HostDeps, isRecord, jsonList } from "./deps.ts";
import { listDirectory, readText } from "./files.ts";
import { readBackends } from "./iptables.ts";
import { readLinks } from "./links.ts";
import { nftTables } from "./nft.ts";

/** Node's name of an architecture -> Kubernetes' name. */
const architectures: Record<string, string> = {
  x64: "amd64",
  arm64: "arm64",
  arm: "arm",
  ppc64: "ppc64le",
  s390x: "s390x",
};
/** Tables nft shows that are iptables-nft's own. */
const iptablesTables = /^(ip|ip6|arp|bridge) (filter|nat|mangle|raw|security)$/;

/** Facts about the node, without a change to it. */
export async function inspect(deps: HostDeps, op: Omit<Extract<HostOp, { op: "inspect" }>, "op">): Promise<HostFacts> {
  const [confs, binaries, links, addresses, subnetEnv, packetFilters] = await Promise.all([
    listDirectory(deps, op.cniConfDir),
    listDirectory(deps, op.cniBinDir),
    readLinks(deps),
    addressesByLink(deps),
    readText(deps, op.subnetEnvPath),
    filtersInUse(deps),
  ]);
  return {
    kernel: release(),
    cniConfFiles: (confs ?? []).filter((entry) => entry.kind === "file").map((entry) => entry.name),
    cniBinaries: (binaries ?? []).filter((entry) => entry.executable).map((entry) => entry.name),
    vxlans: links.flatMap(({ name, mac, mtu, vxlan }) =>
      vxlan === undefined ? [] : [{ name, ...vxlan, mac, mtu, addresses: addresses.get(name) ?? [] }],
    ),
    bridges: links.filter((link) => link.kind === "bridge").map((link) => link.name),
    ...(subnetEnv === undefined ? {} : { subnetEnv: parseEnv(subnetEnv) }),
    packetFilters,
    architecture: architectures[arch()] ?? arch(),
  };
}

async function addressesByLink(deps: HostDeps): Promise<Map<string, string[]>> {
  const links = await jsonList(deps, ["ip", "-json", "address", "show"]);
  return new Map(
    links.map((link) => {
      const entries = Array.isArray(link.addr_info) ? link.addr_info.filter(isRecord) : [];
      const global = entries.filter((entry) => entry.scope === "global");
      return [String(link.ifname), global.map((entry) => `${entry.local}/${entry.prefixlen}`)];
    }),
  );
}

async function filtersInUse(deps: HostDeps): Promise<string[]> {
  const [backends, tables] = await Promise.all([readBackends(deps), nftTables(deps)]);
  const inUse = backends.filter(({ saved }) => saved.tables.some((table) => table.rules.length > 0));
  const ofNft = tables.some((table) => !iptablesTables.test(table));
  return [...inUse.map(({ backend }) => backend), ...(ofNft ? ["nft"] : [])];
}

/** KEY=value lines, comments and blank lines left out. */
function parseEnv(text: string): Record<string, string> {
  const pairs = text.split("\n").flatMap((line) => {
    const cut = line.indexOf("=");
    return cut < 1 || line.startsWith("#") ? [] : [[line.slice(0, cut).trim(), line.slice(cut + 1).trim()]];
  });
  return Object.fromEntries(pairs);
}
