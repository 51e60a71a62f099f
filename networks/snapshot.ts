import { isApiError } from "../kube/errors.ts";
import { apiVersionOf, configMaps, daemonSets, nodes } from "../kube/resources.ts";
import type { KubeClient, KubeObject, ObjectKey, Resource } from "../kube/types.ts";
import type { ClusterSnapshot, Network } from "./contract.ts";
import { compare } from "./findings.ts";
import type { HostFacts } from "./host-ops.ts";
import { networks } from "./index.ts";
import { groupOf } from "./objects.ts";
import { mountedConfigMaps } from "./workloads.ts";

type NamespacedKey = Required<ObjectKey>;

interface SnapshotOptions {
  /** Reads of hosts, by node name, where they were made. */
  hosts?: Readonly<Record<string, HostFacts>>;
  /** DaemonSets the user named as an agent (spec.flannel.daemonSet); found by themselves otherwise. */
  agents?: readonly NamespacedKey[];
  signal?: AbortSignal;
}

/**
 * All that detection and preflight look at, read once: nodes, what the networks list in `reads` (a resource the API server
 * does not serve is empty), then the few ConfigMaps the agents found need. Throws ApiError.
 */
export async function gatherSnapshot(client: KubeClient, options: SnapshotOptions = {}): Promise<ClusterSnapshot> {
  const request = options.signal === undefined ? {} : { signal: options.signal };
  const listed = await Promise.all(resourcesToRead().map((resource) => listAll(client, resource, request)));
  const withoutConfig = snapshotOf({ objects: listed.flat() });
  const wanted = configMapsToRead(withoutConfig, options.agents);
  const read = await Promise.all(wanted.map((key) => client.get(configMaps, key, request)));
  const objects = [
    ...listed.flat(),
    ...read.flatMap((object) => (object === undefined ? [] : identified(object, configMaps))),
  ];
  return snapshotOf({ objects, hosts: options.hosts ?? {} });
}

/** A snapshot of plain JSON objects, each with its apiVersion and kind: what tests and recordings are made of. */
export function snapshotOf(state: {
  objects: readonly KubeObject[];
  hosts?: Readonly<Record<string, HostFacts>>;
}): ClusterSnapshot {
  const list = <T extends KubeObject>(resource: Resource<T>): readonly T[] =>
    state.objects.filter(
      (object) => object.kind === resource.kind && groupOf(object.apiVersion) === resource.group,
    ) as T[];
  return { nodes: list(nodes), list, host: (nodeName) => state.hosts?.[nodeName] };
}

/**
 * The ConfigMaps whose content detection needs: those the agents of possible sources mount, and those they are known to
 * take settings from. `agents` are DaemonSets named by the user. `start` gives the controller a right to read exactly these.
 */
export function configMapsToRead(snapshot: ClusterSnapshot, agents: readonly NamespacedKey[] = []): NamespacedKey[] {
  const found = snapshot.list(daemonSets).flatMap((ds) =>
    sources()
      .filter((n) => n.isAgent(ds) || isNamed(ds, agents))
      .map((network) => ({ network, ds })),
  );
  const keys = found.flatMap(({ network, ds }) => {
    const own = ds.metadata.namespace ?? "";
    const known = network.configMaps.map((c) => ({ namespace: c.namespace === "" ? own : c.namespace, name: c.name }));
    return [...known, ...mountedConfigMaps(ds).map((name) => ({ namespace: own, name }))];
  });
  const distinct = new Map(keys.map((key) => [`${key.namespace}/${key.name}`, key]));
  return [...distinct.values()].sort((a, b) => compare(a.namespace, b.namespace) || compare(a.name, b.name));
}

function sources(): Network[] {
  return networks.filter((network) => network.plays.source);
}

function isNamed(object: KubeObject, keys: readonly NamespacedKey[]): boolean {
  return keys.some((key) => key.name === object.metadata.name && key.namespace === object.metadata.namespace);
}

function resourcesToRead(): Resource<KubeObject>[] {
  const wanted: Resource<KubeObject>[] = [nodes, ...networks.flatMap((network) => network.reads)];
  return [...new Map(wanted.map((r) => [`${r.plural}.${r.version}.${r.group}`, r])).values()];
}

async function listAll(client: KubeClient, resource: Resource<KubeObject>, request: object): Promise<KubeObject[]> {
  try {
    const { items } = await client.list(resource, request);
    return items.map((item) => identified(item, resource));
  } catch (error) {
    if (isApiError(error, 404)) return [];
    throw error;
  }
}

/** Items of a built-in list come without apiVersion and kind. */
function identified<T extends KubeObject>(object: T, resource: Resource<KubeObject>): T {
  return { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind };
}
