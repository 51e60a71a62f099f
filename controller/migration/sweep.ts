import type { NodeMigration } from "../../crds/index.ts";
import { networkLabel } from "../../crds/names.ts";
import { footprintOf, isEmpty, onlyOf } from "../../networks/footprints.ts";
import type { Footprint, HostOp } from "../../networks/host-ops.ts";
import { networkById } from "../../networks/index.ts";
import { planContext } from "../plan.ts";
import { ensureTask, ownerOf } from "../tasks.ts";
import type { MigrationContext, PhaseResult } from "./phase.ts";
import { byNode, directionOf, walked, wantedNetwork } from "./places.ts";

interface Swept {
  /** What is still there after all, by node: "n2: route 10.244.1.0/26 via 172.30.0.13 dev eth0 proto 80". */
  leftovers: string[];
}

/**
 * No node is on the network that was left any more: what led there goes from the nodes that were moved, and they are read again.
 * A node that stays on it on purpose keeps its ways.
 */
export async function sweep(context: MigrationContext): Promise<PhaseResult | Swept> {
  const { nodes, migration } = context;
  const part = lingeringPart(context);
  if (part === undefined) return { leftovers: [] };
  const partOf = byNode(context.nodeMigrations);
  const moved = nodes.flatMap((node) => partOf(node) ?? []).filter(({ status }) => status?.step === "Done");
  const states = await Promise.all(moved.map((nodeMigration) => sweepNode(context, nodeMigration, part)));
  const waiting = states.flatMap((state, i) => (state === undefined ? [moved[i]?.spec.nodeName ?? ""] : []));
  if (waiting.length > 0)
    return {
      outcome: "wait",
      summary: "CleaningUp",
      reason: directionOf(migration) === "Forward" ? "Migrating" : "Reverting",
      message: `removing what led to nodes on ${part.network}: ${waiting.slice(0, 3).join(", ")}${waiting.length > 3 ? ` and ${waiting.length - 3} more nodes` : ""}`,
      afterSeconds: 15,
    };
  return { leftovers: states.flatMap((found) => found ?? []) };
}

/** Undefined when there is nothing of the kind, or nodes are there that it leads to. */
function lingeringPart({ migration, nodes }: MigrationContext): Footprint | undefined {
  if (migration.status?.facts?.overlay === undefined) return undefined;
  const to = networkById(wantedNetwork(migration));
  const from = networkById(to.id === migration.spec.source ? migration.spec.target : migration.spec.source);
  if (nodes.some(({ metadata }) => metadata.labels?.[networkLabel] === from.id)) return undefined;
  const { source, overlay } = planContext(migration, nodes);
  const facts = { ...source, overlay };
  const part = onlyOf(footprintOf(from.id, from.lingers(facts)), to.footprint(facts));
  return isEmpty(part) ? undefined : part;
}

/** Undefined while it is at work. */
async function sweepNode(
  { migration, scope }: MigrationContext,
  nodeMigration: NodeMigration,
  footprint: Footprint,
): Promise<string[] | undefined> {
  const { nodeName } = nodeMigration.spec;
  const ops: HostOp[] = [
    { op: "removeFootprint", footprint },
    { op: "scanFootprint", footprint },
  ];
  const state = await ensureTask(scope, {
    task: "sweep",
    nodeName,
    ops,
    deadlineSeconds: 120,
    owner: ownerOf(migration),
    // Each way of a node has its own.
    attempt: `${walked(nodeMigration)}-${nodeMigration.status?.attempts ?? 0}`,
  });
  if (state.state === "running") return undefined;
  return (state.result.leftovers ?? []).map(({ kind, name }) => `${nodeName}: ${kind} ${name}`);
}
