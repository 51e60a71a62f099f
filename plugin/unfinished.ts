import type { CniMigration } from "../crds/index.ts";
import type { RequestOptions } from "../kube/types.ts";
import { CliError, usageError } from "./errors.ts";
import { listMigrations, notInstalled } from "./migrations.ts";
import type { Session } from "./session.ts";
import { findMigration } from "./status/gather.ts";
import { outcomeOf } from "./status/view.ts";

/**
 * The migration a command is to act on: the one of that name, else the only one that is not finished. Throws a line when it
 * is finished or there is none (exit 1), and when a name is needed to tell which (exit 2).
 */
export async function unfinishedMigration(
  session: Session,
  name: string | undefined,
  options: RequestOptions,
): Promise<CniMigration> {
  if (name !== undefined) {
    const named = await findMigration(session, name, options);
    if (outcomeOf(named) !== "succeeded") return named;
    throw new CliError("failed", `migration ${name} is finished`);
  }
  const all = await listMigrations(session, options);
  if (all === undefined) throw notInstalled("failed");
  const unfinished = all.filter((migration) => outcomeOf(migration) !== "succeeded");
  const [first, ...others] = unfinished;
  if (first === undefined) throw new CliError("failed", "there is no unfinished migration");
  if (others.length === 0) return first;
  const names = unfinished.map((migration) => migration.metadata.name).sort();
  throw usageError(`several migrations are not finished, give the NAME of one: ${names.join(", ")}`);
}
