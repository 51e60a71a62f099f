import {
  clusterInformations,
  daemonSets,
  felixConfigurations,
  installations,
  ipamBlocks,
  ipPools,
} from "../../kube/resources.ts";
import type { Network } from "../contract.ts";
import { lingers, reserve, reserveNode } from "./as-source.ts";
import { belongings } from "./belongings.ts";
import { checkAsSource } from "./check-ranges.ts";
import { reads } from "./check-source.ts";
import { checkAsTarget } from "./check-target.ts";
import { detect } from "./detect.ts";
import { isAgent, linkName } from "./facts.ts";
import { footprint } from "./footprint.ts";
import { awaitJoined, join, nodeLabels } from "./join.ts";
import { leave } from "./leave.ts";
import { agentOf, checkManifests } from "./manifests.ts";
import { rangesFor } from "./pod-cidrs.ts";
import { nodeObjects, prepare, prepareNode } from "./prepare.ts";
import { nodeAnnotations, residue } from "./residue.ts";
import { permissions } from "./rules.ts";
import { transformManifests } from "./transform.ts";

/** Calico from manifests, over VXLAN, with its own addresses (calico-ipam). See README.md. */
export const calico: Network = {
  id: "calico",
  displayName: "Calico",
  versions: "3.28.5",
  plays: { source: true, target: true, dualStack: "target" },
  reads: [daemonSets, ipPools, felixConfigurations, ipamBlocks, clusterInformations, installations, ...reads],
  configMaps: [],
  permissions,
  isAgent,
  detect,
  checkAsSource,
  checkAsTarget,
  checkManifests,
  agentOf,
  transformManifests,
  rangesFor,
  reserve,
  reserveNode,
  prepare,
  prepareNode,
  linkName,
  agentProcesses: ["calico-node"],
  nodeLabels,
  nodeAnnotations,
  nodeObjects,
  residue,
  belongings: () => belongings,
  leave,
  join,
  awaitJoined,
  lingers,
  footprint,
};
