import { daemonSets } from "../kube/resources.ts";
import type { KubeObject } from "../kube/types.ts";
import type { Detection, Network, NetworkFacts, NetworkId } from "./contract.ts";
import { defaultDirs } from "./directories.ts";
import { agentRefOf } from "./workloads.ts";

/** A member of a network that plays neither part was asked for its work. Preflight stops before anyone gets here. */
export class NetworkNotSupportedError extends Error {
  override readonly name = "NetworkNotSupportedError";
  readonly network: NetworkId;

  constructor(network: NetworkId, displayName: string) {
    super(`${displayName} cannot be migrated by this version`);
    this.network = network;
  }
}

interface DetectOnly {
  id: NetworkId;
  displayName: string;
  isAgent(daemonSet: KubeObject): boolean;
}

/** A member that is not to be asked: it throws NetworkNotSupportedError. */
export function refusal(id: NetworkId, displayName: string): () => never {
  return () => {
    throw new NetworkNotSupportedError(id, displayName);
  };
}

/**
 * A network this version knows when it sees it, so that it can say so in one line, and does no more with. It is found by its
 * DaemonSet; none of its settings are read. Every other member throws NetworkNotSupportedError.
 */
export function detectOnly({ id, displayName, isAgent }: DetectOnly): Network {
  const refuse = refusal(id, displayName);
  return {
    id,
    displayName,
    versions: "none",
    plays: { source: false, target: false },
    reads: [daemonSets],
    configMaps: [],
    permissions: [{ apiGroups: ["apps"], resources: ["daemonsets"], verbs: ["get", "list"] }],
    isAgent,
    detect: (snapshot): Detection => {
      const agents = snapshot.list(daemonSets).filter(isAgent);
      return agents.length === 0 ? { state: "absent" } : { state: "found", facts: factsOf(id, agents), findings: [] };
    },
    checkAsSource: refuse,
    checkAsTarget: refuse,
    checkManifests: refuse,
    agentOf: refuse,
    transformManifests: refuse,
    reserve: refuse,
    reserveNode: refuse,
    prepare: refuse,
    prepareNode: refuse,
    linkName: refuse,
    agentProcesses: [],
    nodeLabels: refuse,
    nodeAnnotations: [],
    nodeObjects: refuse,
    residue: [],
    belongings: refuse,
    leave: refuse,
    join: refuse,
    awaitJoined: refuse,
    lingers: refuse,
    footprint: refuse,
  };
}

/** Facts of a network of which only the agent was looked at. */
function factsOf(network: NetworkId, agents: readonly KubeObject[]): NetworkFacts {
  return {
    network,
    agent: agentRefOf(agents),
    overlay: { encapsulation: "other", vni: 0, port: 0, mtu: 0, cidrs: [], subnetLen: 0, masquerade: false },
    vteps: {},
    cniConfDir: defaultDirs.conf,
    cniBinDir: defaultDirs.bin,
    detected: [],
  };
}
