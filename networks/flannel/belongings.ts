import type { Belongings, Detected } from "../contract.ts";
import { annotationKey, flannel } from "./facts.ts";

/** Since v0.19 its manifests bring a namespace. The prefix of its annotations may be the user's own. */
export function belongings(detected: readonly Detected[]): Belongings {
  const prefix = detected.find(({ name }) => name === "annotationPrefix")?.value ?? flannel.annotationPrefix;
  return {
    crdGroups: [],
    objects: [],
    namespaces: ["kube-flannel"],
    annotationPrefixes: [annotationKey(prefix, "")],
  };
}
