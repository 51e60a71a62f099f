import { hasLabels, holds } from "../../kube/labels.ts";
import type { Node, Pod, Taint } from "../../kube/objects.ts";
import { tolerates } from "./tolerations.ts";

interface NodeRequirement {
  key: string;
  operator: string;
  values?: string[];
}

interface NodeSelectorTerm {
  matchExpressions?: NodeRequirement[];
  matchFields?: NodeRequirement[];
}

/** Taints that come and go with the node's state: cordoned, not Ready, short of memory. */
const passingTaint = /^node\.kubernetes\.io\//;

/**
 * Whether the node is one the pod could run on at all, whatever the node's present state: lasting taints, nodeSelector,
 * required node affinity. Room, volumes and other pods are not looked at.
 */
export function fits(node: Node, pod: Pod): boolean {
  const lasting = (node.spec?.taints ?? []).filter(({ key }) => !passingTaint.test(key));
  if (lasting.some((taint) => bars(taint, pod))) return false;
  return hasLabels(pod.spec.nodeSelector ?? {}, node.metadata.labels) && meetsAffinity(node, pod);
}

/** Whether the taint keeps the pod off its node. */
export function bars(taint: Taint, pod: Pod): boolean {
  return taint.effect !== "PreferNoSchedule" && !tolerates(pod, taint);
}

/** Terms are alternatives; within one, everything must hold. An empty term matches nothing. */
function meetsAffinity(node: Node, pod: Pod): boolean {
  const affinity = pod.spec.affinity as
    | { nodeAffinity?: { requiredDuringSchedulingIgnoredDuringExecution?: { nodeSelectorTerms?: NodeSelectorTerm[] } } }
    | undefined;
  const terms = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return terms === undefined || terms.some((term) => meetsTerm(node, term));
}

function meetsTerm(node: Node, { matchExpressions = [], matchFields = [] }: NodeSelectorTerm): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false;
  return (
    matchExpressions.every(({ key, operator, values = [] }) => holds(operator, node.metadata.labels?.[key], values)) &&
    matchFields.every(
      ({ key, operator, values = [] }) => key === "metadata.name" && holds(operator, node.metadata.name, values),
    )
  );
}
