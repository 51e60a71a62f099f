import { firstOfFamily } from "../cidr.ts";
import type { Finding, PlanNode } from "../contract.ts";
import { blocker, nodesAt, when } from "../findings.ts";
import { endOf, familiesOf } from "../overlays.ts";
import type { Found } from "./checks.ts";
import { annotationKey, linkName } from "./facts.ts";
import { annotatedBackend, endAnnotations, vniOf } from "./vtep.ts";

/** What flanneld wrote on the Nodes: that it is up there, and runs what is configured. */
export function checkNodes({ settings, nodes, vteps }: Found): Finding[] {
  const prefix = settings.annotationPrefix;
  const { vni } = settings.overlay;
  const families = familiesOf(settings.overlay);
  const bare = families.map((family) => ({
    names: endAnnotations[family],
    nodes: nodes.filter((n) => firstOfFamily(n.podCIDRs, family) !== undefined && !endOf(vteps[n.name], family)),
  }));
  const backends = new Set(nodes.flatMap((node) => annotatedBackend(node, prefix) ?? []));
  const otherVni = nodes.filter((node) => (vniOf(node, prefix) ?? vni) !== vni);
  return [
    ...bare
      .filter((found) => found.nodes.length > 0)
      .map(({ names, nodes: where }) =>
        blocker(
          "ValueNotFound",
          `flannel has not written ${annotationKey(prefix, names.publicIP)} and ${annotationKey(prefix, names.data)} with a VtepMAC`,
          nodesAt(where),
          "see why flannel's pod there is not up; if it writes under another prefix, give it in spec.flannel.annotationPrefix",
        ),
      ),
    ...[...backends]
      .filter((type) => type !== "vxlan")
      .map((type) =>
        blocker(
          "UnsupportedBackend",
          `flannel runs there with backend ${type}`,
          nodesAt(nodes.filter((node) => annotatedBackend(node, prefix) === type)),
          "change Backend.Type to vxlan and restart flannel's DaemonSet",
        ),
      ),
    ...when(
      otherVni.length > 0,
      blocker(
        "ValueNotFound",
        `flannel runs there with another VNI than ${vni}`,
        nodesAt(otherVni),
        "restart flannel's DaemonSet so that all nodes run the same configuration, or correct spec.flannel.vni",
      ),
    ),
  ];
}

/** What a read of the hosts shows: another VXLAN device in the way of the one to hand over. */
export function checkHosts({ snapshot, settings, nodes }: Found): Finding[] {
  const { overlay } = settings;
  const own = familiesOf(overlay).map((family) => linkName(overlay, family));
  const devicesOf = (node: PlanNode) => snapshot.host(node.name)?.vxlans ?? [];
  return nodes.flatMap((node) =>
    devicesOf(node)
      .filter((d) => !own.includes(d.name) && d.port === overlay.port && (d.external || d.vni === overlay.vni))
      .map((d) =>
        blocker(
          "TargetAlreadyRuns",
          `device ${d.name} uses VXLAN port ${d.port} too`,
          `node ${node.name}`,
          `if nothing uses it any more: ip link delete ${d.name}`,
        ),
      ),
  );
}
