import type { CniMigration } from "../../crds/index.ts";
import { networkLabel } from "../../crds/names.ts";
import { isApiError } from "../../kube/errors.ts";
import type { DaemonSet, Node } from "../../kube/objects.ts";
import { daemonSets } from "../../kube/resources.ts";
import type { AgentRef, NetworkId, PlanContext, RecordedChange } from "../../networks/contract.ts";
import { exemptions } from "../../networks/dual-overlay.ts";
import { networkById } from "../../networks/index.ts";
import { isReady } from "../../networks/nodes.ts";
import { strategyOf } from "../../networks/overlays.ts";
import { agentMissing, agentWhere, isUpdating, podsOfAgent, refreshAgents } from "../agents.ts";
import { applyUndo, makeChanges, type Undo } from "../changes.ts";
import { planContext } from "../plan.ts";
import { ensureTask, ownerOf } from "../tasks.ts";
import type { MigrationContext, PhaseResult } from "./phase.ts";
import { byNode, directionOf, isPrepared, wantedNetwork, words } from "./places.ts";

/**
 * Two overlays side by side: both agents run on every node from before the first one moves until the last one has. See
 * docs/decisions/0007-two-overlays-side-by-side.md.
 */

/** Whether the pair is of this strategy. */
export function isBeside(migration: Pick<CniMigration, "spec">): boolean {
  return strategyOf(migration.spec.source, migration.spec.target) === "DualOverlay";
}

/**
 * Brings the second overlay up on every node, in an order that cannot harm the first: what the source's agents must know before
 * the target's links appear, what switches a node, the rules that keep pods' addresses, then the target's agents. Undefined
 * when all of it holds.
 */
export async function prepareBeside(context: MigrationContext): Promise<PhaseResult | undefined> {
  const { migration, nodes, scope } = context;
  const plan = planContext(migration, nodes);
  const { source, target } = plan;
  if (await makeChanges(context, networkById(source.network).reserve(plan))) await refreshAgents(scope, source.agent);
  const updating = wasChanged(context, source.agent) ? agentWhere(scope, source.agent, isUpdating) : undefined;
  if (updating !== undefined) return preparing(`waiting for daemonset ${updating} to take what it must know first`);
  const undefinedYet = await switchNodes(context, networkById(target.network).prepare(plan));
  if (undefinedYet !== undefined) return preparing(undefinedYet);
  const exempting = await exempt(context, plan);
  if (exempting !== undefined) return preparing(exempting);
  if (await makeChanges(context, selectors(target.agent, null))) await refreshAgents(scope, target.agent);
  const missing = agentMissing(scope, target.agent, nodes.filter(isReady));
  return missing === undefined ? undefined : preparing(missing);
}

function preparing(message: string): PhaseResult {
  return { outcome: "wait", summary: "Preparing", reason: "AgentNotReady", message, afterSeconds: 5 };
}

/** What makes a node the target's by its label. Its definition may come with the target's own operator, which has to start first. */
async function switchNodes(context: MigrationContext, changes: readonly RecordedChange[]): Promise<string | undefined> {
  try {
    await makeChanges(context, changes);
    return undefined;
  } catch (error) {
    if (!isApiError(error, 404)) throw error;
    const kinds = changes.map(({ resource }) => `${resource.plural}.${resource.group}`).join(", ");
    return `waiting for the definition of ${kinds}, which the target's operator makes`;
  }
}

/** Whether a variable of its pods was set, so that they have to be made anew. */
function wasChanged({ migration }: MigrationContext, agent: AgentRef): boolean {
  return (migration.status?.undo ?? []).some(
    ({ action, namespace, name }) =>
      action === "StrategicMerge" && namespace === agent.namespace && agent.daemonSets.includes(name),
  );
}

/** The network's agents on nodes of its label only, or, with null, wherever its own manifest wants them. */
function selectors(agent: AgentRef, network: NetworkId | null): RecordedChange[] {
  return agent.daemonSets.map((name) => ({
    change: "merge",
    resource: daemonSets,
    key: { name, namespace: agent.namespace },
    patch: { spec: { template: { spec: { nodeSelector: { [networkLabel]: network } } } } },
  }));
}

/**
 * Holds at every pass while nodes move: agents of the network they go to are on every node that is not just changing, and so are
 * the rules. Undefined when it does, or the overlay is shared.
 */
export async function keepBeside(context: MigrationContext): Promise<PhaseResult | undefined> {
  const { migration, nodes, scope } = context;
  if (!isBeside(migration) || !isPrepared(migration)) return undefined;
  const plan = planContext(migration, nodes);
  const wanted = directionOf(migration);
  const agent = wanted === "Forward" ? plan.target.agent : plan.source.agent;
  if (wanted === "Revert") await letBack(context, plan);
  const partOf = byNode(context.nodeMigrations);
  const isSettled = (node: Node) => ["Pending", "Done", undefined].includes(partOf(node)?.status?.step);
  const message = (await exempt(context, plan)) ?? agentMissing(scope, agent, nodes.filter(isReady).filter(isSettled));
  if (message === undefined) return undefined;
  return { outcome: "wait", ...words[wanted], message, afterSeconds: 5 };
}

/** The source was bound to its nodes when the last one had left it: before any returns, its agents are on all of them again. */
async function letBack({ migration, scope }: MigrationContext, { source }: PlanContext): Promise<void> {
  const { agent } = source;
  if (agentWhere(scope, agent, (ds) => boundTo(ds) === source.network) === undefined) return;
  const entries = bindings(migration, agent);
  await applyUndo(scope.client, entries);
  await refreshAgents(scope, agent);
  scope.log.info({ migration: migration.metadata.name, agent: agent.daemonSets }, "agents let onto all nodes again");
}

function boundTo({ spec }: DaemonSet): string | undefined {
  return spec.template.spec.nodeSelector?.[networkLabel];
}

/** What was recorded when the agent's DaemonSets were bound to nodes, or let onto all. */
function bindings({ status }: CniMigration, agent: AgentRef): Undo[] {
  return (status?.undo ?? []).filter(
    ({ kind, action, namespace, name }) =>
      kind === "DaemonSet" && action === "Merge" && namespace === agent.namespace && agent.daemonSets.includes(name),
  );
}

/** Rules on every Ready node, put there once a boot and a way; which nodes still lack them, in words. */
async function exempt({ migration, nodes, scope }: MigrationContext, plan: PlanContext): Promise<string | undefined> {
  const ready = nodes.filter(isReady);
  const states = await Promise.all(
    ready.map((node) =>
      ensureTask(scope, {
        task: "exempt",
        nodeName: node.metadata.name,
        ops: [{ op: "exempt", ways: exemptions(plan) }],
        deadlineSeconds: 60,
        owner: ownerOf(migration),
        attempt: `${directionOf(migration)}-${node.status?.nodeInfo?.bootID ?? ""}`,
      }),
    ),
  );
  const waiting = ready.filter((_, i) => states[i]?.state === "running").map(({ metadata }) => metadata.name);
  return waiting.length === 0
    ? undefined
    : `waiting for the rules that keep pods' addresses: ${waiting.slice(0, 3).join(", ")}${waiting.length > 3 ? ` and ${waiting.length - 3} more nodes` : ""}`;
}

/**
 * No node is on the network that was left any more: its agents go from all of them. Undefined when none is left, and where nodes
 * stay on it on purpose, or the overlay is shared.
 */
export async function retire(context: MigrationContext): Promise<PhaseResult | undefined> {
  const { migration, nodes, scope } = context;
  if (!isBeside(migration) || migration.status?.facts?.overlay === undefined) return undefined;
  const plan = planContext(migration, nodes);
  const wanted = wantedNetwork(migration);
  const [left, agent] =
    wanted === plan.target.network
      ? [plan.source.network, plan.source.agent]
      : [plan.target.network, plan.target.agent];
  if (nodes.some(({ metadata }) => metadata.labels?.[networkLabel] === left)) return undefined;
  if (wanted === plan.target.network) {
    if (await makeChanges(context, bindSource(plan))) await refreshAgents(scope, agent);
  } else {
    // As they were installed: held to nodes of their label.
    await applyUndo(scope.client, bindings(migration, agent));
    await refreshAgents(scope, agent);
  }
  const staying = podsOfAgent(scope, agent);
  if (staying.length === 0) return undefined;
  const { displayName } = networkById(left);
  return {
    outcome: "wait",
    summary: "CleaningUp",
    reason: words[directionOf(migration)].reason,
    message: `waiting for ${displayName}'s agents to leave ${staying.length} nodes`,
    afterSeconds: 5,
  };
}

/**
 * The source stays on nodes that carry its label. OnDelete goes with it in one write: the changed template must restart
 * nothing, it only lets the agent's pods leave nodes that no longer match.
 */
export function bindSource({ source }: Pick<PlanContext, "source">): RecordedChange[] {
  return source.agent.daemonSets.map((name) => ({
    change: "merge",
    resource: daemonSets,
    key: { name, namespace: source.agent.namespace },
    patch: {
      spec: {
        updateStrategy: { type: "OnDelete", rollingUpdate: null },
        template: { spec: { nodeSelector: { [networkLabel]: source.network } } },
      },
    },
  }));
}
