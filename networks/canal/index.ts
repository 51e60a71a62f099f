import { detectOnly } from "../detect-only.ts";
import { isAgent } from "./facts.ts";

/** Canal: flannel's overlay with Calico's policies, both in one pod. Known when seen, not migrated yet. See README.md. */
export const canal = detectOnly({ id: "canal", displayName: "Canal", isAgent });
