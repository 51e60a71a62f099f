import type { KubeObject } from "../../kube/types.ts";
import { containersOf } from "../workloads.ts";

/** By container name, which charts and installers share, or image. */
export function isAgent(daemonSet: KubeObject): boolean {
  return containersOf(daemonSet).some(
    (c) => c.name === "cilium-agent" || /(^|\/)cilium\/cilium(:[^/]*)?(@[^/]*)?$/.test(c.image ?? ""),
  );
}
