import { controllerName, systemNamespace } from "../../crds/names.ts";
import { systemClock } from "../../kube/clock.ts";
import { leases } from "../../kube/resources.ts";
import { ControllerCluster } from "../api/controller-cluster.ts";
import type { SavedHosts } from "../api/host-model.ts";
import { poll } from "../lab/run.ts";
import { type Dump, Etcd } from "./etcd.ts";
import { SimulatedNodes } from "./simulated-nodes.ts";

/** A cluster and its hosts at a moment in which nothing moved. */
export interface Baseline {
  store: Dump;
  hosts: SavedHosts;
}

/** How long nothing may change until a cluster counts as still. */
const stillMs = 300;
const settleTimeoutMs = 60_000;

/**
 * A real control plane whose nodes are kwok's and whose hosts are models, with a migration begun that no controller has
 * seen yet. It can be put back to any moment it was saved at, as often as one likes.
 */
export class CrashCluster {
  readonly cluster: ControllerCluster;
  readonly #nodes: SimulatedNodes;
  readonly #etcd: Etcd;

  private constructor(cluster: ControllerCluster, nodes: SimulatedNodes) {
    this.cluster = cluster;
    this.#nodes = nodes;
    this.#etcd = new Etcd(cluster.server.etcdUrl);
  }

  static async start(): Promise<CrashCluster> {
    const nodes = new SimulatedNodes();
    const made = new CrashCluster(await ControllerCluster.start(nodes.start), nodes);
    const begun = await made.cluster.startMigration();
    if (begun.code !== 0) throw new Error(begun.err);
    return made;
  }

  stop(): Promise<void> {
    return this.cluster.stop();
  }

  /** The moment as it is; waits until nothing moves. No controller may run. */
  async save(): Promise<Baseline> {
    await this.dropLease();
    const store = await this.#still();
    return { store, hosts: this.cluster.model.save() };
  }

  /** Back to that moment: store, hosts and what watches them. No controller may run. */
  async restore(baseline: Baseline): Promise<void> {
    this.#nodes.interrupt();
    await this.#etcd.dropEvents();
    // Kubernetes' controllers may have begun something for the old state: what they did is put right, too.
    const stays = async () => {
      await this.#etcd.restore(baseline.store);
      await systemClock.sleep(stillMs / 1000);
      return (await this.#etcd.restore(baseline.store)).length === 0 ? true : undefined;
    };
    const last = await poll(stays, { timeoutMs: settleTimeoutMs, intervalMs: 1 });
    if (last === undefined)
      throw new Error(`the cluster does not stay as it was: ${(await this.#etcd.restore(baseline.store)).join(", ")}`);
    this.cluster.model.restore(baseline.hosts);
    this.#nodes.resume();
  }

  /** As a person may; without it every start would wait for the dead leader's 15 s. */
  async dropLease(): Promise<void> {
    await this.cluster.client.delete(leases, { namespace: systemNamespace, name: controllerName });
  }

  /** Kubeconfig-ready token of the controller's ServiceAccount, good for an hour. */
  async token(): Promise<string> {
    const path = `/api/v1/namespaces/${systemNamespace}/serviceaccounts/${controllerName}/token`;
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} };
    const made = await this.cluster.server.request<{ status: { token: string } }>("POST", path, body);
    return made.status.token;
  }

  async #still(): Promise<Dump> {
    let store = await this.#etcd.dump();
    let sinceMs = performance.now();
    const found = await poll(
      async () => {
        const now = await this.#etcd.dump();
        if (!same(now, store)) sinceMs = performance.now();
        store = now;
        return performance.now() - sinceMs >= stillMs ? now : undefined;
      },
      { timeoutMs: settleTimeoutMs, intervalMs: 50 },
    );
    if (found === undefined) throw new Error("the cluster does not come to rest");
    return found;
  }
}

function same(a: Dump, b: Dump): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}
