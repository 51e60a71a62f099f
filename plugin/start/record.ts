import type { UnknownObject } from "../../kube/types.ts";
import type { Applied } from "../apply.ts";
import { type Difference, difference } from "../finalize/difference.ts";
import { essence } from "../finalize/essence.ts";
import { identityOf, type RecordEntry, sameObject } from "../finalize/record.ts";

/**
 * What `finalize` needs to know of the target's manifests, from a dry run of them: which objects were not there, what was in
 * those that were, how each is to be in the end. What an earlier record says of the very same object stays: a `start` that was
 * broken off, or an earlier migration, made it. Of a Secret only which one it is: nobody who may read records is to read keys.
 * Pure.
 */
export function recordEntries(
  tried: readonly Applied[],
  finals: readonly { object: UnknownObject; change: Difference }[],
  earlier: readonly RecordEntry[],
): RecordEntry[] {
  return tried.map(({ object, before }) => {
    const identity = identityOf(object);
    const form = finals.find((f) => sameObject(identityOf(f.object), identity))?.change;
    const final = isSecret(object) ? undefined : form;
    return { ...identity, ...originOf(object, before, earlier), ...(final === undefined ? {} : { final }) };
  });
}

function originOf(
  object: UnknownObject,
  before: UnknownObject | undefined,
  earlier: readonly RecordEntry[],
): Pick<RecordEntry, "uid" | "created" | "before" | "rekeyed"> {
  if (before === undefined) return { created: true };
  const { uid } = before.metadata;
  const own = uid === undefined ? {} : { uid };
  const known = earlier.find(
    (entry) =>
      sameObject(entry, identityOf(object)) && (entry.uid === uid || (entry.uid === undefined && entry.created)),
  );
  if (known?.created === true) return { ...own, created: true };
  if (isSecret(object))
    return { ...own, ...(known?.rekeyed === true || isRekeyed(before, object) ? { rekeyed: true } : {}) };
  const change = known?.before ?? difference(essence(object), essence(before));
  return { ...own, ...(change === undefined ? {} : { before: change }) };
}

function isSecret({ apiVersion, kind }: UnknownObject): boolean {
  return apiVersion === "v1" && kind === "Secret";
}

function isRekeyed(before: UnknownObject, after: UnknownObject): boolean {
  return difference(essence(before), essence(after)) !== undefined;
}

/** The entries with the UIDs of the objects that were made. */
export function withUids(entries: readonly RecordEntry[], sent: readonly UnknownObject[]): RecordEntry[] {
  return entries.map((entry) => {
    const uid = sent.find((object) => sameObject(identityOf(object), entry))?.metadata.uid;
    return uid === undefined ? entry : { ...entry, uid };
  });
}
