import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { coursesOf } from "./courses.ts";
import type { Reference } from "./judge.ts";
import type { Course } from "./run.ts";
import { Bench, buildController, cutsOf, groupsOf } from "./runner.ts";

/** A few points of the way there and of the way back; `npm run test:crash` takes them all. */
const perRun = 6;
const seed = 20_260;

let bench: Bench;
let controller: string;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "cni-migrate-crash-"));
  [bench, controller] = await Promise.all([Bench.start(), buildController(folder)]);
});

afterAll(async () => {
  await bench?.stop();
  rmSync(folder, { recursive: true });
});

describe.each(["forward", "revert"])("a controller that is killed on its way %s", (name) => {
  let course: Course;
  let reference: Reference;

  it("would come to one end undisturbed", async () => {
    const make = coursesOf(controller)[name];
    if (make === undefined) throw new Error(`no course ${name}`);
    course = await make(bench);
    reference = await bench.reference(course, controller, 2);

    expect(reference.points.length).toBeGreaterThan(150);
  });

  it(`comes to the same end with the same work, seed ${seed}`, async () => {
    const [group = []] = groupsOf(cutsOf(reference.points, seed), reference.points, perRun);

    const verdicts = await bench.tryTogether(course, reference, controller, group);

    expect(verdicts.flatMap(({ cut, problems }) => (problems?.length === 0 ? [] : [{ cut, problems }]))).toEqual([]);
  });
});
