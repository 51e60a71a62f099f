import type { HostOp, HostResult, Leftover } from "../../networks/host-ops.ts";
import { type HostDeps, HostError, stoppedText } from "./deps.ts";
import { exempt } from "./exempt.ts";
import { removeFile, writeText } from "./files.ts";
import { removeFootprint, scanFootprint } from "./footprint.ts";
import { inspect } from "./inspect.ts";
import { deleteLink } from "./links.ts";
import { renameVxlan } from "./rename.ts";
import { deleteRoutes } from "./routes.ts";
import { readOps } from "./validate.ts";
import { awaitFile, awaitHttp, awaitProcessGone, awaitRoutes, awaitVxlan } from "./waits.ts";

/** What is collected while the operations run. */
interface Progress {
  startMs: number;
  changes: string[];
  leftovers?: Leftover[];
  result: Pick<HostResult, "facts">;
}

type Perform<K extends HostOp["op"]> = (
  op: Extract<HostOp, { op: K }>,
  deps: HostDeps,
  progress: Progress,
) => Promise<void>;

/** Operation -> what carries it out. Each is idempotent: done already is fine. */
const performers: { [K in HostOp["op"]]: Perform<K> } = {
  awaitProcessGone: (op, deps) => awaitProcessGone(deps, op.names, op.timeoutSeconds),
  writeFile: async (op, deps, { changes }) => {
    if (await writeText(deps, op.path, op.content, op.mode)) changes.push(`wrote ${op.path}`);
  },
  removeFile: async (op, deps, { changes }) => {
    if (await removeFile(deps, op.path)) changes.push(`removed file ${op.path}`);
  },
  renameVxlan: async (op, deps, { changes }) => {
    if (await renameVxlan(deps, op.from, op.to, op.marks)) changes.push(`renamed ${op.from} to ${op.to}`);
  },
  deleteLink: async (op, deps, { changes }) => {
    if (await deleteLink(deps, op.name, op.kind)) changes.push(`removed ${op.kind} link ${op.name}`);
  },
  deleteRoutes: async (op, deps, { changes }) => {
    const removed = await deleteRoutes(deps, op.protocol, op.blackholeOnly);
    changes.push(...removed.map((route) => `removed route ${route}`));
  },
  awaitHttp: (op, deps) => awaitHttp(deps, op.url, op.statuses, op.timeoutSeconds),
  awaitFile: (op, deps, { startMs }) =>
    awaitFile(
      deps,
      op.path,
      op.timeoutSeconds,
      op.maxAgeSeconds === undefined ? undefined : { seconds: op.maxAgeSeconds, startMs },
    ),
  awaitVxlan: (op, deps) => awaitVxlan(deps, op.name, op.marks, op.timeoutSeconds),
  awaitRoutes: (op, deps) => awaitRoutes(deps, op.device, op.destinations, op.timeoutSeconds),
  exempt: async (op, deps, { changes }) => {
    changes.push(...(await exempt(deps, op.ways)));
  },
  removeFootprint: async (op, deps, { changes }) => {
    const removed = await removeFootprint(deps, op.footprint);
    changes.push(...removed.map(({ kind, name }) => `removed ${kind} ${name}`));
  },
  scanFootprint: async (op, deps, progress) => {
    progress.leftovers = [...(progress.leftovers ?? []), ...(await scanFootprint(deps, op.footprint))];
  },
  inspect: async (op, deps, { result }) => {
    result.facts = await inspect(deps, op);
  },
};

/**
 * Carries out operations in order and stops at the first that fails. Nothing is done when any of them is not valid. Does
 * not throw: what went wrong is in the result.
 */
export async function runHostTask(ops: unknown, deps: HostDeps): Promise<HostResult> {
  const progress: Progress = { startMs: deps.now(), changes: [], result: {} };
  const read = readOps(ops);
  const error = "problem" in read ? { op: "input", message: read.problem } : await performAll(read.ops, deps, progress);
  return {
    ok: error === undefined,
    ...(error === undefined ? {} : { error }),
    ...progress.result,
    ...(progress.leftovers === undefined ? {} : { leftovers: progress.leftovers }),
    ...(progress.changes.length === 0 ? {} : { changes: progress.changes }),
    elapsedMs: deps.now() - progress.startMs,
  };
}

async function performAll(ops: readonly HostOp[], deps: HostDeps, progress: Progress): Promise<HostResult["error"]> {
  for (const op of ops) {
    if (deps.stop.aborted) return { op: op.op, message: stoppedText };
    try {
      await (performers[op.op] as Perform<HostOp["op"]>)(op, deps, progress);
    } catch (error) {
      const message = error instanceof HostError ? error.message : `unexpected: ${String(error)}`;
      return { op: op.op, message: message.replaceAll(/\s+/g, " ") };
    }
  }
  return undefined;
}
