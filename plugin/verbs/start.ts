import { exitCodes, usageError } from "../errors.ts";
import { durationSeconds, oneOf, text, textOr, toggle } from "../flags.ts";
import { serialize } from "../output.ts";
import { acceptPolicyChanges, requestFlags } from "../request/flags.ts";
import type { Call } from "../verb.ts";
import { defineVerb } from "../verb.ts";

const flags = {
  ...requestFlags,
  acceptPolicyChanges,
  wait: toggle({ help: "stay until the migration ends, and show how it goes" }),
  timeout: text({
    value: "SPAN",
    help: "with --wait: give up after so long, such as 30m; the migration goes on",
    parse: durationSeconds,
  }),
  dryRun: textOr("none", {
    value: "MODE",
    help: "client: show what would be sent; server: let the API server try it",
    parse: oneOf("none", "client", "server"),
  }),
  output: text({ short: "o", value: "FORMAT", help: "print the objects: json or yaml", parse: oneOf("json", "yaml") }),
  yes: toggle({ short: "y", help: "do not ask" }),
};
type Given = Call<typeof flags>;

export default defineVerb({
  name: "start",
  argument: { name: "NAME", help: "the migration's name; default: SOURCE-to-TARGET" },
  summary: "begin a migration",
  description: `Looks at the cluster as plan does and refuses what would not come through. Then, with your own rights, applies the
target's manifests, changed so that its agent runs only where a node was switched, gives the controller the right to
patch the two networks' DaemonSets, and creates the CniMigration. From then on the controller works; this command may end.
Asks before it acts. Given the NAME of a migration that lacks its target, it applies the manifests again.`,
  examples: [
    { comment: "Migrate from what runs to Calico", command: "start --target calico -f calico-vxlan.yaml" },
    {
      comment: "Unattended: two nodes at a time, wait for the end",
      command: "start --target calico -f calico-vxlan.yaml --batch-size 2 -y --wait",
    },
    {
      comment: "Set what has no flag (drain, node order) with a CniMigration",
      command: "start -f migration.yaml -f calico-vxlan.yaml",
    },
    {
      comment: "See every object that would be sent",
      command: "start --target calico -f calico-vxlan.yaml --dry-run=server -o yaml",
    },
  ],
  flags,
  run,
});

async function run(call: Given): Promise<number> {
  const { argument, flags, io, connect } = call;
  if (flags.timeout !== undefined && !flags.wait) throw usageError("--timeout is for --wait: add --wait");
  const { checkManifests, checkNetworks, readRequest } = await import("../request/request.ts");
  const { loadManifests } = await import("../manifests/load.ts");
  checkNetworks(flags);
  const request = readRequest(argument, flags, await loadManifests(flags.filename, io));
  checkManifests(request);
  const { canAsk } = await import("../confirm.ts");
  const asks = !flags.yes && flags.dryRun === "none";
  if (asks && !canAsk(io))
    throw usageError("there is no terminal to ask on: pass -y (--yes) to go on without a question");
  const { perform, prepare } = await import("../start/run.ts");
  const prepared = await prepare(await connect(), io, request, {
    wait: flags.wait,
    consent: flags.acceptPolicyChanges || asks,
  });
  const { objects, summary } = prepared;
  if (flags.dryRun !== "none") {
    if (flags.output !== undefined) io.stdout.write(serialize(flags.output, objects));
    else
      for (const { name, outcome } of prepared.tried)
        io.stdout.write(`${name} ${outcome} (${flags.dryRun === "server" ? "server " : ""}dry run)\n`);
    io.stderr.write(summary);
    return exitCodes.done;
  }
  const { confirm } = await import("../confirm.ts");
  io.stderr.write(summary);
  await confirm(io, "Begin?", flags.yes);
  return perform(prepared, io, { waitSeconds: flags.wait ? flags.timeout : false, output: flags.output });
}
