import type { CniMigration } from "../../crds/index.ts";
import { isTrue } from "../../kube/conditions.ts";
import { type Course, courseOf, refuseSettled } from "../course.ts";
import { usageError } from "../errors.ts";
import type { Io } from "../io.ts";
import type { Session } from "../session.ts";
import { outcomeOf } from "../status/view.ts";
import { programName } from "../verb.ts";

/**
 * `start NAME` and nothing else: the migration of that name that goes back, or has gone back, to be sent forward again.
 * Throws a usage error when there is none or it goes forward already. Changes nothing.
 */
export async function turnedBack(call: {
  argument: string | undefined;
  io: Io;
  connect(): Promise<Session>;
}): Promise<Course> {
  const course = await courseOf(call, (all, name) => {
    const found = all.find((migration) => migration.metadata.name === name);
    if (found !== undefined) return found;
    throw usageError(
      `--target is missing: give the network to go to; there is no migration ${name} that could go forward again`,
    );
  });
  refuseSettled(course);
  refuseForward(course.migration);
  return course;
}

function refuseForward(migration: CniMigration): void {
  const { spec, status, metadata } = migration;
  if (spec.direction === "Revert") return;
  const { name } = metadata;
  if (outcomeOf(migration) === "succeeded")
    throw usageError(`migration ${name} is finished: every node is on ${spec.target} already`);
  const again = isTrue(status?.conditions, "TargetInstalled")
    ? `see ${programName} status ${name}`
    : `to give it its target again, add --target ${spec.target} -f FILE`;
  throw usageError(`migration ${name} goes forward already; ${again}`);
}
