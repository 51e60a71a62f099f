import type { CniMigration } from "../crds/index.ts";
import { resolveResource } from "../kube/discovery.ts";
import { describe, isApiError } from "../kube/errors.ts";
import { exactly, keyOf } from "../kube/identity.ts";
import type { KubeClient, KubeObject, ObjectKey, Resource, UnknownObject } from "../kube/types.ts";
import type { ApiChange, RecordedChange } from "../networks/contract.ts";
import { containerNamed, envOf } from "../networks/workloads.ts";
import { MigrationError } from "./errors.ts";
import { guarded } from "./nodes.ts";

/** How one cluster-wide change is taken back. Kept in CniMigration.status.undo before the change is made. */
export interface Undo {
  apiVersion: string;
  kind: string;
  namespace?: string;
  name: string;
  action: "Delete" | "Merge" | "StrategicMerge";
  /** The patch that puts back what was there, as JSON. */
  patch?: string;
  /** For the time of the migration only: `finalize` applies it, too. */
  transient?: boolean;
}

type Json = Record<string, unknown>;

/** What `existing` must get to hold all that `wanted` says; undefined when it does already. Lists count as one value. */
export function missing(existing: unknown, wanted: Json): Json | undefined {
  const out: Json = {};
  const have = isMap(existing) ? existing : {};
  for (const [key, value] of Object.entries(wanted)) {
    if (isMap(value)) {
      const inner = missing(have[key], value);
      if (inner !== undefined) out[key] = inner;
    } else if (value === null) {
      if (have[key] !== undefined && have[key] !== null) out[key] = null;
    } else if (JSON.stringify(have[key]) !== JSON.stringify(value)) {
      out[key] = value;
    }
  }
  return Object.keys(out).length === 0 ? undefined : out;
}

/** The merge patch that takes `patch` back on `existing`: previous values, null for what was not there. */
export function inverse(existing: unknown, patch: Json): Json {
  const have = isMap(existing) ? existing : {};
  return Object.fromEntries(
    Object.entries(patch).map(([key, value]) => {
      if (isMap(value) && isMap(have[key])) return [key, inverse(have[key], value)];
      return [key, have[key] ?? null];
    }),
  );
}

function isMap(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What has to be done for one change, and how to take it back; undefined when the cluster is as wanted. */
interface Pending {
  undo: Undo;
  perform(): Promise<void>;
}

/**
 * Looks at the cluster and says what of `changes` is still to be done. Reads only. Throws `MigrationError` (stalled) when an
 * object that is already there will not do.
 */
async function pendingChanges(client: KubeClient, changes: readonly RecordedChange[]): Promise<Pending[]> {
  const found = await Promise.all(changes.map((change) => pendingChange(client, change)));
  return found.filter((p) => p !== undefined);
}

async function pendingChange(client: KubeClient, change: RecordedChange): Promise<Pending | undefined> {
  const { resource } = change;
  const key = change.change === "create" ? keyOf(change.object) : change.key;
  const existing = await client.get(resource, key);
  const identity = {
    apiVersion: resource.group === "" ? resource.version : `${resource.group}/${resource.version}`,
    kind: resource.kind,
    ...(key.namespace === undefined ? {} : { namespace: key.namespace }),
    name: key.name,
    ...(change.transient === undefined ? {} : { transient: change.transient }),
  };
  if (existing === undefined) {
    const object = change.change === "create" ? change.object : "orCreate" in change ? change.orCreate : undefined;
    if (object === undefined)
      throw new MigrationError("TargetMissing", `${describe(resource, key)} is not there`, {
        kind: "wait",
        object: describe(resource, key),
        hint: "it comes with the target's manifests: run kubectl cni-migrate start NAME --target TARGET -f FILE again",
        retryAfterSeconds: 5,
      });
    return {
      undo: { ...identity, action: "Delete" },
      perform: async () => {
        await client.create(resource, object);
      },
    };
  }
  if (change.change === "env") return pendingVariable(client, change, existing, identity);
  const objection = change.accepts?.(existing as UnknownObject);
  if (objection !== undefined)
    throw new MigrationError("PoolConflict", `${describe(resource, key)}: ${objection}`, {
      kind: "stalled",
      object: describe(resource, key),
      hint: `look at it with kubectl get ${resource.plural}.${resource.group} ${key.name} -o yaml`,
    });
  if (change.change === "create") return undefined;
  const patch = missing(existing, change.patch);
  if (patch === undefined) return undefined;
  return {
    undo: { ...identity, action: "Merge", patch: JSON.stringify(inverse(existing, patch)) },
    perform: async () => {
      await client.patch(resource, key, guarded(existing, patch));
    },
  };
}

type EnvChange = RecordedChange & { change: "env" };

/** Lists of containers and variables have keys: a strategic merge touches the one entry, whatever else is edited meanwhile. */
function pendingVariable(
  client: KubeClient,
  { resource, key, container, name, value, keeps }: EnvChange,
  existing: KubeObject,
  identity: Omit<Undo, "action">,
): Pending | undefined {
  const found = containerNamed(existing, container);
  const before = found === undefined ? undefined : envOf(found, name);
  const has = before?.value;
  if (found === undefined || has === value || (has !== undefined && keeps?.(has))) return undefined;
  const patchOf = (variable: object) => ({
    spec: { template: { spec: { containers: [{ name: container, env: [variable] }] } } },
  });
  const restored = before === undefined ? { name, $patch: "delete" } : { value: null, ...before };
  return {
    undo: { ...identity, action: "StrategicMerge", patch: JSON.stringify(patchOf(restored)) },
    perform: async () => {
      const patch = patchOf({ name, value, ...(before?.valueFrom === undefined ? {} : { valueFrom: null }) });
      await client.patch(resource, key, guarded(existing, patch), { kind: "strategic" });
    },
  };
}

interface Recorder {
  scope: { client: KubeClient; now(): Date };
  migration: CniMigration;
  record(status: Partial<NonNullable<CniMigration["status"]>>): Promise<void>;
}

/**
 * Makes cluster-wide changes: how each is taken back is in status.undo before the first of them. What an entry says already stays
 * as it is: it knows what was there before the migration. False when the cluster was as wanted.
 */
export async function makeChanges(context: Recorder, changes: readonly RecordedChange[]): Promise<boolean> {
  const { client, now } = context.scope;
  const pending = await pendingChanges(client, changes);
  const { undo: known = [], startTime } = context.migration.status ?? {};
  const fresh = pending.filter(({ undo }) => !known.some((entry) => isSame(entry, undo)));
  if (fresh.length > 0)
    await context.record({
      undo: [...known, ...fresh.map(({ undo }) => undo)],
      startTime: startTime ?? now().toISOString(),
    });
  for (const change of pending) await change.perform();
  return pending.length > 0;
}

function isSame(a: Undo, b: Undo): boolean {
  return a.action === b.action && a.kind === b.kind && a.name === b.name && a.namespace === b.namespace;
}

/**
 * Makes objects that are there once a node, e.g. its address blocks: creates first and looks only when one is there already,
 * which halves the requests. Their undo follows from the same data, so none is recorded.
 */
export async function ensureNodeChanges(client: KubeClient, changes: readonly ApiChange[]): Promise<void> {
  for (const change of changes) {
    if (change.change === "delete") {
      await remove(client, change.resource, change.key);
      continue;
    }
    if (change.change !== "create") {
      for (const pending of await pendingChanges(client, [change])) await pending.perform();
      continue;
    }
    try {
      await client.create(change.resource, change.object);
    } catch (error) {
      if (!isApiError(error, "AlreadyExists")) throw error;
      await pendingChanges(client, [change]);
    }
  }
}

/** Takes recorded changes back, newest first. What is as it was, or gone, is left alone. */
export async function applyUndo(client: KubeClient, undo: readonly Undo[]): Promise<void> {
  for (const entry of [...undo].reverse()) {
    const resource = await resolveResource(client, entry.apiVersion, entry.kind);
    if (resource === undefined) continue;
    const key = entry.namespace === undefined ? { name: entry.name } : { name: entry.name, namespace: entry.namespace };
    if (entry.action === "Delete") {
      await remove(client, resource, key);
      continue;
    }
    const existing = await client.get(resource, key);
    if (existing === undefined) continue;
    const earlier = JSON.parse(entry.patch ?? "{}") as Json;
    if (entry.action === "StrategicMerge") {
      // The API server knows what of it is so already.
      await client.patch(resource, key, guarded(existing, earlier), { kind: "strategic" });
      continue;
    }
    const patch = missing(existing, earlier);
    if (patch !== undefined) await client.patch(resource, key, guarded(existing, patch));
  }
}

/** Deletes what the predicate says is ours; a kind that is not served has nothing of ours. */
export async function removeOwned(
  client: KubeClient,
  resource: Resource<KubeObject>,
  isOurs: (object: UnknownObject) => boolean,
): Promise<void> {
  let found: readonly KubeObject[];
  try {
    found = (await client.list(resource)).items;
  } catch (error) {
    if (isApiError(error, 404)) return;
    throw error;
  }
  for (const object of found) if (isOurs(object as UnknownObject)) await removeExactly(client, resource, object);
}

async function remove(client: KubeClient, resource: Resource<KubeObject>, key: ObjectKey): Promise<void> {
  const existing = await client.get(resource, key);
  if (existing !== undefined) await removeExactly(client, resource, existing);
}

/** By UID: an object made anew by the same name is another one. */
async function removeExactly(client: KubeClient, resource: Resource<KubeObject>, object: KubeObject): Promise<void> {
  await client.delete(resource, keyOf(object), exactly(object));
}
