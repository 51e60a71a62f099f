import { beforeAnnotation, pendingTaint } from "../../crds/names.ts";
import type { Node } from "../../kube/objects.ts";
import type { Detected, Network } from "../../networks/contract.ts";
import { migrationLabels, readNodeRecord } from "../../networks/node-record.ts";

type Values = Record<string, string | null>;

/** Keys on nodes, of the two networks and of the migration. */
export interface NodeKeys {
  /** Labels for the time of the migration. */
  labels: readonly string[];
  /** What keys of annotations begin with, of the network that stays: they are left alone. */
  staying: readonly string[];
  /** Of the one that goes: they go, whatever they were before. */
  leaving: readonly string[];
}

/** After a way back what was recorded is put back as it was; the network that went forward keeps what it works with. */
export function nodeKeys(
  { stays, goes }: { stays: Network; goes: Network },
  reverted: boolean,
  detected: readonly Detected[],
): NodeKeys {
  const labels = migrationLabels([stays, goes]);
  if (reverted) return { labels, staying: [], leaving: [] };
  return {
    labels,
    staying: [...stays.belongings([]).annotationPrefixes, ...stays.nodeAnnotations],
    leaving: [...goes.belongings(detected).annotationPrefixes, ...goes.nodeAnnotations],
  };
}

/**
 * A merge patch, guarded, that takes a node out of the migration: what was recorded on it is put back, the labels, the taint and
 * the annotations of the network that goes are taken off. Undefined when nothing is to be done. Pure.
 */
export function nodePatch(node: Node, keys: NodeKeys): Record<string, unknown> | undefined {
  const { labels = {}, annotations = {}, uid, resourceVersion } = node.metadata;
  const before = readNodeRecord(annotations[beforeAnnotation] ?? "{}");
  const begins = (key: string, prefixes: readonly string[]) => prefixes.some((prefix) => key.startsWith(prefix));
  const foreign = Object.keys({ ...annotations, ...before.annotations }).filter((key) => begins(key, keys.leaving));
  const wanted = Object.entries({ ...before.annotations, ...nulls(foreign), [beforeAnnotation]: null });
  const changed = {
    labels: changesIn(labels, { ...nulls(keys.labels), ...before.labels }),
    annotations: changesIn(annotations, Object.fromEntries(wanted.filter(([key]) => !begins(key, keys.staying)))),
  };
  const taints = node.spec?.taints ?? [];
  const others = taints.filter(({ key }) => key !== pendingTaint);
  const nothing = Object.keys(changed.labels).length + Object.keys(changed.annotations).length === 0;
  if (nothing && others.length === taints.length) return undefined;
  return {
    metadata: { uid, resourceVersion, ...changed },
    ...(others.length === taints.length ? {} : { spec: { taints: others } }),
  };
}

function nulls(keys: readonly string[]): Values {
  return Object.fromEntries(keys.map((key) => [key, null]));
}

function changesIn(has: Readonly<Record<string, string>>, wanted: Values): Values {
  return Object.fromEntries(Object.entries(wanted).filter(([key, value]) => (has[key] ?? null) !== value));
}
