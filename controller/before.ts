import { beforeAnnotation, networkLabel } from "../crds/names.ts";
import type { Node } from "../kube/objects.ts";
import type { Network } from "../networks/contract.ts";
import { guarded } from "./nodes.ts";

type Texts = Record<string, string | null>;

/** What was on a node: null for what was not. */
interface Before {
  labels: Texts;
  annotations: Texts;
}

/**
 * The annotation that keeps what a node was before a migration between these networks: the value of every label and annotation
 * the migration or an agent of the two writes on it. Nothing when it is there already: a later look would take our own for it.
 */
export function beforeOf(node: Node, networks: readonly Network[]): Record<string, string> {
  const { labels = {}, annotations = {} } = node.metadata;
  if (annotations[beforeAnnotation] !== undefined) return {};
  const ownLabels = networks.flatMap((n) => [...Object.keys(n.nodeLabels("in")), ...Object.keys(n.nodeLabels("out"))]);
  const before: Before = {
    labels: valuesOf(labels, [networkLabel, ...ownLabels]),
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
  const { labels, annotations } = read(text);
  return guarded(node, { metadata: { labels, annotations: { ...annotations, [beforeAnnotation]: null } } });
}

function valuesOf(have: Readonly<Record<string, string>>, keys: readonly string[]): Texts {
  return Object.fromEntries([...new Set(keys)].sort().map((key) => [key, have[key] ?? null]));
}

/** What a hand has made of it that is no record is passed over. */
function read(text: string): Before {
  try {
    const { labels, annotations } = JSON.parse(text) as Partial<Record<keyof Before, unknown>>;
    return { labels: textsOf(labels), annotations: textsOf(annotations) };
  } catch {
    return { labels: {}, annotations: {} };
  }
}

function textsOf(value: unknown): Texts {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter(
      (entry): entry is [string, string | null] => entry[1] === null || typeof entry[1] === "string",
    ),
  );
}
