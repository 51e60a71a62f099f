import type { CniMigration } from "../../crds/index.ts";
import { exitCodes, usageError } from "../errors.ts";
import type { Call } from "../verb.ts";
import { defineVerb, programName } from "../verb.ts";

export default defineVerb({
  name: "resume",
  argument: { name: "NAME", help: "the migration; default: the unfinished one" },
  summary: "go on after a pause",
  description: `Takes back a pause, and the migration goes on where it stands, in the direction it had: sets spec.paused to false and,
when the migration has paused by itself because as many nodes are done as spec.pauseAfter says, removes spec.pauseAfter.
Refuses a migration that is not paused.`,
  examples: [{ comment: "Go on after the busy hours, or after a look at the first nodes", command: "resume" }],
  flags: {},
  run,
});

async function run(call: Call): Promise<number> {
  const { courseOf, unfinished } = await import("../course.ts");
  const { name, migration, change } = await courseOf(call, unfinished);
  const spec = withoutPause(migration);
  const { summary = "Pending" } = migration.status ?? {};
  if (spec === undefined) throw usageError(`migration ${name} is not paused (${summary})`);
  await change(spec);
  call.io.stderr.write(`migration ${name} goes on; follow it with: ${programName} status ${name} -w\n`);
  return exitCodes.done;
}

/** The merge patch of the spec that ends the pause; undefined when there is none. */
function withoutPause({ spec, status }: CniMigration): Record<string, unknown> | undefined {
  const canaryIsDone = spec.pauseAfter !== undefined && (status?.nodes?.migrated ?? 0) >= spec.pauseAfter;
  if (spec.paused !== true && !canaryIsDone) return undefined;
  return { paused: false, ...(canaryIsDone ? { pauseAfter: null } : {}) };
}
