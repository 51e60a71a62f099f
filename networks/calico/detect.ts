import type { DaemonSet } from "../../kube/objects.ts";
import { clusterInformations, daemonSets, felixConfigurations, installations } from "../../kube/resources.ts";
import type {
  ClusterSnapshot,
  Detected,
  Detection,
  Finding,
  NetworkFacts,
  Overrides,
  PlanNode,
  Vtep,
} from "../contract.ts";
import { checkDirectories } from "../directories.ts";
import { blocker } from "../findings.ts";
import { placeOf } from "../objects.ts";
import { agentRefOf } from "../workloads.ts";
import { vtepOf } from "./as-source.ts";
import { checkSource } from "./check-source.ts";
import { isAgent } from "./facts.ts";
import { rangedNodes } from "./pod-cidrs.ts";
import { poolsOf, readSettings, specOf } from "./settings.ts";

/** Calico's DaemonSets, or the one the user named. */
export function agentsOf(snapshot: ClusterSnapshot, overrides: Overrides): DaemonSet[] {
  const named = overrides.daemonSet;
  return snapshot
    .list(daemonSets)
    .filter((ds) =>
      named === undefined ? isAgent(ds) : ds.metadata.name === named.name && ds.metadata.namespace === named.namespace,
    );
}

/** Finds Calico by its DaemonSet; its pool and Felix's settings say what kind of overlay it has. See contract.ts. */
export function detect(snapshot: ClusterSnapshot, overrides: Overrides): Detection {
  const agents = agentsOf(snapshot, overrides);
  const [leading] = agents;
  if (leading === undefined) return { state: "absent" };
  const nodes = rangedNodes(snapshot);
  const { overlay, cniConfDir, cniBinDir, detected } = readSettings({ snapshot, overrides, agents, leading, nodes });
  const facts: NetworkFacts = {
    network: "calico",
    agent: agentRefOf(agents),
    overlay,
    vteps: vtepsOf(snapshot, nodes),
    cniConfDir,
    cniBinDir,
    detected: [...detected, ...directRouting(snapshot)],
  };
  const findings = [
    ...checkInstall(snapshot),
    ...checkDirectories(facts, placeOf(leading)),
    ...checkSource({ snapshot, leading, nodes, overlay }),
  ];
  return { state: "found", facts, findings };
}

/** CrossSubnet: nodes of one subnet send straight to each other. What comes after it should go on so: see flannel's manifests. */
function directRouting(snapshot: ClusterSnapshot): Detected[] {
  return poolsOf(snapshot)
    .slice(0, 1)
    .map((pool) => ({
      name: "directRouting",
      value: String(specOf(pool).vxlanMode === "CrossSubnet"),
      from: `ippool ${pool.metadata.name}, vxlanMode`,
    }));
}

function vtepsOf(snapshot: ClusterSnapshot, nodes: readonly PlanNode[]): Record<string, Vtep> {
  const known = nodes.map((node): [string, Vtep | undefined] => [node.name, vtepOf(node, snapshot.host(node.name))]);
  return Object.fromEntries(known.filter((entry): entry is [string, Vtep] => entry[1] !== undefined));
}

/**
 * Commands after which the operator's objects are nobody's: it runs no more, and no finalizer of its (removed first, or the
 * deletion would wait for it) and no owner reference (orphaned, or all of Calico would be collected) ties them to its Installation.
 */
function stepAside(installation: string): string {
  return [
    "kubectl -n tigera-operator scale deployment tigera-operator --replicas=0",
    `kubectl patch installations.operator.tigera.io ${installation} --type merge -p '{"metadata":{"finalizers":null}}'`,
    `kubectl delete installations.operator.tigera.io ${installation} --cascade=orphan`,
  ].join(" && ");
}

/** Set-ups that are in the way whether Calico is left or joined. */
export function checkInstall(snapshot: ClusterSnapshot): Finding[] {
  const findings = snapshot
    .list(installations)
    .map((object) =>
      blocker(
        "OperatorManaged",
        "the Tigera operator manages Calico and would undo every change",
        placeOf(object),
        `make it step aside, Calico goes on running (networks/calico/README.md says more): ${stepAside(object.metadata.name)}`,
      ),
    );
  for (const felix of snapshot.list(felixConfigurations))
    if (specOf(felix).bpfEnabled === true)
      findings.push(
        blocker(
          "EBPFDataplane",
          "Calico's eBPF dataplane replaces kube-proxy and has no device to hand over",
          placeOf(felix),
          `bring kube-proxy back, then: kubectl patch felixconfigurations.crd.projectcalico.org ${felix.metadata.name} --type merge -p '{"spec":{"bpfEnabled":false}}'`,
        ),
      );
  for (const information of snapshot.list(clusterInformations))
    if (specOf(information).datastoreReady === false)
      findings.push(
        blocker(
          "PoolConflict",
          "Calico's datastore is locked, and no pod can start or end on Calico",
          placeOf(information),
          `see which upgrade locked it; then: kubectl patch clusterinformations.crd.projectcalico.org ${information.metadata.name} --type merge -p '{"spec":{"datastoreReady":true}}'`,
        ),
      );
  return findings;
}
