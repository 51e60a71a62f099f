import type { NodeMigration, StepName } from "../../crds/index.ts";
import { cordonedByAnnotation, networkLabel } from "../../crds/names.ts";
import type { Node } from "../../kube/objects.ts";
import { nodeMigrations, nodes } from "../../kube/resources.ts";
import { patchStatus } from "../../kube/status.ts";
import type { NetworkId } from "../../networks/contract.ts";
import { MigrationError } from "../errors.ts";
import type { NodeContext } from "./context.ts";

type Label = "from" | "none" | "to";

/**
 * What the node's label may say in a step. The label is what the agents go by, and each step writes it before it acts: a step
 * pointer that does not go with it was not written by the steps. The last one is what it should be where it is lost.
 */
const labels: Partial<Record<StepName, readonly Label[]>> = {
  Cordon: ["none", "from"],
  Drain: ["none", "from"],
  LeaveSource: ["from", "to", "none"],
  AdoptPods: ["none"],
  JoinTarget: ["none", "to"],
  RecyclePods: ["to"],
  Verify: ["to"],
  CleanUp: ["to"],
  Uncordon: ["to"],
};

interface Facts {
  nodeMigration: NodeMigration;
  node: Node;
  from: NetworkId;
  to: NetworkId;
}

export type Contradiction =
  /** Nothing of the step has happened on the node: it begins where it stands. */
  | { kind: "ahead"; begins: "Pending" | "Cordon" }
  /** Nobody can tell which of the two is right. */
  | { kind: "mismatch"; error: MigrationError };

/** Whether the step pointer and the node contradict each other. Pure. */
export function contradiction({ nodeMigration, node, from, to }: Facts): Contradiction | undefined {
  const step = nodeMigration.status?.step ?? "Pending";
  const allowed = labels[step];
  if (allowed === undefined) return undefined;
  const label = node.metadata.labels?.[networkLabel];
  const values = { from, none: "none", to };
  if (isAhead(nodeMigration, node, label === from)) {
    const ours = node.metadata.annotations?.[cordonedByAnnotation] === nodeMigration.metadata.uid;
    const forward = (nodeMigration.status?.direction ?? "Forward") === "Forward";
    return { kind: "ahead", begins: forward && !ours ? "Pending" : "Cordon" };
  }
  if (allowed.some((which) => values[which] === label)) return undefined;
  const { name } = node.metadata;
  const wanted = values[allowed.at(-1) ?? "to"];
  const is = label === undefined ? "is gone" : `is ${JSON.stringify(label)}`;
  const what = `node ${name}: label ${networkLabel} ${is}, which does not go with step ${step}`;
  const hint = `if the step is right, kubectl label node ${name} --overwrite ${networkLabel}=${wanted}, then kubectl cni-migrate retry ${name}`;
  return {
    kind: "mismatch",
    error: new MigrationError("Conflict", what, { kind: "stalled", object: `node ${name}`, hint }),
  };
}

/** The node is still where it began, and what its pointer says it has behind it has not been. */
function isAhead({ status }: NodeMigration, { spec }: Node, isOnFrom: boolean): boolean {
  if (!isOnFrom) return false;
  if (status?.step === "LeaveSource") return spec?.unschedulable !== true;
  const allowed = labels[status?.step ?? "Pending"] ?? [];
  return !allowed.includes("from") && status?.steps?.some(({ name }) => name === "LeaveSource") !== true;
}

/**
 * Looks at the node itself before a contradiction is believed: the copy may be behind. Puts a pointer that ran ahead back to
 * where the node stands ("moved"), and throws a stalled MigrationError where it cannot tell.
 */
export async function settleContradiction(context: NodeContext): Promise<"moved" | undefined> {
  const facts = () => ({ ...context, from: context.from.id, to: context.to.id });
  if (contradiction(facts()) === undefined) return undefined;
  const { scope, nodeMigration } = context;
  const fresh = await scope.client.get(nodes, { name: context.node.metadata.name });
  if (fresh === undefined || fresh.metadata.uid !== context.node.metadata.uid) return undefined;
  scope.stores.nodes.put(fresh);
  context.node = fresh;
  const found = contradiction(facts());
  if (found === undefined) return undefined;
  if (found.kind === "mismatch") throw found.error;
  const { begins } = found;
  const message = `its status said ${nodeMigration.status?.step}, but nothing of that has happened on the node`;
  const startTime = scope.now().toISOString();
  const { recycle: _, tasks: __, ...before } = nodeMigration.status ?? {};
  const written = await patchStatus(scope.client, nodeMigrations, nodeMigration, {
    ...before,
    step: begins,
    steps: begins === "Pending" ? [] : [{ name: begins, startTime }],
    summary: begins,
    message,
  });
  scope.stores.nodeMigrations.put(written);
  scope.log.warn({ node: fresh.metadata.name, step: begins }, "the status of the node was not true; it begins again");
  return "moved";
}
