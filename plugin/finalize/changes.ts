import type { CniMigration } from "../../crds/index.ts";
import { networkLabel, pluginFieldManager } from "../../crds/names.ts";
import { resolveResource } from "../../kube/discovery.ts";
import { isApiError, isConflict } from "../../kube/errors.ts";
import { daemonSets } from "../../kube/resources.ts";
import { mergeDiff } from "../../kube/status.ts";
import type { KubeObject, ObjectKey, RequestOptions, Resource, UnknownObject } from "../../kube/types.ts";
import type { AgentRef } from "../../networks/contract.ts";
import { tierOf } from "../apply.ts";
import type { Session } from "../session.ts";
import { type Difference, withDifference } from "./difference.ts";
import { essence } from "./essence.ts";
import type { Identity, RecordEntry } from "./record.ts";

/** A change to one object that stays: to its final form, or back to what it was. */
export interface ObjectChange {
  identity: Identity;
  uid: string | undefined;
  change: Difference;
}

/** What takes the migration's hold off a DaemonSet of which nothing is recorded. */
const unheld: Difference = {
  kind: "fields",
  fields: {
    spec: {
      kind: "fields",
      fields: {
        updateStrategy: { kind: "gone" },
        template: {
          kind: "fields",
          fields: {
            spec: {
              kind: "fields",
              fields: { nodeSelector: { kind: "fields", fields: { [networkLabel]: { kind: "gone" } } } },
            },
          },
        },
      },
    },
  },
};

/**
 * Pure. To the final form, each object behind those it needs: pods that start again find the settings they are to stay with. An
 * agent that no record speaks of is at least no longer held to nodes by label.
 */
export function finalChanges(record: readonly RecordEntry[], agent: AgentRef): ObjectChange[] {
  const recorded = record
    .flatMap(({ final, uid, ...entry }) =>
      final === undefined ? [] : [{ identity: named(entry), uid, change: final }],
    )
    .sort((a, b) => tierOf(a.identity.kind) - tierOf(b.identity.kind));
  const unknown = agent.daemonSets.filter((name) => !recorded.some(({ identity }) => isAgent(identity, agent, name)));
  return [
    ...recorded,
    ...unknown.map((name) => ({
      identity: { apiVersion: "apps/v1", kind: daemonSets.kind, namespace: agent.namespace, name },
      uid: undefined,
      change: unheld,
    })),
  ];
}

/** Pure. Back to what it was before `start`. */
export function earlierForms(record: readonly RecordEntry[]): ObjectChange[] {
  return record.flatMap(({ before, uid, ...entry }) =>
    before === undefined ? [] : [{ identity: named(entry), uid, change: before }],
  );
}

function named({ apiVersion, kind, namespace, name }: Identity): Identity {
  return { apiVersion, kind, ...(namespace === undefined ? {} : { namespace }), name };
}

function isAgent({ kind, namespace, name }: Identity, agent: AgentRef, daemonSet: string): boolean {
  return kind === daemonSets.kind && namespace === agent.namespace && name === daemonSet;
}

/** Where a change is made. */
export interface Target {
  resource: Resource;
  key: ObjectKey;
}

/** Undefined for a kind that is not served. */
export async function targetOf(
  session: Session,
  { apiVersion, kind, namespace, name }: Identity,
  options: RequestOptions,
): Promise<Target | undefined> {
  const resource = await resolveResource(session.client, apiVersion, kind, options);
  return resource === undefined
    ? undefined
    : { resource, key: namespace === undefined ? { name } : { name, namespace } };
}

/** Makes the change in the object as it is now; false when there is nothing to do, or the object is another one. */
export function makeChange(
  session: Session,
  { identity, uid, change }: ObjectChange,
  options: RequestOptions & { dryRun?: boolean },
): Promise<boolean> {
  return patched(session, identity, options, (existing) => {
    if (uid !== undefined && uid !== existing.metadata.uid) return undefined;
    const now = essence(existing);
    return mergeDiff(now, withDifference(now, change)) as Record<string, unknown> | undefined;
  });
}

/** Takes back what the controller did for the time of the migration only, newest first. */
export async function undoTransient(
  session: Session,
  undo: NonNullable<NonNullable<CniMigration["status"]>["undo"]>,
  options: RequestOptions & { dryRun?: boolean },
): Promise<void> {
  for (const entry of undo.filter(({ transient }) => transient === true).reverse()) {
    if (entry.action !== "Delete") {
      const kind = entry.action === "StrategicMerge" ? "strategic" : "merge";
      await patched(session, entry, { ...options, kind }, (existing) =>
        entry.uid !== undefined && entry.uid !== existing.metadata.uid
          ? undefined
          : (JSON.parse(entry.patch ?? "{}") as Record<string, unknown>),
      );
      continue;
    }
    const target = await targetOf(session, entry, options);
    if (target === undefined) continue;
    const preconditions = entry.uid === undefined ? {} : { preconditions: { uid: entry.uid } };
    await session.client
      .delete(target.resource, target.key, { ...options, ...preconditions })
      .catch((error: unknown) => {
        // Another object by the same name.
        if (!isConflict(error)) throw error;
      });
  }
}

/** Looks again as often as somebody else is faster: a controller writes the status of a workload that moves every second. */
const mostLooks = 10;

/** Guarded by what was read. `kind`: of the patch; merge when not said. */
async function patched(
  session: Session,
  identity: Identity,
  options: RequestOptions & { dryRun?: boolean; kind?: "merge" | "strategic" },
  patchFor: (existing: UnknownObject) => Record<string, unknown> | undefined,
): Promise<boolean> {
  const target = await targetOf(session, identity, options);
  if (target === undefined) return false;
  for (let looks = 1; ; looks++) {
    const existing = await session.client.get(target.resource, target.key, options);
    const patch = existing === undefined ? undefined : patchFor(existing);
    if (existing === undefined || patch === undefined) return false;
    try {
      await session.client.patch(target.resource, target.key, guarded(existing, patch), {
        ...options,
        fieldManager: pluginFieldManager,
      });
      return true;
    } catch (error) {
      if (isApiError(error, 404)) return false;
      if (!isConflict(error) || looks === mostLooks) throw error;
    }
  }
}

/** Fails with 409 on another object or another version. */
function guarded(object: KubeObject, patch: Record<string, unknown>): Record<string, unknown> {
  const { uid, resourceVersion } = object.metadata;
  return { ...patch, metadata: { ...(patch.metadata as object | undefined), uid, resourceVersion } };
}
