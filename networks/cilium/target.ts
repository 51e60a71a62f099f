import { daemonSets } from "../../kube/resources.ts";
import type { Network } from "../contract.ts";
import { belongings, residue } from "./belongings.ts";
import { checkAsTarget } from "./check-target.ts";
import { tunnelPort } from "./config.ts";
import { ciliumNodeConfigs, isAgent, linkName } from "./facts.ts";
import { footprint } from "./footprint.ts";
import { awaitJoined, join, leave } from "./join.ts";
import { agentOf, checkManifests } from "./manifests.ts";
import { prepare } from "./node-config.ts";
import { permissions } from "./rules.ts";
import { transformManifests } from "./transform.ts";

type Told = "id" | "displayName" | "versions" | "plays" | "detect" | "checkAsSource" | "configMaps";

/** All that Cilium needs as the target of a migration with two overlays. */
export const asTarget: Omit<Network, Told> = {
  reads: [daemonSets, ciliumNodeConfigs],
  permissions,
  isAgent,
  checkAsTarget,
  checkManifests,
  agentOf,
  transformManifests,
  tunnelPort,
  reserve: () => [],
  reserveNode: () => [],
  prepare,
  prepareNode: () => [],
  linkName,
  agentProcesses: ["cilium-agent"],
  // Its container would write the CNI configuration again if it ended by itself: what it started with says so.
  restartsToLeave: true,
  // The network's own label is all a CiliumNodeConfig goes by.
  nodeLabels: () => ({}),
  nodeAnnotations: [],
  nodeObjects: () => [],
  residue,
  belongings: () => belongings,
  leave,
  join,
  awaitJoined,
  lingers: () => ({}),
  footprint,
};
