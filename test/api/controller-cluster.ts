import { type CniMigration, migrationConditions, type NodeMigration, nodeConditions } from "../../crds/index.ts";
import { controllerName, networkLabel, roleLabel, systemNamespace } from "../../crds/names.ts";
import type { Pod } from "../../kube/objects.ts";
import { Reflector } from "../../kube/reflector.ts";
import {
  cniMigrations,
  daemonSets,
  namespaces,
  nodeMigrations,
  nodes,
  pods,
  replicaSets,
} from "../../kube/resources.ts";
import type { KubeClient } from "../../kube/types.ts";
import { macOf } from "../../networks/calico/as-source.ts";
import { calico, migrationLabel } from "../../networks/calico/facts.ts";
import { calicoManifestPath, flannelManifest } from "../lab/manifests.ts";
import { ControllerProcess } from "./controller-process.ts";
import { HostModel, type Overlay } from "./host-model.ts";
import { PluginCluster, type Ran, type StartNodes } from "./plugin-cluster.ts";
import type { ApiServer } from "./server.ts";

const nodeNames = ["n1", "n2", "n3"];
const timeoutSeconds = 45;
export const migrationName = "flannel-to-calico";

/** As Felix makes it by itself. */
const calicosOverlay: Overlay = {
  vni: calico.vni,
  port: calico.port,
  macOf: (name) => macOf({ name, annotations: {} }),
};

/** What a run showed to those who watched it from outside. */
interface Journal {
  /** Nodes in the order in which they left Pending. */
  begun: string[];
  /** Most nodes half-way at a moment. */
  mostAtOnce: number;
  /** Conditions nobody could look up, and those that contradict each other. */
  illegal: Set<string>;
}

interface Watched {
  migrations: Reflector<CniMigration>;
  nodeMigrations: Reflector<NodeMigration>;
  pods: Reflector<Pod>;
}

/**
 * A real control plane with three flannel nodes whose hosts are models, cni-migrate installed on it, and a workload: four
 * replicas, and a pod on every node. Node n1 is the control plane, and a person has cordoned it.
 */
export class ControllerCluster {
  readonly model: HostModel;
  readonly client: KubeClient;
  readonly #plugin: PluginCluster;
  readonly #watched: Watched;
  readonly #stop: AbortController;
  readonly #manifests: string;
  #kubeconfig = "";
  #processes: ControllerProcess[] = [];
  journal: Journal = { begun: [], mostAtOnce: 0, illegal: new Set() };

  private constructor(plugin: PluginCluster, model: HostModel, manifests: string) {
    const stop = new AbortController();
    const { client } = plugin;
    const { signal } = stop;
    this.#plugin = plugin;
    this.#stop = stop;
    this.#manifests = manifests;
    this.model = model;
    this.client = client;
    this.#watched = {
      migrations: new Reflector(client, cniMigrations, { signal }),
      nodeMigrations: new Reflector(client, nodeMigrations, { signal }),
      pods: new Reflector(client, pods, { signal }),
    };
    this.#watched.nodeMigrations.onChange(({ type, object }) => {
      if (type !== "deleted") this.#note(object);
    });
    this.#watched.migrations.onChange(({ object }) => this.#check(object, migrationConditions));
  }

  /** On Calico as its own manifest installs it, instead. */
  static startOnCalico(): Promise<ControllerCluster> {
    return ControllerCluster.start(undefined, "calico");
  }

  static async start(startNodes?: StartNodes, source: "flannel" | "calico" = "flannel"): Promise<ControllerCluster> {
    const model = source === "flannel" ? new HostModel(nodeNames) : new HostModel(nodeNames, calicosOverlay);
    const plugin = await PluginCluster.start({}, model, startNodes, source);
    await plugin.client.patch(nodes, { name: "n1" }, { spec: { unschedulable: true } });
    const installed = await plugin.run(["install", "--timeout", "60s"]);
    if (installed.code !== 0) throw new Error(installed.err);
    const cluster = new ControllerCluster(plugin, model, await calicoManifestPath());
    cluster.#kubeconfig = await plugin.server.kubeconfigForServiceAccount(systemNamespace, controllerName);
    await cluster.#addWorkload();
    await cluster.#agentsOn(source === "flannel" ? "kube-flannel" : "calico-node", nodeNames);
    model.watch();
    return cluster;
  }

  get server(): ApiServer {
    return this.#plugin.server;
  }

  async stop(): Promise<void> {
    await this.stopControllers();
    this.#stop.abort();
    await this.#plugin.stop();
  }

  /** `kubectl cni-migrate start` with the cluster's target manifests. */
  startMigration(...flags: string[]): Promise<Ran> {
    return this.#plugin.run(["start", "--target", "calico", "-f", this.#manifests, "-y", ...flags]);
  }

  /** The same to flannel, from Calico. */
  async startToFlannel(...flags: string[]): Promise<Ran> {
    const options = { stdin: await flannelManifest() };
    return this.#plugin.run(["start", "--target", "flannel", "-f", "-", "-y", ...flags], options);
  }

  inventory(): Promise<string[]> {
    return this.#plugin.inventory(controllerName);
  }

  async startController(crashAfter?: number): Promise<ControllerProcess> {
    const process = await ControllerProcess.start(this.#kubeconfig, crashAfter);
    this.#processes.push(process);
    return process;
  }

  /** The one that was started last. */
  async lastController(): Promise<ControllerProcess> {
    const last = this.#processes.at(-1);
    if (last === undefined) throw new Error("no controller was started");
    return last;
  }

  async stopControllers(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.stop()));
    this.#processes = [];
  }

  async migration(name = migrationName): Promise<CniMigration> {
    const found = await this.client.get(cniMigrations, { name });
    if (found === undefined) throw new Error(`there is no CniMigration ${name}`);
    return found;
  }

  async nodeMigration(name: string): Promise<NodeMigration> {
    const found = await this.client.get(nodeMigrations, { name });
    if (found === undefined) throw new Error(`there is no NodeMigration ${name}`);
    return found;
  }

  /** Waits until the condition of the migration has this reason and status. */
  migrationSays(type: string, status: string, reason: string, name = migrationName): Promise<CniMigration> {
    const { migrations } = this.#watched;
    return migrations.waitFor((store) => saying(store.get({ name }), type, status, reason), {
      timeoutSeconds,
      what: `CniMigration ${name} to be ${type}=${status} for ${reason}, not ${JSON.stringify(migrations.get({ name })?.status?.conditions)}`,
    });
  }

  migrationIs(summary: string): Promise<CniMigration> {
    const at = (found: CniMigration | undefined) => (found?.status?.summary === summary ? found : undefined);
    const what = `CniMigration ${migrationName} to be ${summary}`;
    return this.#watched.migrations.waitFor((store) => at(store.get({ name: migrationName })), {
      timeoutSeconds,
      what,
    });
  }

  nodeSays(name: string, type: string, status: string, reason: string): Promise<NodeMigration> {
    return this.#watched.nodeMigrations.waitFor((store) => saying(store.get({ name }), type, status, reason), {
      timeoutSeconds,
      what: `NodeMigration ${name} to be ${type}=${status} for ${reason}`,
    });
  }

  nodeReaches(name: string, step: string): Promise<NodeMigration> {
    const at = (found: NodeMigration | undefined) => (found?.status?.step === step ? found : undefined);
    const what = `node ${name} to be in ${step}`;
    return this.#watched.nodeMigrations.waitFor((store) => at(store.get({ name })), { timeoutSeconds, what });
  }

  async setSpec(spec: Partial<CniMigration["spec"]>, name = migrationName): Promise<void> {
    await this.client.patch(cniMigrations, { name }, { spec });
  }

  async annotate(name: string, annotations: Record<string, string>): Promise<void> {
    await this.client.patch(nodes, { name }, { metadata: { annotations } });
  }

  /** One command line of the plugin, which has to succeed. */
  async run(...args: string[]): Promise<void> {
    const { code, err } = await this.#plugin.run(args);
    if (code !== 0) throw new Error(`kubectl cni-migrate ${args.join(" ")}: ${err}`);
  }

  /** The workload's pods that are not on their way out. */
  workload(app: "web" | "log"): Pod[] {
    const own = ({ metadata }: Pod) => metadata.namespace === "shop" && metadata.labels?.app === app;
    return this.#watched.pods.list().filter((pod) => own(pod) && pod.metadata.deletionTimestamp === undefined);
  }

  /** The lowest number of Ready replicas seen from now on. */
  lowestReady(): { value: number } {
    const lowest = { value: this.workload("web").filter(isReady).length };
    this.#watched.pods.onChange(() => {
      lowest.value = Math.min(lowest.value, this.workload("web").filter(isReady).length);
    });
    return lowest;
  }

  /** What the controller manager and flanneld write on a node that has joined. */
  becomeFlannelNode(name: string, index: number): Promise<void> {
    return this.#plugin.becomeFlannelNode(name, index);
  }

  /** Our own pods of a role, by name. */
  ownPods(role: "host-task" | "probe" | "probe-server" | "image-check"): string[] {
    const own = this.#watched.pods.list().filter((pod) => pod.metadata.labels?.[roleLabel] === role);
    return own.map((pod) => pod.metadata.name).sort();
  }

  /** Waits until the workload is whole and Ready. */
  async whole(): Promise<void> {
    await this.#watched.pods.waitFor(
      () => this.workload("web").filter(isReady).length === 4 && this.workload("log").filter(isReady).length === 3,
      { timeoutSeconds, what: "the workload to be Ready" },
    );
  }

  /**
   * Removes the migration and puts every node back on flannel, as a new cluster would be; a new journal begins. The
   * controller has to run: it lets the migration go.
   */
  async reset(): Promise<void> {
    await this.client.delete(cniMigrations, { name: migrationName });
    await this.gone();
    await this.stopControllers();
    await this.#label("none");
    await this.#agentsOn("calico-node", []);
    this.model.reset();
    await this.#label("flannel");
    await this.#agentsOn("kube-flannel", nodeNames);
    await this.#spreadWorkload();
    this.model.watch();
    this.journal = { begun: [], mostAtOnce: 0, illegal: new Set() };
  }

  /**
   * Made anew, the replicas lie two and two on the nodes that take pods: where every run begins. All at once they are
   * made while the scheduler still counts the old ones, so what lies wrong is moved a pod at a time.
   */
  async #spreadWorkload(): Promise<void> {
    const on = (name: string) => this.workload("web").filter((pod) => pod.spec.nodeName === name);
    await this.#replace(this.workload("web"));
    for (let moves = 0; on("n2").length !== 2; moves++) {
      const [surplus] = on(on("n2").length > 2 ? "n2" : "n3");
      if (!surplus || moves === 8) throw new Error(`after ${moves} moves ${on("n2").length} replicas of 4 lie on n2`);
      await this.#replace([surplus]);
    }
  }

  /** Removes pods of the workload at once, and waits for those that follow them to be Ready. */
  async #replace(old: Pod[]): Promise<void> {
    const uids = old.map(({ metadata }) => metadata.uid);
    for (const { metadata } of old)
      await this.client.delete(pods, { namespace: "shop", name: metadata.name }, { gracePeriodSeconds: 0 });
    await this.#watched.pods.waitFor((store) => !store.list().some(({ metadata }) => uids.includes(metadata.uid)), {
      timeoutSeconds,
      what: "the pods removed to be gone",
    });
    await this.whole();
  }

  /** Waits until nothing of a migration is left in the API. */
  async gone(): Promise<void> {
    const { migrations, nodeMigrations: parts } = this.#watched;
    await migrations.waitFor((store) => store.list().length === 0, {
      timeoutSeconds,
      what: "no CniMigration to be left",
    });
    await parts.waitFor((store) => store.list().length === 0, { timeoutSeconds, what: "no NodeMigration to be left" });
  }

  async #label(network: string): Promise<void> {
    const labels = { [networkLabel]: network, [migrationLabel]: null };
    for (const name of nodeNames) await this.client.patch(nodes, { name }, { metadata: { labels } });
  }

  /** Waits until the agent's pods run on these nodes and on no other. */
  async #agentsOn(container: string, where: readonly string[]): Promise<void> {
    const agents = (store: Reflector<Pod>) =>
      store.list().filter((pod) => pod.spec.containers.some(({ name }) => name === container));
    const running = (pod: Pod) => isReady(pod) && pod.metadata.deletionTimestamp === undefined;
    await this.#watched.pods.waitFor((store) => agents(store).length === where.length && agents(store).every(running), {
      timeoutSeconds,
      what: `${container} to run on ${where.join(", ") || "no node"}`,
    });
  }

  async #addWorkload(): Promise<void> {
    const namespace = "shop";
    await this.client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
    const parts = (app: string) => ({
      selector: { matchLabels: { app } },
      template: {
        metadata: { labels: { app } },
        spec: { terminationGracePeriodSeconds: 1, containers: [{ name: app, image: "none" }] },
      },
    });
    const kinds = { apiVersion: "apps/v1" };
    const set = { ...kinds, kind: "ReplicaSet", metadata: { name: "web", namespace } };
    await this.client.create(replicaSets, { ...set, spec: { replicas: 4, ...parts("web") } });
    const daemonSet = { ...kinds, kind: "DaemonSet", metadata: { name: "log", namespace } };
    await this.client.create(daemonSets, { ...daemonSet, spec: parts("log") });
    await this.#spreadWorkload();
  }

  #note(nodeMigration: NodeMigration): void {
    const { journal } = this;
    const halfWay = this.#watched.nodeMigrations
      .list()
      .filter(({ status }) => !["Pending", "Done"].includes(status?.step ?? "Pending"));
    journal.mostAtOnce = Math.max(journal.mostAtOnce, halfWay.length);
    for (const { metadata } of halfWay) if (!journal.begun.includes(metadata.name)) journal.begun.push(metadata.name);
    this.#check(nodeMigration, nodeConditions);
    const steps = nodeMigration.status?.steps?.map(({ name }) => name) ?? [];
    if (new Set(steps).size < steps.length)
      journal.illegal.add(`${nodeMigration.metadata.name}: steps ${steps.join(" ")}`);
  }

  #check(
    { kind, metadata, status }: CniMigration | NodeMigration,
    table: Record<string, { reasons: readonly string[] }>,
  ): void {
    const conditions = status?.conditions ?? [];
    for (const { type, reason } of conditions)
      if (!table[type]?.reasons.includes(reason))
        this.journal.illegal.add(`${kind} ${metadata.name}: ${type} for ${reason}`);
    const holding = conditions.filter(
      ({ type, status: s }) => s === "True" && ["Stalled", "Reconciling", "Succeeded"].includes(type),
    );
    if (holding.length > 1)
      this.journal.illegal.add(`${kind} ${metadata.name}: ${holding.map((c) => c.type).join(" and ")}`);
  }
}

function saying<T extends CniMigration | NodeMigration>(
  found: T | undefined,
  type: string,
  status: string,
  reason: string,
): T | undefined {
  const condition = found?.status?.conditions?.find((c) => c.type === type);
  return condition?.status === status && condition.reason === reason ? found : undefined;
}

function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
}
