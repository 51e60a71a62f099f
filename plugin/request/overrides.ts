import type { CniMigrationSpec } from "../../crds/index.ts";
import type { ObjectKey } from "../../kube/types.ts";
import type { NetworkId, Overrides } from "../../networks/contract.ts";

type Spec = Pick<CniMigrationSpec, "flannel" | "calico" | "cilium">;

/** Values the user gives in place of what is found. */
export function overridesOf({ flannel, calico, cilium }: Spec): Partial<Record<NetworkId, Overrides>> {
  return {
    ...(flannel === undefined ? {} : { flannel }),
    ...(calico === undefined ? {} : { calico }),
    ...(cilium === undefined ? {} : { cilium }),
  };
}

/** DaemonSets the user named as an agent. */
export function namedAgents({ flannel, calico }: Spec): Required<ObjectKey>[] {
  return [flannel?.daemonSet, calico?.daemonSet].filter((key) => key !== undefined);
}
