import { networkLabel } from "../../crds/names.ts";
import { hasLabels } from "../../kube/labels.ts";
import type { Node, Pod } from "../../kube/objects.ts";
import { tolerates } from "../drain/tolerations.ts";

interface NodeRequirement {
  key: string;
  operator: string;
  values?: string[];
}

interface NodeSelectorTerm {
  matchExpressions?: NodeRequirement[];
  matchFields?: NodeRequirement[];
}

/**
 * Whether the scheduler could put a pod like this one on the node, as far as can be told cheaply: node Ready, schedulable
 * and on `network`, taints, nodeSelector, required node affinity. Room, volumes and other pods are the scheduler's to judge.
 */
export function accepts(node: Node, pod: Pod, network: string): boolean {
  const ready = node.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
  if (!ready || node.spec?.unschedulable === true || node.metadata.labels?.[networkLabel] !== network) return false;
  const barred = (node.spec?.taints ?? []).some(
    (taint) => taint.effect !== "PreferNoSchedule" && !tolerates(pod, taint),
  );
  return !barred && hasLabels(pod.spec.nodeSelector ?? {}, node.metadata.labels) && meetsAffinity(node, pod);
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
    matchExpressions.every((requirement) => meets(node.metadata.labels?.[requirement.key], requirement)) &&
    matchFields.every((requirement) => requirement.key === "metadata.name" && meets(node.metadata.name, requirement))
  );
}

function meets(value: string | undefined, { operator, values = [] }: NodeRequirement): boolean {
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
      return value !== undefined && Number(value) > Number(values[0]);
    case "Lt":
      return value !== undefined && Number(value) < Number(values[0]);
    default:
      return false;
  }
}
