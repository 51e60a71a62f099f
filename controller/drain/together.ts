import { cordonedByAnnotation } from "../../crds/names.ts";
import type { Node, Pod } from "../../kube/objects.ts";
import { isReady as isNodeReady } from "../../networks/nodes.ts";
import { ClusterIndex, type ClusterView } from "./cluster.ts";
import { judge } from "./filters.ts";
import { fits } from "./fits.ts";
import { groupsOf } from "./groups.ts";
import { byName, isReady, isTerminating, podName } from "./pods.ts";
import type { DrainPolicy } from "./policy.ts";

export interface BatchInput {
  view: ClusterView & { nodes: readonly Node[] };
  policy: DrainPolicy;
  nowMs: number;
  /** Names of the nodes that have begun and are not done. */
  moving: ReadonlySet<string>;
}

/**
 * Why a node should not begin beside those that are moving: its drain would only wait for them, or together they hold all
 * that is Ready of an owner or a Service. Undefined when nothing speaks against it. Pure. The replica rule holds in any case;
 * this keeps a node from standing about cordoned, and pods from waiting for a place.
 */
export function waitsForBatch(node: Node, input: BatchInput): string | undefined {
  if (input.moving.size === 0) return undefined;
  const index = new ClusterIndex(input.view);
  const own = index.pods.filter((pod) => pod.spec.nodeName === node.metadata.name && leaves(pod, input)).sort(byName);
  for (const pod of own) {
    const why = sharesAll(pod, index, input) ?? hasNoPlace(pod, input);
    if (why !== undefined) return why;
  }
  return undefined;
}

/** Every Ready pod of one of its groups is to leave its node now, some of them moving nodes. */
function sharesAll(pod: Pod, index: ClusterIndex, input: BatchInput): string | undefined {
  if (!isReady(pod)) return undefined;
  const home = pod.spec.nodeName ?? "";
  for (const group of groupsOf(pod, index)) {
    const ready = group.members(index).filter((member) => isReady(member) && !isTerminating(member));
    const stays = ({ spec }: Pod) => spec.nodeName !== home && !input.moving.has(spec.nodeName ?? "");
    if (ready.some((member) => stays(member) || !leaves(member, input))) continue;
    const other = ready.find(({ spec }) => input.moving.has(spec.nodeName ?? ""));
    if (other !== undefined)
      return `waits for node ${other.spec.nodeName}: the two have all Ready pods of ${group.label}`;
  }
  return undefined;
}

/** The only nodes that could take the pod are moving. Where none could in any case, there is nothing to wait for. */
function hasNoPlace(pod: Pod, { view, moving }: BatchInput): string | undefined {
  const others = view.nodes.filter(({ metadata }) => metadata.name !== pod.spec.nodeName).filter((n) => fits(n, pod));
  const isOpen = (n: Node) => !moving.has(n.metadata.name) && isNodeReady(n) && n.spec?.unschedulable !== true;
  if (others.some(isOpen)) return undefined;
  const later = others.find((n) => moving.has(n.metadata.name) && !isClosedByPerson(n));
  return later && `waits for node ${later.metadata.name}: pod ${podName(pod)} could go nowhere else now`;
}

/** Stays cordoned when it is done. */
function isClosedByPerson({ metadata, spec }: Node): boolean {
  return spec?.unschedulable === true && metadata.annotations?.[cordonedByAnnotation] === undefined;
}

function leaves(pod: Pod, { policy, nowMs }: BatchInput): boolean {
  return judge(pod, { policy, sweep: "drain", startedAtMs: nowMs, nowMs }).verdict === "evict";
}
