import { formatCidr, parseCidr } from "../cidr.ts";
import type { ClusterSnapshot, Finding, NetworkFacts } from "../contract.ts";
import { blocker, compare, when } from "../findings.ts";
import { rangeOf } from "../overlays.ts";
import { annotationKey, flannel, routesDirectly } from "./facts.ts";
import type { Install } from "./install.ts";
import * as cluster from "./prepare.ts";
import { backendTypeOf, endAnnotations } from "./vtep.ts";

/** What flannel needs where it is the network a cluster goes to. */

/** What flanneld writes on its Node. */
export const nodeAnnotations: readonly string[] = [
  "backend-type",
  "kube-subnet-manager",
  ...Object.values(endAnnotations).flatMap(({ data, publicIP }) => [data, publicIP]),
]
  .map((name) => annotationKey(flannel.annotationPrefix, name))
  .sort(compare);

/** Plugins its CNI configuration runs and its manifests do not bring. */
const plugins = ["bridge", "host-local", "loopback", "portmap"];

/** What is in the way in the cluster, and what its plugin would look for on the nodes in vain. */
export function checkAsTarget(snapshot: ClusterSnapshot, source: NetworkFacts): Finding[] {
  return [...cluster.checkAsTarget(snapshot, source), ...checkPlugins(snapshot, source)];
}

/** Where a node was read: its directory holds at least the plugins of the network it runs. */
function checkPlugins(snapshot: ClusterSnapshot, { cniBinDir }: NetworkFacts): Finding[] {
  const names = snapshot.nodes.map(({ metadata }) => metadata.name).sort(compare);
  return names.flatMap((name) => {
    const present = snapshot.host(name)?.cniBinaries ?? [];
    const missing = plugins.filter((plugin) => !present.includes(plugin));
    if (present.length === 0 || missing.length === 0) return [];
    return [
      blocker(
        "CNIPluginMissing",
        `no CNI plugin ${missing.join(", ")} in ${cniBinDir}, which flannel runs`,
        `node ${name}`,
        "install the CNI plugins there (most distributions: package containernetworking-plugins)",
      ),
    ];
  });
}

/** Whether the backend the manifests ask for is one that can be shared. Without net-conf.json there is a finding already. */
export function checkBackend({ netConf, netConfFrom }: Install): Finding[] {
  const type = backendTypeOf(netConf);
  return when(
    netConf !== undefined && type !== "vxlan",
    blocker(
      "UnsupportedBackend",
      `its backend is ${type}; only VXLAN can be shared with the network that is left`,
      netConfFrom,
      "set Backend.Type to vxlan",
    ),
  );
}

/** Whether the network the manifests ask for is the range that is decided, the source's, and packets go the same ways. */
export function checkFit({ netConf, netConfFrom }: Install, source: NetworkFacts): Finding[] {
  const wanted = rangeOf(source.overlay, 4);
  const network = String(netConf?.network);
  const range = parseCidr(network);
  if (netConf === undefined || wanted === undefined) return [];
  return [
    ...when(
      range === undefined || formatCidr(range) !== formatCidr(wanted),
      blocker(
        "ManifestsUnusable",
        `its Network is ${network}, but the pods' range is ${formatCidr(wanted)}`,
        netConfFrom,
        `set Network to ${formatCidr(wanted)}`,
      ),
    ),
    ...when(
      netConf.backend?.directrouting === true && !routesDirectly(source),
      blocker(
        "DirectRoutingEnabled",
        "DirectRouting sends pod traffic past the overlay that is to be shared",
        netConfFrom,
        "leave Backend.DirectRouting out",
      ),
    ),
  ];
}
