import type { Belongings } from "../contract.ts";
import { calico } from "./facts.ts";

/**
 * Calico's from its own manifests. calico-node asks for tokens of calico-cni-plugin; nothing refers to that account. Typha is
 * part of the manifests for large clusters. CRDs of policy.networking.k8s.io are a standard of Kubernetes and stay.
 */
export const belongings: Belongings = {
  crdGroups: calico.groups.filter((group) => group.endsWith("projectcalico.org")),
  objects: [
    { kind: "Deployment", name: "calico-kube-controllers" },
    { kind: "PodDisruptionBudget", name: "calico-kube-controllers" },
    { kind: "Deployment", name: "calico-typha" },
    { kind: "PodDisruptionBudget", name: "calico-typha" },
    { kind: "Service", name: "calico-typha" },
    { kind: "ServiceAccount", name: "calico-cni-plugin" },
  ],
  namespaces: [],
  annotationPrefixes: ["projectcalico.org/"],
};
