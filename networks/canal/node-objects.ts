import { managedBy, managedByLabel } from "../../crds/names.ts";
import { felixConfigurations } from "../../kube/resources.ts";
import type { ApiChange, PlanContext, PlanNode } from "../contract.ts";

/**
 * While a node is on Canal its Felix must not follow a pool that says VXLAN: it would make a second device of the same VNI and
 * port beside flanneld's. Settings of one node stand above those for all.
 */
export function nodeObjects(_context: PlanContext, node: PlanNode, state: "in" | "out"): ApiChange[] {
  const key = { name: `node.${node.name}` };
  if (state === "out") return [{ change: "delete", resource: felixConfigurations, key }];
  const spec = { vxlanEnabled: false };
  const object = {
    apiVersion: "crd.projectcalico.org/v1",
    kind: "FelixConfiguration",
    metadata: { ...key, labels: { [managedByLabel]: managedBy } },
    spec,
  };
  return [
    {
      change: "create",
      resource: felixConfigurations,
      object,
      accepts: (existing) => {
        const found = (existing.spec as Partial<typeof spec> | undefined)?.vxlanEnabled;
        return found === false ? undefined : `vxlanEnabled is ${found ?? "not set"}, not false`;
      },
    },
  ];
}
