import type { NodeMigration, StepName } from "../../crds/index.ts";
import { systemNamespace } from "../../crds/names.ts";
import type { Pod } from "../../kube/objects.ts";
import { nodeMigrations } from "../../kube/resources.ts";
import { patchStatus } from "../../kube/status.ts";
import { isTurning } from "../migration/places.ts";
import type { Scope } from "../scope.ts";
import { isOwnedBy, removePod } from "../tasks.ts";
import { statusTurned } from "./view.ts";

/**
 * Step a node is in -> where its way back begins. Before LeaveSource nothing has changed but the cordon. During the switch no
 * pod can start on the node, so that the device is handed back at once. After it, pods of the new network may run there: they
 * are drained first, as on any other node.
 */
const entries: Partial<Record<StepName, StepName>> = {
  Cordon: "Uncordon",
  Drain: "Uncordon",
  LeaveSource: "LeaveSource",
  AdoptPods: "LeaveSource",
  JoinTarget: "LeaveSource",
  RecyclePods: "Cordon",
  Verify: "Cordon",
  CleanUp: "Cordon",
  Uncordon: "Cordon",
  Done: "Cordon",
};

/** Seconds between two looks for the end of a task; its pod's own event comes first as a rule. */
const lookAgainSeconds = 2;

/**
 * Turns a node round that is asked to go the other way: what still works on it for the earlier direction is ended first, then
 * the step pointer moves, in one guarded write. Undefined when there is nothing to turn.
 */
export async function turnRound(
  scope: Scope,
  nodeMigration: NodeMigration,
): Promise<"turned" | { afterSeconds: number } | undefined> {
  const entry = entries[nodeMigration.status?.step ?? "Pending"];
  if (entry === undefined || !isTurning(nodeMigration)) return undefined;
  const working = liveTasks(scope, nodeMigration);
  if (working.length > 0) {
    for (const pod of working.filter(({ metadata }) => metadata.deletionTimestamp === undefined))
      await removePod(scope, pod);
    return { afterSeconds: lookAgainSeconds };
  }
  const status = statusTurned(nodeMigration, entry, scope.now());
  const turned = await patchStatus(scope.client, nodeMigrations, nodeMigration, status);
  scope.stores.nodeMigrations.put(turned);
  const { nodeName, direction = "Forward", migrationName } = turned.spec;
  const message = `turned round in ${nodeMigration.status?.step}: ${direction} from ${entry}`;
  scope.log.info({ node: nodeName, migration: migrationName, direction, step: entry }, "node turns round");
  void scope.events.event(turned, { type: "Normal", reason: "Reverting", action: entry, note: message });
  return "turned";
}

/** Host tasks of the node that may still change it. */
function liveTasks(scope: Scope, nodeMigration: NodeMigration): Pod[] {
  const owner = { uid: nodeMigration.metadata.uid ?? "" };
  return (nodeMigration.status?.tasks ?? [])
    .map(({ podName }) => scope.stores.pods.get({ name: podName, namespace: systemNamespace }))
    .filter((pod) => pod !== undefined)
    .filter((pod) => isOwnedBy(pod, owner) && pod.status?.phase !== "Succeeded" && pod.status?.phase !== "Failed");
}
