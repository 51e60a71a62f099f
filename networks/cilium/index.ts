import type { Network } from "../contract.ts";
import { detectOnly, refusal } from "../detect-only.ts";
import { isAgent } from "./facts.ts";
import { asTarget } from "./target.ts";

const displayName = "Cilium";
const { detect } = detectOnly({ id: "cilium", displayName, isAgent });

/** Cilium: it is gone to, beside the network that is left, and returned from on the way back. See README.md. */
export const cilium: Network = {
  ...asTarget,
  id: "cilium",
  displayName,
  versions: "1.18.0",
  plays: { source: false, target: true },
  configMaps: [],
  detect,
  checkAsSource: refusal("cilium", displayName),
};
