import type { CniMigration } from "../../crds/index.ts";
import { isTrue } from "../../kube/conditions.ts";
import { blockedError } from "../errors.ts";
import { isAvailable, whyNot } from "../install/available.ts";
import type { Io } from "../io.ts";
import { listMigrations } from "../migrations.ts";
import type { Session } from "../session.ts";
import { outcomeOf } from "../status/view.ts";
import { programName } from "../verb.ts";
import { clientSchemaVersion, installedController, installedSchemaVersion, schemaSkew } from "../version-info.ts";

/** What has to be there before a migration can begin. */
export interface Readiness {
  schemaVersion: number | undefined;
  migrations: readonly CniMigration[];
  /** missing: no Deployment; otherwise what keeps it from being available, "" when it is. */
  controller: "missing" | { trouble: string };
}

export async function gatherReadiness(session: Session, io: Io): Promise<Readiness> {
  const options = { signal: io.interrupt };
  const schemaVersion = await installedSchemaVersion(session, options);
  if (schemaVersion === undefined) return { schemaVersion, migrations: [], controller: "missing" };
  const [migrations, deployment] = await Promise.all([
    listMigrations(session, options),
    installedController(session, options),
  ]);
  const trouble =
    deployment === undefined || isAvailable(deployment) ? "" : (await whyNot(session)) || "it is not available yet";
  return {
    schemaVersion,
    migrations: migrations ?? [],
    controller: deployment === undefined ? "missing" : { trouble },
  };
}

/** Pure. Throws `CliError` (blocked) with the first thing that is not as it has to be. */
export function refuseUnready(readiness: Readiness, name: string | undefined): void {
  const { schemaVersion, migrations, controller } = readiness;
  const skew = schemaSkew(schemaVersion);
  if (skew === "not installed")
    throw blockedError(`cni-migrate is not installed in this cluster: run ${programName} install`);
  if (skew === "older")
    throw blockedError(
      `the custom resources in the cluster are older than this plugin (schema ${schemaVersion}, needed ${clientSchemaVersion}): run ${programName} install`,
    );
  if (skew === "newer")
    throw blockedError(
      `the custom resources in the cluster are newer than this plugin (schema ${schemaVersion}, known ${clientSchemaVersion}): upgrade the plugin`,
    );
  const other = migrations.find((m) => outcomeOf(m) !== "succeeded" && !mayGoOn(m, name));
  if (other !== undefined) {
    const { name: unfinished } = other.metadata;
    const next =
      other.spec.direction === "Revert"
        ? `to send it forward again give its NAME alone, ${programName} start ${unfinished}`
        : `see ${programName} status ${unfinished}`;
    throw blockedError(
      `migration ${unfinished} is not finished (${other.status?.summary ?? "Pending"}), and there is one at a time: ${next}`,
    );
  }
  if (controller === "missing") throw blockedError(`the controller is missing: run ${programName} install`);
  if (controller.trouble !== "") throw blockedError(`the controller is not available: ${controller.trouble}`);
}

/**
 * An unfinished migration that was asked for by its name and whose target is not installed: `start` was broken off between
 * creating it and now, or its manifests were lost; it is given them again.
 */
export function mayGoOn(migration: CniMigration, name: string | undefined): boolean {
  const { metadata, spec, status } = migration;
  return name === metadata.name && spec.direction !== "Revert" && !isTrue(status?.conditions, "TargetInstalled");
}
