import { networkLabel } from "../crds/names.ts";
import type { Container, EnvVar, PodSpec, Volume } from "../kube/objects.ts";
import type { KubeObject, UnknownObject } from "../kube/types.ts";
import type { AgentRef } from "./contract.ts";
import { compare } from "./findings.ts";

/**
 * Reading a DaemonSet, from the cluster or from a user's file. Fields may be missing or of the wrong type in a file; they
 * then count as empty, and the API server says the rest.
 */

interface Template {
  metadata?: { labels?: Record<string, string> };
  spec?: PodSpec;
}

function templateOf(workload: KubeObject): Template {
  const spec = (workload as UnknownObject).spec as { template?: Template } | undefined;
  return spec?.template ?? {};
}

export function podSpecOf(workload: KubeObject): Partial<PodSpec> {
  return templateOf(workload).spec ?? {};
}

export function podLabelsOf(workload: KubeObject): Record<string, string> {
  return templateOf(workload).metadata?.labels ?? {};
}

export function containersOf(workload: KubeObject): Container[] {
  return list(podSpecOf(workload).containers);
}

export function allContainersOf(workload: KubeObject): Container[] {
  return [...list(podSpecOf(workload).initContainers), ...containersOf(workload)];
}

export function containerNamed(workload: KubeObject, name: string): Container | undefined {
  return containersOf(workload).find((c) => c.name === name);
}

/** Command and arguments as words; a shell line ("sh -c 'exec flanneld -ip-masq'") is taken apart at white space. */
export function wordsOf(container: Container): string[] {
  return [...list(container.command), ...list(container.args)]
    .flatMap((part) => String(part).split(/\s+/))
    .filter(Boolean);
}

/** Value of a flag written -name=value, --name=value or --name value; "" for a flag without a value. */
export function flagOf(container: Container, name: string): string | undefined {
  const words = wordsOf(container);
  for (const [i, word] of words.entries()) {
    const match = /^--?([^=]+)(?:=(.*))?$/.exec(word);
    if (match?.[1] !== name) continue;
    const next = words[i + 1];
    return match[2] ?? (next === undefined || next.startsWith("-") ? "" : next);
  }
  return undefined;
}

export function envOf(container: Container, name: string): EnvVar | undefined {
  return list(container.env).find((e) => e.name === name);
}

/** The ConfigMap and key an environment variable gets its value from. */
export function configMapKeyOf(env: EnvVar | undefined): { name: string; key: string } | undefined {
  const ref = env?.valueFrom?.configMapKeyRef as { name?: string; key?: string } | undefined;
  return ref?.name === undefined || ref.key === undefined ? undefined : { name: ref.name, key: ref.key };
}

/** The directory on the node that some container sees as `mountPath`. */
export function hostPathOf(workload: KubeObject, mountPath: string): string | undefined {
  const path = volumeAt(workload, mountPath)?.hostPath?.path;
  return path === undefined ? undefined : trimmed(path);
}

/** The ConfigMap key a container sees as the file `path`: through a mount of its directory, renamed by `items` or not. */
export function configMapFileOf(
  workload: KubeObject,
  container: Container,
  path: string,
): { name: string; key: string } | undefined {
  const slash = path.lastIndexOf("/");
  const [directory, file] = [path.slice(0, slash), path.slice(slash + 1)];
  const mount = list(container.volumeMounts).find((m) => trimmed(m.mountPath) === directory);
  const volume = list(podSpecOf(workload).volumes).find((v) => v.name === mount?.name);
  const name = volume?.configMap?.name;
  if (name === undefined) return undefined;
  return { name, key: list(volume?.configMap?.items).find((item) => item.path === file)?.key ?? file };
}

/** Names of all ConfigMaps the pods mount. */
export function mountedConfigMaps(workload: KubeObject): string[] {
  return list(podSpecOf(workload).volumes).flatMap((v) => v.configMap?.name ?? []);
}

/** The network whose nodes a DaemonSet is held to by the label of a migration; undefined when it is not part of one. */
export function heldTo(workload: KubeObject): string | undefined {
  return podSpecOf(workload).nodeSelector?.[networkLabel];
}

/**
 * Holds a DaemonSet's pods to nodes with these labels, beside those it asks for already. Updated on delete only: a later
 * change of the template (taking the labels off again) must not restart the agent of every node.
 */
export function holdTo(workload: KubeObject, labels: Record<string, string>): void {
  const spec = (workload as UnknownObject).spec as { updateStrategy?: unknown; template?: Template };
  spec.updateStrategy = { type: "OnDelete" };
  const podSpec = spec.template?.spec;
  if (podSpec !== undefined) podSpec.nodeSelector = { ...podSpec.nodeSelector, ...labels };
}

/** Makes the volume behind a mount point to another directory of the node. */
export function redirectHostPath(workload: KubeObject, mountPath: string, directory: string): void {
  const volume = volumeAt(workload, mountPath);
  if (volume?.hostPath !== undefined && trimmed(volume.hostPath.path) !== directory) volume.hostPath.path = directory;
}

/** Several DaemonSets as one agent. The labels are those all of their pods carry. */
export function agentRefOf(daemonSets: readonly KubeObject[]): AgentRef {
  const [first, ...others] = daemonSets;
  if (first === undefined) return { namespace: "", daemonSets: [], podLabels: {} };
  const shared = Object.entries(podLabelsOf(first)).filter(([key, value]) =>
    others.every((other) => podLabelsOf(other)[key] === value),
  );
  return {
    namespace: first.metadata.namespace ?? "",
    daemonSets: daemonSets.map((ds) => ds.metadata.name).sort(compare),
    podLabels: Object.fromEntries(shared),
  };
}

function volumeAt(workload: KubeObject, mountPath: string): Volume | undefined {
  const mount = allContainersOf(workload)
    .flatMap((c) => list(c.volumeMounts))
    .find((m) => trimmed(m.mountPath) === mountPath);
  return list(podSpecOf(workload).volumes).find((v) => v.name === mount?.name);
}

/** Without a final slash; "" for a path that is missing. */
function trimmed(path: string | undefined): string {
  const text = String(path ?? "");
  return text.length > 1 ? text.replace(/\/+$/, "") : text;
}

function list<T>(value: readonly T[] | undefined): readonly T[] & T[] {
  return (Array.isArray(value) ? value : []) as readonly T[] & T[];
}
