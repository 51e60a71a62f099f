import type { ObjectMeta, UnknownObject } from "../../kube/types.ts";

/** Annotations that speak of what the API server or kubectl did, not of what a person wants. */
const bookkeeping = [
  "kubectl.kubernetes.io/last-applied-configuration",
  "deployment.kubernetes.io/revision",
  "deprecated.daemonset.template.generation",
];

/** An object without what the API server writes: what a person says of it. */
export function essence({ apiVersion, kind, metadata, status: _, ...rest }: UnknownObject): UnknownObject {
  return { apiVersion, kind, metadata: essentialMeta(metadata), ...rest };
}

function essentialMeta({ name, namespace, labels, annotations = {} }: ObjectMeta): ObjectMeta {
  const kept = Object.entries(annotations).filter(([key]) => !bookkeeping.includes(key));
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(labels === undefined ? {} : { labels }),
    ...(kept.length === 0 ? {} : { annotations: Object.fromEntries(kept) }),
  };
}
