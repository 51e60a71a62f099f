import { networkLabel } from "../../crds/names.ts";
import type { DaemonSet } from "../../kube/objects.ts";
import type { KubeObject, UnknownObject } from "../../kube/types.ts";
import type { AgentRef, NetworkId } from "../../networks/contract.ts";
import { networkById } from "../../networks/index.ts";
import { next, type Phase } from "./phase.ts";

/**
 * The target's own manifests are applied by the plugin with the user's rights; here they are only recognised: the DaemonSet
 * whose pods are bound to nodes of the target by our label.
 */
export const targetPhase: Phase = {
  name: "Target",
  async run(context) {
    const { migration, scope } = context;
    if (migration.status?.facts?.targetAgent !== undefined) return next;
    const { target } = migration.spec;
    const agent = findAgent(scope.stores.daemonSets.list(), target);
    if (agent === undefined)
      return {
        outcome: "wait",
        summary: "AwaitingTarget",
        reason: "AwaitingTarget",
        message: `no DaemonSet of ${networkById(target).displayName} bound to ${networkLabel}=${target} yet; kubectl cni-migrate start ${migration.metadata.name} --target ${target} -f FILE applies it`,
        afterSeconds: 15,
      };
    await context.record({ facts: { ...migration.status?.facts, targetAgent: agent } });
    return next;
  },
};

function findAgent(daemonSets: readonly DaemonSet[], target: NetworkId): AgentRef | undefined {
  const bound = daemonSets.filter((ds) => ds.spec.template.spec.nodeSelector?.[networkLabel] === target);
  const agent = networkById(target).agentOf(bound as KubeObject[] as UnknownObject[]);
  return agent.daemonSets.length === 0 ? undefined : agent;
}
