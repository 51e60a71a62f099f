import { exitCodes, usageError } from "../errors.ts";
import { durationSeconds, oneOf, text, toggle } from "../flags.ts";
import { now, useColour } from "../io.ts";
import { painter, serialize } from "../output.ts";
import type { Call } from "../verb.ts";
import { defineVerb } from "../verb.ts";

const flags = {
  watch: toggle({ short: "w", help: "stay until the migration ends" }),
  output: text({
    short: "o",
    value: "FORMAT",
    help: "wide adds messages and the time of each step; json and yaml give {migration, nodes}, with -w when it has ended",
    parse: oneOf("wide", "json", "yaml"),
  }),
  timeout: text({ value: "SPAN", help: "with -w: give up after so long, such as 30m", parse: durationSeconds }),
};

type Given = Call<typeof flags>;

export default defineVerb({
  name: "status",
  argument: { name: "NAME", help: "the migration; default: the unfinished one, else the newest" },
  summary: "show where a migration stands, node by node",
  description: `Shows a migration, its conditions and its nodes; what needs attention comes first. With -w it follows the migration
to its end: on a terminal as a picture that is redrawn, elsewhere as lines, one for each change.
Exits with 1 when the migration is stalled or failed.`,
  examples: [
    { comment: "Where does it stand?", command: "status" },
    { comment: "Follow it to its end", command: "status -w" },
    { comment: "What does every node wait for?", command: "status -o json | jq '.nodes[].status.blockedBy'" },
  ],
  flags,
  run,
});

async function run({ argument, flags, io, connect }: Given): Promise<number> {
  if (flags.timeout !== undefined && !flags.watch) throw usageError("--timeout is for status -w: add -w");
  const { findMigration, listNodes } = await import("../status/gather.ts");
  const { outcomeOf, ownNodes, statusView } = await import("../status/view.ts");
  const session = await connect();
  const options = { signal: io.interrupt };
  const migration = await findMigration(session, argument, options);
  const format = flags.output === "wide" ? undefined : flags.output;
  if (flags.watch) {
    const { follow } = await import("../status/follow.ts");
    const sink = format === undefined ? io.stdout : io.stderr;
    const wide = flags.output === "wide";
    const end = await follow(session, io, migration.metadata.name, { sink, wide, timeoutSeconds: flags.timeout });
    if (format !== undefined)
      io.stdout.write(serialize(format, [documentOf(end.migration, ownNodes(end.migration, end.nodes))]));
    return end.outcome === "succeeded" ? exitCodes.done : exitCodes.failed;
  }
  const { nodes, error } = await listNodes(session, options);
  if (format !== undefined) io.stdout.write(serialize(format, [documentOf(migration, ownNodes(migration, nodes))]));
  else {
    const { renderStatus } = await import("../status/render.ts");
    const paint = painter(useColour(io.stdout, io.env));
    const view = statusView(migration, nodes, now(io));
    io.stdout.write(
      renderStatus(view, { wide: flags.output === "wide", mostNodes: flags.output === "wide" ? 5_000 : 50, paint }),
    );
  }
  if (error !== undefined) throw error;
  return outcomeOf(migration) === "failed" ? exitCodes.failed : exitCodes.done;
}

/** The stable shape of -o json and yaml. */
function documentOf(migration: unknown, nodes: readonly unknown[]) {
  return { migration, nodes };
}
