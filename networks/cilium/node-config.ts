import { managedBy, managedByLabel, networkLabel } from "../../crds/names.ts";
import type { UnknownObject } from "../../kube/types.ts";
import type { PlanContext, RecordedChange } from "../contract.ts";
import { writeKey } from "./config.ts";
import { cilium, ciliumNodeConfigs } from "./facts.ts";

/**
 * What an agent does otherwise on a node that is to be Cilium's: it writes its CNI configuration. Read once, when the agent
 * starts. The path is the one inside its container.
 */
export const nodeSettings: Readonly<Record<string, string>> = {
  [writeKey]: `${cilium.confMount}/${cilium.conflist}`,
  "custom-cni-conf": "false",
};

interface Spec {
  nodeSelector: { matchLabels: Record<string, string> };
  defaults: Readonly<Record<string, string>>;
}

/** One object for all nodes: those with this project's own label, and no label besides. */
const spec: Spec = { nodeSelector: { matchLabels: { [networkLabel]: "cilium" } }, defaults: nodeSettings };

/**
 * For the time of the migration: afterwards the settings of all nodes say the same. Its definition comes with the operator's
 * first start.
 */
export function prepare({ target }: PlanContext): RecordedChange[] {
  const object = {
    apiVersion: "cilium.io/v2",
    kind: "CiliumNodeConfig",
    metadata: {
      namespace: target.agent.namespace,
      name: "cni-migrate",
      labels: { [managedByLabel]: managedBy },
    },
    spec,
  };
  return [{ change: "create", resource: ciliumNodeConfigs, object, accepts: objection, transient: true }];
}

function objection(existing: UnknownObject): string | undefined {
  const found = existing.spec as Partial<Spec> | undefined;
  const isSame = (a: object | undefined, b: object) => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
  if (!isSame(found?.nodeSelector?.matchLabels, spec.nodeSelector.matchLabels) || hasMore(found))
    return `its nodeSelector is not ${networkLabel}=cilium`;
  return isSame(found?.defaults, spec.defaults) ? undefined : "it sets other keys or values";
}

function hasMore(found: Partial<Spec> | undefined): boolean {
  return Object.keys(found?.nodeSelector ?? {}).length > 1;
}

function sorted(map: object | undefined): [string, unknown][] {
  return Object.entries(map ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
}
