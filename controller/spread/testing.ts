import type { Node, Taint } from "../../kube/objects.ts";

interface NodeFacts {
  ready?: boolean;
  cordoned?: boolean;
  network?: string;
  taints?: Taint[];
  labels?: Record<string, string>;
}

/** A Ready node on Calico, unless the facts say otherwise. */
export function node(name: string, facts: NodeFacts = {}): Node {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: { "cni-migrate.io/network": facts.network ?? "calico", ...facts.labels } },
    spec: {
      ...(facts.cordoned === true ? { unschedulable: true } : {}),
      ...(facts.taints === undefined ? {} : { taints: facts.taints }),
    },
    status: { conditions: [{ type: "Ready", status: facts.ready === false ? "False" : "True" }] },
  };
}
