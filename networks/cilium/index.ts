import { detectOnly } from "../detect-only.ts";
import { isAgent } from "./facts.ts";

/** Cilium. Known when seen, not migrated yet. See README.md. */
export const cilium = detectOnly({ id: "cilium", displayName: "Cilium", isAgent });
