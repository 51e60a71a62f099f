import type { CniMigration, CniMigrationSpec } from "../../crds/index.ts";
import { apiVersion } from "../../crds/names.ts";
import type { UnknownObject } from "../../kube/types.ts";
import type { Network } from "../../networks/contract.ts";
import { networks } from "../../networks/index.ts";
import { strategyOf } from "../../networks/overlays.ts";
import { usageError } from "../errors.ts";
import { type FlagValues, nearest, orList } from "../flags.ts";
import type { requestFlags } from "./flags.ts";

const all: readonly Network[] = networks;

/** What the user wants, checked as far as that goes without a cluster. */
export interface MigrationRequest {
  /** As given; otherwise made of source and target. */
  name: string | undefined;
  target: Network;
  /** undefined: the one that is found. */
  source: Network | undefined;
  /** The rest of the spec; what is not set is left to the schema's defaults. */
  spec: Omit<CniMigrationSpec, "source" | "target">;
  /** Where spec.cidr comes from, where it is set: for messages. Absent: from a CniMigration. */
  cidrFrom?: "--cidr" | "spec.cidr";
  /** The target's own manifests. Empty for a plan without -f. */
  manifests: UnknownObject[];
}

/** The networks named by flags, judged before any file is read: the plainest mistake is told first. */
export function checkNetworks(flags: Pick<FlagValues<typeof requestFlags>, "source" | "target">): void {
  refuseSame(flags.source, flags.target);
  const target = flags.target === undefined ? undefined : networkFor("target", flags.target);
  const source = flags.source === undefined ? undefined : networkFor("source", flags.source);
  refusePair(source, target);
}

/** Pure. Throws a usage error: one line, what is wrong, where, what to do. `objects` are those of -f. */
export function readRequest(
  name: string | undefined,
  flags: FlagValues<typeof requestFlags>,
  objects: readonly UnknownObject[],
): MigrationRequest {
  const given = givenMigration(objects);
  const manifests = objects.filter((object) => !isMigration(object));
  const { source: givenSource, target: givenTarget, ...rest } = given?.spec ?? ({} as Partial<CniMigrationSpec>);
  const targetName = flags.target ?? givenTarget;
  if (targetName === undefined)
    throw usageError(`--target is missing: give the network to go to, ${orList(playing("target"))}`);
  const sourceName = flags.source ?? givenSource;
  refuseSame(sourceName, targetName);
  const target = networkFor("target", targetName);
  const source = sourceName === undefined ? undefined : networkFor("source", sourceName);
  refusePair(source, target);
  return {
    name: checkName(name ?? given?.metadata.name),
    target,
    source,
    spec: {
      ...rest,
      ...(flags.cidr === undefined ? {} : { cidr: flags.cidr }),
      ...(flags.batchSize === undefined ? {} : { batchSize: flags.batchSize }),
    },
    ...(flags.cidr === undefined ? {} : { cidrFrom: "--cidr" as const }),
    manifests,
  };
}

/** The target's manifests, judged by the target itself. Throws a usage error with the first blocker. */
export function checkManifests({ target, manifests }: MigrationRequest): void {
  if (manifests.length === 0)
    throw usageError(
      `-f is missing: give ${target.displayName}'s own manifests, such as ${target.id}.yaml, with -f FILE`,
    );
  const blockers = target.checkManifests(manifests).filter((finding) => finding.severity === "blocker");
  const [first] = blockers;
  if (first === undefined) return;
  const more = blockers.length > 1 ? ` (and ${blockers.length - 1} more)` : "";
  throw usageError(
    `${first.where === "" ? "" : `${first.where}: `}${first.what}${first.cure === "" ? "" : `; ${first.cure}`}${more}`,
  );
}

/** A pair this version cannot migrate. */
function refusePair(source: Network | undefined, target: Network | undefined): void {
  if (source === undefined || target === undefined || strategyOf(source.id, target.id) !== undefined) return;
  const reachable = all.filter((n) => n.plays.target && strategyOf(source.id, n.id) !== undefined).map((n) => n.id);
  throw usageError(`there is no way from ${source.id} to ${target.id}: ${source.id} can go to ${orList(reachable)}`);
}

function refuseSame(source: string | undefined, target: string | undefined): void {
  if (source !== undefined && source === target)
    throw usageError(`the source and the target are both ${source}: choose another --target`);
}

type Part = "source" | "target";

function playing(part: Part): string[] {
  return all.filter((network) => network.plays[part]).map((network) => network.id);
}

function networkFor(part: Part, name: string): Network {
  const network = all.find((candidate) => candidate.id === name);
  if (network?.plays[part] === true) return network;
  const choices = playing(part);
  if (network !== undefined)
    throw usageError(`${name} cannot be the ${part} in this version: --${part} can be ${orList(choices)}`);
  const near = nearest(name, choices);
  const hint = near === undefined ? `choose ${orList(choices)}` : `did you mean ${near}?`;
  throw usageError(`unknown network ${JSON.stringify(name)} for --${part}: ${hint}`);
}

function isMigration(object: UnknownObject): boolean {
  return object.apiVersion === apiVersion && object.kind === "CniMigration";
}

function givenMigration(objects: readonly UnknownObject[]): CniMigration | undefined {
  const found = objects.filter(isMigration) as unknown as CniMigration[];
  if (found.length > 1) throw usageError(`-f holds ${found.length} CniMigrations: give one`);
  return found[0];
}

/** The name becomes part of labels and of Role names. */
function checkName(name: string | undefined): string | undefined {
  if (name === undefined || (/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name) && name.length <= 63)) return name;
  throw usageError(
    `invalid name ${JSON.stringify(name.slice(0, 80))}: use at most 63 lower-case letters, digits, - and ., such as flannel-to-calico`,
  );
}
