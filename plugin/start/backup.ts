import { customResourceDefinitions } from "../../kube/resources.ts";
import type { KubeObject, Resource, UnknownObject } from "../../kube/types.ts";
import type { Network } from "../../networks/contract.ts";
import { backupText, checkBackup, restorable, writeBackup } from "../finalize/backup.ts";
import { withContents } from "../finalize/doomed.ts";
import { type Io, now } from "../io.ts";
import type { Session } from "../session.ts";

/** What a network that is left keeps in the API of its own, and the one that comes does not know. */
export interface OwnObjects {
  objects: UnknownObject[];
  /** Where they are to be written. */
  path: string;
}

interface Wanted {
  migration: string;
  source: Network;
  target: Network;
  /** Asked for by the user. */
  path: string | undefined;
}

/** "calico-to-flannel-before-20261121-193600.yaml", in the working directory. */
function defaultPath(migration: string, at: Date): string {
  const stamp = at
    .toISOString()
    .replace(/\.\d+Z$/, "")
    .replace(/[-:]/g, "")
    .replace("T", "-");
  return `${migration}-before-${stamp}.yaml`;
}

/**
 * The source's own objects (pools, settings, policies, addresses), as they are before anything is changed; undefined where it has
 * none that the target does not have, too. Throws a usage error when the file cannot be made. Changes nothing.
 */
export async function ownObjects(session: Session, io: Io, wanted: Wanted): Promise<OwnObjects | undefined> {
  const shared = wanted.target.belongings([]).crdGroups;
  const groups = wanted.source.belongings([]).crdGroups.filter((group) => !shared.includes(group));
  if (groups.length === 0) return undefined;
  const options = { signal: io.interrupt };
  const resource = customResourceDefinitions as Resource<KubeObject>;
  const { items } = await session.client.list(customResourceDefinitions, options);
  const definitions = items
    .filter(({ spec }) => groups.includes(spec.group))
    .map((item) => ({ ...item, apiVersion: "apiextensions.k8s.io/v1", kind: resource.kind }) as KubeObject);
  const found = await withContents(
    session,
    definitions.map((object) => ({
      resource,
      key: { name: object.metadata.name },
      object: object as UnknownObject,
      contents: [],
    })),
    options,
  );
  const objects = found.flatMap(({ contents }) => contents);
  if (objects.length === 0) return undefined;
  const path = wanted.path ?? defaultPath(wanted.migration, now(io));
  await checkBackup(path);
  return { objects, path };
}

/** On the disk when this returns. */
export async function backUp({ objects, path }: OwnObjects, source: Network, io: Io): Promise<void> {
  const notes = [
    `${source.displayName}'s own objects, as they were before the migration`,
    "kubectl apply -f takes them back",
  ];
  await writeBackup(path, backupText(restorable(objects), notes));
  io.stderr.write(`${objects.length} objects of ${source.displayName} are written to ${path}\n`);
}
