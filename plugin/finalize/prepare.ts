import type { CniMigration } from "../../crds/index.ts";
import type { DaemonSet, Node } from "../../kube/objects.ts";
import { daemonSets, nodes } from "../../kube/resources.ts";
import type { KubeObject, RequestOptions, Resource } from "../../kube/types.ts";
import type { AgentRef, ClusterSnapshot } from "../../networks/contract.ts";
import { networkById } from "../../networks/index.ts";
import { installReads, samePart } from "../../networks/install-objects.ts";
import { snapshotOf } from "../../networks/snapshot.ts";
import { displayName } from "../apply.ts";
import { type Course, courseOf } from "../course.ts";
import type { Session } from "../session.ts";
import { refuseWithoutRights } from "../start/needed-rights.ts";
import { earlierForms, finalChanges, type ObjectChange } from "./changes.ts";
import { type Ending, endingOf, refuseNodesElsewhere, refuseUnhealthy, unfinalized } from "./choose.ts";
import {
  type Doomed,
  definitionsSince,
  leasesOf,
  lookUp,
  partsOfRecord,
  partsOfSource,
  rankOf,
  type Wanted,
  withContents,
  withoutUsedNamespaces,
} from "./doomed.ts";
import { type NodeKeys, nodeKeys } from "./nodes.ts";
import { type Progress, readProgress } from "./progress.ts";
import { type RecordEntry, readRecord, recordedSince } from "./record.ts";
import { getRight, listRight, readRights, writeRights } from "./rights.ts";

/** All that `finalize` will do, looked up and found to be possible. */
export interface Prepared {
  session: Session;
  migration: CniMigration;
  name: string;
  ending: Ending;
  /** In the order they go. */
  doomed: Doomed[];
  /** To objects that stay. */
  changes: ObjectChange[];
  /** DaemonSets whose pods must be of the new form before anything else is done: those of the network that stays. */
  agents: { namespace: string; name: string }[];
  keys: NodeKeys;
  progress: Progress;
  /** What stays and why, for the user. */
  notes: string[];
}

/** Looks at everything, writes nothing. Throws `CliError` with the line that says why it cannot be. */
export async function prepare(call: Parameters<typeof courseOf>[0]): Promise<Prepared> {
  const { io } = call;
  const options = { signal: io.interrupt };
  const course = await courseOf(call, unfinalized);
  const { session, migration, name } = course;
  const ending = endingOf(migration);
  await refuseWithoutRights(session, io, readRights());
  const [world, record, progress] = await Promise.all([
    gatherWorld(session, options),
    readRecord(session, name, options),
    readProgress(session, name, options),
  ]);
  const agents = agentsOf(course, ending);
  refuseUnhealthy(ending, { daemonSets: world.list<DaemonSet>(daemonSets), ...agents });
  refuseNodesElsewhere(ending, world.nodes as readonly Node[]);

  const detected = migration.status?.detected ?? [];
  const found = ending.reverted
    ? await partsMade(session, ending, { world, record, agent: agents.leaving }, options)
    : partsOfSource(ending, agents, { world, record, detected });
  const wanted = [
    ...progress.wanted,
    ...found.filter((part) => !progress.wanted.some((known) => samePart(known, part))),
  ];
  const sorted = [...wanted].sort((a, b) => rankOf(a) - rankOf(b));
  await refuseWithoutRights(session, io, sorted.map(getRight));
  const going = await lookUp(session, sorted, options);
  await refuseWithoutRights(session, io, going.flatMap(listRight));
  const { doomed, notes } = await withoutUsedNamespaces(session, await withContents(session, going, options), options);
  const changes = ending.reverted ? earlierForms(record) : finalChanges(record, agents.staying);
  const networks = { stays: networkById(ending.stays), goes: networkById(ending.goes) };
  if (ending.reverted) notes.push(...rekeyedNotes(record));
  if (ending.reverted && record.length === 0) notes.push(`what start made of ${ending.goes} is not recorded: it stays`);
  const prepared = {
    session,
    migration,
    name,
    ending,
    doomed,
    changes,
    agents: agents.staying.daemonSets.map((ds) => ({ namespace: agents.staying.namespace, name: ds })),
    keys: nodeKeys(networks, ending.reverted, detected),
    progress,
    notes,
  };
  await refuseWithoutRights(session, io, await writeRights(prepared, io));
  return prepared;
}

/** What `start` made, and what that made in its turn. Without a record nothing is known to be of ours. */
async function partsMade(
  session: Session,
  ending: Ending,
  { world, record, agent }: { world: ClusterSnapshot; record: readonly RecordEntry[]; agent: AgentRef },
  options: RequestOptions,
): Promise<Wanted[]> {
  const made = await partsOfRecord(session, record, options);
  if (made.length === 0) return [];
  const definitions = definitionsSince(world, ending, await recordedSince(session, options));
  const theirs = [...leasesOf(ending, agent), ...definitions];
  return [...made, ...theirs.filter((part) => !made.some((known) => samePart(known, part)))];
}

/** Secrets `start` gave other data to: nobody has kept what was in them. */
function rekeyedNotes(record: readonly RecordEntry[]): string[] {
  return record
    .filter(({ rekeyed }) => rekeyed === true)
    .map(
      ({ namespace, name }) =>
        `secret ${namespace}/${name} was there before start and got other data from the manifests: it stays as it is`,
    );
}

/** What is about to happen, for the question before it. Pure. */
export function summary({ name, ending, doomed, changes, notes }: Prepared, backup: string): string {
  const { reverted, stays, goes } = ending;
  const contents = doomed.flatMap((each) => each.contents).length;
  const held = contents === 0 ? "" : `, and ${contents} custom resources with their definitions`;
  return [
    `${name}: ${stays} stays, ${reverted ? `what start installed of ${goes}` : goes} is removed from the API`,
    ...doomed.map(({ object }) => `  ${displayName(object)}${inNamespace(object)}`),
    `objects to remove: ${doomed.length}${held}; backup: ${backup}`,
    ...(changes.length === 0
      ? []
      : [
          `objects to ${reverted ? "put back as they were" : "bring to their final form"}: ${changes.map(({ identity }) => `${identity.kind.toLowerCase()}/${identity.name}`).join(", ")}`,
        ]),
    ...(reverted ? [] : [`the pods of ${stays} are restarted, node by node; no other pod is`]),
    ...notes.map((note) => `note: ${note}`),
  ]
    .map((line) => `${line}\n`)
    .join("");
}

function inNamespace({ metadata }: KubeObject): string {
  return metadata.namespace === undefined ? "" : ` in ${metadata.namespace}`;
}

function agentsOf({ migration }: Pick<Course, "migration">, { reverted }: Ending) {
  const none = { namespace: "", daemonSets: [], podLabels: {} };
  const { sourceAgent = none, targetAgent = none } = migration.status?.facts ?? {};
  return reverted ? { staying: sourceAgent, leaving: targetAgent } : { staying: targetAgent, leaving: sourceAgent };
}

async function gatherWorld(session: Session, options: RequestOptions) {
  const resources = [nodes, ...installReads] as readonly Resource<KubeObject>[];
  const lists = await Promise.all(
    resources.map(async (resource) => {
      const { items } = await session.client.list(resource, options);
      const { group, version, kind } = resource;
      // Items of a built-in list come without them.
      return items.map((item) => ({ ...item, apiVersion: group === "" ? version : `${group}/${version}`, kind }));
    }),
  );
  return snapshotOf({ objects: lists.flat() });
}
