import type { NodeMigration } from "../../crds/index.ts";
import { retryAnnotation } from "../../crds/names.ts";
import { CliError, exitCodes, usageError } from "../errors.ts";
import { someOf } from "../output.ts";
import type { Session } from "../session.ts";
import type { Call } from "../verb.ts";
import { defineVerb, programName } from "../verb.ts";

export default defineVerb({
  name: "retry",
  argument: { name: "NODE", help: "the stalled node; default: all that are" },
  summary: "try a stalled node's step again",
  description: `Once you have mended what holds a stalled node up (status names it), asks the controller to begin the node's step anew.
No further node begins while one is stalled. Refuses a node that is not stalled.`,
  examples: [
    { comment: "Try again on node n2", command: "retry n2" },
    { comment: "Try again on every node that is stalled", command: "retry" },
  ],
  flags: {},
  run,
});

async function run({ argument, io, connect }: Call): Promise<number> {
  const { nodeMigrations } = await import("../../kube/resources.ts");
  const { isApiError } = await import("../../kube/errors.ts");
  const { notInstalled } = await import("../migrations.ts");
  const session = await connect();
  const options = { signal: io.interrupt };
  const all = await session.client.list(nodeMigrations, options).catch((error: unknown) => {
    throw isApiError(error, 404) ? notInstalled("blocked") : error;
  });
  const failures: unknown[] = [];
  for (const node of chosen(all.items, argument)) {
    try {
      await ask(session, node, new Date(io.clock.nowMs()), options);
      io.stderr.write(`node ${node.spec.nodeName}: ${node.status?.step ?? "Pending"} is tried again\n`);
    } catch (error) {
      failures.push(error);
    }
  }
  // One that changed meanwhile is no reason to leave the others as they are.
  if (failures.length > 0) throw failures[0];
  io.stderr.write(`follow it with: ${programName} status -w\n`);
  return exitCodes.done;
}

/** The stalled nodes meant, by name. Throws a usage error when the one named, or any, is not stalled. */
function chosen(all: readonly NodeMigration[], nodeName: string | undefined): NodeMigration[] {
  const stalled = all.filter((node) => stalledSince(node) !== undefined).sort(byNode);
  const names = stalled.map((node) => node.spec.nodeName);
  const which = names.length === 0 ? "no node is stalled" : `stalled: ${someOf(names)}`;
  if (nodeName === undefined) {
    if (stalled.length === 0) throw usageError(`${which}: there is nothing to retry; see ${programName} status`);
    return stalled;
  }
  const found = all.find((node) => node.spec.nodeName === nodeName);
  if (found === undefined) throw usageError(`no migration has come to a node ${JSON.stringify(nodeName)}; ${which}`);
  if (stalledSince(found) === undefined)
    throw usageError(`node ${nodeName} is not stalled (${found.status?.summary ?? "Pending"}); ${which}`);
  return [found];
}

/** When the node stalled; undefined when it is not. */
function stalledSince({ status }: NodeMigration): string | undefined {
  return status?.conditions?.find((c) => c.type === "Stalled" && c.status === "True")?.lastTransitionTime;
}

/** Never older than the stall: the controller's clock may be ahead of ours. */
async function ask(session: Session, node: NodeMigration, now: Date, options: { signal: AbortSignal }): Promise<void> {
  const { nodeMigrations } = await import("../../kube/resources.ts");
  const { isConflict } = await import("../../kube/errors.ts");
  const { name, uid, resourceVersion } = node.metadata;
  const time = new Date(Math.max(now.getTime(), Date.parse(stalledSince(node) ?? "") || 0)).toISOString();
  const patch = { metadata: { uid, resourceVersion, annotations: { [retryAnnotation]: time } } };
  try {
    await session.client.patch(nodeMigrations, { name }, patch, options);
  } catch (error) {
    if (!isConflict(error)) throw error;
    throw new CliError("failed", `node ${name} has changed meanwhile: see ${programName} status`, error);
  }
}

function byNode(a: NodeMigration, b: NodeMigration): number {
  return a.spec.nodeName < b.spec.nodeName ? -1 : 1;
}
