import type { Node } from "../../kube/objects.ts";
import type { KubeObject } from "../../kube/types.ts";
import type { Lab } from "./index.ts";
import { getJson } from "./product.ts";

/** What a migration may change, by name: two of them are compared object by object. */
export type ClusterState = Record<string, unknown>;

type Spec = KubeObject & { spec?: unknown };

/** Kinds Calico brings as the target: none of their objects before it is there. */
const ipam = ["ippools", "felixconfigurations", "ipamconfigs", "ipamblocks", "blockaffinities", "ipamhandles"];

/** Calico's settings where it is the source. Addresses of pods are not among them: those that were moved have new ones. */
const settings = [
  "ippools",
  "felixconfigurations",
  "ipamconfigs",
  "ipreservations",
  "kubecontrollersconfigurations",
  "clusterinformations",
];

/** DaemonSets of these namespaces, every node's labels, annotations, taints and cordon, Calico's objects, files in net.d. */
export async function clusterState(
  lab: Lab,
  namespaces: readonly string[],
  { ofCalico = false }: { ofCalico?: boolean } = {},
): Promise<ClusterState> {
  const state: ClusterState = {};
  for (const namespace of namespaces)
    for (const { metadata, spec } of (await getJson<{ items: Spec[] }>(lab, ["daemonsets", "-n", namespace])).items)
      if (metadata.name !== "calico-node" || ofCalico) state[`daemonset ${namespace}/${metadata.name}`] = spec;
  for (const { metadata, spec } of (await getJson<{ items: Node[] }>(lab, ["nodes"])).items)
    state[`node ${metadata.name}`] = {
      labels: metadata.labels,
      annotations: metadata.annotations,
      taints: spec?.taints,
      unschedulable: spec?.unschedulable,
    };
  for (const kind of ofCalico ? settings : ipam)
    for (const { metadata, spec } of await listed(lab, kind)) state[`${kind} ${metadata.name}`] = spec;
  for (const { name } of lab.nodes) {
    const { stdout } = await lab.exec(name, ["sh", "-c", "cd /etc/cni/net.d && sha256sum * | sort"]);
    state[`files of ${name}`] = stdout.trim().split("\n");
  }
  return state;
}

async function listed(lab: Lab, kind: string): Promise<Spec[]> {
  const resource = `${kind}.crd.projectcalico.org`;
  const result = await lab.kubectl(["get", resource, "-o", "json"]);
  if (result.code === 0) return (JSON.parse(result.stdout) as { items: Spec[] }).items;
  if (/doesn't have a resource type/.test(result.stderr)) return [];
  throw new Error(`kubectl get ${resource}: ${result.stderr.trim()}`);
}
