import type { Server } from "node:http";
import type { CniMigration, NodeMigration } from "../crds/index.ts";
import { apiGroup, controllerName, systemNamespace } from "../crds/names.ts";
import { systemClock } from "../kube/clock.ts";
import { EventRecorder } from "../kube/events.ts";
import { LeaderElection } from "../kube/lease.ts";
import * as resources from "../kube/resources.ts";
import type { KubeClient, KubeObject, Resource } from "../kube/types.ts";
import { EvictionMemory } from "./drain/memory.ts";
import { Metrics, serveHealth } from "./http.ts";
import type { Logger } from "./log.ts";
import { Looks } from "./looks.ts";
import { reconcileMigration } from "./migration/reconcile.ts";
import { reconcileNode } from "./node/reconcile.ts";
import { WorkQueue } from "./queue.ts";
import type { Scope, Stores } from "./scope.ts";
import { Store } from "./store.ts";

export interface ManagerOptions {
  client: KubeClient;
  /** Another client of the same server: the election must go on when `client` may not write. */
  electionClient: KubeClient;
  /** Asked by `client` before each write: one that leads no more must not act on what it knew. */
  writeGuard: { mayWrite(): boolean };
  log: Logger;
  image: string;
  /** Name of this process among the candidates of the Lease. */
  identity: string;
  /** What the identities of earlier starts of this process begin with; they are gone when this one runs. */
  predecessors?: string;
  health: { host: string; port: number };
}

/**
 * Runs the controller until the signal fires: caches, Lease, queue, health. While it is not the leader it only watches the
 * two kinds of its own; the rest of the cluster is watched from the first migration on. Rejects when leadership was lost.
 */
export async function runManager(options: ManagerOptions, signal: AbortSignal): Promise<void> {
  const { client, log } = options;
  const metrics = new Metrics(() => client.requestCount);
  const stop = new AbortController();
  signal.addEventListener("abort", () => stop.abort(signal.reason), { once: true });
  const stores = createStores(client, log);
  const scope: Scope = {
    client,
    stores,
    events: new EventRecorder(client, {
      controller: `${apiGroup}/${controllerName}`,
      instance: options.identity,
      onError: (error) => log.warn({ error }, "an Event could not be written"),
    }),
    log,
    metrics,
    now: () => new Date(),
    clock: systemClock,
    evictions: new EvictionMemory(),
    looks: new Looks(systemClock),
    image: options.image,
  };
  const own = [stores.migrations, stores.nodeMigrations];
  for (const store of own) store.start(stop.signal).catch(() => undefined);
  const server = await serveHealth(options.health, { ready: () => own.every((s) => s.isSynced), metrics });
  try {
    await lead(scope, options, stop);
  } finally {
    stop.abort();
    await closed(server);
  }
  if (!signal.aborted) throw stop.signal.reason;
}

/** Seconds the Lease is kept on a stop for requests that are under way: the next leader must see what they did. */
const handOverSeconds = 5;

/** Takes part in the election. A leader that lost its term ends the process: the next one begins with fresh caches. */
async function lead(scope: Scope, options: ManagerOptions, stop: AbortController): Promise<void> {
  const { log, metrics, clock } = scope;
  let queue: WorkQueue | undefined;
  const election = new LeaderElection(options.electionClient, {
    namespace: systemNamespace,
    name: controllerName,
    identity: options.identity,
    isGone: (holder) => options.predecessors !== undefined && holder.startsWith(options.predecessors),
    onGained: (term) => {
      metrics.leader.set(1);
      log.info({ identity: options.identity }, "leading");
      queue = newQueue(scope, term);
      startWork(scope, queue, term).catch((error: unknown) => stop.abort(error));
    },
    onLost: async (reason) => {
      metrics.leader.set(0);
      log.info({ reason }, "not leading any more");
      if (!stop.signal.aborted) stop.abort(new Error(`leadership lost: ${reason}`));
      const enough = new AbortController();
      await Promise.race([queue?.idle(), clock.sleep(handOverSeconds, enough.signal)]);
      enough.abort();
    },
    onError: (error) => log.warn({ error }, "election request failed"),
  });
  options.writeGuard.mayWrite = () => election.isLeader();
  await election.run(stop.signal);
}

function newQueue(scope: Scope, signal: AbortSignal): WorkQueue {
  const { stores, log, metrics } = scope;
  const queue = new WorkQueue({
    workers: 8,
    minBackoffSeconds: 0.5,
    maxBackoffSeconds: 30,
    random: Math.random,
    setTimer: (callback, milliseconds) => {
      const timer = setTimeout(callback, milliseconds);
      return { cancel: () => clearTimeout(timer) };
    },
    async handle(key) {
      if (signal.aborted) return;
      const [kind, name] = split(key);
      await watchCluster(stores, signal);
      const result = await (kind === "migration" ? reconcileMigration(scope, name) : reconcileNode(scope, name));
      metrics.reconciles.inc({ kind, outcome: result === undefined ? "done" : "wait" });
      return result;
    },
    failed(key, error, backoffSeconds) {
      const [kind] = split(key);
      metrics.reconciles.inc({ kind, outcome: "error" });
      log.warn({ key, backoffSeconds, error }, "reconcile failed");
    },
  });
  signal.addEventListener("abort", () => queue.stop(), { once: true });
  return queue;
}

async function startWork({ stores }: Scope, queue: WorkQueue, signal: AbortSignal): Promise<void> {
  route(stores, queue);
  await Promise.all([stores.migrations.start(signal), stores.nodeMigrations.start(signal)]);
  for (const migration of stores.migrations.list()) queue.add(`migration/${migration.metadata.name}`);
  for (const node of stores.nodeMigrations.list()) queue.add(`node/${node.metadata.name}`);
}

function split(key: string): ["migration" | "node", string] {
  const at = key.indexOf("/");
  return [key.slice(0, at) as "migration" | "node", key.slice(at + 1)];
}

/** Which keys a change concerns. Level-triggered: one too many costs a look, one too few would cost a wait. */
function route(stores: Stores, queue: WorkQueue): void {
  const migrations = () => {
    for (const m of stores.migrations.list()) queue.add(`migration/${m.metadata.name}`);
  };
  const moving = () => {
    for (const nm of stores.nodeMigrations.list()) if (isMoving(nm)) queue.add(`node/${nm.metadata.name}`);
  };
  stores.migrations.onChange((m: CniMigration) => {
    migrations();
    for (const nm of stores.nodeMigrations.list())
      if (nm.spec.migrationName === m.metadata.name) queue.add(`node/${nm.metadata.name}`);
  });
  stores.nodeMigrations.onChange((nm: NodeMigration) => {
    queue.add(`node/${nm.metadata.name}`);
    queue.add(`migration/${nm.spec.migrationName}`);
  });
  stores.nodes.onChange((node) => {
    queue.add(`node/${node.metadata.name}`);
    migrations();
  });
  stores.pods.onChange(() => {
    moving();
    migrations();
  });
  for (const store of [stores.replicaSets, stores.statefulSets, stores.budgets]) store.onChange(moving);
  stores.daemonSets.onChange(migrations);
}

function isMoving(nodeMigration: NodeMigration): boolean {
  const step = nodeMigration.status?.step ?? "Pending";
  return step !== "Pending" && step !== "Done";
}

/** Watches nodes, pods and their owners from the first migration on. */
async function watchCluster(stores: Stores, signal: AbortSignal): Promise<void> {
  const { migrations: _, nodeMigrations: __, ...cluster } = stores;
  await Promise.all(Object.values(cluster).map((store) => store.start(signal)));
}

function createStores(client: KubeClient, log: Logger): Stores {
  const of = <T extends KubeObject>(resource: Resource<T>) =>
    new Store<T>(client, resource, {
      onError: (error, { retryAfterSeconds }) =>
        log.warn({ resource: resource.plural, retryAfterSeconds, error }, "watch failed"),
    });
  return {
    migrations: of(resources.cniMigrations),
    nodeMigrations: of(resources.nodeMigrations),
    nodes: of(resources.nodes),
    pods: of(resources.pods),
    daemonSets: of(resources.daemonSets),
    replicaSets: of(resources.replicaSets),
    statefulSets: of(resources.statefulSets),
    services: of(resources.services),
    budgets: of(resources.podDisruptionBudgets),
  };
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
