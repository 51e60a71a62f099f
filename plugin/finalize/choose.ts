import type { CniMigration } from "../../crds/index.ts";
import { networkLabel } from "../../crds/names.ts";
import { isTrue } from "../../kube/conditions.ts";
import type { DaemonSet, Node } from "../../kube/objects.ts";
import type { AgentRef, NetworkId } from "../../networks/contract.ts";
import { isWindows, planNode } from "../../networks/nodes.ts";
import { anyAtAll, type Choice, isFinalized } from "../course.ts";
import { blockedError, usageError } from "../errors.ts";
import { someOf } from "../output.ts";
import { outcomeOf } from "../status/view.ts";
import { programName } from "../verb.ts";

/** The one of that name, else the only one there is that is not finalized. */
export const unfinalized: Choice = (all, name) => {
  const open = all.filter((migration) => !isFinalized(migration));
  return anyAtAll(name === undefined && open.length > 0 ? open : all, name);
};

/** Which network stays and which one goes, of a migration that is over in one direction or the other. */
export interface Ending {
  reverted: boolean;
  stays: NetworkId;
  goes: NetworkId;
}

/** Pure. Throws `CliError` for a migration that is not at an end. */
export function endingOf(migration: CniMigration): Ending {
  const { metadata, spec, status } = migration;
  const { name } = metadata;
  if (metadata.deletionTimestamp !== undefined) throw blockedError(`migration ${name} is being deleted`);
  if (isFinalized(migration)) throw usageError(`migration ${name} is finalized already`);
  const outcome = outcomeOf(migration);
  if (outcome === "failed")
    throw blockedError(`migration ${name} is stalled: ${status?.message ?? ""}; see ${programName} status ${name}`);
  if (outcome !== "succeeded")
    throw blockedError(
      `migration ${name} is not finished (${status?.summary ?? "Pending"}): wait for its end with ${programName} status ${name} -w`,
    );
  const reverted = spec.direction === "Revert" && isTrue(status?.conditions, "Reverted");
  return reverted
    ? { reverted, stays: spec.source, goes: spec.target }
    : { reverted, stays: spec.target, goes: spec.source };
}

interface Agents {
  daemonSets: readonly DaemonSet[];
  staying: AgentRef;
  leaving: AgentRef;
}

/** Pure. Throws when the network that stays does not serve every node, or the other one still runs somewhere. */
export function refuseUnhealthy({ stays, goes }: Ending, { daemonSets, staying, leaving }: Agents): void {
  const find = (agent: AgentRef, name: string) =>
    daemonSets.find(({ metadata }) => metadata.namespace === agent.namespace && metadata.name === name);
  for (const name of staying.daemonSets) {
    const place = `daemonset ${staying.namespace}/${name}`;
    const found = find(staying, name);
    if (found === undefined) throw blockedError(`${place} of ${stays} does not exist: apply its manifests again`);
    const { desiredNumberScheduled: wanted = 0, numberAvailable = 0, observedGeneration = 0 } = found.status ?? {};
    if (observedGeneration >= (found.metadata.generation ?? 0) && numberAvailable >= wanted && wanted > 0) continue;
    throw blockedError(
      `${place}: ${numberAvailable} of ${wanted} pods are available: see kubectl -n ${staying.namespace} get pods -o wide, and run this again when all are`,
    );
  }
  for (const name of leaving.daemonSets) {
    const running = find(leaving, name)?.status?.currentNumberScheduled ?? 0;
    if (running > 0)
      throw blockedError(
        `daemonset ${leaving.namespace}/${name} of ${goes} has ${running} pods: see kubectl -n ${leaving.namespace} get pods -o wide`,
      );
  }
}

/** Pure. A node without the label is on no network of a migration, and gets the one that stays. */
export function refuseNodesElsewhere({ stays }: Ending, nodes: readonly Node[]): void {
  const elsewhere = nodes
    .filter((node) => !isWindows(planNode(node)))
    .flatMap(({ metadata: { name, labels } }) => {
      const network = labels?.[networkLabel];
      return network === undefined || network === stays ? [] : [{ name, network }];
    });
  const [first] = elsewhere;
  if (first === undefined) return;
  const names = someOf(elsewhere.map(({ name }) => name).sort());
  throw blockedError(
    `not on ${stays}: ${names} (${networkLabel}=${first.network}); bring every node there first: spec.nodeSelector of the migration may leave some out`,
  );
}
