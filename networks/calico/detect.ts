import type { DaemonSet } from "../../kube/objects.ts";
import { clusterInformations, daemonSets, felixConfigurations, installations } from "../../kube/resources.ts";
import type { ClusterSnapshot, Detection, Finding, Overrides, PlanNode, Vtep } from "../contract.ts";
import { checkDirectories } from "../directories.ts";
import { blocker } from "../findings.ts";
import { isWindows, planNodes } from "../nodes.ts";
import { placeOf } from "../objects.ts";
import { agentRefOf } from "../workloads.ts";
import { annotations, calico, isAgent } from "./facts.ts";
import { poolsOf, readSettings, specOf, usesVxlan } from "./settings.ts";

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
  const nodes = planNodes(snapshot).filter((node) => !isWindows(node));
  const { overlay, cniConfDir, cniBinDir, detected } = readSettings({ snapshot, overrides, agents, leading, nodes });
  const facts = {
    network: "calico",
    agent: agentRefOf(agents),
    overlay,
    vteps: vtepsOf(snapshot, nodes),
    cniConfDir,
    cniBinDir,
    detected,
  } as const;
  const findings = [...checkInstall(snapshot), ...checkDirectories(facts, placeOf(leading)), ...checkPools(snapshot)];
  return { state: "found", facts, findings };
}

/**
 * Device address and outer address as calico-node annotates them; the MAC from the annotation where one was set ahead, else
 * from a read of the node: Felix makes one up and keeps it to itself.
 */
function vtepsOf(snapshot: ClusterSnapshot, nodes: readonly PlanNode[]): Record<string, Vtep> {
  const known = nodes.flatMap((node): [string, Vtep][] => {
    const device = snapshot.host(node.name)?.vxlans.find((d) => d.name === calico.link);
    const ip = node.annotations[annotations.tunnelAddress];
    const mac = device?.mac ?? node.annotations[annotations.tunnelMac];
    const publicIP = node.annotations[annotations.address]?.split("/", 1)[0];
    if (ip === undefined || mac === undefined || publicIP === undefined) return [];
    return [[node.name, { ip, mac: mac.toLowerCase(), publicIP }]];
  });
  return Object.fromEntries(known);
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
        "use an installation from manifests (calico-vxlan.yaml); remove the operator's as its documentation says",
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

/** As a source: an overlay can be shared only where there is one. */
function checkPools(snapshot: ClusterSnapshot): Finding[] {
  return poolsOf(snapshot)
    .filter((pool) => !usesVxlan(pool))
    .map((pool) =>
      blocker(
        "UnsupportedBackend",
        `its vxlanMode is ${String(specOf(pool).vxlanMode ?? "Never")}, ipipMode ${String(specOf(pool).ipipMode ?? "Never")}`,
        placeOf(pool),
        "set vxlanMode to Always and ipipMode to Never",
      ),
    );
}
