import { managedBy, managedByLabel, migrationLabel, networkLabel } from "../../crds/names.ts";
import { resolveResource } from "../../kube/discovery.ts";
import { isApiError } from "../../kube/errors.ts";
import { keyOf } from "../../kube/identity.ts";
import {
  apiVersionOf,
  clusterRoleBindings,
  clusterRoles,
  cniMigrations,
  daemonSets,
  nodeMigrations,
  roleBindings,
  roles,
} from "../../kube/resources.ts";
import type { KubeObject, ObjectKey, Resource, UnknownObject } from "../../kube/types.ts";
import type { Session } from "../session.ts";

/** One object to be deleted. */
export interface Doomed {
  resource: Resource<KubeObject>;
  key: ObjectKey;
  object: UnknownObject;
}

/**
 * Everything of ours that is in the cluster, in the order it goes: migrations while their controller can still let go of
 * them, roles of migrations, then what `install` made, last first.
 */
export async function installedObjects(session: Session, wanted: readonly UnknownObject[]): Promise<Doomed[]> {
  const found: Doomed[] = [];
  for (const resource of [cniMigrations, nodeMigrations]) found.push(...(await listed(session, resource)));
  const labelSelector = `${managedByLabel}=${managedBy},${migrationLabel}`;
  for (const resource of [roleBindings, roles, clusterRoleBindings, clusterRoles])
    found.push(...(await listed(session, resource, labelSelector)));
  for (const object of [...wanted].reverse()) {
    const resource = await resolveResource(session.client, object.apiVersion, object.kind);
    const key = keyOf(object);
    if (resource !== undefined && (await session.client.get(resource, key)) !== undefined)
      found.push({ resource, key, object });
  }
  return found;
}

async function listed(session: Session, resource: Resource<KubeObject>, labelSelector?: string): Promise<Doomed[]> {
  try {
    const { items } = await session.client.list(resource, labelSelector === undefined ? {} : { labelSelector });
    return items.map(({ metadata }) => {
      const object = { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata };
      return { resource, key: keyOf(object), object };
    });
  } catch (error) {
    if (isApiError(error, 404)) return [];
    throw error;
  }
}

/** "kube-system/calico-node": DaemonSets whose pods run only on nodes that carry our label; it stays on the nodes. */
export async function boundDaemonSets(session: Session): Promise<string[]> {
  const { items } = await session.client.list(daemonSets);
  return items
    .filter((ds) => ds.spec.template.spec.nodeSelector?.[networkLabel] !== undefined)
    .map((ds) => `${ds.metadata.namespace}/${ds.metadata.name}`)
    .sort();
}
