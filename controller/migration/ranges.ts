import type { Node } from "../../kube/objects.ts";
import { nodes as nodeResource } from "../../kube/resources.ts";
import { networkById } from "../../networks/index.ts";
import { planNode } from "../../networks/nodes.ts";
import { gatherSnapshot } from "../../networks/snapshot.ts";
import { guarded } from "../nodes.ts";
import { namedAgents, planContext } from "../plan.ts";
import type { MigrationContext } from "./phase.ts";

/** Seconds between two looks for a range for nodes that got none. */
const lookAgainSeconds = 30;

/**
 * Nodes without a podCIDR get one where the source does without and the target, on the same overlay, gives pods addresses of it. Not
 * recorded: Kubernetes lets it be set once and never changed, and nothing of the source looks at it. The context has the nodes as
 * they are then.
 */
export async function giveRanges(context: MigrationContext): Promise<void> {
  const { migration, scope } = context;
  const source = networkById(migration.spec.source);
  const bare = context.nodes.filter(isBare);
  if (bare.length === 0 || source.rangesFor === undefined) return;
  if (planContext(migration, context.nodes).second !== undefined) return;
  const key = `${migration.metadata.uid ?? ""} ranges`;
  if ((scope.looks.dueInSeconds(key, lookAgainSeconds) ?? 0) > 0) return;
  const snapshot = await gatherSnapshot(scope.client, { agents: namedAgents(migration.spec) });
  const ranges = source.rangesFor(snapshot);
  const given = new Map<string, Node>();
  for (const node of bare) {
    const { name } = node.metadata;
    const range = ranges[name];
    if (range === undefined) continue;
    const patch = guarded(node, { spec: { podCIDR: range, podCIDRs: [range] } });
    const written = await scope.client.patch(nodeResource, { name }, patch);
    scope.stores.nodes.put(written);
    given.set(name, written);
    scope.log.info({ node: name, podCIDR: range }, "node given a range");
  }
  if (given.size < bare.length) scope.looks.note(key);
  context.nodes = context.nodes.map((node) => given.get(node.metadata.name) ?? node);
}

function isBare(node: Node): boolean {
  return planNode(node).podCIDRs.length === 0;
}
