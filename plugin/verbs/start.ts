import { exitCodes, usageError } from "../errors.ts";
import { anyText, oneOf, text, textOr, toggle } from "../flags.ts";
import { serialize } from "../output.ts";
import { acceptPolicyChanges, requestFlags } from "../request/flags.ts";
import type { Call } from "../verb.ts";
import { defineVerb } from "../verb.ts";
import { type WaitSeconds, waitFlags, waitSeconds } from "../wait-flags.ts";

const flags = {
  ...requestFlags,
  acceptPolicyChanges,
  backup: text({
    value: "FILE",
    help: "where objects of the source's own kinds are written to before anything is changed; default: NAME-before-TIME.yaml in the working directory, where there are any",
    parse: anyText,
  }),
  ...waitFlags,
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
For Cilium, which has an overlay of its own beside the source's, it finds a free range for pods where --cidr gives none,
shows it, and keeps it in the CniMigration: it cannot be changed later.
Asks before it acts. Given the NAME of a migration that lacks its target, it applies the manifests again. Given the NAME of
one that goes back, or has gone back, and nothing else, it sends it forward again.`,
  examples: [
    { comment: "Migrate from what runs to Calico", command: "start --target calico -f calico-vxlan.yaml" },
    {
      comment: "Unattended: two nodes at a time, wait for the end",
      command: "start --target calico -f calico-vxlan.yaml --batch-size 2 -y --wait",
    },
    {
      comment: "To Cilium, with the official chart and your own values",
      command:
        "start --target cilium -f cilium.yaml   # helm template cilium cilium/cilium -n kube-system -f VALUES > cilium.yaml",
    },
    {
      comment: "Set what has no flag (drain, node order) with a CniMigration",
      command: "start -f migration.yaml -f calico-vxlan.yaml",
    },
    { comment: "Forward again after a revert", command: "start flannel-to-calico" },
    {
      comment: "See every object that would be sent",
      command: "start --target calico -f calico-vxlan.yaml --dry-run=server -o yaml",
    },
  ],
  flags,
  run,
});

async function run(call: Given): Promise<number> {
  const wait = waitSeconds(call.flags);
  return namesOnly(call) ? goForwardAgain(call, wait) : begin(call, wait);
}

async function begin(call: Given, wait: WaitSeconds): Promise<number> {
  const { argument, flags, io, connect } = call;
  const { checkManifests, checkNetworks, readRequest } = await import("../request/request.ts");
  const { loadManifests } = await import("../manifests/load.ts");
  checkNetworks(flags);
  const request = readRequest(argument, flags, await loadManifests(flags.filename, io));
  checkManifests(request);
  const asks = await willAsk(call);
  const { perform, prepare } = await import("../start/run.ts");
  const prepared = await prepare(await connect(), io, request, {
    wait: flags.wait,
    consent: flags.acceptPolicyChanges || asks,
    backup: flags.backup,
  });
  const { objects, summary } = prepared;
  if (flags.dryRun !== "none") {
    if (flags.output !== undefined) io.stdout.write(serialize(flags.output, objects));
    else for (const { name, outcome } of prepared.tried) io.stdout.write(dryRunLine(call, name, outcome));
    io.stderr.write(summary);
    return exitCodes.done;
  }
  const { confirm } = await import("../confirm.ts");
  io.stderr.write(summary);
  await confirm(io, "Begin?", flags.yes);
  return perform(prepared, io, { wait, output: flags.output });
}

/** Whether a NAME is all that says which migration is meant. */
function namesOnly({ argument, flags }: Given): boolean {
  const { target, source, filename, cidr, batchSize, podStrategy } = flags;
  const others = [target, source, cidr, batchSize, podStrategy].filter((value) => value !== undefined);
  return argument !== undefined && others.length === 0 && filename.length === 0;
}

async function goForwardAgain(call: Given, wait: WaitSeconds): Promise<number> {
  const { flags, io } = call;
  await willAsk(call);
  const { turnedBack } = await import("../start/again.ts");
  const { session, migration, name, change } = await turnedBack(call);
  const forward = { direction: "Forward" };
  if (flags.dryRun !== "none") {
    const would = flags.dryRun === "server" ? await change(forward, true) : migration;
    if (flags.output !== undefined)
      io.stdout.write(serialize(flags.output, [{ ...would, spec: { ...would.spec, ...forward } }]));
    else io.stdout.write(dryRunLine(call, `cnimigration.cni-migrate.io/${name}`, "configured"));
    return exitCodes.done;
  }
  const { confirm } = await import("../confirm.ts");
  await confirm(io, `Send migration ${name} forward again, to ${migration.spec.target}?`, flags.yes);
  const changed = await change(forward);
  if (flags.output !== undefined) io.stdout.write(serialize(flags.output, [changed]));
  io.stderr.write(`migration ${name} goes forward again, to ${migration.spec.target}\n`);
  const { followOn } = await import("../status/follow.ts");
  return followOn(session, io, name, wait);
}

/** Whether there will be a question. Throws a usage error where nobody could answer it. */
async function willAsk({ flags, io }: Given): Promise<boolean> {
  const { canAsk } = await import("../confirm.ts");
  const asks = !flags.yes && flags.dryRun === "none";
  if (asks && !canAsk(io))
    throw usageError("there is no terminal to ask on: pass -y (--yes) to go on without a question");
  return asks;
}

function dryRunLine({ flags }: Given, name: string, outcome: string): string {
  return `${name} ${outcome} (${flags.dryRun === "server" ? "server " : ""}dry run)\n`;
}
