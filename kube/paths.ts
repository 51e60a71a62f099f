import { describe } from "./errors.ts";
import type { KubeObject, ObjectKey, Resource } from "./types.ts";

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** "/api/v1/namespaces/shop/pods" or "/apis/apps/v1/daemonsets" (all namespaces, or cluster-scoped). */
export function collectionPath(resource: Resource<KubeObject>, namespace?: string): string {
  const root = resource.group === "" ? "/api" : `/apis/${resource.group}`;
  const within = namespace === undefined || !resource.namespaced ? "" : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${root}/${resource.version}${within}/${resource.plural}`;
}

/** The path of one object. A namespaced resource needs the namespace: its lack is a mistake in the program. */
export function objectPath(resource: Resource<KubeObject>, key: ObjectKey, subresource?: string): string {
  namespaceOf(resource, key);
  const path = `${collectionPath(resource, key.namespace)}/${encodeURIComponent(key.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

/** The namespace an object is created in; undefined for cluster-scoped resources. */
export function namespaceOf(resource: Resource<KubeObject>, key: ObjectKey): string | undefined {
  if (!resource.namespaced) return undefined;
  if (key.namespace === undefined || key.namespace === "")
    throw new TypeError(`${describe(resource, key)}: the namespace is missing`);
  return key.namespace;
}

/** "?a=1&b=2", or "" when every value is undefined. */
export function query(values: Query): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined) params.set(name, String(value));
  const text = params.toString();
  return text === "" ? "" : `?${text}`;
}
