import { systemNamespace } from "../../crds/names.ts";
import { clusterRoles, cniMigrations, configMaps, daemonSets, nodes, roles } from "../../kube/resources.ts";
import { installReads } from "../../networks/install-objects.ts";
import type { Io } from "../io.ts";
import type { Right } from "../start/rights.ts";
import { targetOf } from "./changes.ts";
import { contentResource, type Doomed, type Wanted } from "./doomed.ts";
import type { Prepared } from "./prepare.ts";
import { ownRoles } from "./record.ts";
import { awaited } from "./remove.ts";

/** To find out what is to be done. */
export function readRights(): Right[] {
  return [
    { verb: "list", resource: cniMigrations },
    ...[nodes, roles, clusterRoles, ...installReads].map((resource): Right => ({ verb: "list", resource })),
    ...["get", "list"].map((verb): Right => ({ verb, resource: configMaps, namespace: systemNamespace })),
  ];
}

export function getRight({ resource, key: { namespace } }: Wanted): Right {
  return { verb: "get", resource, ...(namespace === undefined ? {} : { namespace }) };
}

export function listRight({ object }: Doomed): Right[] {
  const resource = contentResource(object);
  return resource === undefined ? [] : [{ verb: "list", resource }];
}

/** To do it. */
export async function writeRights(prepared: Prepared, io: Io): Promise<Right[]> {
  const { session, name, doomed, agents } = prepared;
  const options = { signal: io.interrupt };
  const own = await ownRoles(session, name, options);
  return [
    ...doomed.flatMap(removalRights),
    ...(await changeRights(prepared, io)),
    ...agents.flatMap(({ namespace }): Right[] =>
      ["list", "watch"].map((verb) => ({ verb, resource: daemonSets, namespace })),
    ),
    ...own.map(({ resource, key }): Right => ({ verb: "delete", resource, ...at(key.namespace) })),
    ...["create", "patch", "delete"].map((verb): Right => ({ verb, resource: configMaps, namespace: systemNamespace })),
    { verb: "patch", resource: nodes },
    { verb: "patch", resource: cniMigrations, subresource: "status" },
  ];
}

function removalRights({ resource, key, contents, object }: Doomed): Right[] {
  const content = contentResource(object);
  const holds = contents.some(({ metadata }) => (metadata.finalizers ?? []).length > 0);
  const verbs = awaited.includes(resource.kind) ? ["delete", "list", "watch"] : ["delete"];
  return [
    ...verbs.map((verb): Right => ({ verb, resource, ...at(key.namespace) })),
    ...(content !== undefined && holds ? [{ verb: "patch", resource: content }] : []),
  ];
}

/** Objects that stay, and what the controller did for the time of the migration. */
async function changeRights({ session, changes, migration, ending }: Prepared, io: Io): Promise<Right[]> {
  const transient = (migration.status?.undo ?? []).filter((entry) => entry.transient === true && !ending.reverted);
  const wanted = [
    ...changes.map(({ identity }) => ({ identity, verb: "patch" })),
    ...transient.map((entry) => ({ identity: entry, verb: entry.action === "Delete" ? "delete" : "patch" })),
  ];
  const rights = await Promise.all(
    wanted.map(async ({ identity, verb }) => {
      const target = await targetOf(session, identity, { signal: io.interrupt });
      const place = at(target?.key.namespace);
      return target === undefined
        ? []
        : ["get", verb].map((v): Right => ({ verb: v, resource: target.resource, ...place }));
    }),
  );
  return rights.flat();
}

function at(namespace: string | undefined): { namespace?: string } {
  return namespace === undefined ? {} : { namespace };
}
