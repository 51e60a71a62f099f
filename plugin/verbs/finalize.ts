import { exitCodes, usageError } from "../errors.ts";
import { durationSeconds, oneOf, text, textOr, toggle } from "../flags.ts";
import type { Call } from "../verb.ts";
import { defineVerb } from "../verb.ts";

const flags = {
  backup: text({
    value: "FILE",
    help: "where all that is removed is written to; default: NAME-removed-TIME.yaml in the working directory",
    parse: (file) => file,
  }),
  dryRun: textOr("none", {
    value: "MODE",
    help: "client: show what would be removed; server: let the API server try it",
    parse: oneOf("none", "client", "server"),
  }),
  output: text({
    short: "o",
    value: "FORMAT",
    help: "print the objects that go, as the backup has them: json or yaml",
    parse: oneOf("json", "yaml"),
  }),
  timeout: textOr(600, {
    shownDefault: "10m",
    value: "SPAN",
    help: "how long each wait may take: for the pods of the network that stays, for objects to go",
    parse: durationSeconds,
  }),
  yes: toggle({ short: "y", help: "do not ask" }),
};
type Given = Call<typeof flags>;

export default defineVerb({
  name: "finalize",
  argument: { name: "NAME", help: "the migration; default: the only one that is not finalized" },
  summary: "remove the network that was left, for good",
  description: `Ends a finished migration: after it there is no way back but a new migration. First the network that stays takes the form
its own manifests give it, with one rolling restart of its agents, so that nodes that join later get it too. Then the
objects of the network that was left are removed from the API, with its namespace where nothing else is in it, and the
migration's labels, annotations and taints from the nodes. What both networks use stays.
Of a migration that went back it removes what start installed, and puts back what start changed.
Asks first, and writes a file of all it removes, which kubectl apply -f takes back. Broken off, it goes on when run again.
Refuses a migration that is not finished, and one whose network does not serve every node.`,
  examples: [
    { comment: "See what would go", command: "finalize --dry-run=client" },
    { comment: "End the migration, and keep the backup elsewhere", command: "finalize --backup /safe/flannel.yaml" },
  ],
  flags,
  run,
});

async function run(call: Given): Promise<number> {
  const { flags, io } = call;
  const { canAsk, confirm } = await import("../confirm.ts");
  const { now } = await import("../io.ts");
  const { backupText, checkBackup, defaultBackup } = await import("../finalize/backup.ts");
  const { prepare, summary } = await import("../finalize/prepare.ts");
  const { backupObjects, dryRunLines, perform, tryOut } = await import("../finalize/run.ts");
  const dryRun = flags.dryRun !== "none";
  if (!dryRun && !flags.yes && !canAsk(io))
    throw usageError("there is no terminal to ask on: pass -y (--yes) to go on without a question");
  if (flags.backup !== undefined && !dryRun) await checkBackup(flags.backup);
  const prepared = await prepare(call);
  const backup = flags.backup ?? defaultBackup(prepared.name, now(io));
  if (flags.backup === undefined && !dryRun) await checkBackup(backup);
  io.stderr.write(summary(prepared, backup));
  if (dryRun) {
    const server = flags.dryRun === "server";
    if (server) await tryOut(prepared, io);
    if (flags.output === undefined) io.stdout.write(dryRunLines(prepared, server));
  } else {
    await confirm(io, "Remove them for good?", flags.yes);
    await perform(prepared, io, { backup, timeoutSeconds: flags.timeout });
  }
  if (flags.output !== undefined) io.stdout.write(backupText(backupObjects(prepared), [], flags.output));
  return exitCodes.done;
}
