import type { NodeMigration } from "../../crds/index.ts";
import { isTrue } from "../../kube/conditions.ts";
import type { Node } from "../../kube/objects.ts";
import { nodes as nodeResource } from "../../kube/resources.ts";
import { drainPolicy } from "../drain/policy.ts";
import { clusterView } from "../node/drain.ts";
import { taintPatch } from "../nodes.ts";
import { selectedNodes } from "../plan.ts";
import { spreadPods } from "../spread/engine.ts";
import { retire } from "./beside.ts";
import type { MigrationContext, Phase, PhaseResult } from "./phase.ts";
import { directionOf, placeOf, wantedNetwork } from "./places.ts";
import { conditionsWith } from "./prepare.ts";
import { restoreCluster } from "./restore.ts";
import { sweep } from "./sweep.ts";

/** Seconds the final spread may take; what is uneven then stays so. */
const spreadSeconds = 120;

/**
 * All nodes are done: pods are spread over them again, what the migration needed only for its time goes. Its pods do so when
 * the end is recorded: the tasks' results are part of it.
 */
export const finishPhase: Phase = {
  name: "Finish",
  async run(context) {
    const waiting = await spread(context);
    if (waiting !== undefined) return waiting;
    await untaint(context);
    return directionOf(context.migration) === "Forward" ? arrived(context) : returned(context);
  },
};

async function arrived(context: MigrationContext): Promise<PhaseResult> {
  const retiring = await retire(context);
  if (retiring !== undefined) return retiring;
  const swept = await sweep(context);
  if ("outcome" in swept) return swept;
  const { migration, nodes, scope } = context;
  const done = selectedNodes(migration, nodes).length;
  const moved = context.nodeMigrations.filter((nm) => nm.status?.step === "Done");
  const clean = moved.every(isClean) && swept.leftovers.length === 0;
  await context.record({
    conditions: conditionsWith(migration, scope.now(), [
      ["NodesMigrated", "True", "NodesMigrated", `${done} of ${done} nodes`],
      verifiedCondition(moved),
      [
        "SourceRemoved",
        clean ? "True" : "False",
        clean ? "SourceRemoved" : "LeftoversFound",
        clean
          ? `nothing of ${migration.spec.source} is left on the nodes; its objects in the API stay, without a pod`
          : (swept.leftovers[0] ?? "kubectl get nodemigrations -o yaml names what is left"),
      ],
      ["Reverted", "False", "NodesMigrated", `every node is on ${migration.spec.target}`],
    ]),
  });
  return { outcome: "finished", reason: "Succeeded", message: `${done} nodes are on ${migration.spec.target}` };
}

/** The last node is back: the API gets back what it was before, too. */
async function returned(context: MigrationContext): Promise<PhaseResult> {
  const waiting = await restoreCluster(context);
  if (waiting !== undefined) return waiting;
  const swept = await sweep(context);
  if ("outcome" in swept) return swept;
  const { migration, nodeMigrations, scope } = context;
  const { source } = migration.spec;
  const back = nodeMigrations.filter((nm) => nm.status?.step === "Done");
  const message = back.length === 0 ? "no node had left it" : `every node is on ${source}`;
  await context.record({
    conditions: conditionsWith(context.migration, scope.now(), [
      ["TargetInstalled", "False", "Reverted", "what was changed in the cluster for the target is as it was before"],
      ["NodesMigrated", "False", "Reverted", message],
      ...(back.length === 0 ? [] : [verifiedCondition(back)]),
      ["SourceRemoved", "False", "SourceKept", `${source} serves the nodes as before`],
      ["Reverted", "True", "Reverted", message],
    ]),
  });
  return { outcome: "finished", reason: "Reverted", message: `back on ${source}: ${message}` };
}

function verifiedCondition(nodes: readonly NodeMigration[]): readonly [string, "True" | "Unknown", string, string] {
  const verified = nodes.every((nm) => isTrue(nm.status?.conditions, "ConnectivityVerified") || turnedEarly(nm));
  return verified
    ? ["ConnectivityVerified", "True", "ConnectivityVerified", "every node was checked after its switch"]
    : ["ConnectivityVerified", "Unknown", "VerifyOff", "not checked: spec.verify.enabled is false"];
}

/** Turned round before it had left its network: there was nothing to check. */
function turnedEarly({ status }: NodeMigration): boolean {
  return status?.steps?.every(({ name }) => name === "Uncordon") ?? false;
}

function isClean(nodeMigration: NodeMigration): boolean {
  const { status } = nodeMigration;
  return isTrue(status?.conditions, "CleanedUp") && (status?.evidence?.leftovers ?? []).length === 0;
}

/**
 * The last nodes were emptied onto the first: brings replicas back to where they help each other, from the moment on when
 * every node that takes ordinary pods is done. Never fails a migration. Undefined when it is over.
 */
export async function spread(context: MigrationContext): Promise<PhaseResult | undefined> {
  const { migration, nodes, scope } = context;
  const wanted = directionOf(migration);
  const hosts = new Set(nodes.filter(takesPods).map((node) => node.metadata.name));
  const parts = context.nodeMigrations.filter((nm) => hosts.has(nm.spec.nodeName));
  if (parts.some((nm) => placeOf(nm, wanted) !== "migrated")) return undefined;
  const lastDone = parts
    .flatMap((nm) => nm.status?.steps?.find((s) => s.name === "Uncordon")?.completionTime ?? [])
    .sort()
    .at(-1);
  if (lastDone === undefined) return undefined;
  const outcome = await spreadPods({
    client: scope.client,
    look: () => clusterView(scope),
    memory: scope.evictions,
    policy: drainPolicy(migration.spec.drain),
    clock: scope.clock,
    nodes: () => scope.stores.nodes.list(),
    network: wantedNetwork(migration),
    startedAtMs: Date.parse(lastDone),
    disturbedSinceMs: Date.parse(migration.status?.startTime ?? migration.metadata.creationTimestamp ?? ""),
    timeoutSeconds: spreadSeconds,
  });
  if (outcome.state === "done") return undefined;
  return {
    outcome: "wait",
    summary: "Spreading",
    reason: "Migrating",
    message: outcome.message,
    afterSeconds: outcome.nextCheckSeconds,
  };
}

/** Whether pods without special tolerations may come to the node, its cordon aside. */
function takesPods(node: Node): boolean {
  return !(node.spec?.taints ?? []).some(
    ({ key, effect }) => effect !== "PreferNoSchedule" && key !== "node.kubernetes.io/unschedulable",
  );
}

/** Takes our taint off every node. */
export async function untaint({ nodes, scope }: MigrationContext): Promise<void> {
  for (const node of nodes) {
    const patch = taintPatch(node, false);
    if (patch !== undefined)
      scope.stores.nodes.put(await scope.client.patch(nodeResource, { name: node.metadata.name }, patch));
  }
}
