import { networkLabel } from "../../crds/names.ts";
import type { Node } from "../../kube/objects.ts";
import { exemptionFootprint } from "../../networks/dual-overlay.ts";
import { footprintOf, isEmpty, onlyOf } from "../../networks/footprints.ts";
import type { Footprint, HostOp } from "../../networks/host-ops.ts";
import { networkById } from "../../networks/index.ts";
import { batchLimit } from "../nodes.ts";
import { planContext } from "../plan.ts";
import { ensureTask, ownerOf } from "../tasks.ts";
import { isBeside } from "./beside.ts";
import type { MigrationContext, PhaseResult } from "./phase.ts";
import { byNode, directionOf, wantedNetwork } from "./places.ts";

interface Swept {
  /** What is still there after all, by node: "n2: route 10.244.1.0/26 via 172.30.0.13 dev eth0 proto 80". */
  leftovers: string[];
}

/**
 * No node is on the network that was left any more: what led there goes from the nodes that were moved, and they are read again.
 * A node that stays on it on purpose keeps its ways.
 */
export async function sweep(context: MigrationContext): Promise<PhaseResult | Swept> {
  const { migration } = context;
  const part = lingeringPart(context);
  if (part === undefined) return { leftovers: [] };
  const swept = nodesToSweep(context);
  const states = await sweepNodes(context, swept, part);
  const waiting = swept.filter((_, i) => states[i] === undefined).map(({ metadata }) => metadata.name);
  if (waiting.length > 0)
    return {
      outcome: "wait",
      summary: "CleaningUp",
      reason: directionOf(migration) === "Forward" ? "Migrating" : "Reverting",
      message: `removing what ${isBeside(migration) ? `${part.network} left` : `led to nodes on ${part.network}`}: ${waiting.slice(0, 3).join(", ")}${waiting.length > 3 ? ` and ${waiting.length - 3} more nodes` : ""}`,
      afterSeconds: 15,
    };
  return { leftovers: states.flatMap((found) => found ?? []) };
}

/** With two overlays as many at a time as were moved: links go, and agents that see it bring their datapath up anew. */
async function sweepNodes(
  context: MigrationContext,
  nodes: readonly Node[],
  part: Footprint,
): Promise<(string[] | undefined)[]> {
  const { spec } = context.migration;
  const limit = isBeside(context.migration) ? batchLimit(spec.batchSize ?? 1, nodes.length) : nodes.length;
  const states: (string[] | undefined)[] = [];
  for (const node of nodes) {
    const working = states.filter((state) => state === undefined).length;
    states.push(working < limit ? await sweepNode(context, node, part) : undefined);
  }
  return states;
}

/** Those that were moved; with two overlays all: agents of both networks ran on each. */
function nodesToSweep({ migration, nodes, nodeMigrations }: MigrationContext): Node[] {
  const partOf = byNode(nodeMigrations);
  return isBeside(migration) ? [...nodes] : nodes.filter((node) => partOf(node)?.status?.step === "Done");
}

/** Undefined when there is nothing of the kind, or nodes are there that it leads to. */
function lingeringPart({ migration, nodes }: MigrationContext): Footprint | undefined {
  if (migration.status?.facts?.overlay === undefined) return undefined;
  const to = networkById(wantedNetwork(migration));
  const from = networkById(to.id === migration.spec.source ? migration.spec.target : migration.spec.source);
  if (nodes.some(({ metadata }) => metadata.labels?.[networkLabel] === from.id)) return undefined;
  const { source, overlay, second } = planContext(migration, nodes);
  const facts = { ...source, overlay };
  if (second !== undefined) {
    const whole = onlyOf(from.footprint(facts), to.footprint(facts));
    return { ...whole, comments: [...whole.comments, ...exemptionFootprint.comments] };
  }
  const part = onlyOf(footprintOf(from.id, from.lingers(facts)), to.footprint(facts));
  return isEmpty(part) ? undefined : part;
}

/** Undefined while it is at work. */
async function sweepNode(
  { migration, nodeMigrations, scope }: MigrationContext,
  node: Node,
  footprint: Footprint,
): Promise<string[] | undefined> {
  const { name: nodeName } = node.metadata;
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
    attempt: `${directionOf(migration)}-${byNode(nodeMigrations)(node)?.status?.attempts ?? 0}`,
  });
  if (state.state === "running") return undefined;
  return (state.result.leftovers ?? []).map(({ kind, name }) => `${nodeName}: ${kind} ${name}`);
}
