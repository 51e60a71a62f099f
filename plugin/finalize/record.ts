import { gunzipSync, gzipSync } from "node:zlib";
import { managedBy, managedByLabel, migrationLabel, systemNamespace } from "../../crds/names.ts";
import type { ConfigMap } from "../../kube/objects.ts";
import { clusterRoleBindings, clusterRoles, configMaps, roleBindings, roles } from "../../kube/resources.ts";
import type { KubeObject, RequestOptions, Resource } from "../../kube/types.ts";
import type { Session } from "../session.ts";
import type { Difference } from "./difference.ts";

/** Which object: what is the same in a manifest, in the cluster and in the record. */
export interface Identity {
  apiVersion: string;
  kind: string;
  namespace?: string;
  name: string;
}

/** One object of the target's manifests, as `start` found and left it. */
export interface RecordEntry extends Identity {
  /** Of the object `start` made or changed; absent until it has. */
  uid?: string;
  /** It was not there before. */
  created?: true;
  /** Puts back what `start` changed in an object that was there. */
  before?: Difference;
  /** From its form during the migration to the one it keeps. */
  final?: Difference;
  /** A Secret that was there with other data, of which no record is kept: nothing puts it back. */
  rekeyed?: true;
}

const key = "record.json.gz";
/** Bytes of JSON in one ConfigMap, before they are compressed: it may hold 1 MiB. One entry alone may have more. */
const chunkBytes = 512 * 1024;

/** The ConfigMaps that hold the entries; each can be read by itself. Pure. */
export function recordObjects(migration: string, entries: readonly RecordEntry[]): ConfigMap[] {
  const chunks: string[][] = [[]];
  let bytes = 0;
  for (const entry of entries) {
    const text = JSON.stringify(entry);
    if (bytes > 0 && bytes + text.length > chunkBytes) {
      chunks.push([]);
      bytes = 0;
    }
    chunks.at(-1)?.push(text);
    bytes += text.length;
  }
  return chunks.map((chunk, i) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: `start-${migration}-${i}`,
      namespace: systemNamespace,
      labels: { [managedByLabel]: managedBy, [migrationLabel]: migration },
    },
    binaryData: { [key]: gzipSync(`[${chunk.join(",")}]`).toString("base64") },
  }));
}

/** The entries in these ConfigMaps; those without a record are passed over. */
export function entriesIn(objects: readonly ConfigMap[]): RecordEntry[] {
  return objects.flatMap(({ binaryData }) => {
    const packed = binaryData?.[key];
    if (packed === undefined) return [];
    return JSON.parse(gunzipSync(Buffer.from(packed, "base64")).toString("utf8")) as RecordEntry[];
  });
}

/** What `start` recorded for this migration; without a name, for all there ever were. */
export async function readRecord(
  session: Session,
  migration: string | undefined,
  options: RequestOptions,
): Promise<RecordEntry[]> {
  return entriesIn(await listRecords(session, migration, options));
}

/** When the first of all records there are was made: what is older was there before any `start` that is still to be finalized. */
export async function recordedSince(session: Session, options: RequestOptions): Promise<string | undefined> {
  const found = await listRecords(session, undefined, options);
  return found
    .filter(({ binaryData }) => binaryData?.[key] !== undefined)
    .flatMap(({ metadata }) => metadata.creationTimestamp ?? [])
    .sort()[0];
}

/** Every ConfigMap kept for this migration. */
export async function recordNames(
  session: Session,
  migration: string,
  options: RequestOptions,
): Promise<{ name: string; namespace: string }[]> {
  const found = await listRecords(session, migration, options);
  return found.map(({ metadata: { name } }) => ({ name, namespace: systemNamespace }));
}

async function listRecords(
  session: Session,
  migration: string | undefined,
  options: RequestOptions,
): Promise<ConfigMap[]> {
  const which = migration === undefined ? migrationLabel : `${migrationLabel}=${migration}`;
  const labelSelector = `${managedByLabel}=${managedBy},${which}`;
  const { items } = await session.client.list(configMaps, { ...options, namespace: systemNamespace, labelSelector });
  return items;
}

/** Roles and bindings `start` gave the controller for this migration. */
export async function ownRoles(session: Session, name: string, options: RequestOptions) {
  const labelSelector = `${managedByLabel}=${managedBy},${migrationLabel}=${name}`;
  const found = await Promise.all(
    [roleBindings, roles, clusterRoleBindings, clusterRoles].map(async (resource) => {
      const { items } = await session.client.list(resource as Resource<KubeObject>, { ...options, labelSelector });
      return items.map(({ metadata }) => ({
        resource: resource as Resource<KubeObject>,
        key:
          metadata.namespace === undefined
            ? { name: metadata.name }
            : { name: metadata.name, namespace: metadata.namespace },
      }));
    }),
  );
  return found.flat();
}

export function identityOf({ apiVersion, kind, metadata: { namespace, name } }: KubeObject): Identity {
  return { apiVersion, kind, ...(namespace === undefined ? {} : { namespace }), name };
}

/** Versions aside: an object is the same in each. */
export function sameObject(a: Identity, b: Identity): boolean {
  const group = ({ apiVersion }: Identity) => apiVersion.split("/").slice(0, -1).join("/");
  return a.kind === b.kind && a.name === b.name && a.namespace === b.namespace && group(a) === group(b);
}
