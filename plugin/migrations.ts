import type { CniMigration } from "../crds/index.ts";
import { isApiError } from "../kube/errors.ts";
import { cniMigrations } from "../kube/resources.ts";
import type { RequestOptions } from "../kube/types.ts";
import { CliError } from "./errors.ts";
import type { Session } from "./session.ts";
import { programName } from "./verb.ts";

/** All CniMigrations; undefined when the custom resource is not installed. */
export async function listMigrations(
  session: Session,
  options: RequestOptions = {},
): Promise<CniMigration[] | undefined> {
  try {
    return (await session.client.list(cniMigrations, options)).items;
  } catch (error) {
    if (isApiError(error, 404)) return undefined;
    throw error;
  }
}

/** What a command says that needs what `install` brings. */
export function notInstalled(kind: "failed" | "blocked"): CliError {
  return new CliError(kind, `cni-migrate is not installed in this cluster: run ${programName} install`);
}
