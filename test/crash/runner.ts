import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundle } from "../../scripts/build/bundle.ts";
import { type Baseline, CrashCluster } from "./crash-cluster.ts";
import { Journal } from "./journal.ts";
import { judge, type Reference, referenceOf } from "./judge.ts";
import type { Cut } from "./proxy.ts";
import { type Course, carryOut, type Outcome } from "./run.ts";

/** Undisturbed runs that a course begins with: where they differ nothing is compared. */
const cleanRuns = 3;

/** A cut that does not come about, because the run went another way before it, is tried so many times. */
const attempts = 2;

export interface Verdict {
  cut: Cut;
  /** Empty: passed. Undefined: the run never came to the point. */
  problems: string[] | undefined;
  seconds: number;
  recoverySeconds: number;
}

/** One cluster and what is needed to send controllers through it. */
export class Bench {
  readonly cluster: CrashCluster;
  readonly journal: Journal;
  readonly folder: string;
  /** The moment after `start`, once it was saved. */
  begun: Baseline | undefined;
  readonly #stop: AbortController;
  readonly #waitForLease: boolean;

  private constructor(cluster: CrashCluster, folder: string, waitForLease: boolean) {
    this.cluster = cluster;
    this.folder = folder;
    this.#waitForLease = waitForLease;
    this.#stop = new AbortController();
    this.journal = new Journal(cluster.cluster.client, this.#stop.signal);
  }

  /** `waitForLease`: after a kill the dead leader's Lease has to run out; else it is removed. */
  static async start({ waitForLease = false } = {}): Promise<Bench> {
    const folder = mkdtempSync(join(tmpdir(), "cni-migrate-crash-"));
    return new Bench(await CrashCluster.start(), folder, waitForLease);
  }

  run(course: Course, controller: string, cuts: readonly Cut[] = []): Promise<Outcome> {
    return carryOut(this, course, {
      bundle: controller,
      folder: this.folder,
      cuts,
      waitForLease: this.#waitForLease,
    });
  }

  /** What the course comes to when nobody disturbs it. */
  async reference(course: Course, controller: string, runs = cleanRuns): Promise<Reference> {
    const clean: Outcome[] = [];
    for (let i = 0; i < runs; i++) clean.push(await this.run(course, controller));
    return referenceOf(clean, course.loose);
  }

  /** One cut, judged. */
  async try(course: Course, reference: Reference, controller: string, cut: Cut): Promise<Verdict> {
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.run(course, controller, [cut]);
      const { seconds, recoverySeconds } = outcome;
      if (outcome.cuts.length > 0 || outcome.problems.length > 0)
        return { cut, problems: judge(reference, outcome), seconds, recoverySeconds };
      if (attempt === attempts) return { cut, problems: undefined, seconds, recoverySeconds };
    }
  }

  /**
   * Several cuts in one run, one after the other. When the run is not as it should be, or did not come to all of them, each
   * of those is tried alone; what shows only together is told of the first.
   */
  async tryTogether(
    course: Course,
    reference: Reference,
    controller: string,
    cuts: readonly Cut[],
  ): Promise<Verdict[]> {
    const outcome = await this.run(course, controller, cuts);
    const { seconds, recoverySeconds } = outcome;
    const problems = judge(reference, outcome);
    const passed = problems.length === 0 ? cuts.filter((cut) => outcome.cuts.includes(cut)) : [];
    const verdicts: Verdict[] = passed.map((cut) => ({ cut, problems, seconds, recoverySeconds }));
    for (const cut of cuts.filter((each) => !passed.includes(each)))
      verdicts.push(await this.try(course, reference, controller, cut));
    const [first, ...others] = verdicts;
    if (first === undefined || problems.length === 0 || verdicts.some((verdict) => verdict.problems?.length !== 0))
      return verdicts;
    const names = outcome.cuts.map(({ point, when }) => `${when} ${point}`).join(", ");
    return [{ ...first, problems: [`only together (${names}):`, ...problems] }, ...others];
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.cluster.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The controller as it is shipped, built of the sources as they are. Gives its path. */
export async function buildController(folder: string): Promise<string> {
  const path = join(folder, "controller.cjs");
  writeFileSync(path, (await bundle("controller/main.ts", { executable: false })).text);
  return path;
}

/** Both cuts of every point, in an order the seed decides. */
export function cutsOf(points: readonly string[], seed: number): Cut[] {
  const cuts = points.flatMap((point) => (["before", "after"] as const).map((when) => ({ point, when })));
  const random = randomFrom(seed);
  return cuts
    .map((cut) => ({ cut, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ cut }) => cut);
}

/** So many groups of cuts as are needed for `size` a run, the cuts of a group far from each other. */
export function groupsOf(cuts: readonly Cut[], points: readonly string[], size: number): Cut[][] {
  const regions = Array.from({ length: size }, (): Cut[] => []);
  const at = new Map(points.map((point, index) => [point, Math.floor((index * size) / points.length)]));
  for (const cut of cuts) regions[at.get(String(cut.point)) ?? 0]?.push(cut);
  const groups = Array.from({ length: Math.max(...regions.map((region) => region.length)) }, (_, index) =>
    regions.flatMap((region) => region[index] ?? []),
  );
  return groups.filter((group) => group.length > 0);
}

/** mulberry32: the same numbers in [0, 1) for the same seed. */
function randomFrom(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
