import type { CniMigration, NodeMigration } from "../crds/index.ts";
import type { Clock } from "../kube/clock.ts";
import type { EventRecorder } from "../kube/events.ts";
import type { DaemonSet, Node, Pod, PodDisruptionBudget, Service, Workload } from "../kube/objects.ts";
import type { KubeClient } from "../kube/types.ts";
import type { EvictionMemory } from "./drain/memory.ts";
import type { Metrics } from "./http.ts";
import type { Logger } from "./log.ts";
import type { Looks } from "./looks.ts";
import type { Store } from "./store.ts";

/** Live copies of what the reconcilers look at. The first two are watched always, the rest from the first migration on. */
export interface Stores {
  migrations: Store<CniMigration>;
  nodeMigrations: Store<NodeMigration>;
  nodes: Store<Node>;
  pods: Store<Pod>;
  daemonSets: Store<DaemonSet>;
  replicaSets: Store<Workload>;
  statefulSets: Store<Workload>;
  services: Store<Service>;
  budgets: Store<PodDisruptionBudget>;
}

/** What every reconciler is given. Time comes from here only. */
export interface Scope {
  client: KubeClient;
  stores: Stores;
  events: EventRecorder;
  log: Logger;
  metrics: Metrics;
  now(): Date;
  clock: Clock;
  /** Evictions under way, for all nodes. */
  evictions: EvictionMemory;
  /** When preflight last found a migration blocked, and nodes without the source were last looked for. */
  looks: Looks;
  /** Image of host tasks and probe pods: the controller's own. */
  image: string;
}
