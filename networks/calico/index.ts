import {
  clusterInformations,
  daemonSets,
  felixConfigurations,
  installations,
  ipamBlocks,
  ipPools,
} from "../../kube/resources.ts";
import type { Network } from "../contract.ts";
import { checkAsTarget } from "./check-target.ts";
import { detect } from "./detect.ts";
import { isAgent, linkName } from "./facts.ts";
import { footprint } from "./footprint.ts";
import { awaitJoined, join, nodeLabels } from "./join.ts";
import { leave } from "./leave.ts";
import { agentOf, checkManifests } from "./manifests.ts";
import { prepare, prepareNode } from "./prepare.ts";
import { permissions } from "./rules.ts";
import { transformManifests } from "./transform.ts";

/** Calico from manifests, over VXLAN, with its own addresses (calico-ipam). See README.md. */
export const calico: Network = {
  id: "calico",
  displayName: "Calico",
  versions: "3.28.5",
  plays: { source: false, target: true },
  reads: [daemonSets, ipPools, felixConfigurations, ipamBlocks, clusterInformations, installations],
  configMaps: [],
  permissions,
  isAgent,
  detect,
  checkAsTarget,
  checkManifests,
  agentOf,
  transformManifests,
  prepare,
  prepareNode,
  linkName,
  agentProcesses: ["calico-node"],
  nodeLabels,
  leave,
  join,
  awaitJoined,
  footprint,
};
