import { cordonedByAnnotation, pendingTaint } from "../crds/names.ts";
import type { Node } from "../kube/objects.ts";
import type { KubeObject } from "../kube/types.ts";

/** Nodes in flight at a time: an integer, or a percentage of all nodes rounded up. */
export function batchLimit(batchSize: number | string, total: number): number {
  if (typeof batchSize === "number") return batchSize;
  const percent = Number(batchSize.replace("%", ""));
  return batchSize.endsWith("%") ? Math.max(1, Math.ceil((total * percent) / 100)) : percent;
}

/** A merge patch, guarded, that sets these labels; undefined when the node has them. */
export function labelPatch(node: Node, labels: Record<string, string>): Record<string, unknown> | undefined {
  const wanted = Object.entries(labels).filter(([key, value]) => node.metadata.labels?.[key] !== value);
  return wanted.length === 0 ? undefined : guarded(node, { metadata: { labels: Object.fromEntries(wanted) } });
}

/** Taints are a list: a merge patch carries all of them, so it must be guarded. Undefined when nothing changes. */
export function taintPatch(node: Node, wanted: boolean): Record<string, unknown> | undefined {
  const taints = node.spec?.taints ?? [];
  const others = taints.filter((t) => t.key !== pendingTaint);
  if (others.length < taints.length === wanted) return undefined;
  return guarded(node, {
    spec: { taints: wanted ? [...others, { key: pendingTaint, effect: "PreferNoSchedule" }] : others },
  });
}

/** Cordon and its mark in one write, so that nobody can mistake whose cordon it is. */
export function cordonPatch(node: Node, ownerUID: string): Record<string, unknown> {
  return guarded(node, {
    metadata: { annotations: { [cordonedByAnnotation]: ownerUID } },
    spec: { unschedulable: true },
  });
}

/** Takes our cordon back; a cordon that is not ours is left alone (undefined). */
export function uncordonPatch(node: Node, ownerUID: string): Record<string, unknown> | undefined {
  if (node.metadata.annotations?.[cordonedByAnnotation] !== ownerUID) return undefined;
  return guarded(node, { metadata: { annotations: { [cordonedByAnnotation]: null } }, spec: { unschedulable: null } });
}

/** Adds UID and resourceVersion to a merge patch: it fails with 409 on another object or another version. */
export function guarded(object: KubeObject, patch: Record<string, unknown>): Record<string, unknown> {
  const metadata = (patch.metadata ?? {}) as Record<string, unknown>;
  return {
    ...patch,
    metadata: { ...metadata, uid: object.metadata.uid, resourceVersion: object.metadata.resourceVersion },
  };
}
