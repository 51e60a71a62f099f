import type { KubeObject } from "../kube/types.ts";

/** "kube-flannel/kube-flannel-ds", or the name alone for an object without a namespace. */
export function nameOf(object: KubeObject): string {
  const { namespace, name } = object.metadata;
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** "daemonset kube-flannel/kube-flannel-ds" */
export function placeOf(object: KubeObject): string {
  return `${object.kind.toLowerCase()} ${nameOf(object)}`;
}

/** "apps/v1" -> "apps"; "v1" -> "" */
export function groupOf(apiVersion: string): string {
  return apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
}
