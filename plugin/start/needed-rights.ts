import { systemNamespace } from "../../crds/names.ts";
import {
  cniMigrations,
  configMaps,
  customResourceDefinitions,
  daemonSets,
  deployments,
  namespaces,
  networkPolicies,
  nodeMigrations,
  nodes,
  pods,
} from "../../kube/resources.ts";
import type { KubeObject, Resource, UnknownObject } from "../../kube/types.ts";
import type { Network } from "../../networks/contract.ts";
import { pairs } from "../../networks/overlays.ts";
import { ownPolicies } from "../../networks/policies.ts";
import { serviceRangeReads } from "../../networks/service-ranges.ts";
import { resourceFor } from "../apply.ts";
import { blockedError } from "../errors.ts";
import type { Io } from "../io.ts";
import type { Session } from "../session.ts";
import { describeRights, missingRights, type Right } from "./rights.ts";

/** What `start` reads before it writes: more, where the target has an overlay of its own. */
export function readRights(networks: readonly Network[], target: Network): Right[] {
  const ranges = pairs().some(([, to, strategy]) => to === target.id && strategy === "DualOverlay");
  const lists: Resource<KubeObject>[] = [
    nodes,
    pods,
    daemonSets,
    networkPolicies,
    namespaces,
    ...networks.flatMap((network) => network.reads),
    ...networks.flatMap(({ id }) => ownPolicies[id]).filter((resource) => !ownPolicies[target.id].includes(resource)),
  ];
  return [
    { verb: "get", resource: customResourceDefinitions },
    { verb: "get", resource: deployments, namespace: systemNamespace },
    { verb: "list", resource: cniMigrations },
    { verb: "list", resource: configMaps, namespace: systemNamespace },
    ...(ranges ? serviceRangeReads : []),
    ...lists.map((resource): Right => ({ verb: "list", resource })),
    ...networks.flatMap(({ configMaps: keys }) =>
      keys.flatMap(({ namespace }): Right[] =>
        namespace === "" ? [] : [{ verb: "get", resource: configMaps, namespace }],
      ),
    ),
  ];
}

/** What `start` writes: every object is looked at, created or patched. With `wait` the migration is watched, too. */
export async function writeRights(
  session: Session,
  io: Io,
  objects: readonly UnknownObject[],
  wait: boolean,
): Promise<Right[]> {
  const rights: Right[] = [{ verb: "create", resource: cniMigrations }];
  if (wait)
    for (const resource of [cniMigrations, nodeMigrations])
      rights.push({ verb: "list", resource }, { verb: "watch", resource });
  for (const object of objects) {
    const resource = await bringing(session, io, object, objects);
    if (resource === undefined) continue;
    const { namespace } = object.metadata;
    const where = namespace === undefined ? {} : { namespace };
    for (const verb of ["get", "create", "patch"]) rights.push({ verb, resource, ...where });
    if (object.kind === "CustomResourceDefinition")
      for (const verb of ["list", "watch"]) rights.push({ verb, resource, ...where });
  }
  return rights;
}

/** The resource of an object; undefined for kinds that come with a CRD of the same manifests: not known to the server yet. */
async function bringing(
  session: Session,
  io: Io,
  object: UnknownObject,
  all: readonly UnknownObject[],
): Promise<Resource | undefined> {
  const group = object.apiVersion.split("/")[0];
  const isBrought = all.some((o) => o.kind === "CustomResourceDefinition" && o.metadata.name.endsWith(`.${group}`));
  return isBrought ? undefined : resourceFor(session, io, object);
}

/** Throws `CliError` (blocked) that names every right the user lacks. */
export async function refuseWithoutRights(session: Session, io: Io, rights: readonly Right[]): Promise<void> {
  const missing = await missingRights(session, rights, { signal: io.interrupt });
  if (missing.length === 0) return;
  throw blockedError(
    `you lack rights in this cluster: ${describeRights(missing).join("; ")}; use credentials that have them`,
  );
}
