import type { CniMigration, NodeMigration } from "../../crds/index.ts";
import type { Course } from "../course.ts";
import { usageError } from "../errors.ts";
import type { Outcome } from "../status/view.ts";
import type { Call } from "../verb.ts";
import { defineVerb, programName } from "../verb.ts";
import { waitFlags, waitSeconds } from "../wait-flags.ts";

type Given = Call<typeof waitFlags>;

export default defineVerb({
  name: "revert",
  argument: { name: "NAME", help: "the migration; default: the unfinished one, else the only one there is" },
  summary: "bring every node back to the network it came from",
  description: `Sets spec.direction of the migration to Revert, whether it is under way, stalled or finished: nodes go back one by
one, drained and switched as on the way forward, and at the end the cluster is as it was before start. A node in the middle
of a step turns round where it stands. A pause is taken back, spec.pauseAfter removed.
To change your mind, start with the migration's NAME and nothing else makes it go forward again.
Refuses a migration that is going back already, one of which no node has begun to move, and one that is finalized.`,
  examples: [
    { comment: "Go back, and stay until every node is back", command: "revert --wait" },
    {
      comment: "Go back with a finished migration; start flannel-to-calico would send it forward again",
      command: "revert flannel-to-calico",
    },
  ],
  flags: waitFlags,
  run,
});

async function run(call: Given): Promise<number> {
  const { flags, io } = call;
  const wait = waitSeconds(flags);
  const { anyAtAll, courseOf, refuseSettled } = await import("../course.ts");
  const { nodeMigrations } = await import("../../kube/resources.ts");
  const { outcomeOf, ownNodes } = await import("../status/view.ts");
  const course = await courseOf(call, anyAtAll);
  refuseSettled(course);
  const { session, migration, name } = course;
  refuseReverting(course, outcomeOf(course.migration));
  const { items } = await session.client.list(nodeMigrations, { signal: io.interrupt });
  refuseUntouched(migration, ownNodes(migration, items));
  const { paused, pauseAfter } = migration.spec;
  await course.change({
    direction: "Revert",
    ...(paused === true ? { paused: false } : {}),
    // It counts nodes that are where they are to be: at once enough of them, on the way back.
    ...(pauseAfter === undefined ? {} : { pauseAfter: null }),
  });
  const pause = paused === true || pauseAfter !== undefined ? "; its pause is taken back" : "";
  io.stderr.write(`migration ${name} goes back to ${migration.spec.source}${pause}\n`);
  const { followOn } = await import("../status/follow.ts");
  return followOn(session, io, name, wait);
}

function refuseReverting({ migration, name }: Course, outcome: Outcome): void {
  if (migration.spec.direction !== "Revert") return;
  const forward = `${programName} start ${name} goes forward again`;
  throw usageError(
    outcome === "succeeded"
      ? `migration ${name} is reverted already: every node is on ${migration.spec.source}; ${forward}`
      : `migration ${name} is going back already: follow it with ${programName} status ${name} -w; ${forward}`,
  );
}

/** Nothing was changed on any node: there is no way to go back. */
function refuseUntouched({ metadata: { name } }: CniMigration, nodes: readonly NodeMigration[]): void {
  if (nodes.some(({ status }) => (status?.step ?? "Pending") !== "Pending")) return;
  throw usageError(
    `no node has begun to move in migration ${name}: there is nothing to revert; kubectl delete cnimigration ${name} ends it`,
  );
}
