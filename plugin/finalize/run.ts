import type { CniMigration } from "../../crds/index.ts";
import { setCondition } from "../../kube/conditions.ts";
import { isConflict } from "../../kube/errors.ts";
import { exactly } from "../../kube/identity.ts";
import type { Condition, DaemonSet } from "../../kube/objects.ts";
import { cniMigrations, configMaps, daemonSets, nodes } from "../../kube/resources.ts";
import { patchStatus } from "../../kube/status.ts";
import type { RequestOptions, UnknownObject } from "../../kube/types.ts";
import { displayName } from "../apply.ts";
import { CliError } from "../errors.ts";
import { type Io, now } from "../io.ts";
import { programName } from "../verb.ts";
import { waitForObject } from "../wait.ts";
import { backupText, restorable, withoutKeys, writeBackup } from "./backup.ts";
import { makeChange, type ObjectChange, undoTransient } from "./changes.ts";
import type { Doomed } from "./doomed.ts";
import { nodePatch } from "./nodes.ts";
import type { Prepared } from "./prepare.ts";
import { writeProgress } from "./progress.ts";
import { ownRoles, recordNames } from "./record.ts";
import { remove, type Step } from "./remove.ts";

export interface PerformOptions {
  /** The file to write. */
  backup: string;
  /** Of each single wait. */
  timeoutSeconds: number;
}

/**
 * The network that stays is settled first and runs on every node by itself; only then the other one's objects go, and the nodes
 * lose what bound them to the migration. Each part is done when it is there already, so that a run that was broken off goes on.
 */
export async function perform(prepared: Prepared, io: Io, options: PerformOptions): Promise<void> {
  const step: Step = { signal: io.interrupt, io, timeoutSeconds: options.timeoutSeconds };
  const { session } = prepared;
  const backups = await backUp(prepared, io, options.backup, step);
  try {
    await settleAgents(prepared, step);
    await undoTransient(session, prepared.migration.status?.undo ?? [], step);
    const isLast = ({ resource }: Doomed) => ["CustomResourceDefinition", "Namespace"].includes(resource.kind);
    const { doomed } = prepared;
    await remove(
      session,
      doomed.filter((each) => !isLast(each)),
      step,
    );
    if (prepared.ending.reverted) await changeAll(prepared, prepared.changes, step);
    await remove(session, doomed.filter(isLast), step);
    await releaseNodes(prepared, step);
    await removeOwn(prepared, step);
    await conclude(prepared, backups, step);
  } catch (error) {
    throw broken(error, io, prepared.name);
  }
}

/** Tries every removal and change on the API server and makes none. */
export async function tryOut({ session, ending, doomed, changes, migration }: Prepared, io: Io): Promise<void> {
  const options = { signal: io.interrupt, dryRun: true };
  for (const change of changes) await makeChange(session, change, options);
  if (!ending.reverted) await undoTransient(session, migration.status?.undo ?? [], options);
  for (const { resource, key, object } of doomed)
    await session.client.delete(resource, key, { ...options, ...exactly(object) });
}

/** One line an object, as kubectl has it. Pure. */
export function dryRunLines({ doomed, changes }: Pick<Prepared, "doomed" | "changes">, server: boolean): string {
  const end = server ? "(server dry run)" : "(dry run)";
  return [
    ...doomed.map(({ object }) => `${displayName(object)} deleted ${end}\n`),
    ...changes.map(({ identity }) => `${displayName({ ...identity, metadata: identity })} configured ${end}\n`),
  ].join("");
}

/** What is removed, as kubectl apply takes it back. What `start` applied comes from a file of the user's: keys are not copied. */
export function backupObjects({ doomed, ending }: Pick<Prepared, "doomed" | "ending">): UnknownObject[] {
  const objects = restorable(doomed.flatMap(({ object, contents }) => [object, ...contents]));
  return ending.reverted ? objects.map(withoutKeys) : objects;
}

async function backUp(prepared: Prepared, io: Io, path: string, options: RequestOptions): Promise<string[]> {
  const { session, name, ending, progress, doomed } = prepared;
  const objects = backupObjects(prepared);
  if (objects.length === 0) return progress.backups;
  const network = ending.reverted ? `what start installed of ${ending.goes}` : ending.goes;
  const notes = [
    `Removed by ${programName} finalize ${name} at ${now(io).toISOString()}: ${network}.`,
    `kubectl apply -f ${path} brings it back; where custom resources are in it, a second time when their definitions are there.`,
    ...(ending.reverted ? ["Secrets are here without their data, which the manifests have that start was given."] : []),
    "Its DaemonSets run only on nodes with the label they select. Annotations of nodes are not here: its agent writes them.",
  ];
  await writeBackup(path, backupText(objects, notes));
  io.stderr.write(`${objects.length} objects written to ${path}\n`);
  const backups = [...progress.backups, path];
  await writeProgress(session, name, { doomed, backups }, options);
  return backups;
}

/** Forward: the target takes its final form, node by node, before anything it does not need goes. */
async function settleAgents(prepared: Prepared, step: Step): Promise<void> {
  const { session, ending, changes, agents } = prepared;
  if (ending.reverted) return;
  await changeAll(prepared, changes, step);
  for (const key of agents) {
    const place = `daemonset ${key.namespace}/${key.name}`;
    let said = -1;
    let byHand = false;
    await waitForObject<DaemonSet, true>(
      session,
      daemonSets,
      key,
      (found) => {
        const { renewed, wanted, done } = rollout(found);
        if (renewed !== said) step.io.stderr.write(`${place}: ${renewed} of ${wanted} pods renewed\n`);
        said = renewed;
        byHand = done && renewed < wanted;
        return done ? true : undefined;
      },
      {
        ...step,
        what: `the pods of ${place} to be renewed; see kubectl -n ${key.namespace} get pods -o wide, then run the command again`,
      },
    );
    if (byHand) step.io.stderr.write(`${place}: its pods are renewed when you delete them (updateStrategy OnDelete)\n`);
  }
}

/** How far a DaemonSet's pods are of its newest form. One that is updated on delete is its owner's to roll. */
export function rollout(found: DaemonSet | undefined): { renewed: number; wanted: number; done: boolean } {
  const { metadata, spec, status } = found ?? {};
  const { desiredNumberScheduled: wanted = 0, updatedNumberScheduled = 0, numberAvailable = 0 } = status ?? {};
  const seen = (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 1);
  const renewed = Math.min(updatedNumberScheduled, numberAvailable);
  const byHand = spec?.updateStrategy?.type === "OnDelete";
  return { renewed, wanted, done: seen && (byHand ? numberAvailable : renewed) >= wanted };
}

async function changeAll({ session }: Prepared, changes: readonly ObjectChange[], step: Step): Promise<void> {
  for (const change of changes) {
    const { kind, name } = change.identity;
    if (await makeChange(session, change, step)) step.io.stderr.write(`${kind.toLowerCase()}/${name} changed\n`);
  }
}

/** As often as a kubelet is faster; each time the node is looked at anew. */
const mostLooks = 10;

async function releaseNodes({ session, keys }: Prepared, step: Step): Promise<void> {
  const { items } = await session.client.list(nodes, { signal: step.io.interrupt });
  for (const { metadata } of items)
    for (let looks = 1; ; looks++) {
      const node = await session.client.get(nodes, { name: metadata.name }, { signal: step.io.interrupt });
      const patch = node === undefined ? undefined : nodePatch(node, keys);
      if (patch === undefined) break;
      try {
        await session.client.patch(nodes, { name: metadata.name }, patch, { signal: step.io.interrupt });
        step.io.stderr.write(`node/${metadata.name} released\n`);
        break;
      } catch (error) {
        if (!isConflict(error) || looks === mostLooks) throw error;
      }
    }
}

/** The controller's rights for this migration, and what was kept for this command. */
async function removeOwn({ session, name }: Prepared, step: Step): Promise<void> {
  const options = { signal: step.io.interrupt };
  for (const { resource, key } of await ownRoles(session, name, options))
    await session.client.delete(resource, key, options);
  for (const key of await recordNames(session, name, options)) await session.client.delete(configMaps, key, options);
}

/** From here on the controller leaves the migration alone for good. */
async function conclude(
  { session, name, ending, migration }: Prepared,
  backups: readonly string[],
  step: Step,
): Promise<void> {
  const options = { signal: step.io.interrupt };
  const kept = backups.length === 0 ? "" : `; backup: ${backups.join(", ")}`;
  const message = ending.reverted
    ? `what start installed of ${ending.goes} is removed, ${ending.stays} is as it was before${kept}`
    : `${ending.goes} is removed from the API, ${ending.stays} is as its own manifests make it${kept}`;
  for (let looks = 1; ; looks++) {
    const current = await session.client.get(cniMigrations, { name }, options);
    if (current === undefined || current.metadata.uid !== migration.metadata.uid)
      throw new CliError("failed", `migration ${name} was deleted meanwhile; everything else is done`);
    try {
      await patchStatus(session.client, cniMigrations, current, finalStatus(current, message, now(step.io)));
      step.io.stderr.write(`migration ${name} is finalized: ${message}\n`);
      return;
    } catch (error) {
      if (!isConflict(error) || looks === mostLooks) throw error;
    }
  }
}

/** Pure. Nothing is taken back any more, so that no undo is kept. */
export function finalStatus({ metadata, status }: CniMigration, message: string, time: Date): CniMigration["status"] {
  const { undo: _, ...rest } = status ?? {};
  const conditions = setCondition(
    (status?.conditions ?? []) as Condition[],
    {
      type: "SourceRemoved",
      status: "True",
      reason: "Finalized",
      message,
      observedGeneration: metadata.generation ?? 0,
    },
    time,
  );
  return { ...rest, conditions };
}

function broken(error: unknown, io: Io, name: string): unknown {
  if (!io.interrupt.aborted) return error;
  return new CliError("interrupted", `interrupted; go on with ${programName} finalize ${name}`, error);
}
