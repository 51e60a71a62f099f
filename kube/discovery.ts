import { type Clock, systemClock } from "./clock.ts";
import { isTrue } from "./conditions.ts";
import { ApiError, isApiError } from "./errors.ts";
import type { CustomResourceDefinition } from "./objects.ts";
import { customResourceDefinitions } from "./resources.ts";
import type { KubeClient, RequestOptions, Resource } from "./types.ts";
import { watchUntil } from "./wait.ts";

/** Resources by apiVersion and kind, as each API server told. What is not there is asked for again. */
const known = new WeakMap<KubeClient, Map<string, Resource>>();

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
  let resources = known.get(client);
  if (resources === undefined) {
    resources = new Map();
    known.set(client, resources);
  }
  const id = `${apiVersion} ${kind}`;
  if (!resources.has(id))
    for (const resource of await discover(client, apiVersion, options))
      resources.set(`${apiVersion} ${resource.kind}`, resource);
  return resources.get(id);
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
 * Resolves when the API server accepts objects of these CRDs: each is Established and its kinds are discoverable. Throws
 * `ApiError`: Timeout, or NamesNotAccepted when the names clash with another CRD's.
 */
export async function waitForCrds(
  client: KubeClient,
  names: readonly string[],
  options: { timeoutSeconds: number; signal?: AbortSignal; clock?: Clock },
): Promise<void> {
  const clock = options.clock ?? systemClock;
  const endMs = clock.monotonicMs() + options.timeoutSeconds * 1000;
  const left = () => (endMs - clock.monotonicMs()) / 1000;
  for (const name of names) {
    const what = `the CRD ${name} to be Established`;
    const crd = await watchUntil(client, customResourceDefinitions, { name }, established, {
      what,
      timeoutSeconds: Math.max(left(), 0.001),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const { group, versions, names: kinds } = crd.spec;
    const apiVersion = `${group}/${versions.find((version) => version.served)?.name}`;
    // Discovery follows a moment later, and there is no watch on it.
    while ((await resolveResource(client, apiVersion, kinds.kind)) === undefined) {
      options.signal?.throwIfAborted();
      if (left() <= 0)
        throw notReady(`waited ${options.timeoutSeconds} s in vain for ${apiVersion} to be served`, name, "Timeout");
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
