import type { NodeMigration } from "../../crds/index.ts";
import { isTrue } from "../../kube/conditions.ts";
import type { Node } from "../../kube/objects.ts";
import { nodes as nodeResource } from "../../kube/resources.ts";
import { drainPolicy } from "../drain/policy.ts";
import { clusterView } from "../node/drain.ts";
import { taintPatch } from "../nodes.ts";
import { selectedNodes } from "../plan.ts";
import { removeProbes } from "../probes.ts";
import { spreadPods } from "../spread/engine.ts";
import type { MigrationContext, Phase, PhaseResult } from "./phase.ts";
import { conditionsWith } from "./prepare.ts";

/** Seconds the final spread may take; what is uneven then stays so. */
const spreadSeconds = 120;

/** All nodes are done: pods are spread over them again, what the migration needed only for its time goes. */
export const finishPhase: Phase = {
  name: "Finish",
  async run(context) {
    const waiting = await spread(context);
    if (waiting !== undefined) return waiting;
    await untaint(context);
    await removeProbes(context.scope, context.migration);
    const { migration, nodes, scope } = context;
    const done = selectedNodes(migration, nodes).length;
    const moved = context.nodeMigrations.filter((nm) => nm.status?.step === "Done");
    const verified = moved.every((nm) => isTrue(nm.status?.conditions, "ConnectivityVerified"));
    const clean = moved.every(isClean);
    await context.record({
      conditions: conditionsWith(migration, scope.now(), [
        ["NodesMigrated", "True", "NodesMigrated", `${done} of ${done} nodes`],
        [
          "ConnectivityVerified",
          verified ? "True" : "Unknown",
          verified ? "ConnectivityVerified" : "VerifyOff",
          verified ? "every node was checked after its switch" : "not checked: spec.verify.enabled is false",
        ],
        [
          "SourceRemoved",
          clean ? "True" : "False",
          clean ? "SourceRemoved" : "LeftoversFound",
          clean
            ? `nothing of ${migration.spec.source} is left on the nodes; its objects in the API stay, without a pod`
            : "kubectl get nodemigrations -o yaml names what is left",
        ],
      ]),
    });
    return {
      outcome: "finished",
      reason: "Succeeded",
      message: `${done} nodes are on ${migration.spec.target}`,
    };
  },
};

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
  const hosts = new Set(nodes.filter(takesPods).map((node) => node.metadata.name));
  const moved = context.nodeMigrations.filter((nm) => hosts.has(nm.spec.nodeName));
  const ends = moved.map((nm) => nm.status?.steps?.find((s) => s.name === "Uncordon")?.completionTime);
  const lastDone = ends
    .filter((end) => end !== undefined)
    .sort()
    .at(-1);
  if (lastDone === undefined || ends.includes(undefined)) return undefined;
  const outcome = await spreadPods({
    client: scope.client,
    look: () => clusterView(scope),
    memory: scope.evictions,
    policy: drainPolicy(migration.spec.drain),
    clock: scope.clock,
    nodes: () => scope.stores.nodes.list(),
    network: migration.spec.target,
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
