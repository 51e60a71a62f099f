import { networkLabel } from "../crds/names.ts";
import type { Network } from "./contract.ts";

/** What was on a node before a migration, as its annotation keeps it: null for what was not. */
export interface NodeRecord {
  labels: Record<string, string | null>;
  annotations: Record<string, string | null>;
}

/** Keys of the labels a migration between these networks writes on nodes. */
export function migrationLabels(networks: readonly Network[]): string[] {
  const own = networks.flatMap((n) => [...Object.keys(n.nodeLabels("in")), ...Object.keys(n.nodeLabels("out"))]);
  return [...new Set([networkLabel, ...own])];
}

/** What a hand has made of it that is no record is passed over. */
export function readNodeRecord(text: string): NodeRecord {
  try {
    const { labels, annotations } = JSON.parse(text) as Partial<Record<keyof NodeRecord, unknown>>;
    return { labels: textsOf(labels), annotations: textsOf(annotations) };
  } catch {
    return { labels: {}, annotations: {} };
  }
}

function textsOf(value: unknown): Record<string, string | null> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter(
      (entry): entry is [string, string | null] => entry[1] === null || typeof entry[1] === "string",
    ),
  );
}
