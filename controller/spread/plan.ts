import type { Node, Pod, Workload } from "../../kube/objects.ts";
import type { ClusterIndex, ClusterView } from "../drain/cluster.ts";
import { byName, createdAtMs, isFinished, isReady, isTerminating, podName, uidOf, whyNotReady } from "../drain/pods.ts";
import { accepts } from "./accepts.ts";

/** How an owner's pods lie on the nodes, and what is to be done about it. A closed set. */
export type SpreadVerdict =
  /** As even as it can be made, or none of ours. */
  | { verdict: "even" }
  /** A pod is on its way: judge again when it is Ready. */
  | { verdict: "unsettled"; because: string }
  | { verdict: "move"; pod: Pod }
  /** Uneven, and it stays so. */
  | { verdict: "leave"; because: string };

export interface SpreadContext {
  index: ClusterIndex;
  /** UIDs of pods on their way out that the index shows as staying. */
  claimed: ReadonlySet<string>;
  nodes: readonly Node[];
  /** The network the nodes are on now: others take no pods. */
  network: string;
  /** When the migration began: an owner none of whose pods is younger was not disturbed. Milliseconds since 1970. */
  disturbedSinceMs: number;
  /** When the spreading began, whole seconds: pods made since were moved by it. Milliseconds since 1970. */
  startedAtMs: number;
  /** Whether the drain's rules let the pod be evicted. */
  mayMove(pod: Pod): boolean;
}

/**
 * Whether one pod of `owner` should go so that the scheduler can put its replacement on an emptier node. Pure, and judged
 * from what is there: what was moved already is what is younger than the start, so nothing is moved twice, an owner gets at
 * most half of its pods moved, and one whose replacement came back to the fullest node is left alone.
 */
export function judgeSpread(owner: Workload, context: SpreadContext): SpreadVerdict {
  const wanted = owner.spec.replicas ?? 1;
  const pods = livePods(owner, context);
  const [sample] = pods;
  if (wanted < 2 || sample === undefined || !isDisturbed(pods, context)) return { verdict: "even" };
  if (pods.length < wanted) return { verdict: "unsettled", because: `has ${pods.length} of ${wanted} pods` };
  const coming = pods.find((pod) => pod.spec.nodeName === undefined && whyNotReady(pod) === undefined);
  if (coming !== undefined) return { verdict: "unsettled", because: `${podName(coming)} has no node yet` };

  const counts = countByNode(
    pods,
    context.nodes.filter((node) => accepts(node, sample, context.network)),
  );
  const most = Math.max(0, ...counts.values());
  if (most - Math.min(...counts.values()) < 2) return { verdict: "even" };
  const moved = pods.filter((pod) => createdAtMs(pod) >= context.startedAtMs);
  if (moved.length >= Math.ceil(wanted / 2))
    return { verdict: "leave", because: `${moved.length} of its pods were moved` };
  const fullest = new Set([...counts].filter(([, count]) => count === most).map(([node]) => node));
  const back = moved.find((pod) => fullest.has(pod.spec.nodeName ?? ""));
  if (back !== undefined)
    return { verdict: "leave", because: `the scheduler put ${podName(back)} on ${back.spec.nodeName} again` };
  const pod = pods.find((p) => fullest.has(p.spec.nodeName ?? "") && isReady(p) && !hasClaim(p) && context.mayMove(p));
  return pod === undefined ? { verdict: "leave", because: "none of its pods may be moved" } : { verdict: "move", pod };
}

/** How many pods of the cluster were made anew since the spreading began by owners it may touch. */
export function movedSince(view: ClusterView, context: SpreadContext): number {
  return view.workloads
    .flatMap((owner) => livePods(owner, context))
    .filter((pod) => createdAtMs(pod) >= context.startedAtMs).length;
}

function livePods(owner: Workload, { index, claimed }: SpreadContext): Pod[] {
  const pods = index.podsOfOwner(owner.metadata.uid ?? "");
  return pods.filter((pod) => !isFinished(pod) && !isTerminating(pod) && !claimed.has(uidOf(pod))).sort(byName);
}

function isDisturbed(pods: readonly Pod[], { disturbedSinceMs }: SpreadContext): boolean {
  return pods.some((pod) => pod.spec.hostNetwork !== true && createdAtMs(pod) >= disturbedSinceMs);
}

/** Only nodes that would take such a pod count: what lies elsewhere was put there on purpose. */
function countByNode(pods: readonly Pod[], nodes: readonly Node[]): Map<string, number> {
  const counts = new Map(nodes.map((node) => [node.metadata.name, 0]));
  for (const { spec } of pods) {
    const count = counts.get(spec.nodeName ?? "");
    if (count !== undefined) counts.set(spec.nodeName ?? "", count + 1);
  }
  return counts;
}

/** Its volume would have to move with it, if it can at all. */
function hasClaim(pod: Pod): boolean {
  return pod.spec.volumes?.some((volume) => volume.persistentVolumeClaim !== undefined) ?? false;
}
