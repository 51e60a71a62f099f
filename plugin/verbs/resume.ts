import type { CniMigration } from "../../crds/index.ts";
import { exitCodes } from "../errors.ts";
import type { Call } from "../verb.ts";
import { defineVerb, programName } from "../verb.ts";

export default defineVerb({
  name: "resume",
  argument: { name: "NAME", help: "the migration; default: the unfinished one" },
  summary: "go on after a pause",
  description: `Takes back a pause, and the migration goes on where it stands: sets spec.paused to false and, when the migration has
paused by itself because as many nodes are done as spec.pauseAfter says, removes spec.pauseAfter.`,
  examples: [{ comment: "Go on after the busy hours, or after a look at the first nodes", command: "resume" }],
  flags: {},
  run,
});

async function run({ argument, io, connect }: Call): Promise<number> {
  const { cniMigrations } = await import("../../kube/resources.ts");
  const { unfinishedMigration } = await import("../unfinished.ts");
  const session = await connect();
  const options = { signal: io.interrupt };
  const migration = await unfinishedMigration(session, argument, options);
  const { name, uid } = migration.metadata;
  const spec = withoutPause(migration);
  if (spec === undefined) {
    io.stderr.write(`migration ${name} is not paused\n`);
    return exitCodes.done;
  }
  await session.client.patch(cniMigrations, { name }, { metadata: { uid }, spec }, options);
  io.stderr.write(`migration ${name} goes on; follow it with: ${programName} status ${name} -w\n`);
  return exitCodes.done;
}

/** The merge patch of the spec that ends the pause; undefined when there is none. */
function withoutPause({ spec, status }: CniMigration): Record<string, unknown> | undefined {
  const canaryIsDone = spec.pauseAfter !== undefined && (status?.nodes?.migrated ?? 0) >= spec.pauseAfter;
  if (spec.paused !== true && !canaryIsDone) return undefined;
  return { paused: false, ...(canaryIsDone ? { pauseAfter: null } : {}) };
}
