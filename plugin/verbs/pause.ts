import { exitCodes, usageError } from "../errors.ts";
import type { Call } from "../verb.ts";
import { defineVerb, programName } from "../verb.ts";

export default defineVerb({
  name: "pause",
  argument: { name: "NAME", help: "the migration; default: the unfinished one" },
  summary: "let no further node begin, until resume",
  description: `Sets spec.paused of the migration: no further node begins. A node on its way finishes its step and waits before Drain
and LeaveSource; one that has left its network already goes on to its end. Nothing is taken back. Refuses a migration that
is paused already.`,
  examples: [{ comment: "Hold the migration for the busy hours", command: "pause" }],
  flags: {},
  run,
});

async function run(call: Call): Promise<number> {
  const { courseOf, unfinished } = await import("../course.ts");
  const { name, migration, change } = await courseOf(call, unfinished);
  const goOn = `go on with: ${programName} resume ${name}`;
  if (migration.spec.paused === true) throw usageError(`migration ${name} is paused already; ${goOn}`);
  await change({ paused: true });
  call.io.stderr.write(`migration ${name} is paused: no further node begins; ${goOn}\n`);
  return exitCodes.done;
}
