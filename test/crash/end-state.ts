import type { KubeClient, UnknownObject } from "../../kube/types.ts";
import { normalName } from "./points.ts";

/** All of a cluster as lines `object: path = value`, without what differs from run to run by its nature. */
export type EndState = ReadonlyMap<string, number>;

/** What nobody compares: news, who leads, and how often a controller of Kubernetes wrote down where a Service's pods are. */
const ignored = new Set(["events", "leases", "componentstatuses", "endpoints", "endpointslices"]);

const places = new WeakMap<KubeClient, Promise<{ root: string; name: string }[]>>();

/** Lists everything there is, by discovery. */
export async function endStateOf(client: KubeClient): Promise<EndState> {
  const known = places.get(client) ?? resourcesOf(client);
  places.set(client, known);
  const lists = await Promise.all(
    (await known).map(async ({ root, name }) => {
      const { items } = JSON.parse(await client.raw(`${root}/${name}`)) as { items: UnknownObject[] };
      return items.flatMap((item) => linesOf(name, item));
    }),
  );
  const counts = new Map<string, number>();
  for (const line of lists.flat()) counts.set(line, (counts.get(line) ?? 0) + 1);
  return counts;
}

async function resourcesOf(client: KubeClient): Promise<{ root: string; name: string }[]> {
  const { groups } = JSON.parse(await client.raw("/apis")) as {
    groups: { preferredVersion: { groupVersion: string } }[];
  };
  const roots = ["/api/v1", ...groups.map((group) => `/apis/${group.preferredVersion.groupVersion}`)];
  const found = await Promise.all(
    roots.map(async (root) => {
      const { resources } = JSON.parse(await client.raw(root)) as { resources: { name: string; verbs: string[] }[] };
      return resources.filter(({ verbs }) => verbs.includes("list")).map(({ name }) => ({ root, name }));
    }),
  );
  return found.flat().filter(({ name }) => !ignored.has(name));
}

/** One object. Pure. */
export function linesOf(resource: string, object: UnknownObject): string[] {
  const { metadata, ...rest } = object;
  const {
    managedFields: _,
    resourceVersion: __,
    uid: ___,
    creationTimestamp: ____,
    selfLink: _____,
    ...kept
  } = metadata as unknown as Record<string, unknown>;
  const who = `${resource} ${metadata.namespace ?? ""}/${normalName(metadata.name)}`;
  const lines = flatten({ ...rest, metadata: { ...kept, name: normalName(metadata.name) } }, "");
  return lines.filter((line) => !passing.test(line)).map((line) => `${who}: ${masked(line)}`);
}

/**
 * What a node has to remember until it is done (the pods that are there after it show whether it did), and a message that says
 * how far old pods had come in the moment of one write.
 */
const passing = /^status\.(recycle\b|conditions\[PodsRestarted\]\.message)/;

/** Conditions by their type: the order in which they came does not count. */
function flatten(value: unknown, path: string): string[] {
  if (Array.isArray(value)) {
    if (value.length === 0) return [`${path} = []`];
    return value.flatMap((item, index) => flatten(item, `${path}[${labelOf(item) ?? index}]`));
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value);
    if (entries.length === 0) return [`${path} = {}`];
    return entries.flatMap(([key, inner]) => flatten(inner, path === "" ? key : `${path}.${key}`));
  }
  return [`${path} = ${JSON.stringify(value)}`];
}

function labelOf(item: unknown): string | undefined {
  const { type, uid } = (typeof item === "object" && item !== null ? item : {}) as { type?: unknown; uid?: unknown };
  if (typeof type === "string") return type;
  return typeof uid === "string" ? "*" : undefined;
}

const masks: readonly (readonly [RegExp, string])[] = [
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "<uid>"],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "<time>"],
  [/10\.244\.(\d+)\.\d+/g, "10.244.$1.<n>"],
  [/-[0-9a-f]{8}(?=["\s/])/g, "-*"],
  [/-[bcdfghjklmnpqrstvwxz2456789]{5}(?=["\s/])/g, "-*"],
];

function masked(line: string): string {
  return masks.reduce((text, [pattern, by]) => text.replace(pattern, by), line);
}

/** Lines that are not equally often in both: "- " only or more often in `wanted`, "+ " in `found`. */
export function difference(wanted: EndState, found: EndState): string[] {
  const keys = [...new Set([...wanted.keys(), ...found.keys()])].sort();
  return keys.flatMap((key) => {
    const [before, after] = [wanted.get(key) ?? 0, found.get(key) ?? 0];
    return before === after ? [] : [`${before > after ? "-" : "+"} ${key}`];
  });
}

/** Where a line of `difference` is, without its value. What is so of one node is so of all. */
export function pathOf(line: string): string {
  return line
    .replace(/^[+-] /, "")
    .replace(/ = .*$/, "")
    .replace(/\bn[123]\b/g, "n?");
}
