import { networkLabel } from "../../crds/names.ts";
import { CliError, exitCodes } from "../errors.ts";
import { durationSeconds, oneOf, textOr, toggle } from "../flags.ts";
import type { Io } from "../io.ts";
import { someOf } from "../output.ts";
import type { Session } from "../session.ts";
import type { Doomed } from "../uninstall/objects.ts";
import type { Call } from "../verb.ts";
import { defineVerb, programName } from "../verb.ts";

const flags = {
  wait: toggle({ default: true, help: "wait until everything is gone" }),
  timeout: textOr(120, {
    shownDefault: "2m",
    value: "SPAN",
    help: "how long to wait, such as 90s or 5m",
    parse: durationSeconds,
  }),
  dryRun: textOr("none", {
    value: "MODE",
    help: "client: only name what would be removed; server: let the API server try it",
    parse: oneOf("none", "client", "server"),
  }),
  yes: toggle({ short: "y", help: "do not ask" }),
};

type Given = Call<typeof flags>;

export default defineVerb({
  name: "uninstall",
  summary: "remove the controller and all records of migrations",
  description: `Removes what install and start made: the controller, its namespace and roles, the custom resources and with them
every finished migration. Refuses while a migration is unfinished. The networks themselves and the label ${networkLabel} on
nodes stay as they are.`,
  examples: [
    { comment: "See what would go", command: "uninstall --dry-run=client" },
    { comment: "Remove it without a question", command: "uninstall -y" },
  ],
  flags,
  run,
});

async function run({ flags, io, connect }: Given): Promise<number> {
  const { confirm } = await import("../confirm.ts");
  const { displayName } = await import("../apply.ts");
  const { installObjects } = await import("../install/objects.ts");
  const { boundDaemonSets, installedObjects } = await import("../uninstall/objects.ts");
  const { networks } = await import("../../networks/index.ts");
  const session = await connect();
  await refuseUnfinished(session);
  // Only names and kinds matter here.
  const wanted = installObjects({ image: "", healthPort: 0 }, networks);
  const doomed = await installedObjects(session, wanted);
  if (doomed.length === 0) {
    io.stderr.write("nothing of cni-migrate is installed in this cluster\n");
    return exitCodes.done;
  }
  const dryRun = flags.dryRun !== "none";
  if (!dryRun)
    await confirm(io, `Remove ${doomed.length} objects of cni-migrate, records of migrations included?`, flags.yes);
  for (const { resource, key, object } of doomed) {
    if (flags.dryRun !== "client")
      await session.client.delete(resource, key, { dryRun, propagationPolicy: "Background" });
    (dryRun ? io.stdout : io.stderr).write(
      `${displayName(object)} deleted${dryRun ? ` (${flags.dryRun === "client" ? "" : "server "}dry run)` : ""}\n`,
    );
    if (!dryRun && isMigration(object.kind)) await gone([{ resource, key, object }], session, io, flags.timeout);
  }
  if (!dryRun && flags.wait)
    await gone(
      doomed.filter(({ object }) => isRoot(object.kind)),
      session,
      io,
      flags.timeout,
    );
  const bound = await boundDaemonSets(session);
  if (bound.length > 0)
    io.stderr.write(
      `warning: the label ${networkLabel} stays on the nodes, since daemonset ${someOf(bound)} runs only where it is; new nodes need it too\n`,
    );
  return exitCodes.done;
}

async function refuseUnfinished(session: Session): Promise<void> {
  const { listMigrations } = await import("../migrations.ts");
  const { outcomeOf } = await import("../status/view.ts");
  const unfinished = ((await listMigrations(session)) ?? []).filter((m) => outcomeOf(m) !== "succeeded");
  const [first] = unfinished;
  if (first === undefined) return;
  const { name } = first.metadata;
  const cure =
    first.status?.startTime === undefined
      ? `no node has begun: kubectl delete cnimigration ${name} removes it`
      : `let it come to its end (${programName} status ${name} -w), go back (${programName} revert ${name}), or leave the nodes where they are: kubectl delete cnimigration ${name}`;
  throw new CliError("failed", `migration ${name} is not finished (${first.status?.summary ?? "Pending"}); ${cure}`);
}

/** Deleting these takes time: their contents go first, or a finalizer holds them. */
function isRoot(kind: string): boolean {
  return ["Namespace", "CustomResourceDefinition"].includes(kind);
}

function isMigration(kind: string): boolean {
  return kind === "CniMigration";
}

async function gone(doomed: readonly Doomed[], session: Session, io: Io, timeoutSeconds: number): Promise<void> {
  const { waitForObject } = await import("../wait.ts");
  const { displayName } = await import("../apply.ts");
  for (const { resource, key, object } of doomed) {
    const what = `${displayName(object)} to go; a finalizer may hold it, kubectl get ${resource.plural} ${key.name} -o yaml shows it`;
    await waitForObject(session, resource, key, (left) => left === undefined, { io, timeoutSeconds, what });
  }
}
