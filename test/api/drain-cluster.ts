import type { ClusterView } from "../../controller/drain/cluster.ts";
import { type DrainOutcome, drainNode } from "../../controller/drain/engine.ts";
import { EvictionMemory } from "../../controller/drain/memory.ts";
import { type DrainPolicy, drainPolicy } from "../../controller/drain/policy.ts";
import { createClient } from "../../kube/client.ts";
import { systemClock } from "../../kube/clock.ts";
import { loadConnection } from "../../kube/config.ts";
import type { LabelSelector, Pod, PodDisruptionBudget, Workload } from "../../kube/objects.ts";
import { Reflector } from "../../kube/reflector.ts";
import {
  namespaces,
  nodes,
  podDisruptionBudgets,
  pods,
  replicaSets,
  serviceAccounts,
  services,
  statefulSets,
} from "../../kube/resources.ts";
import type { KubeClient } from "../../kube/types.ts";
import { startKubelets } from "./kubelets.ts";
import { type ApiServer, startApiServer } from "./server.ts";

const workers = ["n1", "n2", "n3"];
const patienceSeconds = 30;

/** A real control plane with stand-ins for kubelets, live copies of what the drain looks at, and a drain that is driven by them. */
export class DrainCluster {
  readonly server: ApiServer;
  readonly client: KubeClient;
  readonly #stop = new AbortController();
  readonly #stores;

  private constructor(server: ApiServer, client: KubeClient) {
    const options = { signal: this.#stop.signal };
    this.server = server;
    this.client = client;
    this.#stores = {
      pods: new Reflector(client, pods, options),
      nodes: new Reflector(client, nodes, options),
      services: new Reflector(client, services, options),
      budgets: new Reflector(client, podDisruptionBudgets, options),
      replicaSets: new Reflector(client, replicaSets, options),
      statefulSets: new Reflector(client, statefulSets, options),
    };
  }

  static async start(users: Record<string, string[]> = {}): Promise<DrainCluster> {
    const server = await startApiServer({ controllerManager: true, scheduler: true, users });
    const cluster = new DrainCluster(server, await clientOf(server.kubeconfigPath));
    await Promise.all(Object.values(cluster.#stores).map((store) => store.synced()));
    const labels = { "cni-migrate.io/network": "calico" };
    const options = { nodes: workers, startMs: 300, endMs: 150, labels, signal: cluster.#stop.signal };
    await startKubelets(cluster.client, options);
    return cluster;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.server.stop();
  }

  get pods(): Reflector<Pod> {
    return this.#stores.pods;
  }

  look(): ClusterView {
    const { pods: allPods, services: allServices, budgets, replicaSets: sets, statefulSets: stateful } = this.#stores;
    const workloads = [...sets.list(), ...stateful.list()];
    return { pods: allPods.list(), services: allServices.list(), budgets: budgets.list(), workloads };
  }

  nodes() {
    return this.#stores.nodes.list();
  }

  /** What a pass needs, beginning now. */
  input(node: string, changes: Partial<DrainPolicy> = {}) {
    return {
      client: this.client,
      look: () => this.look(),
      memory: new EvictionMemory(),
      policy: { ...drainPolicy(), timeoutSeconds: patienceSeconds, ...changes },
      clock: systemClock,
      node,
      startedAtMs: Date.now(),
      draining: [] as { node: string; startedAtMs: number }[],
    };
  }

  /** Passes on every change, as the controller makes them, until one has something else to say than that it waits. */
  async drain(input: ReturnType<DrainCluster["input"]>): Promise<DrainOutcome> {
    return this.repeat(() => drainNode(input));
  }

  async repeat<T extends { state: string; nextCheckSeconds?: number }>(pass: () => Promise<T>): Promise<T> {
    for (;;) {
      const changed = this.#nextChange();
      const outcome = await pass();
      if (outcome.state !== "waiting") return outcome;
      await Promise.race([changed, systemClock.sleep(outcome.nextCheckSeconds ?? patienceSeconds)]);
    }
  }

  #nextChange(): Promise<void> {
    return new Promise((resolve) => {
      const stores = Object.values(this.#stores) as Pick<Reflector<Pod>, "onChange">[];
      const ends = stores.map((store) =>
        store.onChange(() => {
          for (const end of ends) end();
          resolve();
        }),
      );
    });
  }

  async namespace(name: string): Promise<void> {
    await this.client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
    await until(
      () => this.client.get(serviceAccounts, { namespace: name, name: "default" }),
      `service account of ${name}`,
    );
  }

  async cordon(name: string, unschedulable: boolean): Promise<void> {
    await this.client.patch(nodes, { name }, { spec: { unschedulable } });
  }

  /** So many replicas, all of them Ready on `where`, label app=NAME. Afterwards the other nodes take pods and these none. */
  async replicasOn(
    where: string | readonly string[],
    namespace: string,
    name: string,
    replicas: number,
    kind: "ReplicaSet" | "StatefulSet" = "ReplicaSet",
  ) {
    const hosts = typeof where === "string" ? [where] : where;
    await this.#openOnly(hosts);
    const labels = { app: name };
    const template = {
      metadata: { labels },
      spec: { terminationGracePeriodSeconds: 30, containers: [{ name: "app", image: "none" }] },
    };
    const more = kind === "StatefulSet" ? { serviceName: name, podManagementPolicy: "Parallel" } : {};
    const spec = { replicas, selector: { matchLabels: labels }, template, ...more };
    const object = { apiVersion: "apps/v1", kind, metadata: { name, namespace }, spec };
    await this.client.create<Workload>(kind === "ReplicaSet" ? replicaSets : statefulSets, object);
    await this.ready(namespace, name, replicas);
    await this.#openOnly(workers.filter((worker) => !hosts.includes(worker)));
  }

  /** Cordons all other nodes, and waits until the scheduler knows. */
  async #openOnly(open: readonly string[]): Promise<void> {
    for (const worker of workers) await this.cordon(worker, !open.includes(worker));
    const closed = workers.filter((worker) => !open.includes(worker));
    await Promise.all(
      closed.map((worker) => until(() => this.#isShut(worker), `the scheduler to see the cordon of ${worker}`)),
    );
  }

  /** Asks the scheduler with a pod that no other node could run. */
  async #isShut(node: string): Promise<true | undefined> {
    const key = { namespace: "default", name: `try-${node}` };
    const spec = { nodeSelector: { "kubernetes.io/hostname": node }, containers: [{ name: "app", image: "none" }] };
    await until(
      () => this.client.get(serviceAccounts, { namespace: "default", name: "default" }),
      "the service account",
    );
    await this.client.create(pods, { apiVersion: "v1", kind: "Pod", metadata: key, spec });
    const answer = await until(async () => {
      const pod = await this.client.get(pods, key);
      if (pod?.spec.nodeName !== undefined) return "open";
      return pod?.status?.conditions?.some(({ reason }) => reason === "Unschedulable") ? "shut" : undefined;
    }, "the scheduler's answer");
    await this.client.delete(pods, key, { gracePeriodSeconds: 0 });
    await until(
      async () => ((await this.client.get(pods, key)) === undefined ? true : undefined),
      "the pod to be gone",
    );
    return answer === "shut" ? true : undefined;
  }

  /** Takes a workload and its pods away, finalizers or not. */
  async clear(namespace: string, name: string): Promise<void> {
    for (const kind of [replicaSets, statefulSets]) await this.client.delete(kind, { namespace, name });
    for (const pod of this.podsOf(namespace, name)) {
      const key = { namespace, name: pod.metadata.name };
      if (pod.metadata.finalizers !== undefined) await this.client.patch(pods, key, { metadata: { finalizers: null } });
      await this.client.delete(pods, key, { gracePeriodSeconds: 0 });
    }
    const what = `the pods of ${namespace}/${name} to be gone`;
    await this.pods.waitFor(() => this.podsOf(namespace, name).length === 0, { timeoutSeconds: patienceSeconds, what });
  }

  /** Waits until so many pods of the app are Ready. */
  async ready(namespace: string, app: string, count: number): Promise<void> {
    const what = `${count} Ready pods of ${namespace}/${app}`;
    await this.pods.waitFor(() => this.readyPods(namespace, app).length === count, {
      timeoutSeconds: patienceSeconds,
      what,
    });
  }

  podsOf(namespace: string, app: string): Pod[] {
    const own = (pod: Pod) => pod.metadata.namespace === namespace && pod.metadata.labels?.app === app;
    return this.pods.list().filter(own);
  }

  readyPods(namespace: string, app: string): Pod[] {
    return this.podsOf(namespace, app).filter(
      (pod) =>
        pod.metadata.deletionTimestamp === undefined &&
        pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True"),
    );
  }

  /** The lowest number of Ready pods seen from now on. */
  lowestReady(namespace: string, app: string): { value: number } {
    const lowest = { value: this.readyPods(namespace, app).length };
    this.pods.onChange(() => {
      lowest.value = Math.min(lowest.value, this.readyPods(namespace, app).length);
    });
    return lowest;
  }

  /** A budget over app=NAME, counted by the disruption controller. */
  async budget(
    namespace: string,
    name: string,
    spec: PodDisruptionBudget["spec"],
    selector?: LabelSelector,
  ): Promise<PodDisruptionBudget> {
    await this.client.create(podDisruptionBudgets, {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: { name, namespace },
      spec: { selector: selector ?? { matchLabels: { app: name } }, ...spec },
    });
    return this.#stores.budgets.waitFor(
      (store) => {
        const budget = store.get({ namespace, name });
        return (budget?.status?.expectedPods ?? 0) > 0 && budget;
      },
      { timeoutSeconds: patienceSeconds, what: `PodDisruptionBudget ${namespace}/${name} to be counted` },
    );
  }
}

export async function clientOf(kubeconfig: string): Promise<KubeClient> {
  return createClient(await loadConnection({ kubeconfig }, { env: {}, interactive: false, clock: systemClock }));
}

export async function until<T>(ask: () => Promise<T | undefined>, what: string): Promise<T> {
  const endMs = Date.now() + patienceSeconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > endMs) throw new Error(`waited ${patienceSeconds} s in vain for ${what}`);
    await systemClock.sleep(0.1);
  }
}
