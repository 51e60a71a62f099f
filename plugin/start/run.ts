import type { CniMigration } from "../../crds/index.ts";
import { pluginFieldManager } from "../../crds/names.ts";
import { isApiError } from "../../kube/errors.ts";
import { keyOf } from "../../kube/identity.ts";
import type { ConfigMap } from "../../kube/objects.ts";
import { cniMigrations, configMaps } from "../../kube/resources.ts";
import type { KubeObject, UnknownObject } from "../../kube/types.ts";
import type { Network } from "../../networks/contract.ts";
import { networks } from "../../networks/index.ts";
import { type Applied, applyAll, displayName, resourceFor, withNamespaces } from "../apply.ts";
import { isFinalized } from "../course.ts";
import { blockedError, CliError } from "../errors.ts";
import { type RecordEntry, readRecord, recordObjects } from "../finalize/record.ts";
import type { Io } from "../io.ts";
import { serialize } from "../output.ts";
import { policyReason } from "../plan/checks.ts";
import { endingReason } from "../plan/ending.ts";
import { gatherFacts } from "../plan/gather.ts";
import { findingLine } from "../plan/render.ts";
import { type PlanView, planView } from "../plan/view.ts";
import type { MigrationRequest } from "../request/request.ts";
import type { Session } from "../session.ts";
import { programName } from "../verb.ts";
import type { WaitSeconds } from "../wait-flags.ts";
import { backUp, type OwnObjects, ownObjects } from "./backup.ts";
import { readRights, refuseWithoutRights, writeRights } from "./needed-rights.ts";
import { type StartObjects, startObjects } from "./objects.ts";
import { gatherReadiness, mayGoOn, refuseUnready } from "./readiness.ts";
import { recordEntries, withUids } from "./record.ts";
import { sharedKinds } from "./roles.ts";
import { summary } from "./summary.ts";

export interface Prepared extends StartObjects {
  session: Session;
  /** All objects in the order they are sent. */
  objects: UnknownObject[];
  /** What the API server said to each in a dry run. */
  tried: Applied[];
  /** What is kept for `finalize`. */
  entries: RecordEntry[];
  /** The CniMigration that is there already and is given its target again. */
  existing: CniMigration | undefined;
  source: Network;
  /** Written to a file before anything is changed. */
  own: OwnObjects | undefined;
  summary: string;
}

/** Looks at everything, writes nothing: rights, what is installed, the cluster, and a dry run of every object. */
export async function prepare(
  session: Session,
  io: Io,
  request: MigrationRequest,
  { wait, consent, backup }: { wait: boolean; consent: boolean; backup: string | undefined },
): Promise<Prepared> {
  const manifests = await withNamespaces(session, io, request.manifests);
  const reads = readRights(networks, request.target);
  await refuseWithoutRights(session, io, [...reads, ...(await writeRights(session, io, manifests, wait))]);
  const readiness = await gatherReadiness(session, io);
  refuseUnready(readiness, request.name);
  const wanted = withRangeOf(readiness.migrations, { ...request, manifests });
  const facts = await gatherFacts(session, io, wanted);
  const view = planView(wanted, facts);
  refuseBlocked(view, io, consent);
  // Without a source there is a blocker, so that this is never reached; the type cannot know.
  const { name } = view;
  if (facts.source === undefined || name === null)
    throw blockedError(`the source was not found; ${programName} plan says more`);
  const existing = readiness.migrations.find((m) => m.metadata.name === name);
  refuseTaken(existing, request.name, view);
  const parts = startObjects(name, wanted, facts.source, facts, await existingOf(session, io, manifests));
  const ours = [...parts.roles, ...(recordObjects(name, []) as KubeObject[] as UnknownObject[])];
  await refuseWithoutRights(session, io, await writeRights(session, io, ours, wait));
  const sent = [...parts.manifests, ...parts.roles];
  const tried: Applied[] = [];
  await applyAll(parts.manifests, { session, io, dryRun: true, report: (applied) => tried.push(applied) });
  const entries = recordEntries(tried, parts.finals, await readRecord(session, undefined, { signal: io.interrupt }));
  await applyAll(parts.roles, {
    session,
    io,
    dryRun: true,
    others: parts.manifests,
    report: (applied) => tried.push(applied),
  });
  if (existing === undefined) tried.push(await create(session, io, parts.migration, true));
  const between = { source: facts.source.network, target: facts.target };
  const own = await ownObjects(session, io, { migration: name, ...between, path: backup });
  const objects = [...sent, ...(existing === undefined ? [parts.migration as unknown as UnknownObject] : [])];
  return {
    ...parts,
    session,
    objects,
    tried,
    entries,
    existing,
    source: facts.source.network,
    own,
    summary: summary(view, tried),
  };
}

/** One that is given its target again keeps its range, which cannot be changed: none other is proposed. */
function withRangeOf(migrations: readonly CniMigration[], request: MigrationRequest): MigrationRequest {
  const { cidr } = migrations.find(({ metadata }) => metadata.name === request.name)?.spec ?? {};
  return cidr === undefined || request.spec.cidr !== undefined
    ? request
    : { ...request, spec: { ...request.spec, cidr }, cidrFrom: "spec.cidr" };
}

/** Those of the manifests two networks may share that are in the cluster already. */
async function existingOf(session: Session, io: Io, manifests: readonly UnknownObject[]): Promise<UnknownObject[]> {
  const shared = manifests.filter(({ kind }) => sharedKinds.includes(kind));
  const found = await Promise.all(
    shared.map(async (object) =>
      session.client.get(await resourceFor(session, io, object), keyOf(object), { signal: io.interrupt }),
    ),
  );
  return found.filter((object) => object !== undefined);
}

/** Reasons of warnings that need a consent. */
const consented: readonly string[] = [policyReason, endingReason];

/** Blockers are told one a line; so is what needs a consent that was not given. */
function refuseBlocked({ blockers, warnings }: PlanView, io: Io, consent: boolean): void {
  const policies = consent ? [] : warnings.filter(({ reason }) => consented.includes(reason));
  const [first, ...others] = [...blockers, ...policies];
  if (first === undefined) return;
  for (const finding of others) io.stderr.write(`blocked: ${findingLine(finding)}\n`);
  throw blockedError(findingLine(first));
}

/** A finished migration keeps its name; one that was just listed as unfinished and may go on is no obstacle. */
function refuseTaken(existing: CniMigration | undefined, asked: string | undefined, view: PlanView): void {
  if (existing === undefined) return;
  const { name } = existing.metadata;
  if (!mayGoOn(existing, asked)) {
    const back = existing.spec.direction === "Revert" && !isFinalized(existing);
    throw blockedError(
      back
        ? `migration ${name} went back to ${existing.spec.source}: to send it forward again give its NAME alone, ${programName} start ${name}`
        : `there is a finished migration ${name}: give another NAME, or remove its record with kubectl delete cnimigration ${name}`,
    );
  }
  const { source, target, cidr } = existing.spec;
  if (source !== view.source || target !== view.target)
    throw blockedError(`migration ${name} goes from ${source} to ${target}: give another NAME`);
  if (view.second !== null && view.second.cidr !== cidr)
    throw blockedError(
      `migration ${name} has the range ${cidr} and not ${view.second.cidr}, which cannot be changed: leave --cidr out, or give another NAME`,
    );
}

export interface PerformOptions {
  wait: WaitSeconds;
  output: "json" | "yaml" | undefined;
}

/** Sends everything; the CniMigration last, so that the controller begins when all is there. */
export async function perform(prepared: Prepared, io: Io, { wait, output }: PerformOptions): Promise<number> {
  const { session, manifests, roles, tried, existing, own } = prepared;
  if (own !== undefined) await backUp(own, prepared.source, io);
  const sent: UnknownObject[] = [];
  const report = ({ name, outcome, object }: Applied) => {
    sent.push(object);
    io.stderr.write(`${name} ${outcome}\n`);
  };
  const { name } = prepared.migration.metadata;
  // Before and after: what is made must be known for ours even when this is broken off in between.
  await writeRecord(session, io, recordObjects(name, prepared.entries));
  await applyAll(manifests, { session, io, dryRun: false, tried, report });
  await writeRecord(session, io, recordObjects(name, withUids(prepared.entries, sent)));
  await applyAll(roles, { session, io, dryRun: false, tried, report });
  if (existing === undefined) report(await create(session, io, prepared.migration, false));
  if (output !== undefined) io.stdout.write(serialize(output, sent));
  const { followOn } = await import("../status/follow.ts");
  return followOn(session, io, name, wait);
}

async function writeRecord(session: Session, io: Io, objects: readonly ConfigMap[]): Promise<void> {
  const write = { fieldManager: pluginFieldManager, force: true, signal: io.interrupt };
  for (const object of objects) await session.client.apply(configMaps, object, write);
}

async function create(session: Session, io: Io, migration: CniMigration, dryRun: boolean): Promise<Applied> {
  const name = displayName(migration as unknown as UnknownObject);
  try {
    const made = await session.client.create(cniMigrations, migration, {
      dryRun,
      fieldManager: pluginFieldManager,
      signal: io.interrupt,
    });
    return { name, outcome: "created", object: made as unknown as UnknownObject, before: undefined };
  } catch (error) {
    // The schema's rules know better than we do; what they refuse is the user's to mend.
    if (isApiError(error, 422)) throw new CliError("usage", error.message, error);
    if (isApiError(error, "AlreadyExists"))
      throw blockedError(
        `somebody else has just created migration ${migration.metadata.name}: see ${programName} status`,
      );
    throw error;
  }
}
