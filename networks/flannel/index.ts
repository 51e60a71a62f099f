import { daemonSets } from "../../kube/resources.ts";
import { checkAsSource } from "../check-nodes.ts";
import type { Network } from "../contract.ts";
import { checkAsTarget, nodeAnnotations } from "./as-target.ts";
import { belongings } from "./belongings.ts";
import { detect } from "./detect.ts";
import { isAgent, linkName } from "./facts.ts";
import { footprint, lingers } from "./footprint.ts";
import { awaitJoined, join } from "./join.ts";
import { leave } from "./leave.ts";
import { agentOf, checkManifests, transformManifests } from "./manifests.ts";
import { prepare, prepareNode } from "./prepare.ts";
import { permissions } from "./rules.ts";

/** flannel, kept in the Kubernetes API, over VXLAN. See README.md. */
export const flannel: Network = {
  id: "flannel",
  displayName: "flannel",
  versions: "0.28.10",
  plays: { source: true, target: true, dualStack: "source" },
  reads: [daemonSets],
  configMaps: [],
  permissions,
  isAgent,
  detect,
  checkAsSource,
  checkAsTarget,
  checkManifests,
  agentOf,
  transformManifests,
  reserve: () => [],
  reserveNode: () => [],
  prepare,
  prepareNode,
  linkName,
  agentProcesses: ["flanneld"],
  nodeLabels: () => ({}),
  nodeAnnotations,
  nodeObjects: () => [],
  residue: [],
  belongings,
  leave,
  join,
  awaitJoined,
  lingers,
  footprint,
};
