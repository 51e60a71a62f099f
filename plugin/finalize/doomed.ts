import type { CniMigration } from "../../crds/index.ts";
import { isTrue } from "../../kube/conditions.ts";
import { resolveResource } from "../../kube/discovery.ts";
import type { CustomResourceDefinition } from "../../kube/objects.ts";
import { apiVersionOf, customResourceDefinitions, leases, namespaces } from "../../kube/resources.ts";
import type { KubeObject, ObjectKey, RequestOptions, Resource, UnknownObject } from "../../kube/types.ts";
import type { AgentRef, ClusterSnapshot } from "../../networks/contract.ts";
import { networkById } from "../../networks/index.ts";
import { type InstallPart, partsOfInstall, samePart } from "../../networks/install-objects.ts";
import type { Session } from "../session.ts";
import type { Ending } from "./choose.ts";
import { parseExactJson } from "./exact-json.ts";
import { reasonToKeep } from "./namespace.ts";
import type { RecordEntry } from "./record.ts";

/** One object that goes, as it is; with it what it holds. */
export interface Doomed {
  resource: Resource<KubeObject>;
  key: ObjectKey;
  object: UnknownObject;
  /** Of a CRD: its custom resources, which go with it. */
  contents: readonly UnknownObject[];
}

/** An object by name, and by the UID it is known by, where it is. */
export type Wanted = InstallPart & { uid?: string | undefined };

/**
 * Parts of the source's install that are not the target's as well: neither in its manifests, nor found by following the
 * references from its agent. Pure.
 */
export function partsOfSource(
  { goes, stays }: Ending,
  agents: { staying: AgentRef; leaving: AgentRef },
  cluster: {
    world: ClusterSnapshot;
    record: readonly RecordEntry[];
    detected: NonNullable<CniMigration["status"]>["detected"];
  },
): InstallPart[] {
  const { world, record, detected = [] } = cluster;
  const target = { agent: agents.staying, belongings: networkById(stays).belongings([]), keeps: () => false };
  const others = partsOfInstall(target, world);
  const keeps = (part: InstallPart) =>
    others.some((other) => samePart(part, other)) || record.some((entry) => isEntry(entry, part));
  return partsOfInstall({ agent: agents.leaving, belongings: networkById(goes).belongings(detected), keeps }, world);
}

/** What `start` made, in an order in which it can go. */
export async function partsOfRecord(
  session: Session,
  record: readonly RecordEntry[],
  options: RequestOptions,
): Promise<Wanted[]> {
  // One that has no UID was never seen to be made.
  const made = record.filter((entry) => entry.created === true && entry.uid !== undefined);
  const parts = await Promise.all(
    made.map(async ({ apiVersion, kind, name, namespace, uid }) => {
      const resource = await resolveResource(session.client, apiVersion, kind, options);
      return resource === undefined
        ? []
        : [{ resource, key: namespace === undefined ? { name } : { name, namespace }, uid }];
    }),
  );
  return parts.flat().sort((a, b) => rankOf(a) - rankOf(b));
}

/**
 * Definitions of groups that only the network that goes has, no older than the records of `start`: programs `start` brought have
 * made them, as Cilium's operator does. `since`: "2026-11-21T12:00:00Z". Pure.
 */
export function definitionsSince(
  world: ClusterSnapshot,
  { goes, stays }: Pick<Ending, "goes" | "stays">,
  since: string | undefined,
): Wanted[] {
  if (since === undefined) return [];
  const [own, others] = [goes, stays].map((id) => networkById(id).belongings([]).crdGroups);
  const groups = (own ?? []).filter((group) => !others?.includes(group));
  return world
    .list<CustomResourceDefinition>(customResourceDefinitions)
    .filter(({ spec, metadata }) => groups.includes(spec.group) && (metadata.creationTimestamp ?? "") >= since)
    .map(({ metadata: { name, uid } }) => ({ resource: customResourceDefinitions, key: { name }, uid }));
}

/** By which replicas of programs of the network agree on one of them: theirs alone, whenever they were made. Pure. */
export function leasesOf({ goes }: Pick<Ending, "goes">, { namespace }: AgentRef): Wanted[] {
  return networkById(goes)
    .belongings([])
    .objects.filter(({ kind }) => kind === leases.kind)
    .map(({ name }) => ({ resource: leases, key: { namespace, name } }));
}

/** It runs pods, which work with other objects to their end. */
export function isWorkload({ resource: { kind } }: Pick<InstallPart, "resource">): boolean {
  return ["DaemonSet", "Deployment", "StatefulSet"].includes(kind);
}

/** Who works with others goes first, what holds others last; custom resources go with their definition. */
export function rankOf(part: Pick<InstallPart, "resource">): number {
  const last = ["CustomResourceDefinition", "Namespace"];
  return isWorkload(part) ? 0 : 1 + (last.indexOf(part.resource.kind) + 1);
}

/** The objects of these that exist, whole; of one that is another by the same name, nothing. */
export async function lookUp(session: Session, wanted: readonly Wanted[], options: RequestOptions): Promise<Doomed[]> {
  const found = await Promise.all(
    wanted.map(async ({ resource, key, uid }) => {
      const object = await session.client.get(resource as Resource, key, options);
      if (object === undefined || (uid !== undefined && uid !== object.metadata.uid)) return [];
      const identified = { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind };
      return [{ resource, key, object: identified, contents: [] }];
    }),
  );
  return found.flat();
}

/** Definitions with the custom resources that go with them. */
export function withContents(session: Session, doomed: readonly Doomed[], options: RequestOptions): Promise<Doomed[]> {
  return Promise.all(
    doomed.map(async (each) => {
      const resource = contentResource(each.object);
      return resource === undefined ? each : { ...each, contents: await listExactly(session, resource, options) };
    }),
  );
}

/** What a definition serves; undefined for one that serves nothing, and for all other objects. */
export function contentResource(object: UnknownObject): Resource<KubeObject> | undefined {
  if (object.kind !== customResourceDefinitions.kind) return undefined;
  const { spec, status } = object as KubeObject as CustomResourceDefinition;
  const version = spec.versions.find((v) => v.storage && v.served) ?? spec.versions.find((v) => v.served);
  if (version === undefined || !isTrue(status?.conditions, "Established")) return undefined;
  const { plural, kind } = spec.names;
  return { group: spec.group, version: version.name, plural, kind, namespaced: spec.scope === "Namespaced" };
}

/** Takes namespaces out in which something else is; `notes` says why. */
export async function withoutUsedNamespaces(
  session: Session,
  doomed: readonly Doomed[],
  options: RequestOptions,
): Promise<{ doomed: Doomed[]; notes: string[] }> {
  const uids = new Set(doomed.map(({ object }) => object.metadata.uid));
  const notes: string[] = [];
  const kept: Doomed[] = [];
  for (const each of doomed) {
    const { name } = each.key;
    const isNamespace = each.resource.kind === namespaces.kind;
    const reason = isNamespace ? await reasonToKeep(session.client, name, uids, options) : undefined;
    if (reason === undefined) kept.push(each);
    else notes.push(`namespace ${name} stays: ${reason}`);
  }
  return { doomed: kept, notes };
}

/** All objects of a resource, page by page, no number rounded. */
async function listExactly(
  session: Session,
  resource: Resource<KubeObject>,
  options: RequestOptions,
): Promise<UnknownObject[]> {
  const all: UnknownObject[] = [];
  let next: string | undefined = "";
  while (next !== undefined) {
    const from = next === "" ? "" : `&continue=${encodeURIComponent(next)}`;
    const path = `/apis/${apiVersionOf(resource)}/${resource.plural}?limit=500${from}`;
    const page = parseExactJson(await session.client.raw(path, options)) as {
      items: UnknownObject[];
      metadata: { continue?: string };
    };
    all.push(...page.items);
    next = page.metadata.continue || undefined;
  }
  return all;
}

function isEntry(entry: RecordEntry, { resource, key }: InstallPart): boolean {
  const group = entry.apiVersion.includes("/") ? entry.apiVersion.split("/")[0] : "";
  return (
    entry.kind === resource.kind &&
    group === resource.group &&
    entry.name === key.name &&
    (entry.namespace ?? "") === (key.namespace ?? "")
  );
}
