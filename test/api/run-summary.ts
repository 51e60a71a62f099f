import { cordonedByAnnotation, networkLabel } from "../../crds/names.ts";
import { nodes } from "../../kube/resources.ts";
import type { ControllerCluster } from "./controller-cluster.ts";
import type { ControllerProcess } from "./controller-process.ts";

type Counts = Record<string, number>;

/** What a migration came to and what it did, without names and times that differ from run to run. */
export async function summaryOf(cluster: ControllerCluster, processes: readonly ControllerProcess[]) {
  const evictions = new Map<string, number>();
  for (const write of processes.flatMap((process) => process.writes)) {
    const pod = /\/namespaces\/shop\/pods\/([^/]+)\/eviction$/.exec(write)?.[1];
    if (pod !== undefined) evictions.set(pod, (evictions.get(pod) ?? 0) + 1);
  }
  const workload = [...cluster.workload("web"), ...cluster.workload("log")];
  return {
    tasks: tasksOf(cluster.model.tasks),
    evictions: countBy([...evictions.keys()], (pod) => pod.split("-")[0]),
    mostEvictionsOfAPod: Math.max(...evictions.values()),
    webPods: countBy(cluster.workload("web"), (pod) => pod.spec.nodeName),
    networksOfPods: [...new Set(workload.map((pod) => cluster.model.networkOf.get(pod.metadata.uid ?? "")))],
    nodes: Object.fromEntries(await nodesOf(cluster)),
    hosts: Object.fromEntries(
      ["n1", "n2", "n3"].map((name) => [
        name,
        { ...cluster.model.describe(name), handedOver: cluster.model.wasHandedOver(name) },
      ]),
    ),
  };
}

async function nodesOf(cluster: ControllerCluster) {
  const { items } = await cluster.client.list(nodes);
  return Promise.all(
    items.map(async ({ metadata, spec }) => {
      const { status } = await cluster.nodeMigration(metadata.name);
      const cordoned = status?.conditions?.find(({ type }) => type === "Cordoned");
      const facts = {
        network: metadata.labels?.[networkLabel],
        unschedulable: spec?.unschedulable ?? false,
        cordonedBy: metadata.annotations?.[cordonedByAnnotation],
        taints: (spec?.taints ?? []).filter(({ key }) => !key.startsWith("node.kubernetes.io/")),
        step: status?.step,
        steps: status?.steps?.map(({ name }) => name),
        cordoned: `${cordoned?.status} ${cordoned?.reason}`,
        leftovers: status?.evidence?.leftovers,
        attempts: status?.attempts,
      };
      return [metadata.name, facts] as const;
    }),
  );
}

/** "switch-n2-b51cea7d" counts as switch of n2. */
function tasksOf(names: readonly string[]): Record<string, Counts> {
  const kinds = [...new Set(names.map((name) => name.split("-")[0] ?? ""))];
  return Object.fromEntries(
    kinds.map((kind) => [
      kind,
      countBy(
        names.filter((n) => n.startsWith(`${kind}-`)),
        (name) => name.split("-")[1],
      ),
    ]),
  );
}

function countBy<T>(things: readonly T[], keyOf: (thing: T) => string | undefined): Counts {
  const counts: Counts = {};
  for (const thing of things) counts[keyOf(thing) ?? ""] = (counts[keyOf(thing) ?? ""] ?? 0) + 1;
  return counts;
}
