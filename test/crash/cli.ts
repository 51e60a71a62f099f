import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { main, ScriptError, toStderr } from "../../scripts/project.ts";
import { coursesOf } from "./courses.ts";
import { buildPlanted, plantedBugs } from "./planted.ts";
import type { Cut } from "./proxy.ts";
import type { Course } from "./run.ts";
import { Bench, buildController, cutsOf, groupsOf, type Verdict } from "./runner.ts";

const { values } = parseArgs({
  options: {
    /** forward, revert or all. */
    direction: { type: "string", default: "all" },
    /** One course by its name. */
    course: { type: "string" },
    /** A regular expression that the name of the point has to match, "before " or "after " in front. */
    points: { type: "string", default: "" },
    /** So many of each course, by the order of the seed. */
    sample: { type: "string" },
    seed: { type: "string", default: "1" },
    /** Kills in one run; a run that goes wrong is taken apart. */
    "per-run": { type: "string", default: "5" },
    workers: { type: "string", default: "2" },
    /** A controller built elsewhere. */
    bundle: { type: "string" },
    /** The dead leader's Lease has to run out, as in life; else it is removed, as a person may. */
    "real-lease": { type: "boolean", default: false },
    /** Puts mistakes into copies of the controller; passes when each is found. */
    "self-check": { type: "boolean", default: false },
    /** Only says which points there are. */
    list: { type: "boolean", default: false },
  },
});

const directions: Record<string, RegExp> = { all: /./, forward: /^forward$/, revert: /^revert/ };

await main("test:crash", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cni-migrate-crash-"));
  const controller = values.bundle ?? (await buildController(folder));
  const wanted = wantedCourses();
  const courses = Object.entries(coursesOf(controller)).filter(([name]) => wanted.test(name));
  const benches = await Promise.all(
    Array.from({ length: wholeNumber("workers", values.workers) }, () =>
      Bench.start({ waitForLease: values["real-lease"] }),
    ),
  );
  try {
    if (values["self-check"]) return await selfCheck(benches, controller, folder);
    const verdicts: Verdict[] = [];
    for (const [name, make] of courses) verdicts.push(...(await walk(name, benches, make, controller)));
    report(verdicts);
  } finally {
    await Promise.all(benches.map((bench) => bench.stop()));
    rmSync(folder, { recursive: true });
  }
});

/** All cuts of one course that were asked for. */
async function walk(
  name: string,
  benches: readonly Bench[],
  make: (bench: Bench) => Promise<Course>,
  controller: string,
): Promise<Verdict[]> {
  const stations = await Promise.all(
    benches.map(async (bench) => {
      const course = await make(bench);
      return { bench, course, reference: await bench.reference(course, controller) };
    }),
  );
  const [first] = stations;
  if (first === undefined) return [];
  const { own = /./ } = first.course;
  const points = first.reference.points.filter((point) => own.test(point));
  const { seconds } = first.reference;
  print(`${name}: ${points.length} writes, ${2 * points.length} points, ${seconds.toFixed(1)} s undisturbed`);
  for (const [index, point] of points.entries()) print(`${String(index + 1).padStart(4)}  ${point}`);
  if (values.list) return [];

  const cuts = chosen(points);
  // What lies where is the scheduler's choice, so that some points are one cluster's own.
  const everywhere = ({ point }: Cut) => stations.every(({ reference }) => reference.points.includes(String(point)));
  const size = wholeNumber("per-run", values["per-run"]);
  const shared = groupsOf(cuts.filter(everywhere), points, size);
  const queues = stations.map((_, i) =>
    i === 0
      ? groupsOf(
          cuts.filter((cut) => !everywhere(cut)),
          points,
          size,
        )
      : [],
  );
  const verdicts: Verdict[] = [];
  const startedMs = performance.now();
  await Promise.all(
    stations.map(async ({ bench, course, reference }, i) => {
      const next = () => queues[i]?.shift() ?? shared.shift();
      for (let group = next(); group !== undefined; group = next()) {
        const found = await bench.tryTogether(course, reference, controller, group);
        verdicts.push(...found);
        const leftMs = ((performance.now() - startedMs) / verdicts.length) * (cuts.length - verdicts.length);
        const progress = `${name} ${verdicts.length}/${cuts.length}, ${Math.ceil(leftMs / 60_000)} min left`;
        for (const verdict of found) toStderr(`${progress}: ${lineOf(verdict)}`);
      }
    }),
  );
  return verdicts;
}

/** Each planted bug has to fail at one of its points, at which the true controller passes. */
async function selfCheck(benches: readonly Bench[], controller: string, folder: string): Promise<void> {
  const [bench] = benches;
  const forward = coursesOf(controller).forward;
  if (bench === undefined || forward === undefined) return;
  const course = await forward(bench);
  const reference = await bench.reference(course, controller);
  for (const [index, bug] of plantedBugs.entries()) {
    const cut = cutsOf(reference.points, 1).find((candidate) => bug.points.test(nameOf(candidate)));
    if (cut === undefined) throw new ScriptError(`no point ${bug.points} for the planted bug "${bug.name}"`);
    const [planted, healthy] = [await buildPlanted(bug, folder, index), controller];
    const found = (await bench.try(course, reference, planted, cut)).problems ?? [];
    const clean = (await bench.try(course, reference, healthy, cut)).problems ?? ["not reached"];
    const result = found.length > 0 && clean.length === 0 ? "caught" : "NOT CAUGHT";
    print(`${result}: ${bug.name}, ${nameOf(cut)}`);
    for (const problem of [...found.slice(0, 3), ...clean.map((text) => `without it, too: ${text}`)])
      print(`    ${problem}`);
    if (result !== "caught") process.exitCode = 1;
  }
}

function chosen(points: readonly string[]): Cut[] {
  const pattern = new RegExp(values.points);
  const all = cutsOf(points, wholeNumber("seed", values.seed)).filter((cut) => pattern.test(nameOf(cut)));
  return values.sample === undefined ? all : all.slice(0, wholeNumber("sample", values.sample));
}

function lineOf({ cut, problems, seconds, recoverySeconds }: Verdict): string {
  const result = problems === undefined ? "not reached" : problems.length === 0 ? "ok" : "FAILED";
  const recovery = `, next write after ${recoverySeconds.toFixed(1)} s`;
  const details = (problems ?? []).map((problem) => `\n    ${problem}`).join("");
  return `${result} ${nameOf(cut)} (${seconds.toFixed(1)} s${recovery})${details}`;
}

function nameOf({ point, when }: Cut): string {
  return `${when} ${point}`;
}

function report(verdicts: readonly Verdict[]): void {
  const failed = verdicts.filter(({ problems }) => (problems ?? []).length > 0);
  const missed = verdicts.filter(({ problems }) => problems === undefined);
  for (const verdict of failed) print(lineOf(verdict));
  const passed = verdicts.length - failed.length - missed.length;
  const slowest = Math.max(0, ...verdicts.map(({ recoverySeconds }) => recoverySeconds));
  print(
    `${passed} points passed, ${failed.length} failed, ${missed.length} not reached; slowest recovery ${slowest.toFixed(1)} s`,
  );
  if (failed.length > 0) process.exitCode = 1;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Names of the courses that were asked for. */
function wantedCourses(): RegExp {
  if (values.course !== undefined) return new RegExp(`^${values.course}$`);
  const found = directions[values.direction];
  if (found === undefined) throw new ScriptError(`--direction ${values.direction}: give all, forward or revert`);
  return found;
}

function wholeNumber(flag: string, text: string): number {
  if (/^[0-9]+$/.test(text) && Number(text) > 0) return Number(text);
  throw new ScriptError(`--${flag} ${text}: give a whole number above 0`);
}
