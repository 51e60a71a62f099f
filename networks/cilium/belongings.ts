import type { Belongings, Residue } from "../contract.ts";
import { cilium, ciliumEndpoints, ciliumIdentities, ciliumNodes } from "./facts.ts";

/** Cilium's from its own chart, whatever of it is switched on. Definitions are made by the operator. */
export const belongings: Belongings = {
  crdGroups: cilium.groups,
  objects: [
    { kind: "Deployment", name: "cilium-operator" },
    { kind: "PodDisruptionBudget", name: "cilium-operator" },
    { kind: "Deployment", name: "hubble-relay" },
    { kind: "Deployment", name: "hubble-ui" },
    ...["cilium-agent", "cilium-envoy", "hubble-peer", "hubble-relay", "hubble-ui", "hubble-metrics"].map(
      (name) => ({ kind: "Service", name }) as const,
    ),
    { kind: "ServiceAccount", name: "cilium-envoy" },
    // By which replicas of the operator agree on one of them.
    { kind: "Lease", name: "cilium-operator-resource-lock" },
  ],
  namespaces: ["cilium-secrets"],
  annotationPrefixes: ["io.cilium", "network.cilium.io/", "ipam.cilium.io/"],
};

/** One of each a pod, a node and a set of labels. Nobody else makes any: all go. */
export const residue: readonly Residue[] = [ciliumEndpoints, ciliumNodes, ciliumIdentities].map((resource) => ({
  resource,
  owned: () => true,
}));
