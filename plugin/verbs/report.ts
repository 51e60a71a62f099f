import { exitCodes } from "../errors.ts";
import { oneOf, text } from "../flags.ts";
import { now } from "../io.ts";
import { serialize } from "../output.ts";
import type { Call } from "../verb.ts";
import { defineVerb } from "../verb.ts";

const flags = {
  output: text({
    short: "o",
    value: "FORMAT",
    help: "json or yaml; default: a Markdown document",
    parse: oneOf("json", "yaml"),
  }),
};
type Given = Call<typeof flags>;

export default defineVerb({
  name: "report",
  argument: { name: "NAME", help: "the migration; default: the unfinished one, else the newest" },
  summary: "write an account of a migration, finished or not",
  description: `Writes what a migration did and when: how long each step took on each node, what was removed from the nodes, what is
left, which connectivity checks were made and how they ended, and what the controller says of the whole. All of it stands in
the CniMigration and its NodeMigrations, and goes with them. Of a node that went forward and back it tells the last way.`,
  examples: [
    { comment: "Keep an account of the migration", command: "report > migration.md" },
    { comment: "Which checks failed?", command: "report -o json | jq '.nodes[].checks[] | select(.ok | not)'" },
  ],
  flags,
  run,
});

async function run({ argument, flags, io, connect }: Given): Promise<number> {
  const { findMigration, listNodes } = await import("../status/gather.ts");
  const { reportOf } = await import("../report/view.ts");
  const { renderReport } = await import("../report/markdown.ts");
  const session = await connect();
  const options = { signal: io.interrupt };
  const migration = await findMigration(session, argument, options);
  const { nodes, error } = await listNodes(session, options);
  // An account without its nodes would look as if nothing had happened.
  if (error !== undefined) throw error;
  const report = reportOf(migration, nodes, now(io));
  io.stdout.write(flags.output === undefined ? renderReport(report) : serialize(flags.output, [report]));
  return exitCodes.done;
}
