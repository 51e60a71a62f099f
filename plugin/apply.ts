import { isDeepStrictEqual } from "node:util";
import { pluginFieldManager } from "../crds/names.ts";
import { isTrue } from "../kube/conditions.ts";
import { resolveResource, waitForCrds } from "../kube/discovery.ts";
import { isApiError } from "../kube/errors.ts";
import { keyOf } from "../kube/identity.ts";
import type { CustomResourceDefinition } from "../kube/objects.ts";
import { apiVersionOf, namespaces } from "../kube/resources.ts";
import type { ObjectKey, Resource, UnknownObject } from "../kube/types.ts";
import { blockedError, CliError } from "./errors.ts";
import type { Io } from "./io.ts";
import type { Session } from "./session.ts";

/** Kinds others need come first; workloads, which need all of them, last but for what belongs to a served CRD. */
const order = [
  "CustomResourceDefinition",
  "PriorityClass",
  "Namespace",
  "ServiceAccount",
  "Secret",
  "ConfigMap",
  "ClusterRole",
  "ClusterRoleBinding",
  "Role",
  "RoleBinding",
  "Service",
  "DaemonSet",
  "Deployment",
  "PodDisruptionBudget",
];

/** Seconds an API server may take to serve new CRDs. */
const establishSeconds = 60;

export interface Applied {
  object: UnknownObject;
  /** "clusterrole.rbac.authorization.k8s.io/calico-node": kubectl's way to name an object. */
  name: string;
  outcome: "created" | "configured" | "unchanged";
  /** As it was; undefined when it was not there. */
  before: UnknownObject | undefined;
}

export interface ApplyPlan {
  session: Session;
  io: Io;
  /** Ask the API server what it would do, and do nothing. */
  dryRun: boolean;
  /** Sent before these: what a dry run of them cannot find yet, they bring. */
  others?: readonly UnknownObject[];
  /** What a dry run of the same objects has just found: it is not asked for again. */
  tried?: readonly Applied[];
  /** Told of each object when it is done. */
  report(applied: Applied): void;
}

/** How late an object of this kind is sent. */
export function tierOf(kind: string): number {
  return order.includes(kind) ? order.indexOf(kind) : order.length;
}

/** In the order they are to be sent: those of one kind at the same time. */
export function inTiers(objects: readonly UnknownObject[]): UnknownObject[][] {
  const tiers = new Map<number, UnknownObject[]>();
  for (const object of objects) {
    const rank = tierOf(object.kind);
    tiers.set(rank, [...(tiers.get(rank) ?? []), object]);
  }
  return [...tiers].sort(([a], [b]) => a - b).map(([, tier]) => tier);
}

/**
 * Server-side apply of all objects, kind by kind, CRDs first and waited for. Fields of other managers are taken over: the
 * objects are the user's own choice. Running it again changes nothing. Throws a line that names the object and what is done
 * already.
 */
export async function applyAll(objects: readonly UnknownObject[], plan: ApplyPlan): Promise<void> {
  const all = [...objects, ...(plan.others ?? [])];
  const bundle: Bundle = {
    resources: objects.flatMap(resourcesOfCrd),
    namespaces: new Set(all.filter((o) => o.kind === "Namespace").map((o) => o.metadata.name)),
    lacking: new Map(),
  };
  let done = 0;
  const failed = (error: unknown, object: UnknownObject) =>
    failure(error, object, plan, `${done} of ${objects.length} objects are applied; run the command again to go on`);
  for (const tier of inTiers(objects)) {
    const outcomes = await Promise.allSettled(tier.map((object) => applyOne(object, bundle, plan)));
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") continue;
      plan.report(outcome.value);
      done += 1;
    }
    for (const [i, object] of tier.entries()) {
      const outcome = outcomes[i];
      if (outcome?.status === "rejected") throw failed(outcome.reason, object);
    }
    const [first] = tier;
    if (first?.kind !== "CustomResourceDefinition" || plan.dryRun) continue;
    await served(outcomes, plan).catch((error: unknown) => {
      throw failed(error, first);
    });
  }
}

/** Names the object, and says how far it came. */
function failure(error: unknown, object: UnknownObject, { io, dryRun }: ApplyPlan, progress: string): unknown {
  if (io.interrupt.aborted && !dryRun) return new CliError("interrupted", `interrupted; ${progress}`, error);
  if (!isApiError(error) || error.status === 0) return error;
  if (dryRun) return blockedError(`the API server would not take ${displayName(object)}: ${error.message}`);
  return new CliError("failed", `${displayName(object)}: ${error.message}; ${progress}`, error);
}

/** What the objects themselves bring: a dry run does not make it, so that what needs it cannot be tried. */
interface Bundle {
  resources: readonly Resource[];
  namespaces: ReadonlySet<string>;
  /** Of `namespaces`, once asked for: whether it is not there yet. */
  lacking: Map<string, Promise<boolean>>;
}

async function applyOne(given: UnknownObject, bundle: Bundle, plan: ApplyPlan): Promise<Applied> {
  const { session, io, dryRun, tried = [] } = plan;
  const name = displayName(given);
  const resource = await resourceFor(session, io, given, bundle.resources);
  const isServed = !bundle.resources.includes(resource);
  const object = withNamespace(given, resource, session.namespace);
  const key = keyOf(object);
  // What has no place to be in yet is not there either.
  if (dryRun && (!isServed || (await lacksNamespace(session, bundle, key))))
    return { object, name, outcome: "created", before: undefined };
  const options = { signal: io.interrupt };
  const write = { ...options, fieldManager: pluginFieldManager, force: true, dryRun };
  const read = () => session.client.get(resource, key, options);
  if (dryRun) {
    const after = await session.client.apply(resource, object, write);
    // Only what is stored has a version, and a dry run leaves it as it is: the contents tell whether there is a change.
    const before = after.metadata.resourceVersion === undefined ? undefined : await read();
    return { object: after, name, outcome: outcomeOf(before, isDeepStrictEqual(before, after)), before };
  }
  const known = tried.find((other) => isNamed(other, name, key));
  const before = known === undefined ? await read() : known.before;
  const after = await session.client.apply(resource, object, write);
  const unchanged = before?.metadata.resourceVersion === after.metadata.resourceVersion;
  return { object: after, name, outcome: outcomeOf(before, unchanged), before };
}

function outcomeOf(before: UnknownObject | undefined, unchanged: boolean): Applied["outcome"] {
  return before === undefined ? "created" : unchanged ? "unchanged" : "configured";
}

function isNamed({ object, name }: Applied, wanted: string, { namespace }: ObjectKey): boolean {
  return name === wanted && object.metadata.namespace === namespace;
}

/** Waits until the API server takes objects of these CRDs; of those that are as they were, it does already. */
async function served(applied: readonly PromiseSettledResult<Applied>[], { session, io }: ApplyPlan): Promise<void> {
  const names = applied.flatMap((one) =>
    one.status === "fulfilled" && !isServing(one.value) ? [one.value.object.metadata.name] : [],
  );
  if (names.length === 0) return;
  const options = { timeoutSeconds: establishSeconds, signal: io.interrupt, clock: io.clock };
  await waitForCrds(session.client, names, options);
}

function isServing({ object, outcome }: Applied): boolean {
  const { status } = object as unknown as CustomResourceDefinition;
  return outcome === "unchanged" && isTrue(status?.conditions, "Established");
}

/** Whether the object's namespace is one the objects bring and that is not there yet. */
async function lacksNamespace(session: Session, bundle: Bundle, { namespace }: ObjectKey): Promise<boolean> {
  if (namespace === undefined || !bundle.namespaces.has(namespace)) return false;
  const known = bundle.lacking.get(namespace);
  const lacks = known ?? session.client.get(namespaces, { name: namespace }).then((found) => found === undefined);
  bundle.lacking.set(namespace, lacks);
  return lacks;
}

/** The resources a CustomResourceDefinition among the objects brings. */
function resourcesOfCrd(object: UnknownObject): Resource[] {
  if (object.kind !== "CustomResourceDefinition") return [];
  const { group, scope, names, versions } = (object as unknown as CustomResourceDefinition).spec;
  return versions.map(({ name }) => ({
    group,
    version: name,
    plural: names.plural,
    kind: names.kind,
    namespaced: scope === "Namespaced",
  }));
}

function isOf(resource: Resource, object: UnknownObject): boolean {
  return resource.kind === object.kind && apiVersionOf(resource) === object.apiVersion;
}

/** The objects as they are sent. Throws `CliError` (blocked) for a kind the API server does not serve. */
export async function withNamespaces(
  session: Session,
  io: Io,
  objects: readonly UnknownObject[],
): Promise<UnknownObject[]> {
  const brought = objects.flatMap(resourcesOfCrd);
  return Promise.all(
    objects.map(async (object) =>
      withNamespace(object, await resourceFor(session, io, object, brought), session.namespace),
    ),
  );
}

/** The resource of an object, served now or brought by a CRD that goes before it. */
export async function resourceFor(
  session: Session,
  io: Io,
  object: UnknownObject,
  brought: readonly Resource[] = [],
): Promise<Resource> {
  const served = await resolveResource(session.client, object.apiVersion, object.kind, { signal: io.interrupt });
  const resource = served ?? brought.find((candidate) => isOf(candidate, object));
  if (resource === undefined)
    throw blockedError(
      `${displayName(object)}: the API server does not serve kind ${object.kind} of ${object.apiVersion}`,
    );
  return resource;
}

/** The object as it is sent: with a namespace where its kind has one, without where it has none. */
function withNamespace(object: UnknownObject, resource: Resource, fallback: string): UnknownObject {
  const { namespace, ...metadata } = object.metadata;
  return { ...object, metadata: resource.namespaced ? { ...metadata, namespace: namespace ?? fallback } : metadata };
}

/** kubectl's way: "daemonset.apps/calico-node", "serviceaccount/calico-node". */
export function displayName(object: UnknownObject): string {
  const slash = object.apiVersion.indexOf("/");
  const group = slash < 0 ? "" : `.${object.apiVersion.slice(0, slash)}`;
  return `${object.kind.toLowerCase()}${group}/${object.metadata.name}`;
}
