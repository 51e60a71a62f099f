import { beforeAnnotation } from "../crds/names.ts";
import type { Node } from "../kube/objects.ts";
import type { Network } from "../networks/contract.ts";
import { migrationLabels, type NodeRecord, readNodeRecord } from "../networks/node-record.ts";
import { guarded } from "./nodes.ts";

/**
 * The annotation that keeps what a node was before a migration between these networks: the value of every label and annotation
 * the migration or an agent of the two writes on it. Nothing when it is there already: a later look would take our own for it.
 */
export function beforeOf(node: Node, networks: readonly Network[]): Record<string, string> {
  const { labels = {}, annotations = {} } = node.metadata;
  if (annotations[beforeAnnotation] !== undefined) return {};
  const before: NodeRecord = {
    labels: valuesOf(labels, migrationLabels(networks)),
    annotations: valuesOf(
      annotations,
      networks.flatMap((n) => n.nodeAnnotations),
    ),
  };
  return { [beforeAnnotation]: JSON.stringify(before) };
}

/** A merge patch, guarded, that makes the node's labels and annotations what they were; undefined when nothing was recorded. */
export function restorePatch(node: Node): Record<string, unknown> | undefined {
  const text = node.metadata.annotations?.[beforeAnnotation];
  if (text === undefined) return undefined;
  const { labels, annotations } = readNodeRecord(text);
  return guarded(node, { metadata: { labels, annotations: { ...annotations, [beforeAnnotation]: null } } });
}

function valuesOf(have: Readonly<Record<string, string>>, keys: readonly string[]): Record<string, string | null> {
  return Object.fromEntries([...new Set(keys)].sort().map((key) => [key, have[key] ?? null]));
}
