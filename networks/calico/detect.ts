import type { DaemonSet } from "../../kube/objects.ts";
import { clusterInformations, daemonSets, felixConfigurations, installations, ipPools } from "../../kube/resources.ts";
import type { UnknownObject } from "../../kube/types.ts";
import { type Candidate, choose, detectedFrom } from "../choose.ts";
import { firstOfFamily, parseCidr } from "../cidr.ts";
import type {
  ClusterSnapshot,
  Detected,
  Detection,
  Finding,
  OverlayFacts,
  Overrides,
  PlanNode,
  Vtep,
} from "../contract.ts";
import { checkDirectories, defaultDirs } from "../directories.ts";
import { blocker } from "../findings.ts";
import { isWindows, planNodes } from "../nodes.ts";
import { nameOf, placeOf } from "../objects.ts";
import { agentRefOf, hostPathOf } from "../workloads.ts";
import { annotations, calico, isAgent } from "./facts.ts";

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

interface Sources {
  snapshot: ClusterSnapshot;
  overrides: Overrides;
  agents: readonly DaemonSet[];
  leading: DaemonSet;
  nodes: readonly PlanNode[];
}

interface Settings {
  overlay: OverlayFacts;
  cniConfDir: string;
  cniBinDir: string;
  detected: Detected[];
}

function readSettings(sources: Sources): Settings {
  const { snapshot, overrides, agents, leading, nodes } = sources;
  const [pool] = poolsOf(snapshot);
  const poolFrom = pool === undefined ? "no IPPool" : `ippool ${nameOf(pool)}`;
  const felix = snapshot.list(felixConfigurations).find((f) => f.metadata.name === "default");
  const volumes = `daemonset ${nameOf(leading)}, volumes`;
  const detected: Detected[] = [];
  const find = <T>(name: keyof Overrides, value: T | undefined, ...places: Candidate<T>[]): T | undefined => {
    const found = choose([{ value, from: `spec.calico.${name}` }, ...places]);
    detected.push(detectedFrom(name, found));
    return found.value;
  };
  const felixNumber = (name: string): Candidate<number> => ({
    value: numberOf(specOf(felix)[name]),
    from: `felixconfiguration default, ${name}`,
  });
  const whole = (value: number): Candidate<number> => ({ value, from: "Calico's default" });
  find("daemonSet", overrides.daemonSet === undefined ? undefined : nameOf(leading), {
    value: agents.map(nameOf).join(", "),
    from: "its container, image and labels",
  });
  const network = find("network", overrides.network, { value: textOf(specOf(pool).cidr), from: poolFrom });
  const overlay: OverlayFacts = {
    encapsulation: textOf(specOf(pool).vxlanMode) === "Always" ? "vxlan" : "other",
    cidrs: network === undefined ? [] : [network],
    vni: find("vni", overrides.vni, felixNumber("vxlanVNI"), whole(calico.vni)) ?? calico.vni,
    port: find("port", overrides.port, felixNumber("vxlanPort"), whole(calico.port)) ?? calico.port,
    mtu: find("mtu", overrides.mtu, deviceMtu(sources), felixNumber("vxlanMTU"), notRead) ?? 0,
    masquerade: find("ipMasq", overrides.ipMasq, { value: specOf(pool).natOutgoing === true, from: poolFrom }) ?? false,
    subnetLen:
      firstOfFamily(
        nodes.flatMap((n) => n.podCIDRs),
        4,
      )?.prefix ?? calico.blockSize,
  };
  const cniConfDir = find(
    "cniConfDir",
    overrides.cniConfDir,
    { value: hostPathOf(leading, "/host/etc/cni/net.d"), from: volumes },
    { value: defaultDirs.conf, from: "default" },
  );
  const cniBinDir = find(
    "cniBinDir",
    overrides.cniBinDir,
    { value: hostPathOf(leading, "/host/opt/cni/bin"), from: volumes },
    { value: defaultDirs.bin, from: "default" },
  );
  return { overlay, cniConfDir: cniConfDir ?? defaultDirs.conf, cniBinDir: cniBinDir ?? defaultDirs.bin, detected };
}

const notRead: Candidate<number> = { value: undefined, from: `not read yet: ${calico.link} on the nodes has it` };

function deviceMtu({ snapshot, nodes }: Sources): Candidate<number> {
  const devices = nodes.flatMap((node) => snapshot.host(node.name)?.vxlans ?? []).filter((d) => d.name === calico.link);
  const [smallest] = devices.map((d) => d.mtu).sort((a, b) => a - b);
  return { value: smallest, from: `device ${calico.link} of the nodes` };
}

/** Enabled IPv4 pools, by name. */
export function poolsOf(snapshot: ClusterSnapshot): UnknownObject[] {
  return snapshot
    .list(ipPools)
    .filter((pool) => specOf(pool).disabled !== true && parseCidr(textOf(specOf(pool).cidr) ?? "")?.family === 4);
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

/** As a source: one overlay can be shared only when all pod traffic goes through it. */
function checkPools(snapshot: ClusterSnapshot): Finding[] {
  return poolsOf(snapshot)
    .filter((pool) => specOf(pool).vxlanMode !== "Always")
    .map((pool) =>
      blocker(
        "UnsupportedBackend",
        `its vxlanMode is ${textOf(specOf(pool).vxlanMode) ?? "Never"}, ipipMode ${textOf(specOf(pool).ipipMode) ?? "Never"}`,
        placeOf(pool),
        "set vxlanMode to Always and ipipMode to Never",
      ),
    );
}

export function specOf(object: UnknownObject | undefined): Record<string, unknown> {
  const spec = object?.spec;
  return typeof spec === "object" && spec !== null ? (spec as Record<string, unknown>) : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" && value > 0 ? value : undefined;
}
