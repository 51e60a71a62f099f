import { managedBy, managedByLabel } from "../../crds/names.ts";
import { daemonSets, ipPools } from "../../kube/resources.ts";
import type { UnknownObject } from "../../kube/types.ts";
import type { PlanContext, RecordedChange } from "../contract.ts";
import { secondOf } from "../dual-overlay.ts";
import { calico } from "./facts.ts";

/**
 * What Calico has to know before another network's overlay comes up beside its own: its nodes' addresses are not to be guessed
 * from the links there are, and pods of the other range are not the world outside.
 */
export function reserveBeside(plan: PlanContext): RecordedChange[] {
  const { agent } = plan.source;
  return [...agent.daemonSets.map((name) => detection(name, agent.namespace)), ...secondOf(plan).cidrs.map(pool)];
}

/**
 * calico-node looks for its node's address when it starts and once a minute. "first-found", which is also the default, takes
 * the first link it does not know by name: another network's, too. Every other method names what it looks at.
 */
function detection(name: string, namespace: string): RecordedChange {
  return {
    change: "env",
    resource: daemonSets,
    key: { name, namespace },
    container: "calico-node",
    name: "IP_AUTODETECTION_METHOD",
    value: "kubernetes-internal-ip",
    keeps: (value) => value !== "" && value !== "first-found" && !value.startsWith("skip-interface="),
  };
}

/** Nobody gets an address of a disabled pool; Felix masquerades no packet to one of its addresses. */
function pool(cidr: string, index: number): RecordedChange {
  const object = {
    apiVersion: "crd.projectcalico.org/v1",
    kind: "IPPool",
    metadata: {
      name: index === 0 ? "cni-migrate" : `cni-migrate-${index + 1}`,
      labels: { [managedByLabel]: managedBy },
    },
    spec: {
      cidr,
      disabled: true,
      natOutgoing: false,
      ipipMode: "Never",
      vxlanMode: "Never",
      blockSize: cidr.includes(":") ? calico.blockSize6 : calico.blockSize,
      nodeSelector: "all()",
    },
  };
  const accepts = (existing: UnknownObject) => {
    const found = existing.spec as Partial<typeof object.spec> | undefined;
    return found?.cidr === cidr && found.disabled === true ? undefined : `it is not a disabled pool of ${cidr}`;
  };
  return { change: "create", resource: ipPools, object, accepts, transient: true };
}
