import { createHash } from "node:crypto";
import { isIPv6 } from "node:net";
import type { CniMigration } from "../crds/index.ts";
import { managedBy, managedByLabel, networkLabel, probeService, roleLabel, systemNamespace } from "../crds/names.ts";
import { isApiError, isConflict } from "../kube/errors.ts";
import type { Node, Pod } from "../kube/objects.ts";
import { pods } from "../kube/resources.ts";
import type { NetworkId } from "../networks/contract.ts";
import { isReady, planNode } from "../networks/nodes.ts";
import { nodePart, shortHash } from "./hash.ts";
import { probeServerPod } from "./probe/pods.ts";
import type { ProbePeer } from "./probe/spec.ts";
import type { Scope } from "./scope.ts";
import { ownerOf, removePod } from "./tasks.ts";

/** Peers tried from a switched node, at most, of each network: enough to tell a path from a node. */
const peersOfEachNetwork = 4;

/** Shared by the probes of one migration, so that a server calls back nobody else. */
export function probeToken(migration: CniMigration): string {
  return createHash("sha256").update(`probe ${migration.metadata.uid}`).digest("hex").slice(0, 32);
}

function serverName(migration: CniMigration, nodeName: string, network: NetworkId): string {
  const node = nodePart(nodeName, 30);
  return `probe-${node}-${network}-${shortHash(`${migration.metadata.uid}/${nodeName}/${network}`)}`;
}

/**
 * Makes sure that a node has a probe server on this network; its pod, as far as it is known. One that has ended, evicted by its
 * node or shut down with it, is made anew.
 */
export async function ensureServer(
  scope: Scope,
  migration: CniMigration,
  nodeName: string,
  network: NetworkId,
): Promise<Pod | undefined> {
  const name = serverName(migration, nodeName, network);
  const known = scope.stores.pods.get({ name, namespace: systemNamespace });
  if (known !== undefined && !hasEnded(known)) return known;
  if (known !== undefined && !(await remove(scope, known))) return undefined;
  const wanted = probeServerPod({
    name,
    namespace: systemNamespace,
    nodeName,
    image: scope.image,
    token: probeToken(migration),
    owner: ownerOf(migration),
  });
  try {
    const made = await scope.client.create(pods, wanted);
    scope.stores.pods.put(made);
    return made;
  } catch (error) {
    // The copy is behind: the pod is there.
    if (isApiError(error, "AlreadyExists")) return undefined;
    throw error;
  }
}

/** Removes servers by UID: those a node had before a switch, whose addresses are gone with their network. */
export async function removeServers(scope: Scope, uids: readonly string[]): Promise<void> {
  const stale = scope.stores.pods
    .list()
    .filter((pod) => isServer(pod) && uids.includes(pod.metadata.uid ?? ""))
    .filter((pod) => pod.metadata.deletionTimestamp === undefined);
  await Promise.all(stale.map((pod) => remove(scope, pod)));
}

/** False when another pod has its name by now. */
async function remove(scope: Scope, pod: Pod): Promise<boolean> {
  try {
    await removePod(scope, pod, { gracePeriodSeconds: 0 });
    return true;
  } catch (error) {
    if (isConflict(error)) return false;
    throw error;
  }
}

function hasEnded({ status }: Pod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}

/** All probe pods and servers of the migration go; host tasks that failed stay for their logs. */
export async function removeProbes(scope: Scope, migration: CniMigration): Promise<void> {
  const ours = scope.stores.pods
    .list()
    .filter((pod) => isOurs(pod) && pod.metadata.ownerReferences?.some((ref) => ref.uid === migration.metadata.uid))
    .filter((pod) => pod.metadata.deletionTimestamp === undefined);
  await Promise.all(
    ours.map((pod) =>
      scope.client.delete(pods, { name: pod.metadata.name, namespace: systemNamespace }, { gracePeriodSeconds: 0 }),
    ),
  );
}

/** The network a server was made for: its name says so. */
function networkOf(server: Pod): string | undefined {
  return /-([a-z]+)-[0-9a-f]{8}$/.exec(server.metadata.name)?.[1];
}

/**
 * Servers on other nodes to try from `node`: some on each network that is up now. A node that is itself between two networks,
 * or not Ready, is no measure.
 */
export function peersOf(scope: Scope, node: Node): ProbePeer[] {
  const byNetwork = new Map<string, ProbePeer[][]>();
  for (const pod of scope.stores.pods.list()) {
    if (!isServer(pod) || pod.spec.nodeName === node.metadata.name) continue;
    const peerNode = scope.stores.nodes.get({ name: pod.spec.nodeName ?? "" });
    const network = peerNode?.metadata.labels?.[networkLabel];
    if (peerNode === undefined || !isReady(peerNode) || network === undefined || networkOf(pod) !== network) continue;
    const ends = endsOf(pod, peerNode);
    if (ends.length > 0) byNetwork.set(network, [...(byNetwork.get(network) ?? []), ends]);
  }
  return [...byNetwork.values()].flatMap((servers) =>
    servers
      .sort(([a], [b]) => ((a?.node ?? "") < (b?.node ?? "") ? -1 : 1))
      .slice(0, peersOfEachNetwork)
      .flat(),
  );
}

/** The server as a peer of each family that it and its node have an address of, once it runs. */
function endsOf(pod: Pod, node: Node): ProbePeer[] {
  const running = pod.status?.phase === "Running" && pod.metadata.deletionTimestamp === undefined;
  const podIPs = pod.status?.podIPs?.map(({ ip }) => ip) ?? [pod.status?.podIP ?? []].flat();
  if (!running) return [];
  return podIPs.flatMap((podIP) => {
    const nodeIP = planNode(node).internalIPs.find((ip) => isIPv6(ip) === isIPv6(podIP));
    return nodeIP === undefined ? [] : [{ node: node.metadata.name, podIP, nodeIP }];
  });
}

/** Cluster IP and number of connections for the checks through a Service; undefined when the Service is not there. */
export function serviceCheck(scope: Scope): { ip: string; connections: number } | undefined {
  const ip = scope.stores.services.get({ name: probeService, namespace: systemNamespace })?.spec.clusterIP;
  return ip === undefined || ip === "None" ? undefined : { ip, connections: 6 };
}

function isOurs(pod: Pod): boolean {
  return pod.metadata.namespace === systemNamespace && pod.metadata.labels?.[managedByLabel] === managedBy;
}

function isServer(pod: Pod): boolean {
  return isOurs(pod) && pod.metadata.labels?.[roleLabel] === "probe-server";
}
