import { hasLabels } from "../kube/labels.ts";
import type { DaemonSet, Node, Pod } from "../kube/objects.ts";
import { daemonSets } from "../kube/resources.ts";
import type { AgentRef } from "../networks/contract.ts";
import { isReady } from "./drain/pods.ts";
import type { Scope } from "./scope.ts";

/** A network's agents as the cluster shows them. */

/** Its pods, on any node. */
export function podsOfAgent({ stores }: Scope, agent: AgentRef): Pod[] {
  return stores.pods
    .list()
    .filter(({ metadata }) => metadata.namespace === agent.namespace && hasLabels(agent.podLabels, metadata.labels));
}

/** The first of these nodes without a Ready agent, in words; undefined when there is none. */
export function agentMissing(scope: Scope, agent: AgentRef, nodes: readonly Node[]): string | undefined {
  const pods = podsOfAgent(scope, agent).filter((pod) => pod.metadata.deletionTimestamp === undefined && isReady(pod));
  const served = new Set(pods.map(({ spec }) => spec.nodeName));
  const missing = nodes.map(({ metadata }) => metadata.name).filter((name) => !served.has(name));
  const more = missing.length > 1 ? ` and ${missing.length - 1} more` : "";
  return missing.length === 0
    ? undefined
    : `waiting for ${agent.namespace}/${agent.daemonSets.join(", ")} to be Ready on ${missing[0]}${more}`;
}

/** Brings the copies of its DaemonSets up to date: what was just written may not have come by yet. */
export async function refreshAgents(scope: Scope, agent: AgentRef | undefined): Promise<void> {
  for (const name of agent?.daemonSets ?? []) {
    const found = await scope.client.get(daemonSets, { name, namespace: agent?.namespace ?? "" });
    if (found !== undefined) scope.stores.daemonSets.put(found);
  }
}

/** The first of its DaemonSets for which this holds, as namespace/name. */
export function agentWhere(
  { stores }: Scope,
  agent: AgentRef | undefined,
  holds: (daemonSet: DaemonSet) => boolean,
): string | undefined {
  const found = (agent?.daemonSets ?? []).find((name) => {
    const daemonSet = stores.daemonSets.get({ name, namespace: agent?.namespace ?? "" });
    return daemonSet !== undefined && holds(daemonSet);
  });
  return found === undefined ? undefined : `${agent?.namespace}/${found}`;
}

/** Its own settings are not heard of yet by the DaemonSet controller. */
export function isBehind({ metadata, status }: DaemonSet): boolean {
  return (status?.observedGeneration ?? 0) < (metadata.generation ?? 0);
}

/** Not every pod has come from its present template, and is available. */
export function isUpdating(daemonSet: DaemonSet): boolean {
  const { desiredNumberScheduled = 0, updatedNumberScheduled = 0, numberAvailable = 0 } = daemonSet.status ?? {};
  return (
    isBehind(daemonSet) || updatedNumberScheduled < desiredNumberScheduled || numberAvailable < desiredNumberScheduled
  );
}
