import type { CniMigration, NodeMigration } from "../../crds/index.ts";
import { isApiError } from "../../kube/errors.ts";
import { cniMigrations, nodeMigrations } from "../../kube/resources.ts";
import type { RequestOptions } from "../../kube/types.ts";
import { CliError } from "../errors.ts";
import { listMigrations, notInstalled } from "../migrations.ts";
import type { Session } from "../session.ts";
import { programName } from "../verb.ts";
import { chooseMigration } from "./view.ts";

/** The migration of that name, or the one that matters most. Throws a line when there is none. */
export async function findMigration(
  session: Session,
  name: string | undefined,
  options: RequestOptions,
): Promise<CniMigration> {
  if (name !== undefined) {
    const found = await session.client.get(cniMigrations, { name }, options);
    if (found !== undefined) return found;
  }
  const all = await listMigrations(session, options);
  if (all === undefined) throw notInstalled("failed");
  if (name !== undefined) {
    const names = all.map((m) => m.metadata.name).sort();
    throw new CliError(
      "failed",
      `there is no migration ${JSON.stringify(name)}${names.length === 0 ? "" : `; there is ${names.join(", ")}`}`,
    );
  }
  const chosen = chooseMigration(all);
  if (chosen === undefined)
    throw new CliError("failed", `there is no migration; begin one with ${programName} start --target NETWORK -f FILE`);
  return chosen;
}

/** All NodeMigrations. One that cannot be read is no reason to hide the migration: the error is handed back beside it. */
export async function listNodes(
  session: Session,
  options: RequestOptions,
): Promise<{ nodes: NodeMigration[]; error: Error | undefined }> {
  try {
    return { nodes: (await session.client.list(nodeMigrations, options)).items, error: undefined };
  } catch (error) {
    if (isApiError(error)) return { nodes: [], error };
    throw error;
  }
}
