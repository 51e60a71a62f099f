import { managedBy, managedByLabel, systemNamespace } from "../../crds/names.ts";
import { isApiError } from "../../kube/errors.ts";
import type { KubeClient, KubeObject, RequestOptions, Resource } from "../../kube/types.ts";

interface ApiResources {
  resources?: { name: string; kind: string; namespaced: boolean; verbs: string[] }[];
}

/** Kinds that only speak of others, and go when these go. */
const passing = new Set(["Event", "Endpoints", "EndpointSlice", "ControllerRevision"]);

/** Objects Kubernetes puts into every namespace. */
const ofEveryNamespace = ["ServiceAccount default", "ConfigMap kube-root-ca.crt"];

/** Never removed, whoever asks. */
const ofTheCluster = ["default", "kube-system", "kube-public", "kube-node-lease", systemNamespace];

/**
 * Why the namespace is to stay: "secret mine is in it", the first object that is neither of these UIDs, nor owned by them, nor
 * Kubernetes' own, nor of this tool. What cannot be looked at counts as something. Undefined when it may go.
 */
export async function reasonToKeep(
  client: KubeClient,
  namespace: string,
  goneUids: ReadonlySet<string | undefined>,
  options: RequestOptions,
): Promise<string | undefined> {
  const isOther = ({ metadata }: KubeObject, kind: string) =>
    !goneUids.has(metadata.uid) &&
    !metadata.ownerReferences?.some(({ uid }) => goneUids.has(uid)) &&
    metadata.labels?.[managedByLabel] !== managedBy &&
    !ofEveryNamespace.includes(`${kind} ${metadata.name}`);
  if (ofTheCluster.includes(namespace)) return "it is the cluster's own";
  for (const resource of await namespacedResources(client, options)) {
    if (passing.has(resource.kind)) continue;
    try {
      const { items } = await client.list(resource, { ...options, namespace });
      const other = items.find((item) => isOther(item, resource.kind));
      // A pod of a workload that goes is on its way, too: its owner may be a ReplicaSet in between.
      if (other !== undefined && other.metadata.deletionTimestamp === undefined)
        return `${resource.kind.toLowerCase()} ${other.metadata.name} is in it`;
    } catch (error) {
      if (!isApiError(error)) throw error;
      return `what is in it cannot all be seen: ${error.message}`;
    }
  }
  return undefined;
}

/** All that can be in a namespace, one version of each. */
async function namespacedResources(client: KubeClient, options: RequestOptions): Promise<Resource<KubeObject>[]> {
  const { groups } = JSON.parse(await client.raw("/apis", options)) as {
    groups: { preferredVersion: { groupVersion: string } }[];
  };
  const versions = ["v1", ...groups.map(({ preferredVersion }) => preferredVersion.groupVersion)];
  const found = await Promise.all(versions.map((version) => resourcesOf(client, version, options)));
  return found.flat();
}

async function resourcesOf(
  client: KubeClient,
  groupVersion: string,
  options: RequestOptions,
): Promise<Resource<KubeObject>[]> {
  const [group = "", version = ""] = groupVersion.includes("/") ? groupVersion.split("/") : ["", groupVersion];
  const path = group === "" ? `/api/${version}` : `/apis/${groupVersion}`;
  const { resources = [] } = JSON.parse(await client.raw(path, options)) as ApiResources;
  return resources
    .filter(
      ({ name, namespaced, verbs }) =>
        namespaced && !name.includes("/") && verbs.includes("list") && verbs.includes("delete"),
    )
    .map(({ name, kind }) => ({ group, version, plural: name, kind, namespaced: true }));
}
