import { readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { parseResolvConf, resolveName } from "./resolve.ts";
import type { CallBack } from "./server.ts";
import { type CheckKind, kubeletPort, type ProbePeer, type ProbeSpec } from "./spec.ts";
import { ask, askWho, echoDatagram, reach, tokenHeader, type Who } from "./wire.ts";

/** One thing to try. `attempt` gives what was seen, or throws what went wrong. */
export interface Check {
  path: string;
  kind: CheckKind;
  attempt(timeoutMs: number): Promise<string>;
}

/** What the probe knows about itself. */
export interface Self {
  pod: string;
  /** Its own address: the pod's, or the node's. */
  address: string;
  /** Its IPv6 one in a dual-stack cluster. */
  address6: string | undefined;
  /** Port of its own listener, for peers that call back. */
  listenerPort: number;
  resolvConfPath: string;
  /** Where the API server's Service is. */
  api: { host: string; port: number } | undefined;
}

const transferBytes = 1024 * 1024;
/** Part of an attempt's time the peer has for calling back; the rest is for hearing what it says of it. */
const callBackShare = 0.8;
const dismissMs = 1000;
/** Headers of IP and UDP, in bytes. */
const headerBytes = { v4: 28, v6: 48 };

/** All checks of a spec: each peer's, then those of the cluster. */
export function checksOf(spec: ProbeSpec, self: Self): Check[] {
  const perPeer = spec.network === "pod" ? podChecks : nodeChecks;
  return [...spec.peers.flatMap((peer) => perPeer(spec, self, peer)), ...clusterChecks(spec, self)];
}

function podChecks(spec: ProbeSpec, self: Self, peer: ProbePeer): Check[] {
  if (peer.onNode === true) return ownNodeChecks(spec, self, peer);
  const me = `pod on ${spec.node}`;
  const it = `pod on ${peer.node} (${peer.podIP})`;
  const forth = `${me} -> ${it}`;
  const own = addressFor(peer, self);
  const back = `${it} -> ${me} (${own})`;
  const callSelf = (ms: number) => callBack(spec, peer, { host: own, port: self.listenerPort, expect: "who" }, ms);
  return [
    check("pod-to-pod", forth, (ms) => expectPeer(peer, spec.port, ms)),
    check("source-address", forth, async (ms) => sameSource(await askWho(peer.podIP, spec.port, ms), own)),
    check("pod-to-pod", back, async (ms) => samePod(await callSelf(ms), self)),
    check("source-address", back, async (ms) => sameSource((await callSelf(ms)).who, peer.podIP)),
    ...fullSizeChecks(spec, peer, forth),
    check("pod-to-node", `${me} -> node ${peer.node} (${peer.nodeIP})`, (ms) => reach(peer.nodeIP, kubeletPort, ms)),
  ];
}

/** Its own address of the peer's family; "" where it should have one and has not, which every check then says. */
function addressFor(peer: ProbePeer, self: Self): string {
  return isIPv6(peer.podIP) ? (self.address6 ?? "") : self.address;
}

/** Between a pod and its own node, both ways. */
function ownNodeChecks(spec: ProbeSpec, self: Self, peer: ProbePeer): Check[] {
  const own = addressFor(peer, self);
  const me = `pod on ${spec.node} (${own})`;
  const it = `node ${peer.node}`;
  const target = { host: own, port: self.listenerPort, expect: "who" };
  return [
    check("pod-to-node", `${me} -> ${it}`, (ms) => expectPeer(peer, spec.port, ms)),
    check("node-to-pod", `${it} -> ${me}`, async (ms) => samePod(await callBack(spec, peer, target, ms), self)),
    ...fullSizeChecks(spec, peer, `${me} -> ${it}`),
  ];
}

/** Tells the probe on the node's own network that it is needed no more. It would end by its deadline all the same. */
export async function dismiss(spec: ProbeSpec): Promise<void> {
  const headers = { [tokenHeader]: spec.token };
  for (const peer of spec.peers.filter((p) => p.onNode === true))
    await ask(peer.podIP, spec.port, "/done", dismissMs, { method: "POST", headers }).catch(() => undefined);
}

function nodeChecks(spec: ProbeSpec, _self: Self, peer: ProbePeer): Check[] {
  const it = `pod on ${peer.node} (${peer.podIP})`;
  const forth = `node ${spec.node} -> ${it}`;
  const own = isIPv6(peer.podIP) ? (spec.nodeIP6 ?? spec.nodeIP) : spec.nodeIP;
  const target = { host: own, port: kubeletPort, expect: "any" };
  return [
    check("node-to-pod", forth, (ms) => expectPeer(peer, spec.port, ms)),
    check(
      "pod-to-node",
      `${it} -> node ${spec.node} (${own})`,
      async (ms) => (await callBack(spec, peer, target, ms)).detail,
    ),
    ...fullSizeChecks(spec, peer, forth),
  ];
}

function fullSizeChecks(spec: ProbeSpec, peer: ProbePeer, path: string): Check[] {
  const v6 = isIPv6(peer.podIP);
  const mtu = v6 ? (spec.mtu6 ?? spec.mtu) : spec.mtu;
  const bytes = mtu - (v6 ? headerBytes.v6 : headerBytes.v4);
  return [
    check("full-size-tcp", path, (ms) => transfer(peer.podIP, spec.port, ms)),
    check("full-size-udp", path, async (ms) => {
      await echoDatagram(peer.podIP, spec.port, bytes, ms);
      return `a packet of ${mtu} bytes came back`;
    }),
  ];
}

function clusterChecks(spec: ProbeSpec, self: Self): Check[] {
  const me = spec.network === "pod" ? `pod on ${spec.node}` : `node ${spec.node}`;
  const checks: Check[] = [];
  const { service, dns, external } = spec;
  if (service !== undefined)
    checks.push(
      check("service", `${me} -> Service ${service.ip}:${spec.port}`, (ms) => askService(service, spec.port, ms)),
    );
  if (dns !== undefined)
    checks.push(check("dns", `${me} -> DNS name ${dns}`, (ms) => lookUp(dns, self.resolvConfPath, ms)));
  if (spec.api === true)
    checks.push(
      check("api", `${me} -> API server (${self.api?.host ?? "?"}:${self.api?.port ?? "?"})`, (ms) =>
        askApi(self.api, ms),
      ),
    );
  if (external !== undefined)
    checks.push(check("external", `${me} -> ${external}`, (ms) => reachExternal(external, ms)));
  return checks;
}

function check(kind: CheckKind, path: string, attempt: (timeoutMs: number) => Promise<string>): Check {
  return { kind, path, attempt };
}

async function expectPeer(peer: ProbePeer, port: number, ms: number): Promise<string> {
  const who = await askWho(peer.podIP, port, ms);
  if (who.node !== peer.node) throw new Error(`answered by ${who.pod} on ${who.node} instead of a pod on ${peer.node}`);
  return `answered by ${who.pod}`;
}

function sameSource(who: Who | undefined, expected: string): string {
  if (who === undefined) throw new Error("the caller's address is not known");
  if (who.peer !== expected) throw new Error(`seen as ${who.peer} instead of ${expected}`);
  return `seen as ${who.peer}`;
}

function samePod(call: CallBack, self: Self): string {
  if (call.who?.pod !== self.pod) throw new Error(`answered by ${call.who?.pod ?? "nobody"} instead of ${self.pod}`);
  return call.detail;
}

/** Has the peer connect to this side. A peer that cannot be asked is told apart from one that cannot get through. */
async function callBack(
  spec: ProbeSpec,
  peer: ProbePeer,
  target: { host: string; port: number; expect: string },
  ms: number,
): Promise<CallBack> {
  const limit = { port: String(target.port), ms: String(Math.round(ms * callBackShare)) };
  const query = new URLSearchParams({ ...target, ...limit });
  const headers = { [tokenHeader]: spec.token };
  const answer = await ask(peer.podIP, spec.port, `/call-back?${query}`, ms, { method: "POST", headers }).catch(
    (error) => {
      throw new Error(`the peer could not be asked to call back: ${error instanceof Error ? error.message : error}`);
    },
  );
  const call = JSON.parse(answer.body.toString()) as CallBack;
  if (!call.ok) throw new Error(call.detail);
  return call;
}

async function transfer(host: string, port: number, ms: number): Promise<string> {
  const body = Buffer.alloc(transferBytes, "cni-migrate probe ");
  const headers = { "content-length": String(body.length) };
  const answer = await ask(host, port, "/echo", ms, { method: "POST", body, headers });
  if (!answer.body.equals(body)) throw new Error(`${answer.body.length} of ${body.length} bytes came back whole`);
  return "1 MiB went there and back";
}

async function askService(service: { ip: string; connections: number }, port: number, ms: number): Promise<string> {
  const calls = Array.from({ length: service.connections }, () => askWho(service.ip, port, ms));
  const outcomes = await Promise.allSettled(calls);
  const failed = outcomes.filter((outcome) => outcome.status === "rejected");
  if (failed[0] !== undefined)
    throw new Error(`${failed.length} of ${outcomes.length} connections failed: ${failed[0].reason?.message}`);
  const nodes = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value.node] : []));
  return `${outcomes.length} of ${outcomes.length} connections answered by ${[...new Set(nodes)].sort().join(", ")}`;
}

async function lookUp(name: string, resolvConfPath: string, ms: number): Promise<string> {
  const conf = parseResolvConf(readFileSync(resolvConfPath, "utf8"));
  return (await resolveName(name, conf, ms)).join(", ");
}

async function askApi(api: Self["api"], ms: number): Promise<string> {
  if (api === undefined) throw new Error("KUBERNETES_SERVICE_HOST is not set");
  const { status } = await ask(api.host, api.port, "/readyz", ms, { tls: true });
  return `HTTP status ${status}`;
}

async function reachExternal(target: string, ms: number): Promise<string> {
  const cut = target.lastIndexOf(":");
  const seen = await reach(target.slice(0, cut).replace(/^\[|\]$/g, ""), Number(target.slice(cut + 1)), ms);
  if (seen === "refused") throw new Error("ECONNREFUSED");
  return seen;
}
