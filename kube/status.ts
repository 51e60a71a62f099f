import { isDeepStrictEqual } from "node:util";
import { keyOf } from "./identity.ts";
import type { KubeClient, KubeObject, Resource } from "./types.ts";

type Json = Record<string, unknown>;

/**
 * Makes `status` the status of `object` as it was read, or fails with 409 when the object has changed since or is another
 * one by the same name. Sends only the difference, and nothing when there is none. Returns the object as it is now.
 */
export async function patchStatus<T extends KubeObject & { status?: unknown }>(
  client: KubeClient,
  resource: Resource<T>,
  object: T,
  status: T["status"],
): Promise<T> {
  const changes = mergeDiff(object.status ?? {}, status ?? {});
  if (changes === undefined) return object;
  const { uid, resourceVersion } = object.metadata;
  const patch = { metadata: { uid, resourceVersion }, status: changes };
  return client.patch(resource, keyOf(object), patch, { subresource: "status" });
}

/**
 * The JSON merge patch (RFC 7386) that makes `to` out of `from`: null removes a field, a list counts as one value.
 * Undefined when they are equal; fields of `to` that are undefined count as missing.
 */
export function mergeDiff(from: unknown, to: unknown): unknown {
  if (!isMap(to)) return isDeepStrictEqual(from, to) ? undefined : to;
  if (!isMap(from)) return withoutUndefined(to);
  const diff: Json = {};
  for (const key of Object.keys(from)) if (from[key] !== undefined && to[key] === undefined) diff[key] = null;
  for (const [key, value] of Object.entries(to)) {
    const change = value === undefined ? undefined : mergeDiff(from[key], value);
    if (change !== undefined) diff[key] = change;
  }
  return Object.keys(diff).length === 0 ? undefined : diff;
}

/** As it would be on the wire. */
function withoutUndefined(value: Json): unknown {
  return JSON.parse(JSON.stringify(value));
}

function isMap(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
