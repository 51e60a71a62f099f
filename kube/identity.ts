import type { DeleteOptions, KubeObject, ObjectKey } from "./types.ts";

/** Where an object stands in the API. */
export function keyOf({ metadata: { name, namespace } }: KubeObject): ObjectKey {
  return namespace === undefined ? { name } : { name, namespace };
}

/** Deletes this very object: another one by the same name, made since, is left alone (409). */
export function exactly({ metadata: { uid } }: KubeObject): Pick<DeleteOptions, "preconditions"> {
  return uid === undefined ? {} : { preconditions: { uid } };
}
