import { daemonSets, felixConfigurations, ipPools } from "../../kube/resources.ts";
import { checkAsSource } from "../check-nodes.ts";
import type { Network } from "../contract.ts";
import { refusal } from "../detect-only.ts";
import { linkName } from "../flannel/facts.ts";
import { belongings } from "./belongings.ts";
import { detect } from "./detect.ts";
import { isAgent } from "./facts.ts";
import { footprint } from "./footprint.ts";
import { awaitJoined, join } from "./join.ts";
import { leave } from "./leave.ts";
import { nodeObjects } from "./node-objects.ts";
import { permissions } from "./rules.ts";

const displayName = "Canal";
/** It is left, and returned to on the way back; nothing installs it. */
const refuse = refusal("canal", displayName);

/** Canal: flannel's overlay, with Calico's CNI plugin and policies, in one pod. See README.md. */
export const canal: Network = {
  id: "canal",
  displayName,
  versions: "3.28.5",
  plays: { source: true, target: false },
  reads: [daemonSets, ipPools, felixConfigurations],
  configMaps: [],
  permissions,
  isAgent,
  detect,
  checkAsSource,
  checkAsTarget: refuse,
  checkManifests: refuse,
  agentOf: refuse,
  transformManifests: refuse,
  reserve: () => [],
  reserveNode: () => [],
  prepare: refuse,
  prepareNode: refuse,
  linkName,
  agentProcesses: ["flanneld", "calico-node"],
  nodeLabels: () => ({}),
  nodeAnnotations: [],
  nodeObjects,
  residue: [],
  belongings,
  leave,
  join,
  awaitJoined,
  lingers: () => ({}),
  footprint,
};
