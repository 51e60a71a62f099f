import { belongings as calico } from "../calico/belongings.ts";
import type { Belongings, Detected } from "../contract.ts";
import { belongings as flannel } from "../flannel/belongings.ts";

/** Calico's objects in the API, which a Calico that stays has too, and flannel's marks on the Nodes. It brings no namespace. */
export function belongings(detected: readonly Detected[]): Belongings {
  return {
    ...calico,
    annotationPrefixes: [...calico.annotationPrefixes, ...flannel(detected).annotationPrefixes],
  };
}
