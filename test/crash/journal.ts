import type { CniMigration, NodeMigration } from "../../crds/index.ts";
import { cordonedByAnnotation, networkLabel, roleLabel, systemNamespace } from "../../crds/names.ts";
import type { DaemonSet, Node, Pod } from "../../kube/objects.ts";
import { type Change, Reflector } from "../../kube/reflector.ts";
import { cniMigrations, daemonSets, nodeMigrations, nodes, pods } from "../../kube/resources.ts";
import type { KubeClient, KubeObject } from "../../kube/types.ts";
import { normalName } from "./points.ts";

/** Where a node stood from a revision of the store on. */
interface Stand {
  at: bigint;
  uid: string;
  step: string;
  direction: string;
  attempts: number;
  tasks: readonly string[];
  recycle: boolean;
}

/** Something done to a node, and what its NodeMigration had to say before it was. */
interface Effect {
  at: bigint;
  node: string;
  what: string;
  allowed(stand: Stand): boolean;
}

const stepOrder = [
  "Pending",
  "Cordon",
  "Drain",
  "LeaveSource",
  "AdoptPods",
  "JoinTarget",
  "RecyclePods",
  "Verify",
  "CleanUp",
  "Uncordon",
  "Done",
];
const workload = "shop";

/**
 * Watches a run from outside, by the API server alone, and finds what must never be: more nodes cordoned than a batch, a
 * step that goes back, an effect whose intent was not recorded before. Order is that of the store's revisions.
 */
export class Journal {
  readonly pods: Reflector<Pod>;
  readonly migrations: Reflector<CniMigration>;
  readonly #nodes: Reflector<Node>;
  readonly #parts: Reflector<NodeMigration>;
  #stands = new Map<string, Stand[]>();
  #effects: Effect[] = [];
  #undo: { at: bigint; names: readonly string[] }[] = [];
  #problems = new Set<string>();
  #pods = new Map<string, Set<string>>();
  #changedAtMs = performance.now();
  #batch = 1;
  #open = false;

  constructor(client: KubeClient, signal: AbortSignal) {
    this.pods = new Reflector(client, pods, { signal });
    this.#nodes = new Reflector(client, nodes, { signal });
    this.migrations = new Reflector(client, cniMigrations, { signal });
    this.#parts = new Reflector(client, nodeMigrations, { signal });
    const sets = new Reflector(client, daemonSets, { signal });
    this.#on(this.pods, (change) => this.#pod(change));
    this.#on(this.#nodes, (change) => this.#node(change));
    this.#on(this.migrations, (change) => this.#migration(change));
    this.#on(this.#parts, (change) => this.#part(change));
    this.#on(sets, (change) => this.#daemonSet(change));
  }

  /** Forgets all but how things stand; what comes from now on counts. `batch`: nodes that may be cordoned at a time. */
  begin(batch: number): void {
    this.#stands = new Map();
    this.#effects = [];
    this.#undo = [];
    this.#problems = new Set();
    this.#pods = new Map();
    this.#batch = batch;
    this.#open = true;
    for (const part of this.#parts.list()) this.#stand(part);
    for (const migration of this.migrations.list()) this.#remember(migration);
  }

  /** Where every node stands, in words. */
  standing(): string {
    const words = this.#parts.list().map(({ metadata, status }) => {
      const pending = (status?.drain?.pending ?? []).map((pod) => `${pod.name}: ${pod.blockedBy ?? "?"}`);
      return `${metadata.name} ${status?.step}: ${status?.message} [${pending.join("; ")}]`;
    });
    return words.sort().join(", ");
  }

  /** Nothing counts until `begin`. Gives all that was wrong. */
  end(): string[] {
    this.#open = false;
    for (const effect of this.#effects) this.#judge(effect);
    return [...this.#problems];
  }

  /** Milliseconds since anything changed. */
  get stillMs(): number {
    return performance.now() - this.#changedAtMs;
  }

  /** How many pods of each name and node were made, as `web-* on n2` -> 4. Names of pods of sets are counted as one. */
  census(): Record<string, number> {
    return Object.fromEntries([...this.#pods].map(([name, uids]) => [name, uids.size] as const).sort());
  }

  #on<T extends KubeObject>(reflector: Reflector<T>, note: (change: Change<T>) => void): void {
    reflector.onChange((change) => {
      if (change.type !== "updated" || !isHeartbeat(change)) this.#changedAtMs = performance.now();
      if (this.#open) note(change);
    });
  }

  #pod(change: Change<Pod>): void {
    const { metadata, spec } = change.object;
    const node = spec.nodeName;
    if (change.type === "deleted" || node === undefined) return;
    const uids = this.#pods.get(`${normalName(metadata.name)} on ${node}`) ?? new Set();
    this.#pods.set(`${normalName(metadata.name)} on ${node}`, uids.add(metadata.uid ?? ""));
    const at = revision(change.object);
    const owner = metadata.ownerReferences?.[0]?.kind;
    if (change.type === "added" && metadata.namespace === systemNamespace && owner === "NodeMigration") {
      const isTask = metadata.labels?.[roleLabel] === "host-task";
      if (isTask)
        this.#effect(at, node, `host task ${normalName(metadata.name)} made`, ({ tasks }) =>
          tasks.includes(metadata.name),
        );
    }
    if (change.type === "updated" && metadata.namespace === workload && isLeaving(change))
      this.#effect(at, node, `pod ${normalName(metadata.name)} taken away`, ({ step }) => mayLosePods(step));
  }

  #node(change: Change<Node>): void {
    if (change.type === "deleted") return;
    const { metadata, spec } = change.object;
    const ours = this.#nodes.list().filter((node) => cordonOf(node) !== undefined && node.spec?.unschedulable === true);
    if (ours.length > this.#batch)
      this.#problems.add(`cordoned at a time: ${ours.map((node) => node.metadata.name).join(", ")}`);
    if (change.type !== "updated") return;
    const at = revision(change.object);
    const { name } = metadata;
    const before = cordonOf(change.previous);
    const after = cordonOf(change.object);
    if (before === undefined && after !== undefined)
      this.#effect(at, name, "cordoned", ({ step, uid }) => step === "Cordon" && uid === after);
    if (before !== undefined && after === undefined) {
      this.#effect(at, name, "uncordoned", ({ step }) => step === "Uncordon");
      if (spec?.unschedulable === true) this.#problems.add(`${name}: lost the mark of its cordon, not the cordon`);
    }
    const network = metadata.labels?.[networkLabel];
    if (network === change.previous.metadata.labels?.[networkLabel]) return;
    if (network === "none")
      this.#effect(
        at,
        name,
        "taken off its network",
        ({ step, tasks }) => step === "LeaveSource" && tasks.some((task) => task.startsWith("switch-")),
      );
    else if (change.previous.metadata.labels?.[networkLabel] === "none")
      this.#effect(
        at,
        name,
        `put on ${network}`,
        ({ step, tasks, recycle }) =>
          step === "JoinTarget" && recycle && tasks.some((task) => task.startsWith("join-")),
      );
  }

  #migration(change: Change<CniMigration>): void {
    if (change.type !== "deleted") this.#remember(change.object);
  }

  #remember(migration: CniMigration): void {
    const names = (migration.status?.undo ?? []).map((undo) => `${undo.kind} ${undo.name}`);
    this.#undo.push({ at: revision(migration), names });
  }

  #daemonSet(change: Change<DaemonSet>): void {
    if (change.type !== "updated" || change.object.metadata.namespace === workload) return;
    if (change.object.metadata.generation === change.previous.metadata.generation) return;
    const at = revision(change.object);
    const { name } = change.object.metadata;
    const known = this.#undo.filter((undo) => undo.at < at).at(-1)?.names ?? [];
    // On the way back it is the undo itself that changes the set, and its record goes after it.
    if (!known.includes(`DaemonSet ${name}`))
      this.#problems.add(`DaemonSet ${name} changed, and how to take it back was not recorded before`);
  }

  #part(change: Change<NodeMigration>): void {
    if (change.type !== "deleted") this.#stand(change.object);
  }

  #stand(part: NodeMigration): void {
    const { metadata, spec, status } = part;
    const stands = this.#stands.get(spec.nodeName) ?? [];
    const stand: Stand = {
      at: revision(part),
      uid: metadata.uid ?? "",
      step: status?.step ?? "Pending",
      direction: status?.direction ?? "Forward",
      attempts: status?.attempts ?? 0,
      tasks: (status?.tasks ?? []).map(({ podName }) => podName),
      recycle: status?.recycle !== undefined,
    };
    const last = stands.at(-1);
    if (last !== undefined && last.uid === stand.uid && goesBack(last, stand))
      this.#problems.add(`${spec.nodeName}: step went back from ${last.step} to ${stand.step} (${stand.direction})`);
    this.#stands.set(spec.nodeName, [...stands, stand]);
  }

  #effect(at: bigint, node: string, what: string, allowed: (stand: Stand) => boolean): void {
    this.#effects.push({ at, node, what, allowed });
  }

  #judge({ at, node, what, allowed }: Effect): void {
    const stands = this.#stands.get(node) ?? [];
    const stand = stands.filter((known) => known.at < at).at(-1);
    if (stand === undefined) this.#problems.add(`${node}: ${what} without a NodeMigration`);
    else if (!allowed(stand)) {
      const known = `step ${stand.step}, tasks ${stand.tasks.join(" ") || "none"}`;
      this.#problems.add(`${node}: ${what} before it was recorded (${known})`);
    }
  }
}

/** A step that comes earlier in the list, unless the node turned round or a person asked for another try. */
function goesBack(last: Stand, next: Stand): boolean {
  if (last.direction !== next.direction || last.attempts !== next.attempts) return false;
  return stepOrder.indexOf(next.step) < stepOrder.indexOf(last.step);
}

/** Pods are moved in Drain, made anew after the switch, and spread over the nodes that are done. */
function mayLosePods(step: string): boolean {
  return step === "Drain" || stepOrder.indexOf(step) >= stepOrder.indexOf("RecyclePods");
}

function isLeaving({ object, previous }: { object: Pod; previous: Pod }): boolean {
  return object.metadata.deletionTimestamp !== undefined && previous.metadata.deletionTimestamp === undefined;
}

function cordonOf(node: Node): string | undefined {
  return node.metadata.annotations?.[cordonedByAnnotation];
}

/** Nodes report themselves now and then; nothing comes of it. */
function isHeartbeat({ object, previous }: { object: KubeObject; previous: KubeObject }): boolean {
  const facts = ({ metadata }: KubeObject) => JSON.stringify([metadata.labels, metadata.annotations]);
  const spec = (of: KubeObject) => JSON.stringify((of as { spec?: unknown }).spec);
  return object.kind === "Node" && facts(object) === facts(previous) && spec(object) === spec(previous);
}

function revision({ metadata }: KubeObject): bigint {
  return BigInt(metadata.resourceVersion ?? 0);
}
