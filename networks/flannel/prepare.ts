import { nodes } from "../../kube/resources.ts";
import type { KubeObject, Resource } from "../../kube/types.ts";
import { contains, overlaps, parseCidr } from "../cidr.ts";
import type { ClusterSnapshot, Finding, NetworkFacts, PlanContext, PlanNode, RecordedChange } from "../contract.ts";
import { blocker, nodesAt } from "../findings.ts";
import { isWindows, planNodes } from "../nodes.ts";
import { nameOf } from "../objects.ts";
import { endOf, familiesOf } from "../overlays.ts";
import { heldTo } from "../workloads.ts";
import { annotationKey, flannel } from "./facts.ts";
import { agentsOf } from "./install.ts";
import { endAnnotations } from "./vtep.ts";

/** A second flannel, and nodes whose range flanneld would refuse: it wants the podCIDR inside its network (since v0.18). */
export function checkAsTarget(snapshot: ClusterSnapshot, source: NetworkFacts): Finding[] {
  const findings = agentsOf(snapshot, {})
    .filter((ds) => heldTo(ds) !== "flannel")
    .map((ds) =>
      blocker(
        "TargetAlreadyRuns",
        "flannel runs in this cluster already",
        `daemonset ${nameOf(ds)}`,
        "delete it if nothing needs it",
      ),
    );
  const network = parseCidr(source.overlay.cidrs[0] ?? "");
  const outside = planNodes(snapshot)
    .filter((node) => !isWindows(node))
    .filter((node) => {
      const podCIDR = parseCidr(node.podCIDRs[0] ?? "");
      return (
        network !== undefined && podCIDR !== undefined && overlaps(network, podCIDR) && !contains(network, podCIDR)
      );
    });
  if (outside.length > 0)
    findings.push(
      blocker(
        "PodCIDROutsideNetwork",
        "flanneld does not start where the podCIDR is wider than its network",
        nodesAt(outside),
        "register the nodes with a podCIDR inside the network",
      ),
    );
  return findings;
}

/** flannel keeps nothing in the API but its ConfigMap, which comes with the manifests. */
export function prepare(): RecordedChange[] {
  return [];
}

/**
 * What flanneld would write when it is up. Written before, every flannel node has its routes to this node from its first
 * moment. The JSON is compact: flanneld reads its MAC back with a string comparison (since v0.24.1).
 */
export function prepareNode(context: PlanContext, node: PlanNode): RecordedChange[] {
  const vtep = context.source.vteps[node.name];
  if (vtep === undefined) throw new TypeError(`no tunnel endpoint is known for node ${node.name}`);
  const key = (name: string): string => annotationKey(flannel.annotationPrefix, name);
  const ends = familiesOf(context.overlay).map((family) => {
    const end = endOf(vtep, family);
    if (end === undefined) throw new TypeError(`no tunnel endpoint of IPv${family} is known for node ${node.name}`);
    const { data, publicIP } = endAnnotations[family];
    return {
      [key(data)]: JSON.stringify({ VNI: context.overlay.vni, VtepMAC: end.mac }),
      [key(publicIP)]: end.publicIP,
    };
  });
  const annotations = Object.assign(
    { [key("backend-type")]: "vxlan", [key("kube-subnet-manager")]: "true" },
    ...ends,
  ) as Record<string, string>;
  return [
    {
      change: "merge",
      resource: nodes as Resource<KubeObject> as Resource,
      key: { name: node.name },
      patch: { metadata: { annotations } },
    },
  ];
}
