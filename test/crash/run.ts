import { readFileSync } from "node:fs";
import type { CniMigration } from "../../crds/index.ts";
import { systemClock } from "../../kube/clock.ts";
import { poll } from "../lab/run.ts";
import { CrashingController } from "./controller.ts";
import type { Baseline, CrashCluster } from "./crash-cluster.ts";
import { type EndState, endStateOf } from "./end-state.ts";
import type { Journal } from "./journal.ts";
import { normalName, type Surroundings } from "./points.ts";
import type { Cut, Seen } from "./proxy.ts";

/** A way a migration goes, from a moment that was saved to its end. */
export interface Course {
  name: string;
  baseline: Baseline;
  /** Whether the migration has come to the end of this course. */
  reached(migration: CniMigration): boolean;
  /** The points that are this course's own; the others belong to another one. Default: all. */
  own?: RegExp;
  /** Pods whose number and place differ from run to run, by name. Default: none. */
  loose?: RegExp;
}

/** What came of one run. */
export interface Outcome {
  /** Names of the points that came by, in their order. */
  points: string[];
  /** The cuts that were made. */
  cuts: Cut[];
  /** Whether it came to the end of the course. */
  ended: boolean;
  end: EndState;
  /** Pods made, by name and node. */
  census: Record<string, number>;
  /** Evictions that took effect, by pod and node. */
  evictions: Record<string, number>;
  /** What was wrong by itself, whatever other runs show. */
  problems: string[];
  seconds: number;
  /** From a kill to the first write of the next process, Leases and Events aside: the longest. */
  recoverySeconds: number;
}

export interface RunOptions {
  bundle: string;
  folder: string;
  /** Far enough from each other that the run has recovered from one before the next. Default: none. */
  cuts?: readonly Cut[];
  /** The next process waits for the dead leader's Lease to run out. Default: the Lease is removed, as a person may. */
  waitForLease?: boolean;
}

/** Of a run, and what each kill may add to it: a process that starts, and a Lease that runs out. */
const timeoutMs = 60_000;
const killMs = 20_000;
const stillMs = 300;

/** Carries a cluster through a course once, killing the controller at the cut. */
export async function carryOut(
  { cluster, journal }: { cluster: CrashCluster; journal: Journal },
  course: Course,
  options: RunOptions,
): Promise<Outcome> {
  await cluster.restore(course.baseline);
  journal.begin(1);
  const startedMs = performance.now();
  const run = new Run(cluster, journal, options, await cluster.token());
  const problems = await run.until(course);
  const end = await endStateOf(cluster.cluster.client);
  await run.stop();
  const { violations } = cluster.cluster.model;
  return {
    points: run.seen.flatMap(({ point }) => point ?? []),
    cuts: run.kills.map(({ cut }) => cut),
    ended: journal.migrations.list().some((migration) => course.reached(migration)),
    end,
    census: journal.census(),
    evictions: run.evictions(),
    problems: [...new Set([...problems, ...journal.end(), ...violations, ...run.problems(), ...run.unguarded()])],
    seconds: (performance.now() - startedMs) / 1000,
    recoverySeconds: run.recoverySeconds(),
  };
}

/** Carries a cluster so far along a course, and leaves it without a controller. */
export async function carryTo(
  { cluster, journal }: { cluster: CrashCluster; journal: Journal },
  course: Course,
  options: RunOptions,
): Promise<void> {
  await cluster.restore(course.baseline);
  journal.begin(1);
  const run = new Run(cluster, journal, options, await cluster.token());
  await run.toCut();
  await run.stop();
  journal.end();
}

class Run implements Surroundings {
  readonly seen: (Seen & { process: number; atMs: number; node: string | undefined })[] = [];
  readonly kills: { cut: Cut; atMs: number }[] = [];
  readonly #cuts: Cut[];
  readonly #cluster: CrashCluster;
  readonly #journal: Journal;
  readonly #options: RunOptions;
  readonly #token: string;
  readonly #steps = new Map<string, string>();
  readonly #occurrences = new Map<string, number>();
  readonly #controllers: CrashingController[] = [];

  constructor(cluster: CrashCluster, journal: Journal, options: RunOptions, token: string) {
    this.#cluster = cluster;
    this.#journal = journal;
    this.#options = options;
    this.#cuts = [...(options.cuts ?? [])];
    this.#token = token;
  }

  nodeOfPod(namespace: string, name: string): string | undefined {
    return this.#journal.pods.get({ namespace, name })?.spec.nodeName;
  }

  stepOf(node: string): string | undefined {
    return this.#steps.get(node);
  }

  /** Runs controllers, one after the other, until the course is at its end and all is still. Gives what was wrong. */
  async until(course: Course): Promise<string[]> {
    const limitMs = timeoutMs + killMs * this.#cuts.length;
    const deadline = performance.now() + limitMs;
    const migration = () => this.#journal.migrations.list()[0];
    const atEnd = () => {
      const found = migration();
      return found !== undefined && course.reached(found);
    };
    const isStill = () => atEnd() && this.#isWhole() && this.#journal.stillMs >= stillMs && this.#ledForMs() >= stillMs;
    let controller = await this.#start();
    for (;;) {
      const limits = { timeoutMs: deadline - performance.now(), intervalMs: 20 };
      const rest = poll(() => (isStill() ? true : undefined), limits);
      const ended = await Promise.race([controller.ended.then(() => true), rest.then(() => false)]);
      if (!ended) break;
      if (this.kills.length < this.#controllers.length)
        return [`the controller ended by itself: ${lastWords(controller)}`];
      await controller.stop();
      if (this.#options.waitForLease !== true) await this.#cluster.dropLease();
      controller = await this.#start();
    }
    if (!atEnd()) return [`no end after ${limitMs / 1000} s: ${standing(migration())}; ${this.#journal.standing()}`];
    return isStill() ? [] : ["the cluster does not come to rest after the end"];
  }

  /** How long the last process leads: one that has just come may have something to do yet, also after the end. */
  #ledForMs(): number {
    const first = this.seen.find((s) => s.process === this.#controllers.length && s.resource.startsWith("leases"));
    return first === undefined ? 0 : performance.now() - first.atMs;
  }

  /** One controller, until it is cut off. */
  async toCut(): Promise<void> {
    const controller = await this.#start();
    const late = new AbortController();
    await Promise.race([controller.ended, systemClock.sleep(timeoutMs / 1000, late.signal)]);
    late.abort();
    if (this.kills.length === 0) throw new Error(`${this.#cuts[0]?.point} never came`);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#controllers.map((controller) => controller.stop()));
  }

  /** What a process must never say. */
  problems(): string[] {
    const bad = /UnhandledPromiseRejection|triggerUncaughtException|TypeError|RangeError|ReferenceError/;
    return this.#controllers.flatMap(({ logPath }) => {
      const line = readFileSync(logPath, "utf8")
        .split("\n")
        .find((text) => bad.test(text));
      return line === undefined ? [] : [`the controller's log: ${line.slice(0, 400)}`];
    });
  }

  /** Writes that could hit another object of that name. */
  unguarded(): string[] {
    const blind = this.seen.filter(({ verb, body }) => verb === "evict" && uidOf(body.deleteOptions) === undefined);
    return blind.map(({ name }) => `pod ${normalName(name)} was evicted without its UID`);
  }

  /** Evictions the API server granted, each pod once however often it was asked. */
  evictions(): Record<string, number> {
    const granted = this.seen.filter(({ verb, status }) => verb === "evict" && status !== undefined && status < 300);
    const counts = new Map<string, number>();
    for (const { name, node } of granted) {
      const key = `${normalName(name)} on ${node}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return Object.fromEntries([...counts].sort());
  }

  recoverySeconds(): number {
    const waits = this.kills.flatMap(({ atMs }, index) => {
      const next = this.seen.find(({ process, resource }) => process > index + 1 && !/^(leases|events)/.test(resource));
      return next === undefined ? [] : [(next.atMs - atMs) / 1000];
    });
    return Math.max(0, ...waits);
  }

  async #start(): Promise<CrashingController> {
    const { bundle, folder } = this.#options;
    const { server } = this.#cluster.cluster;
    const process = this.#controllers.length + 1;
    const controller = await CrashingController.start({
      bundle,
      folder,
      token: this.#token,
      url: server.url,
      ca: server.ca,
      around: this,
      occurrences: this.#occurrences,
      onWrite: (seen) => {
        const node = /^pods/.test(seen.resource) ? this.nodeOfPod(seen.namespace, seen.name) : undefined;
        this.seen.push(Object.assign(seen, { process, atMs: performance.now(), node }));
      },
      onAnswer: (body) => {
        const { metadata, status } = JSON.parse(body) as { metadata: { name: string }; status?: { step?: string } };
        this.#steps.set(metadata.name, status?.step ?? "Pending");
      },
      cuts: this.#cuts,
      onKill: (cut) => this.kills.push({ cut, atMs: performance.now() }),
    });
    this.#controllers.push(controller);
    return controller;
  }

  #isWhole(): boolean {
    const { cluster } = this.#cluster;
    const ready = (app: "web" | "log", count: number) => cluster.workload(app).length === count;
    const probes = [...cluster.ownPods("probe"), ...cluster.ownPods("probe-server")];
    return ready("web", 4) && ready("log", 3) && probes.length === 0;
  }
}

/** The UID a delete is bound to. */
function uidOf(options: unknown): unknown {
  return (options as { preconditions?: { uid?: string } } | undefined)?.preconditions?.uid;
}

function standing(migration: CniMigration | undefined): string {
  return `${migration?.status?.summary}: ${migration?.status?.message}`;
}

function lastWords({ logPath }: CrashingController): string {
  return readFileSync(logPath, "utf8").trim().split("\n").at(-1)?.slice(0, 400) ?? "";
}
