import { type Clock, systemClock } from "./clock.ts";
import { isTrue } from "./conditions.ts";
import { ApiError, isApiError } from "./errors.ts";
import type { CustomResourceDefinition } from "./objects.ts";
import { customResourceDefinitions } from "./resources.ts";
import type { KubeClient, RequestOptions, Resource } from "./types.ts";
import { watchAllUntil } from "./wait.ts";

interface Known {
  /** By apiVersion and kind. */
  resources: Map<string, Resource>;
  /** By apiVersion: questions under way, so that many who ask at the same time send one request. */
  asking: Map<string, Promise<void>>;
}

/** What each API server told. What is not there is asked for again. */
const knownBy = new WeakMap<KubeClient, Known>();

/**
 * The resource that serves objects of this apiVersion and kind; undefined when none does (now: a CRD may bring it later).
 * One request a group version; then from memory.
 */
export async function resolveResource(
  client: KubeClient,
  apiVersion: string,
  kind: string,
  options: RequestOptions = {},
): Promise<Resource | undefined> {
  const known: Known = knownBy.get(client) ?? { resources: new Map(), asking: new Map() };
  knownBy.set(client, known);
  const id = `${apiVersion} ${kind}`;
  if (!known.resources.has(id)) {
    const answer = known.asking.get(apiVersion) ?? ask(client, apiVersion, known, options);
    known.asking.set(apiVersion, answer);
    await answer;
  }
  return known.resources.get(id);
}

async function ask(client: KubeClient, apiVersion: string, known: Known, options: RequestOptions): Promise<void> {
  try {
    for (const resource of await discover(client, apiVersion, options))
      known.resources.set(`${apiVersion} ${resource.kind}`, resource);
  } finally {
    known.asking.delete(apiVersion);
  }
}

/** All resources of one group version, without subresources; none when the server does not serve it. */
async function discover(client: KubeClient, apiVersion: string, options: RequestOptions): Promise<Resource[]> {
  const [group, version] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
  const path = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  try {
    const list = JSON.parse(await client.raw(path, options)) as { resources?: ApiResource[] };
    return (list.resources ?? [])
      .filter((resource) => !resource.name.includes("/"))
      .map(({ name, kind, namespaced }) => ({
        group: group ?? "",
        version: version ?? "",
        plural: name,
        kind,
        namespaced,
      }));
  } catch (error) {
    if (isApiError(error, 404)) return [];
    throw error;
  }
}

interface ApiResource {
  name: string;
  kind: string;
  namespaced: boolean;
}

/**
 * Resolves when the API server accepts objects of these CRDs: each is Established and its kinds are discoverable. One list
 * and one watch for all of them. Throws `ApiError`: Timeout, or NamesNotAccepted when the names clash with another CRD's.
 */
export async function waitForCrds(
  client: KubeClient,
  names: readonly string[],
  options: { timeoutSeconds: number; signal?: AbortSignal; clock?: Clock },
): Promise<void> {
  const clock = options.clock ?? systemClock;
  const endMs = clock.monotonicMs() + options.timeoutSeconds * 1000;
  const left = () => (endMs - clock.monotonicMs()) / 1000;
  let missing = names;
  const crds = await watchAllUntil(
    client,
    customResourceDefinitions,
    (store) => {
      missing = names.filter((name) => established(store.get({ name })) === undefined);
      return missing.length > 0 ? undefined : names.flatMap((name) => store.get({ name }) ?? []);
    },
    {
      // Read when time is up: it names those that are missing then.
      get what() {
        return `the CRD${missing.length === 1 ? "" : "s"} ${missing.join(", ")} to be Established`;
      },
      timeoutSeconds: Math.max(left(), 0.001),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    },
  );
  for (const { metadata, spec } of crds) {
    const apiVersion = `${spec.group}/${spec.versions.find((version) => version.served)?.name}`;
    // Discovery follows a moment later, and there is no watch on it.
    while ((await resolveResource(client, apiVersion, spec.names.kind)) === undefined) {
      options.signal?.throwIfAborted();
      if (left() <= 0)
        throw notReady(
          `waited ${options.timeoutSeconds} s in vain for ${apiVersion} to be served`,
          metadata.name,
          "Timeout",
        );
      await clock.sleep(0.1, options.signal);
    }
  }
}

function established(crd: CustomResourceDefinition | undefined): CustomResourceDefinition | undefined {
  const conditions = crd?.status?.conditions;
  const refused = conditions?.find((c) => c.type === "NamesAccepted" && c.status === "False");
  if (crd !== undefined && refused !== undefined)
    throw notReady(
      `the names of the CRD ${crd.metadata.name} are taken: ${refused.message}`,
      crd.metadata.name,
      "NamesNotAccepted",
    );
  return isTrue(conditions, "Established") ? crd : undefined;
}

function notReady(message: string, name: string, reason: string): ApiError {
  return new ApiError(message, { status: 0, reason, request: `WATCH customresourcedefinitions ${name}` });
}
