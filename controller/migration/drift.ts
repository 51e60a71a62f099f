import type { CniMigration, NodeMigration } from "../../crds/index.ts";
import { networkLabel } from "../../crds/names.ts";
import type { DaemonSet, Node } from "../../kube/objects.ts";
import { daemonSets } from "../../kube/resources.ts";
import type { ObjectMeta } from "../../kube/types.ts";
import type { AgentRef, NetworkId } from "../../networks/contract.ts";
import { strategyOf } from "../../networks/overlays.ts";
import { missing } from "../changes.ts";
import { MigrationError } from "../errors.ts";
import type { Scope } from "../scope.ts";
import { isOwnedBy } from "../tasks.ts";
import { isPrepared, isTurning, walked } from "./places.ts";

/**
 * What the migration relies on while the two networks live side by side, and somebody has changed. It is never put back from
 * here: whoever changed it would do so again. The line stops until a person has put it back.
 */
interface Drift {
  reason: "Conflict" | "TargetMissing";
  object: string;
  message: string;
  hint: string;
  /** Of the DaemonSet it is about. */
  key?: Key;
}

interface Side {
  network: NetworkId;
  agent: AgentRef;
  /** What each of its DaemonSets must hold: which nodes its pods are bound to, and for the source that no edit restarts them. */
  patch: { spec: Record<string, unknown> };
}

interface Key {
  namespace: string;
  name: string;
}

type Lookup = (key: Key) => DaemonSet | undefined;

/** The first thing that is not as it has to be, by name; undefined when all is. Pure. */
export function findDrift(
  migration: CniMigration,
  daemonSetOf: Lookup,
  nodes: readonly Node[],
  parts: readonly NodeMigration[],
): Drift | undefined {
  if (!isPrepared(migration)) return undefined;
  for (const side of sidesOf(migration))
    for (const name of side.agent.daemonSets) {
      const drift = ofDaemonSet(migration, side, name, daemonSetOf({ namespace: side.agent.namespace, name }));
      if (drift !== undefined) return drift;
    }
  return findNodeDrift(migration, nodes, parts);
}

function findNodeDrift(
  migration: CniMigration,
  nodes: readonly Node[],
  parts: readonly NodeMigration[],
): Drift | undefined {
  if (!isPrepared(migration)) return undefined;
  const byName = new Map(nodes.map((node) => [node.metadata.name, node]));
  const settled = parts.filter((part) => part.status?.step === "Done" && !isTurning(part));
  for (const part of settled.sort((a, b) => (a.spec.nodeName < b.spec.nodeName ? -1 : 1))) {
    const drift = ofNode(migration, part, byName.get(part.spec.nodeName));
    if (drift !== undefined) return drift;
  }
  return undefined;
}

/**
 * The same as an error that stalls the migration. A DaemonSet is read anew before that is believed: the copy may be from
 * before our own change. `settled`: every node is where it is to be, and needs no agent of the other network.
 */
export async function driftError(
  scope: Scope,
  migration: CniMigration,
  { settled = false } = {},
): Promise<MigrationError | undefined> {
  const { stores } = scope;
  const own = stores.nodeMigrations.list().filter((nm) => isOwnedBy(nm, { uid: migration.metadata.uid ?? "" }));
  const look = () =>
    settled
      ? findNodeDrift(migration, stores.nodes.list(), own)
      : findDrift(migration, (key) => stores.daemonSets.get(key), stores.nodes.list(), own);
  let drift = look();
  let by: string | undefined;
  if (drift?.key !== undefined) {
    by = await readAnew(scope, drift.key);
    drift = look();
  }
  if (drift === undefined) return undefined;
  const { reason, object, message, hint } = drift;
  const who = by === undefined ? "" : ` (last changed by ${by})`;
  return new MigrationError(reason, `${message}${who}`, { kind: "stalled", object, hint });
}

function sidesOf({ spec, status }: CniMigration): Side[] {
  const { sourceAgent, targetAgent } = status?.facts ?? {};
  const bound = (network: NetworkId | null) => ({ template: { spec: { nodeSelector: { [networkLabel]: network } } } });
  const shared = {
    source: { updateStrategy: { type: "OnDelete" }, ...bound(spec.source) },
    target: bound(spec.target),
  };
  // Both run on every node; the source does not any more when all nodes have left it.
  const beside = { source: {}, target: bound(null) };
  const { source, target } = strategyOf(spec.source, spec.target) === "DualOverlay" ? beside : shared;
  return [
    ...(sourceAgent === undefined ? [] : [{ network: spec.source, agent: sourceAgent, patch: { spec: source } }]),
    ...(targetAgent === undefined ? [] : [{ network: spec.target, agent: targetAgent, patch: { spec: target } }]),
  ];
}

function ofDaemonSet(
  { metadata, spec }: CniMigration,
  { network, agent, patch }: Side,
  name: string,
  found: DaemonSet | undefined,
): Drift | undefined {
  const key = { namespace: agent.namespace, name };
  const object = `daemonset ${agent.namespace}/${name}`;
  if (found === undefined || found.metadata.deletionTimestamp !== undefined) {
    const isTarget = network === spec.target;
    const again = `kubectl cni-migrate start ${metadata.name} --target ${network} -f FILE puts it back`;
    return {
      reason: isTarget ? "TargetMissing" : "Conflict",
      object,
      message: `${object} of ${network} is gone, and nodes need it`,
      hint: isTarget
        ? again
        : `apply its manifest again${patch.spec.updateStrategy === undefined ? "" : ` with nodeSelector ${networkLabel}: ${network} and updateStrategy OnDelete`}`,
      key,
    };
  }
  const lacks = missing(found, patch);
  if (lacks === undefined) return undefined;
  const fields = leaves(patch)
    .filter(({ path }) => at(lacks, path) !== undefined)
    .map(
      ({ path, value }) =>
        `${fieldName(path)} is ${JSON.stringify(at(found, path)) ?? "gone"}${value === null ? ", and was not" : `, not "${value}"`}`,
    );
  return {
    reason: "Conflict",
    object,
    message: `${object}: ${fields.join(", ")}`,
    hint: `stop what changes it, and put it back: kubectl -n ${agent.namespace} patch daemonset ${name} --type merge -p '${JSON.stringify(lacks)}'`,
    key,
  };
}

/** A node whose part is done has the label of the network its way led to. */
function ofNode({ spec }: CniMigration, part: NodeMigration, node: Node | undefined): Drift | undefined {
  if (node === undefined || node.metadata.uid !== part.spec.nodeUID) return undefined;
  const { name } = node.metadata;
  const wanted = walked(part) === "Forward" ? spec.target : spec.source;
  const label = node.metadata.labels?.[networkLabel];
  if (label === wanted) return undefined;
  const is = label === undefined ? "is gone" : `is ${JSON.stringify(label)}`;
  // Without a record of the switch the status was written by a hand.
  const switched = part.status?.steps?.some((s) => s.name === "JoinTarget" || s.name === "Verify") ?? false;
  return {
    reason: "Conflict",
    object: `node ${name}`,
    message: `node ${name}: label ${networkLabel} ${is}, and its NodeMigration says it is done on ${wanted}`,
    hint: switched
      ? `put it back: kubectl label node ${name} --overwrite ${networkLabel}=${wanted}`
      : `it was never switched: kubectl delete nodemigration ${part.metadata.name}, and it has its turn`,
  };
}

type Path = readonly string[];

function leaves(value: unknown, path: Path = []): { path: Path; value: unknown }[] {
  if (typeof value !== "object" || value === null) return [{ path, value }];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
}

function at(value: unknown, [key, ...rest]: Path): unknown {
  if (key === undefined) return value;
  return typeof value === "object" && value !== null ? at((value as Record<string, unknown>)[key], rest) : undefined;
}

function fieldName(path: Path): string {
  return path.map((key) => (/^\w+$/.test(key) ? key : JSON.stringify(key))).join(".");
}

/** Who changed a copy last, as far as the API server knows: asked once a copy. */
const managers = new WeakMap<DaemonSet, string | undefined>();

interface ManagedField {
  manager?: string;
  time?: string;
  subresource?: string;
}

/** Brings the copy up to date; gives who changed the DaemonSet last. */
async function readAnew({ client, stores }: Scope, key: Key): Promise<string | undefined> {
  const copy = stores.daemonSets.get(key);
  if (copy !== undefined && managers.has(copy)) return managers.get(copy);
  const found = await client.get(daemonSets, key);
  if (found === undefined) return undefined;
  stores.daemonSets.put(found);
  const { managedFields = [] } = found.metadata as ObjectMeta & { managedFields?: ManagedField[] };
  const edits = managedFields.filter(({ subresource = "" }) => subresource === "");
  const last = edits.sort((a, b) => ((a.time ?? "") < (b.time ?? "") ? 1 : -1))[0]?.manager;
  managers.set(stores.daemonSets.get(key) ?? found, last);
  return last;
}
