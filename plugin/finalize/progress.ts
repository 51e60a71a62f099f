import { managedBy, managedByLabel, migrationLabel, pluginFieldManager, systemNamespace } from "../../crds/names.ts";
import type { ConfigMap } from "../../kube/objects.ts";
import { configMaps } from "../../kube/resources.ts";
import type { RequestOptions } from "../../kube/types.ts";
import type { Session } from "../session.ts";
import type { Doomed, Wanted } from "./doomed.ts";

/** What an earlier run that was broken off had begun: references to what is left may be gone by now. */
export interface Progress {
  wanted: Wanted[];
  /** Files it wrote. */
  backups: string[];
}

const dataKey = "progress.json";

function keyFor(migration: string): { name: string; namespace: string } {
  return { name: `finalize-${migration}`, namespace: systemNamespace };
}

export async function readProgress(session: Session, migration: string, options: RequestOptions): Promise<Progress> {
  const found = await session.client.get(configMaps, keyFor(migration), options);
  const text = found?.data?.[dataKey];
  return text === undefined ? { wanted: [], backups: [] } : (JSON.parse(text) as Progress);
}

/** Before the first object goes. */
export async function writeProgress(
  session: Session,
  migration: string,
  { doomed, backups }: { doomed: readonly Doomed[]; backups: readonly string[] },
  options: RequestOptions,
): Promise<void> {
  const wanted: Wanted[] = doomed.map(({ resource, key, object }) => ({ resource, key, uid: object.metadata.uid }));
  const object: ConfigMap = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { ...keyFor(migration), labels: { [managedByLabel]: managedBy, [migrationLabel]: migration } },
    data: { [dataKey]: JSON.stringify({ wanted, backups }) },
  };
  await session.client.apply(configMaps, object, { ...options, fieldManager: pluginFieldManager, force: true });
}
