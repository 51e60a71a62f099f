import { parseCidr } from "../cidr.ts";
import type { ClusterSnapshot, Finding, PlanNode, Vtep } from "../contract.ts";
import { checkDirectories } from "../directories.ts";
import { blocker, info, warning, when } from "../findings.ts";
import { nameOf, placeOf } from "../objects.ts";
import { rangeOf } from "../overlays.ts";
import { checkHosts, checkNodes } from "./check-nodes.ts";
import { flannel } from "./facts.ts";
import { type Install, optionOf } from "./install.ts";
import type { Settings } from "./settings.ts";
import { backendTypeOf } from "./vtep.ts";

const addonManagerLabel = "addonmanager.kubernetes.io/mode";

/** What the checks look at: the install, what was read of it, the nodes it runs on. */
export interface Found {
  snapshot: ClusterSnapshot;
  install: Install;
  settings: Settings;
  /** Without Windows nodes. */
  nodes: readonly PlanNode[];
  vteps: Readonly<Record<string, Vtep>>;
}

/** Reasons why this flannel cannot be taken as the source; all that apply, in no order. */
export function checkSource(found: Found): Finding[] {
  return [...checkInstall(found), ...checkBackend(found), ...checkNodes(found), ...checkHosts(found)];
}

function checkInstall({ install, settings }: Found): Finding[] {
  const where = placeOf(install.leading);
  const namespaces = new Set(install.daemonSets.map((ds) => ds.metadata.namespace));
  const managed = install.daemonSets.filter((ds) => ds.metadata.labels?.[addonManagerLabel] !== undefined);
  const { cniName = flannel.cniName } = install;
  return [
    ...checkDirectories(settings, where),
    ...when(
      namespaces.size > 1,
      blocker(
        "SourceAmbiguous",
        `flannel's DaemonSets are in ${namespaces.size} namespaces: ${install.daemonSets.map(nameOf).join(", ")}`,
        where,
        "name the one that runs in spec.flannel.daemonSet, or delete the others",
      ),
    ),
    ...managed.map((ds) =>
      blocker(
        "AddonManaged",
        "the addon manager owns it and would undo every change",
        placeOf(ds),
        `take its manifest away from the addon manager, then: kubectl -n ${ds.metadata.namespace} label daemonset ${ds.metadata.name} ${addonManagerLabel}-`,
      ),
    ),
    ...when(
      optionOf(install, "kube-subnet-mgr").value === undefined,
      blocker(
        "EtcdDatastore",
        "flannel keeps its subnets in etcd (no --kube-subnet-mgr), where nodes have no podCIDR of theirs",
        where,
        "move flannel to the Kubernetes API first: --kube-subnet-mgr and a net-conf.json with the same network",
      ),
    ),
    ...when(
      cniName !== flannel.cniName,
      warning(
        "NotSupportedYet",
        `its CNI network is named ${cniName}; the files of that name in /var/lib/cni stay behind on the nodes`,
        where,
        `after the migration remove /var/lib/cni/networks/${cniName} on the nodes`,
      ),
    ),
  ];
}

const restart = "and restart flannel's DaemonSet";

function checkBackend(found: Found): Finding[] {
  const { install, settings } = found;
  const { netConf, netConfFrom: where } = install;
  if (netConf === undefined)
    return [
      blocker(
        "ValueNotFound",
        `its net-conf.json cannot be read: ${where}`,
        placeOf(install.leading),
        "mount net-conf.json from a ConfigMap, as flannel's own manifest does",
      ),
    ];
  const type = backendTypeOf(netConf);
  const { directrouting, gbp } = netConf.backend ?? {};
  const [network = "none"] = settings.overlay.cidrs;
  return [
    ...when(
      type !== "vxlan",
      blocker(
        "UnsupportedBackend",
        `flannel's backend is ${type}; only VXLAN can be shared with another network`,
        where,
        `change Backend.Type to vxlan ${restart}`,
      ),
    ),
    ...when(
      type === "vxlan" && directrouting === true,
      blocker(
        "DirectRoutingEnabled",
        "DirectRouting sends pod traffic past the overlay, where the other network would not find it",
        where,
        `set Backend.DirectRouting to false ${restart}`,
      ),
    ),
    ...when(
      type === "vxlan" && gbp === true,
      blocker(
        "UnsupportedBackend",
        "Backend.GBP makes a VXLAN device the other network cannot take over",
        where,
        `set Backend.GBP to false ${restart}`,
      ),
    ),
    ...when(
      netConf.enableipv4 === false,
      blocker(
        "NotSupportedYet",
        "flannel runs without IPv4; only IPv4, alone or with IPv6 beside it, can be migrated yet",
        where,
        "migrate a cluster whose pods have IPv4 addresses",
      ),
    ),
    ...when(
      settings.ipv6Network !== undefined && rangeOf(settings.overlay, 6) === undefined,
      blocker(
        "ValueNotFound",
        `the IPv6 pod network (${settings.ipv6Network}) is not an IPv6 range`,
        where,
        "correct IPv6Network, or set spec.flannel.ipv6Network",
      ),
    ),
    ...when(
      parseCidr(network)?.family !== 4,
      blocker(
        "ValueNotFound",
        `the pod network (${network}) is not an IPv4 range`,
        where,
        "correct Network, or set spec.flannel.network",
      ),
    ),
    ...checkInEffect(found),
  ];
}

/** A configuration changed after flanneld started is not what the nodes run. */
function checkInEffect({ install, settings, nodes, snapshot }: Found): Finding[] {
  const env = (key: string): string[] => nodes.flatMap((node) => snapshot.host(node.name)?.subnetEnv?.[key] ?? []);
  const configured = install.netConf?.network;
  const other = env("FLANNEL_NETWORK").find((network) => network !== configured);
  const overridden = settings.detected.some((d) => d.name === "network" && d.from === "spec.flannel.network");
  const mtus = [...new Set(env("FLANNEL_MTU"))].sort();
  const place = placeOf(install.leading);
  return [
    ...when(
      other !== undefined && !overridden,
      blocker(
        "ValueNotFound",
        `Network is ${String(configured)}, but the nodes run with ${other}`,
        install.netConfFrom,
        "restart flannel's DaemonSet, or set spec.flannel.network to what the nodes run with",
      ),
    ),
    ...when(
      mtus.length > 1,
      warning(
        "ValueNotFound",
        `the nodes' overlay MTUs differ: ${mtus.join(", ")}; the smallest is used for all`,
        place,
        "give all nodes the same link MTU, or set spec.flannel.mtu",
      ),
    ),
    ...when(
      settings.overlay.mtu === 0,
      info("ValueNotFound", "the overlay's MTU is not known yet; the controller reads it on the nodes", place),
    ),
  ];
}
