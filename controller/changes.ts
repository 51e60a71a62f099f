import { describe, isApiError } from "../kube/errors.ts";
import type { KubeClient, UnknownObject } from "../kube/types.ts";
import type { ApiChange } from "../networks/contract.ts";
import { MigrationError } from "./errors.ts";
import { guarded } from "./nodes.ts";

/** How one cluster-wide change is taken back. Kept in CniMigration.status.undo before the change is made. */
export interface Undo {
  apiVersion: string;
  kind: string;
  namespace?: string;
  name: string;
  action: "Delete" | "Merge";
  /** JSON merge patch that puts back what was there. */
  patch?: string;
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
export async function pendingChanges(client: KubeClient, changes: readonly ApiChange[]): Promise<Pending[]> {
  const found = await Promise.all(changes.map((change) => pendingChange(client, change)));
  return found.filter((p) => p !== undefined);
}

async function pendingChange(client: KubeClient, change: ApiChange): Promise<Pending | undefined> {
  const { resource } = change;
  const key = change.change === "create" ? keyOf(change.object) : change.key;
  const existing = await client.get(resource, key);
  const identity = {
    apiVersion: resource.group === "" ? resource.version : `${resource.group}/${resource.version}`,
    kind: resource.kind,
    ...(key.namespace === undefined ? {} : { namespace: key.namespace }),
    name: key.name,
  };
  if (existing === undefined) {
    const object = change.change === "create" ? change.object : change.orCreate;
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
  if (change.change === "create") {
    const objection = change.accepts(existing as UnknownObject);
    if (objection === undefined) return undefined;
    throw new MigrationError("PoolConflict", `${describe(resource, key)}: ${objection}`, {
      kind: "stalled",
      object: describe(resource, key),
      hint: `look at it with kubectl get ${resource.plural}.${resource.group} ${key.name} -o yaml`,
    });
  }
  const patch = missing(existing, change.patch);
  if (patch === undefined) return undefined;
  return {
    undo: { ...identity, action: "Merge", patch: JSON.stringify(inverse(existing, patch)) },
    perform: async () => {
      await client.patch(resource, key, guarded(existing, patch));
    },
  };
}

/**
 * Makes objects that are there once a node, e.g. its address blocks: creates first and looks only when one is there already,
 * which halves the requests. Their undo follows from the same data, so none is recorded.
 */
export async function ensureNodeChanges(client: KubeClient, changes: readonly ApiChange[]): Promise<void> {
  for (const change of changes) {
    if (change.change === "merge") {
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

function keyOf(object: UnknownObject): { name: string; namespace?: string } {
  const { name, namespace } = object.metadata;
  return namespace === undefined ? { name } : { name, namespace };
}
