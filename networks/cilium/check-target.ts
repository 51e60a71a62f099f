import { managedBy, managedByLabel, networkLabel } from "../../crds/names.ts";
import { daemonSets } from "../../kube/resources.ts";
import type { KubeObject, UnknownObject } from "../../kube/types.ts";
import type { ClusterSnapshot, Finding } from "../contract.ts";
import { blocker, nodesAt } from "../findings.ts";
import { isWindows, planNode } from "../nodes.ts";
import { placeOf } from "../objects.ts";
import { heldTo } from "../workloads.ts";
import { cilium, ciliumNodeConfigs, isAgent } from "./facts.ts";
import { nodeSettings } from "./node-config.ts";

/** What is in the way of Cilium in this cluster; the install of the migration itself is not: this is asked again meanwhile. */
export function checkAsTarget(snapshot: ClusterSnapshot): Finding[] {
  return [...checkInstalls(snapshot), ...checkKernels(snapshot), ...checkNodeConfigs(snapshot)];
}

function checkInstalls(snapshot: ClusterSnapshot): Finding[] {
  return snapshot
    .list(daemonSets)
    .filter((ds) => isAgent(ds) && ds.metadata.labels?.[networkLabel] !== "cilium" && heldTo(ds) !== "cilium")
    .map((ds) =>
      blocker(
        "TargetAlreadyRuns",
        "Cilium runs in this cluster already",
        placeOf(ds),
        "if no pod is on it (kubectl get ciliumendpoints -A): helm uninstall it",
      ),
    );
}

/** Agents end at once on an older one. */
function checkKernels({ nodes }: ClusterSnapshot): Finding[] {
  const [major, minor] = cilium.kernel;
  const old = nodes.filter((node) => {
    const match = /^(\d+)\.(\d+)/.exec(kernelOf(node) ?? "");
    const [has, hasMinor] = [Number(match?.[1]), Number(match?.[2])];
    return match !== null && !isWindows(planNode(node)) && (has < major || (has === major && hasMinor < minor));
  });
  if (old.length === 0) return [];
  const versions = [...new Set(old.map(kernelOf))].sort().join(", ");
  return [
    blocker(
      "KernelTooOld",
      `kernel ${versions}; Cilium needs ${major}.${minor}`,
      nodesAt(old.map(({ metadata }) => metadata)),
      "upgrade the kernel there first",
    ),
  ];
}

function kernelOf(node: KubeObject): string | undefined {
  const { status } = node as KubeObject & { status?: { nodeInfo?: { kernelVersion?: string } } };
  return status?.nodeInfo?.kernelVersion;
}

/** Settings of nodes an earlier attempt left: they would switch nodes at the wrong time, or not at all. */
function checkNodeConfigs(snapshot: ClusterSnapshot): Finding[] {
  const keysOf = (object: UnknownObject) =>
    Object.keys((object.spec as { defaults?: Record<string, string> } | undefined)?.defaults ?? {});
  return snapshot
    .list(ciliumNodeConfigs)
    .filter(({ metadata }) => metadata.labels?.[managedByLabel] !== managedBy)
    .filter((object) => keysOf(object).some((key) => key in nodeSettings))
    .map((object) =>
      blocker(
        "PoolConflict",
        `it says on which nodes Cilium takes over (${keysOf(object)
          .filter((key) => key in nodeSettings)
          .join(", ")}), as the migration does`,
        placeOf(object),
        `kubectl -n ${object.metadata.namespace} delete ciliumnodeconfig ${object.metadata.name}`,
      ),
    );
}
