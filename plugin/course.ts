import type { CniMigration } from "../crds/index.ts";
import { isConflict } from "../kube/errors.ts";
import { cniMigrations } from "../kube/resources.ts";
import { blockedError, CliError, usageError } from "./errors.ts";
import type { Io } from "./io.ts";
import { listMigrations, notInstalled } from "./migrations.ts";
import type { Session } from "./session.ts";
import { outcomeOf } from "./status/view.ts";
import { programName } from "./verb.ts";

/** What the commands that change the course of a migration have in common: which one is meant, and how its spec is changed. */
export interface Course {
  session: Session;
  migration: CniMigration;
  name: string;
  /** All there are, this one included. */
  all: readonly CniMigration[];
  /** Merges into the spec of this migration, never of a namesake that took its place; returns what came of it. */
  change(spec: Partial<Record<keyof CniMigration["spec"], unknown>>, dryRun?: boolean): Promise<CniMigration>;
}

/** Chooses one of all migrations; `name` as given. Pure; throws `CliError` with the line to show. */
export type Choice = (all: readonly CniMigration[], name: string | undefined) => CniMigration;

/** Throws what `choose` throws, and `CliError` (blocked) where nothing is installed. */
export async function courseOf(
  { argument, io, connect }: { argument: string | undefined; io: Io; connect(): Promise<Session> },
  choose: Choice,
): Promise<Course> {
  const session = await connect();
  const options = { signal: io.interrupt };
  const all = await listMigrations(session, options);
  if (all === undefined) throw notInstalled("blocked");
  const migration = choose(all, argument);
  const { name, uid } = migration.metadata;
  return {
    session,
    migration,
    name,
    all,
    async change(spec, dryRun = false) {
      try {
        return await session.client.patch(cniMigrations, { name }, { metadata: { uid }, spec }, { ...options, dryRun });
      } catch (error) {
        if (!isConflict(error)) throw error;
        throw new CliError("failed", `migration ${name} has changed meanwhile: see ${programName} status`, error);
      }
    },
  };
}

/** The one of that name, else the only one that is not finished. */
export const unfinished: Choice = (all, name) => {
  if (name !== undefined) {
    const named = theNamed(all, name);
    if (outcomeOf(named) !== "succeeded") return named;
    throw usageError(`migration ${name} is finished`);
  }
  const running = runningOf(all);
  const [first] = running;
  if (first === undefined) throw usageError("there is no unfinished migration");
  return onlyOne(first, running, "several migrations are not finished");
};

/** The one of that name, else the one that is not finished, else the only one there is. */
export const anyAtAll: Choice = (all, name) => {
  if (name !== undefined) return theNamed(all, name);
  const running = runningOf(all);
  const [first] = running.length > 0 ? running : all;
  if (first === undefined)
    throw usageError(`there is no migration; begin one with ${programName} start --target NETWORK -f FILE`);
  if (running.length > 0) return onlyOne(first, running, "several migrations are not finished");
  return onlyOne(first, all, "there are several migrations");
};

/** Throws when the controller takes no more orders for this migration, or has another one at work. */
export function refuseSettled({ migration, all }: Course): void {
  const { name, deletionTimestamp } = migration.metadata;
  if (deletionTimestamp !== undefined)
    throw usageError(`migration ${name} is being deleted: its direction can no longer be changed`);
  if (isFinalized(migration))
    throw usageError(
      `migration ${name} is finalized and over for good: to change the network again, begin a new migration`,
    );
  const other = runningOf(all).find((candidate) => candidate.metadata.name !== name);
  if (other === undefined) return;
  const { name: active } = other.metadata;
  throw blockedError(
    `migration ${active} is not finished (${other.status?.summary ?? "Pending"}), and there is one at a time: see ${programName} status ${active}`,
  );
}

/** `finalize` has ended it: the controller leaves it alone for good. */
export function isFinalized({ status }: CniMigration): boolean {
  const removed = status?.conditions?.find(({ type }) => type === "SourceRemoved");
  return removed?.status === "True" && removed.reason === "Finalized";
}

function theNamed(all: readonly CniMigration[], name: string): CniMigration {
  const found = all.find((candidate) => candidate.metadata.name === name);
  if (found !== undefined) return found;
  const there = all.length === 0 ? "" : `; there is ${namesOf(all)}`;
  throw usageError(`there is no migration ${JSON.stringify(name)}${there}`);
}

function onlyOne(first: CniMigration, candidates: readonly CniMigration[], several: string): CniMigration {
  if (candidates.length === 1) return first;
  throw usageError(`${several}, give the NAME of one: ${namesOf(candidates)}`);
}

function runningOf(all: readonly CniMigration[]): CniMigration[] {
  return all.filter((migration) => outcomeOf(migration) !== "succeeded");
}

function namesOf(migrations: readonly CniMigration[]): string {
  return migrations
    .map(({ metadata }) => metadata.name)
    .sort()
    .join(", ");
}
