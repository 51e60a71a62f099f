import { isIP, isIPv6 } from "node:net";
import { isRecord } from "../host/deps.ts";

/** A probe server a one-shot probe talks to; in a dual-stack cluster it is one peer for each family. */
export interface ProbePeer {
  /** Name of its node. */
  node: string;
  podIP: string;
  /** InternalIP of its node. */
  /** Of the family of `podIP`. */
  nodeIP: string;
  /** It listens on the node's own network (`podIP` is `nodeIP`): the probe of network "node", which runs at the same time. */
  onNode?: true;
}

/** What a one-shot probe checks, as `probe --spec JSON` gets it. */
export interface ProbeSpec {
  /** Name of the node it runs on, and that node's InternalIP. */
  node: string;
  nodeIP: string;
  /** Its IPv6 one, where peers of that family are among them. */
  nodeIP6?: string;
  /**
   * "pod": from the pod network, both ways with each peer. "node": from the node's own network to the pods and back; it also
   * listens there, until the node's pod probe has said that it is done with it or the deadline is over.
   */
  network: "pod" | "node";
  /** Probe servers: those of other nodes, and of this one where one runs. */
  peers: ProbePeer[];
  /** TCP and UDP port of the probe servers, TCP port of their Service. */
  port: number;
  /** Of network "node": its pod probe will come to it. */
  awaitsPod?: boolean;
  /** Shared with the servers; without it they call nobody back. */
  token: string;
  /** Largest packet the overlay carries, in bytes, IP header included. */
  mtu: number;
  /** The same for packets of IPv6. Default: `mtu`. */
  mtu6?: number;
  /** The servers' Service: its cluster IP and how many connections to try. */
  service?: { ip: string; connections: number };
  /** Name to resolve through the pod's resolv.conf. */
  dns?: string;
  /** Ask the API server through its Service (KUBERNETES_SERVICE_HOST); any HTTP answer counts. */
  api?: boolean;
  /** "host:port" outside of the cluster to connect to. */
  external?: string;
  /** Seconds the report may take. A fifth of it is how long a check may fail before it counts. Default 10. */
  deadlineSeconds?: number;
}

export type CheckKind =
  | "pod-to-pod"
  | "pod-to-node"
  | "node-to-pod"
  | "source-address"
  | "full-size-tcp"
  | "full-size-udp"
  | "service"
  | "dns"
  | "api"
  | "external";

export interface ProbeCheck {
  /** "pod on n2 -> pod on n1 (10.244.0.5)" */
  path: string;
  kind: CheckKind;
  ok: boolean;
  /** What was seen: the answer, or the last failure. */
  detail: string;
  /** Milliseconds until it passed or was given up. */
  ms: number;
  /** 1 when it passed at once. Routes may be programmed some milliseconds after the agent says it is ready. */
  tries: number;
}

/** What a probe leaves in its termination message, at most 4096 bytes. */
export interface ProbeReport {
  ok: boolean;
  checks: ProbeCheck[];
  /** Failed checks that did not fit. */
  omitted?: number;
}

/** TCP port of every kubelet: what a node answers on, be it with a refusal. */
export const kubeletPort = 10_250;
const maxPeers = 64;
const minMtu = 576;

/** Reads a spec, or says in one line what is wrong with it. */
export function readSpec(input: unknown): { spec: ProbeSpec } | { problem: string } {
  const problem = isRecord(input) ? specProblem(input) : "it is not an object";
  return problem === undefined ? { spec: input as unknown as ProbeSpec } : { problem: `bad probe spec: ${problem}` };
}

function specProblem(spec: Record<string, unknown>): string | undefined {
  const { node, nodeIP, nodeIP6, network, peers, port, token, mtu, mtu6 = mtu, service, dns, external } = spec;
  const { deadlineSeconds = 10 } = spec;
  if (typeof node !== "string" || typeof token !== "string") return "node and token are texts";
  if (network !== "pod" && network !== "node") return 'network is "pod" or "node"';
  if (!isAddress(nodeIP)) return "nodeIP is not an IP address";
  if (nodeIP6 !== undefined && !(isAddress(nodeIP6) && isIPv6(String(nodeIP6))))
    return "nodeIP6 is not an IPv6 address";
  if (!Array.isArray(peers) || peers.length > maxPeers) return `peers is not a list of ${maxPeers} entries at most`;
  if (!peers.every(isPeer)) return "a peer needs a node, a podIP and a nodeIP";
  if (!isWhole(port, 1, 65_535)) return "port is not a port";
  if (!isWhole(mtu, minMtu, 65_535)) return `mtu is not a number from ${minMtu} to 65535`;
  if (!isWhole(mtu6, minMtu, 65_535)) return `mtu6 is not a number from ${minMtu} to 65535`;
  if (!isWhole(deadlineSeconds, 1, 600)) return "deadlineSeconds is not a number from 1 to 600";
  if (service !== undefined && !(isRecord(service) && isAddress(service.ip) && isWhole(service.connections, 1, 64)))
    return "service needs an ip and 1 to 64 connections";
  if (dns !== undefined && typeof dns !== "string") return "dns is not a name";
  if (peers.length === 0 && service === undefined && dns === undefined && spec.api !== true && external === undefined)
    return "it names nothing to check";
  if (external !== undefined && !/^\S+:\d{1,5}$/.test(String(external))) return "external is not host:port";
  return undefined;
}

function isPeer(peer: unknown): boolean {
  return isRecord(peer) && typeof peer.node === "string" && isAddress(peer.podIP) && isAddress(peer.nodeIP);
}

function isAddress(value: unknown): boolean {
  return typeof value === "string" && isIP(value) !== 0;
}

function isWhole(value: unknown, min: number, max: number): boolean {
  return Number.isInteger(value) && Number(value) >= min && Number(value) <= max;
}
