import { hasLabels, selects } from "../../kube/labels.ts";
import type { Node, Pod, PodDisruptionBudget, Service, Workload } from "../../kube/objects.ts";
import { fits } from "./fits.ts";
import { controllerOf } from "./pods.ts";

/**
 * What the drain looks at: the whole cluster, from live copies that have caught up (an empty copy would say that a node
 * is empty). Never changed by the reader.
 */
export interface ClusterView {
  pods: readonly Pod[];
  services: readonly Service[];
  /** ReplicaSets, StatefulSets (and ReplicationControllers): their spec.replicas says how many pods there should be. */
  workloads: readonly Workload[];
  budgets: readonly PodDisruptionBudget[];
  /** Where pods could go. Missing: somewhere. */
  nodes?: readonly Node[];
}

/** The view with the ways through it that one pass needs. */
export class ClusterIndex {
  readonly pods: readonly Pod[];
  readonly #nodes: readonly Node[] | undefined;
  readonly #workloads: ReadonlyMap<string, Workload>;
  readonly #pods: ReadonlyMap<string, readonly Pod[]>;
  readonly #owned: ReadonlyMap<string, readonly Pod[]>;
  readonly #services: ReadonlyMap<string, readonly Service[]>;
  readonly #budgets: ReadonlyMap<string, readonly PodDisruptionBudget[]>;

  constructor(view: ClusterView) {
    this.pods = view.pods;
    this.#nodes = view.nodes;
    this.#workloads = new Map(view.workloads.map((workload) => [workload.metadata.uid ?? "", workload]));
    this.#pods = groupBy(view.pods, namespaceOf);
    this.#owned = groupBy(view.pods, (pod) => controllerOf(pod)?.uid ?? "");
    this.#services = groupBy(view.services, namespaceOf);
    this.#budgets = groupBy(view.budgets, namespaceOf);
  }

  /** The number of pods the owner is to have; undefined when nobody said (another kind, or the owner is gone). */
  replicas(ownerUid: string): number | undefined {
    const workload = this.#workloads.get(ownerUid);
    return workload === undefined ? undefined : (workload.spec.replicas ?? 1);
  }

  /** Whether another node than its own could run the pod, in whatever state that node is now. */
  hasRefuge(pod: Pod): boolean {
    return this.#nodes?.some((node) => node.metadata.name !== pod.spec.nodeName && fits(node, pod)) ?? true;
  }

  podsOfOwner(ownerUid: string): Pod[] {
    return [...(this.#owned.get(ownerUid) ?? [])];
  }

  podsOfService(service: Service): Pod[] {
    return (this.#pods.get(namespaceOf(service)) ?? []).filter((pod) => serves(service, pod));
  }

  servicesOf(pod: Pod): Service[] {
    return (this.#services.get(namespaceOf(pod)) ?? []).filter((service) => serves(service, pod));
  }

  podsOfBudget(budget: PodDisruptionBudget): Pod[] {
    return (this.#pods.get(namespaceOf(budget)) ?? []).filter((pod) =>
      selects(budget.spec.selector, pod.metadata.labels),
    );
  }

  budgetsOf(pod: Pod): PodDisruptionBudget[] {
    return (this.#budgets.get(namespaceOf(pod)) ?? []).filter((budget) =>
      selects(budget.spec.selector, pod.metadata.labels),
    );
  }
}

/** A Service without a selector has endpoints that somebody else writes: nothing of it can be told from here. */
function serves({ spec: { selector = {} } }: Service, pod: Pod): boolean {
  return Object.keys(selector).length > 0 && hasLabels(selector, pod.metadata.labels);
}

function namespaceOf(object: { metadata: { namespace?: string } }): string {
  return object.metadata.namespace ?? "";
}

function groupBy<T>(objects: readonly T[], keyOf: (object: T) => string): Map<string, T[]> {
  const result = new Map<string, T[]>();
  for (const object of objects) {
    const key = keyOf(object);
    const known = result.get(key);
    if (known === undefined) result.set(key, [object]);
    else known.push(object);
  }
  return result;
}
