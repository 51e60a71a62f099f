import { networkLabel } from "../../crds/names.ts";
import type { DaemonSet } from "../../kube/objects.ts";
import { bgpConfigurations, bgpPeers, felixConfigurations, hostEndpoints, namespaces } from "../../kube/resources.ts";
import type { UnknownObject } from "../../kube/types.ts";
import type { ClusterSnapshot, Finding, OverlayFacts, PlanNode } from "../contract.ts";
import { blocker, nodesAt, when } from "../findings.ts";
import { placeOf } from "../objects.ts";
import { containersOf, envOf } from "../workloads.ts";
import { macOf } from "./as-source.ts";
import { annotations, calico } from "./facts.ts";
import { poolsOf, specOf, usesVxlan } from "./settings.ts";

/** What the checks look at. */
interface Found {
  snapshot: ClusterSnapshot;
  leading: DaemonSet;
  /** Without Windows nodes. */
  nodes: readonly PlanNode[];
  overlay: OverlayFacts;
}

/** Resources only these checks look at. */
export const reads = [hostEndpoints, bgpPeers, bgpConfigurations, namespaces] as const;

/** Reasons why this Calico cannot be left, whatever comes after it; all that apply, in no order. */
export function checkSource(found: Found): Finding[] {
  return [
    ...checkPools(found),
    ...checkAgent(found),
    ...checkFelix(found),
    ...checkBgp(found),
    ...checkEndpoints(found),
    ...checkNamespaces(found),
    ...checkNodes(found),
    ...checkDevices(found),
  ];
}

const resourceOf = (plural: string, name: string) => `${plural}.crd.projectcalico.org ${name}`;
const patch = (plural: string, name: string, spec: object) =>
  `kubectl patch ${resourceOf(plural, name)} --type merge -p '${JSON.stringify({ spec })}'`;

/** An overlay can be shared only where there is one, and one pool says where it reaches. */
function checkPools({ snapshot, leading }: Found): Finding[] {
  const pools = poolsOf(snapshot);
  const names = pools.map(({ metadata }) => metadata.name);
  return [
    ...when(
      pools.length === 0,
      blocker(
        "ValueNotFound",
        "there is no enabled IPv4 IPPool of group crd.projectcalico.org",
        placeOf(leading),
        "see kubectl get ippools.crd.projectcalico.org; Calico that keeps its data elsewhere cannot be migrated",
      ),
    ),
    ...when(
      pools.length > 1,
      blocker(
        "NotSupportedYet",
        `pods get addresses of ${pools.length} IPv4 pools: ${names.join(", ")}`,
        `ippools ${names.join(", ")}`,
        "keep one: set disabled: true on the others, restart the workloads with addresses of theirs, delete them",
      ),
    ),
    ...poolsOf(snapshot, 6).map((pool) =>
      blocker(
        "NotSupportedYet",
        `pods have IPv6 addresses too (${String(specOf(pool).cidr)}), which cannot be taken along from Calico yet`,
        placeOf(pool),
        "migrate an IPv4 cluster",
      ),
    ),
    ...pools.filter((pool) => !usesVxlan(pool)).map(withoutVxlan),
    ...pools.filter((pool) => specOf(pool).vxlanMode === "Always").map(alwaysWrapped),
    ...pools
      .filter((pool) => (specOf(pool).nodeSelector ?? "all()") !== "all()")
      .map((pool) =>
        blocker(
          "NotSupportedYet",
          `the pool is for some nodes only (nodeSelector ${String(specOf(pool).nodeSelector)})`,
          placeOf(pool),
          patch("ippools", pool.metadata.name, { nodeSelector: "all()" }),
        ),
      ),
  ];
}

function withoutVxlan(pool: UnknownObject): Finding {
  const { vxlanMode = "Never", ipipMode = "Never" } = specOf(pool);
  const how = ipipMode === "Never" ? "plain BGP" : "IPIP";
  return blocker(
    "UnsupportedBackend",
    `pods reach other nodes over ${how} (vxlanMode ${String(vxlanMode)}, ipipMode ${String(ipipMode)}); only VXLAN can be shared with another network`,
    placeOf(pool),
    `open UDP port ${calico.port} between the nodes, then: ${patch("ippools", pool.metadata.name, { ipipMode: "Never", vxlanMode: "CrossSubnet" })}`,
  );
}

/**
 * The nodes' own connections to pods are from the device's address then. The agent that comes gives it another one, and removes Calico's
 * first: with a device's last address the kernel drops all its routes, those to nodes still on Calico too (seen: every pod there out of
 * reach). And no node on the other network has a route to Calico's addresses when a node comes back to it.
 */
function alwaysWrapped(pool: UnknownObject): Finding {
  return blocker(
    "NotSupportedYet",
    "the nodes' own connections to pods go through the overlay, too (vxlanMode Always), and would be cut off",
    placeOf(pool),
    `where all nodes are in one subnet: ${patch("ippools", pool.metadata.name, { vxlanMode: "CrossSubnet" })}`,
  );
}

/** Variable of calico-node or install-cni -> what a value must not be, and what is to be said of it. */
const unsupported: Record<
  string,
  { refuses: (value: string) => boolean; reason: "EtcdDatastore" | "NotSupportedYet" }
> = {
  DATASTORE_TYPE: { refuses: (value) => value !== "kubernetes", reason: "EtcdDatastore" },
  USE_POD_CIDR: { refuses: (value) => value === "true", reason: "NotSupportedYet" },
  FELIX_BPFENABLED: { refuses: (value) => value === "true", reason: "NotSupportedYet" },
  FELIX_WIREGUARDENABLED: { refuses: (value) => value === "true", reason: "NotSupportedYet" },
  FELIX_HEALTHPORT: { refuses: (value) => value !== calico.healthPort, reason: "NotSupportedYet" },
  FELIX_HEALTHENABLED: { refuses: (value) => value !== "true", reason: "NotSupportedYet" },
};

function checkAgent({ leading }: Found): Finding[] {
  return Object.entries(unsupported).flatMap(([name, { refuses, reason }]) => {
    const value = containersOf(leading).flatMap((container) => envOf(container, name)?.value ?? [])[0];
    if (value === undefined || !refuses(value)) return [];
    const { namespace, name: daemonSet } = leading.metadata;
    return [
      blocker(
        reason,
        `${name} is ${value}, which cannot be migrated`,
        placeOf(leading),
        `if nothing needs it: kubectl -n ${namespace} set env daemonset ${daemonSet} ${name}-`,
      ),
    ];
  });
}

/** Field of FelixConfiguration -> whether its value is in the way, what it does, and what it has to be. */
const felixFields: Record<string, { refuses: (value: unknown) => boolean; what: string; off: unknown }> = {
  wireguardEnabled: {
    refuses: (v) => v === true,
    what: "WireGuard encrypts what nodes send to each other",
    off: false,
  },
  wireguardEnabledV6: {
    refuses: (v) => v === true,
    what: "WireGuard encrypts what nodes send to each other",
    off: false,
  },
  floatingIPs: {
    refuses: (v) => v === "Enabled",
    what: "pods may have floating IPs, which end with Calico",
    off: null,
  },
  egressIPSupport: {
    refuses: (v) => v !== undefined && v !== null && v !== "Disabled",
    what: "pods leave through egress gateways, which end with Calico",
    off: null,
  },
};

function checkFelix({ snapshot }: Found): Finding[] {
  return snapshot.list(felixConfigurations).flatMap((felix) =>
    Object.entries(felixFields)
      .filter(([field, { refuses }]) => refuses(specOf(felix)[field]))
      .map(([field, { what, off }]) =>
        blocker(
          field.startsWith("wireguard") ? "UnsupportedBackend" : "NotSupportedYet",
          `${what} (${field})`,
          placeOf(felix),
          `turn it off first: ${patch("felixconfigurations", felix.metadata.name, { [field]: off })}`,
        ),
      ),
  );
}

const advertised = ["serviceClusterIPs", "serviceExternalIPs", "serviceLoadBalancerIPs"];

/** Routers outside learn of pods and Services from Calico's BGP daemon, which goes with it. */
function checkBgp({ snapshot }: Found): Finding[] {
  const cure = "give these networks another way to the cluster first, then: kubectl delete";
  return [
    ...snapshot
      .list(bgpPeers)
      .map((peer) =>
        blocker(
          "NotSupportedYet",
          "routers outside the cluster learn its routes from Calico by BGP",
          placeOf(peer),
          `${cure} ${resourceOf("bgppeers", peer.metadata.name)}`,
        ),
      ),
    ...snapshot.list(bgpConfigurations).flatMap((configuration) => {
      const used = advertised.filter((field) => isFilled(specOf(configuration)[field]));
      if (used.length === 0) return [];
      const off = Object.fromEntries(used.map((field) => [field, null]));
      return [
        blocker(
          "NotSupportedYet",
          `addresses of Services are advertised by BGP (${used.join(", ")})`,
          placeOf(configuration),
          `${cure.replace("kubectl delete", patch("bgpconfigurations", configuration.metadata.name, off))}`,
        ),
      ];
    }),
  ];
}

function isFilled(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}

/** Policies on the nodes' own interfaces. */
function checkEndpoints({ snapshot }: Found): Finding[] {
  return snapshot
    .list(hostEndpoints)
    .map((endpoint) =>
      blocker(
        "NotSupportedYet",
        "Calico guards interfaces of a node itself, which ends with it",
        placeOf(endpoint),
        `guard the node by other means first, then: kubectl delete ${resourceOf("hostendpoints", endpoint.metadata.name)}`,
      ),
    );
}

/** Annotations by which a namespace asks for addresses or ways of its own. */
const ownWays = ["cni.projectcalico.org/ipv4pools", "cni.projectcalico.org/ipv6pools", "egress.projectcalico.org/"];

function checkNamespaces({ snapshot }: Found): Finding[] {
  return snapshot.list(namespaces).flatMap((namespace) =>
    Object.keys(namespace.metadata.annotations ?? {})
      .filter((key) => ownWays.some((start) => key.startsWith(start)))
      .map((key) =>
        blocker(
          "NotSupportedYet",
          `its pods have addresses or ways of their own (annotation ${key}), which end with Calico`,
          `namespace ${namespace.metadata.name}`,
          `if they can do without: kubectl annotate namespace ${namespace.metadata.name} ${key}-`,
        ),
      ),
  );
}

/** What calico-node writes on its Node when it is up there. */
function checkNodes({ nodes }: Found): Finding[] {
  const bare = nodes.filter(
    (node) =>
      isOnCalico(node) &&
      (node.annotations[annotations.tunnelAddress] === undefined ||
        node.annotations[annotations.address] === undefined),
  );
  return when(
    bare.length > 0,
    blocker(
      "ValueNotFound",
      `calico-node has not written ${annotations.address} and ${annotations.tunnelAddress}`,
      nodesAt(bare),
      "see why calico-node is not up there",
    ),
  );
}

/** Where a node was read: its device is the one all this says. */
function checkDevices({ snapshot, nodes, overlay }: Found): Finding[] {
  return nodes.filter(isOnCalico).flatMap((node) => {
    const host = snapshot.host(node.name);
    if (host === undefined) return [];
    const device = host.vxlans.find(({ name }) => name === calico.link);
    const problem =
      device === undefined
        ? `there is no device ${calico.link}`
        : device.vni !== overlay.vni || device.port !== overlay.port
          ? `device ${calico.link} has VNI ${device.vni} and port ${device.port}, not ${overlay.vni} and ${overlay.port}`
          : device.mac.toLowerCase() !== macOf(node)
            ? `device ${calico.link} has MAC ${device.mac}, but other nodes send to ${macOf(node)}`
            : undefined;
    if (problem === undefined) return [];
    const cure =
      "see calico-node's log on the node; values of its own can be given in spec.calico.vni and spec.calico.port";
    return [blocker("ValueNotFound", problem, `node ${node.name}`, cure)];
  });
}

/** In the middle of a migration nodes have left it already. */
function isOnCalico(node: PlanNode): boolean {
  return (node.labels[networkLabel] ?? "calico") === "calico";
}
