import { exitCodes } from "../errors.ts";
import type { Call } from "../verb.ts";
import { defineVerb, programName } from "../verb.ts";

export default defineVerb({
  name: "pause",
  argument: { name: "NAME", help: "the migration; default: the unfinished one" },
  summary: "let no further node begin, until resume",
  description: `Sets spec.paused of the migration: no further node begins. A node on its way finishes its step and waits before Drain
and LeaveSource; one that has left its network already goes on to its end. Nothing is taken back.`,
  examples: [{ comment: "Hold the migration for the busy hours", command: "pause" }],
  flags: {},
  run,
});

async function run({ argument, io, connect }: Call): Promise<number> {
  const { cniMigrations } = await import("../../kube/resources.ts");
  const { unfinishedMigration } = await import("../unfinished.ts");
  const session = await connect();
  const options = { signal: io.interrupt };
  const { metadata, spec } = await unfinishedMigration(session, argument, options);
  const { name, uid } = metadata;
  const goOn = `go on with: ${programName} resume ${name}`;
  if (spec.paused === true) {
    io.stderr.write(`migration ${name} is paused already; ${goOn}\n`);
    return exitCodes.done;
  }
  await session.client.patch(cniMigrations, { name }, { metadata: { uid }, spec: { paused: true } }, options);
  io.stderr.write(`migration ${name} is paused: no further node begins; ${goOn}\n`);
  return exitCodes.done;
}
