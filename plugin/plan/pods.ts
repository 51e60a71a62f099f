import type { DrainSpec } from "../../crds/index.ts";
import { managedBy, managedByLabel } from "../../crds/names.ts";
import { selects } from "../../kube/labels.ts";
import type { LabelSelector, Pod } from "../../kube/objects.ts";

/**
 * What the migration does with a pod. drained: evicted before its node is switched, made anew elsewhere. recreated: a
 * DaemonSet's, made anew on the node after the switch. stays: needs no pod network, or is left alone on request. The
 * others stop the drain until a person has decided.
 */
export type PodFate = "drained" | "recreated" | "stays" | "unmanaged" | "emptyDir";

/** The rules of the controller's drain, as far as they can be told before it begins. Pure. */
export function fateOf(pod: Pod, drain: DrainSpec = {}): PodFate {
  const { metadata, spec, status } = pod;
  const owner = metadata.ownerReferences?.find((reference) => reference.controller === true);
  const isStatic = metadata.annotations?.["kubernetes.io/config.mirror"] !== undefined;
  const isOurs = metadata.labels?.[managedByLabel] === managedBy;
  const isFinished = status?.phase === "Succeeded" || status?.phase === "Failed";
  if (isStatic || isOurs || spec.hostNetwork === true || isFinished) return "stays";
  if (owner?.kind === "DaemonSet") return "recreated";
  if (isIgnored(pod, drain)) return "stays";
  if (metadata.deletionTimestamp !== undefined) return "drained";
  if (owner === undefined && drain.force !== true) return "unmanaged";
  if (drain.deleteEmptyDirData === false && (spec.volumes ?? []).some((volume) => volume.emptyDir !== undefined))
    return "emptyDir";
  return "drained";
}

function isIgnored({ metadata }: Pod, { ignore = [] }: DrainSpec): boolean {
  return ignore.some(
    ({ namespace, podSelector }) =>
      (namespace === undefined || namespace === metadata.namespace) &&
      selects(podSelector as LabelSelector, metadata.labels),
  );
}
