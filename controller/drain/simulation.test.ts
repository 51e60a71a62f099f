import fc from "fast-check";
import { expect, test } from "vitest";
import type { Pod } from "../../kube/objects.ts";
import { drainNode } from "./engine.ts";
import { EvictionMemory } from "./memory.ts";
import { controllerOf, createdAtMs, isReady, isTerminating, podName, uidOf } from "./pods.ts";
import { at, pod, policy, recorder, service, t0, view, workload } from "./testing.ts";

/**
 * Random clusters with slow starts, slow ends, broken pods and a copy that lags, drained two nodes at a time. Whatever
 * happens, at each eviction of a Ready pod all its fellows that ever were well are Ready, and the nodes get empty.
 */

interface Owner {
  kind: "ReplicaSet" | "StatefulSet";
  replicas: number;
  /** So many of its pods never become Ready. */
  broken: number;
  startTicks: number;
  endTicks: number;
  /** Behind the one Service. */
  front: boolean;
}

interface Shape {
  owners: Owner[];
  /** Numbers of the nodes of the pods, in the order the pods are made. */
  placement: number[];
  lagTicks: number;
}

const ticks = fc.integer({ min: 0, max: 9 });
const shapes: fc.Arbitrary<Shape> = fc.record({
  owners: fc.array(
    fc.record({
      kind: fc.constantFrom("ReplicaSet" as const, "StatefulSet" as const),
      replicas: fc.integer({ min: 1, max: 6 }),
      broken: fc.integer({ min: 0, max: 2 }),
      startTicks: ticks,
      endTicks: ticks,
      front: fc.boolean(),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  placement: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 24, maxLength: 24 }),
  lagTicks: fc.integer({ min: 0, max: 4 }),
});

const tickMs = 250;
const drained = ["n1", "n2"];

/** What the model knows of a pod beside the object. */
interface Fate {
  owner: Owner;
  broken: boolean;
  endsAt?: number;
}

class Cluster {
  readonly violations: string[] = [];
  tick = 0;
  pods: Pod[] = [];
  readonly #shape: Shape;
  readonly #fates = new Map<string, Fate>();
  readonly #history: (readonly Pod[])[] = [];

  constructor(shape: Shape) {
    this.#shape = shape;
    for (const owner of shape.owners)
      for (let i = 0; i < owner.replicas; i++)
        this.#make(owner, `${this.#nameOf(owner)}-${i}`, i < owner.broken, -3600);
  }

  /** What the controller sees: the cluster of some ticks ago. */
  look() {
    const workloads = this.#shape.owners.map((owner) => workload(this.#reference(owner), owner.replicas));
    const pods = this.#history[Math.max(0, this.tick - this.#shape.lagTicks)] ?? this.pods;
    return view({ pods, services: [service("front", { front: "yes" })], workloads });
  }

  evict(uid: string): void {
    const leaving = this.pods.find((p) => uidOf(p) === uid);
    if (leaving === undefined || isTerminating(leaving)) {
      this.violations.push(`${uid} was evicted twice`);
      return;
    }
    const fate = this.#fate(leaving);
    if (isReady(leaving)) {
      this.#check(leaving, "owner", (other) => other === fate.owner);
      if (fate.owner.front) this.#check(leaving, "Service", (other) => other.front);
    }
    fate.endsAt = this.tick + fate.owner.endTicks;
    this.#change(leaving, { ...leaving, metadata: { ...leaving.metadata, deletionTimestamp: at(this.tick / 4) } });
  }

  #check(leaving: Pod, what: string, among: (owner: Owner) => boolean): void {
    const owners = this.#shape.owners.filter(among);
    const well = owners.reduce((sum, { replicas, broken }) => sum + Math.max(0, replicas - broken), 0);
    const ready = this.pods.filter((p) => among(this.#fate(p).owner) && isReady(p) && !isTerminating(p)).length;
    if (ready < well) this.violations.push(`${podName(leaving)} left with ${ready} of ${well} Ready of its ${what}`);
  }

  /** One tick of kubelets and controllers. */
  step(): void {
    this.#history[this.tick] = this.pods;
    this.tick++;
    this.pods = this.pods.filter((p) => (this.#fate(p).endsAt ?? Number.POSITIVE_INFINITY) > this.tick);
    for (const owner of this.#shape.owners) this.#replace(owner);
    for (const p of this.pods)
      if (!isReady(p) && this.#hasStarted(p))
        this.#change(p, { ...p, status: { ...p.status, conditions: [{ type: "Ready", status: "True" }] } });
  }

  #replace(owner: Owner): void {
    const all = this.pods.filter((p) => this.#fate(p).owner === owner);
    const live = all.filter((p) => !isTerminating(p));
    if (live.length >= owner.replicas) return;
    const broken = live.filter((p) => this.#fate(p).broken).length < Math.min(owner.broken, owner.replicas);
    const names = Array.from({ length: owner.replicas }, (_, i) => `${this.#nameOf(owner)}-${i}`);
    const free = names.find((name) => all.every((p) => p.metadata.name !== name));
    const name = owner.kind === "ReplicaSet" ? `${this.#nameOf(owner)}-r${this.#fates.size}` : free;
    // A StatefulSet waits for the namesake to be gone.
    if (name !== undefined) this.#make(owner, name, broken, this.tick / 4);
  }

  #make(owner: Owner, name: string, broken: boolean, createdAt: number): void {
    const number = this.#fates.size;
    const wanted = `n${this.#shape.placement[number % this.#shape.placement.length]}`;
    const made = pod(name, {
      owner: this.#reference(owner),
      node: createdAt >= 0 && drained.includes(wanted) ? "n3" : wanted,
      ready: !broken && createdAt < 0,
      restarts: broken ? 3 : 0,
      createdAt,
      labels: { app: this.#nameOf(owner), ...(owner.front ? { front: "yes" } : {}) },
    });
    const uid = `${name}#${number}`;
    this.#fates.set(uid, { owner, broken });
    this.pods = [...this.pods, { ...made, metadata: { ...made.metadata, uid } }];
  }

  #hasStarted(p: Pod): boolean {
    const { owner, broken } = this.#fate(p);
    return !broken && createdAtMs(p) + owner.startTicks * tickMs <= t0 + this.tick * tickMs;
  }

  #nameOf(owner: Owner): string {
    return `o${this.#shape.owners.indexOf(owner)}`;
  }

  #reference(owner: Owner): string {
    return `${owner.kind}/${this.#nameOf(owner)}`;
  }

  #fate(p: Pod): Fate {
    const fate = this.#fates.get(uidOf(p));
    if (fate === undefined) throw new Error(`pod ${podName(p)} of ${controllerOf(p)?.name} is nobody's`);
    return fate;
  }

  #change(before: Pod, after: Pod): void {
    this.pods = this.pods.map((p) => (p === before ? after : p));
  }
}

/** Drains both nodes in alternation; gives those that are not done after so many ticks. */
async function drainBoth(cluster: Cluster, mostTicks: number): Promise<string[]> {
  const evict = async (_: unknown, { uid }: { uid: string }) => {
    cluster.evict(uid);
    return true;
  };
  const input = {
    client: { ...recorder().client, evict },
    look: () => cluster.look(),
    memory: new EvictionMemory(),
    policy: policy({ timeoutSeconds: 100_000 }),
    clock: { nowMs: () => t0 + cluster.tick * tickMs, random: () => 0.5 },
    startedAtMs: t0,
    draining: drained.map((node) => ({ node, startedAtMs: t0 })),
  };
  let open = drained;
  while (open.length > 0 && cluster.tick < mostTicks) {
    const outcomes = await Promise.all(open.map((node) => drainNode({ ...input, node })));
    open = open.filter((_, i) => outcomes[i]?.state !== "done");
    cluster.step();
  }
  return open;
}

test("never more than one Ready pod of an owner or Service is on its way out, and the nodes get empty", async () => {
  await fc.assert(
    fc.asyncProperty(shapes, async (shape) => {
      const cluster = new Cluster(shape);

      const open = await drainBoth(cluster, 2000);

      expect(cluster.violations).toEqual([]);
      expect(open).toEqual([]);
      expect(cluster.pods.filter((p) => drained.includes(p.spec.nodeName ?? ""))).toEqual([]);
    }),
    { numRuns: 100 },
  );
}, 30_000);
