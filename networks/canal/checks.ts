import { managedBy, managedByLabel } from "../../crds/names.ts";
import type { FindingReason } from "../../crds/reasons.ts";
import type { DaemonSet } from "../../kube/objects.ts";
import { configMaps, felixConfigurations } from "../../kube/resources.ts";
import type { KubeObject, UnknownObject } from "../../kube/types.ts";
import { settingOf } from "../calico/manifests.ts";
import type { ClusterSnapshot, Finding, NetworkFacts } from "../contract.ts";
import { blocker, when } from "../findings.ts";
import { placeOf } from "../objects.ts";
import { allContainersOf } from "../workloads.ts";
import { canal } from "./facts.ts";

interface Requirement {
  accepts: (value: string | undefined) => boolean;
  reason: FindingReason;
  why: string;
  cure: string;
}

/** Settings of its containers a migration depends on. */
const requirements: Record<string, Requirement> = {
  DATASTORE_TYPE: {
    accepts: (v) => v === "kubernetes",
    reason: "EtcdDatastore",
    why: "Canal must keep its data in the Kubernetes API",
    cure: "move Canal to the Kubernetes API first",
  },
  CALICO_NETWORKING_BACKEND: {
    accepts: (v) => v === "none",
    reason: "UnsupportedBackend",
    why: "Calico's half must leave the routes to flanneld",
    cure: "set it to none in the DaemonSet, as canal.yaml does",
  },
  CNI_CONF_NAME: {
    accepts: (v) => v === undefined || v === canal.conflist,
    reason: "NotSupportedYet",
    why: `its CNI configuration must be named ${canal.conflist}`,
    cure: `set it to ${canal.conflist} in the DaemonSet, and remove the old file on the nodes`,
  },
  CNI_NETWORK_CONFIG: {
    accepts: (v) => v === undefined || /"type":\s*"host-local"/.test(v),
    reason: "NotSupportedYet",
    why: "its pods must have addresses of the node's podCIDR (host-local)",
    cure: "bring the CNI configuration back to ipam type host-local, subnet usePodCidr",
  },
  FELIX_VXLANENABLED: {
    accepts: (v) => v === undefined || v === "false",
    reason: "UnsupportedBackend",
    why: "a device of Felix's own stands beside flanneld's",
    cure: "take the variable out of the DaemonSet",
  },
  FELIX_HEALTHPORT: {
    accepts: (v) => v === undefined || v === "9099",
    reason: "NotSupportedYet",
    why: "its health port must be 9099",
    cure: "take the variable out of the DaemonSet",
  },
};

/** Reasons why the half of Canal that is Calico's keeps it from being left; flanneld's half is looked at with flannel's eyes. */
export function checkPolicySide(snapshot: ClusterSnapshot, agent: DaemonSet, { overlay }: NetworkFacts): Finding[] {
  const where = placeOf(agent);
  return [
    ...checkSettings(snapshot, agent, where),
    ...when(
      overlay.cidrs.some((cidr) => cidr.includes(":")),
      blocker("NotSupportedYet", "Canal with IPv6 cannot be left yet", where, "migrate an IPv4 cluster"),
    ),
    ...checkOwnFelix(snapshot),
  ];
}

function checkSettings(snapshot: ClusterSnapshot, agent: DaemonSet, where: string): Finding[] {
  const all = snapshot.list(configMaps) as readonly KubeObject[] as readonly UnknownObject[];
  const own = all.filter((c) => c.metadata.namespace === agent.metadata.namespace);
  return Object.entries(requirements).flatMap(([name, { accepts, reason, why, cure }]) => {
    const value = settingOf(own, allContainersOf(agent), name);
    if (accepts(value)) return [];
    const told = value === undefined || value.includes("\n") ? "is not as it has to be" : `is ${value}`;
    return [blocker(reason, `${name} ${told}: ${why}`, where, cure)];
  });
}

/** A node's own settings of Felix are needed for the migration (node-objects.ts), and stand above all others. */
function checkOwnFelix(snapshot: ClusterSnapshot): Finding[] {
  return snapshot
    .list(felixConfigurations)
    .filter(({ metadata }) => metadata.name.startsWith("node.") && metadata.labels?.[managedByLabel] !== managedBy)
    .map((felix) =>
      blocker(
        "NotSupportedYet",
        "settings of Felix for one node: the migration makes an object of this name for its time",
        placeOf(felix),
        `move what it says to felixconfiguration default, then: kubectl delete felixconfigurations.crd.projectcalico.org ${felix.metadata.name}`,
      ),
    );
}
