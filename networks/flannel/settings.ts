import { type Candidate, choose, detectedFrom } from "../choose.ts";
import { parseCidr } from "../cidr.ts";
import type { ClusterSnapshot, Detected, OverlayFacts, Overrides, PlanNode } from "../contract.ts";
import { defaultDirs } from "../directories.ts";
import { nameOf } from "../objects.ts";
import { hostPathOf } from "../workloads.ts";
import { annotationKey, flannel } from "./facts.ts";
import { type Install, optionOf } from "./install.ts";
import { backendTypeOf, vniOf } from "./vtep.ts";

/** Where settings are looked for. */
interface Sources {
  snapshot: ClusterSnapshot;
  install: Install;
  nodes: readonly PlanNode[];
  overrides: Overrides;
}

interface Values {
  network: string;
  ipv6Network: string;
  daemonSet: string;
  mtu: number;
  ipMasq: boolean;
  subnetLen: number;
  ipv6SubnetLen: number;
  annotationPrefix: string;
  vni: number;
  port: number;
  cniConfDir: string;
  cniBinDir: string;
}

/** What is shown for a cluster without IPv6. */
const noIpv6 = "none";

/**
 * Setting -> the places it is looked for, best first. In front of them stands spec.flannel.<setting>. What runs on a node
 * (subnet.env) comes before what is configured: a ConfigMap changed since takes effect when flanneld starts again.
 */
const places: { [K in keyof Values]: (s: Sources) => Candidate<Values[K]>[] } = {
  network: (s) => [subnetEnv(s, "FLANNEL_NETWORK", textOf), configured(s, "Network", textOf)],
  ipv6Network: (s) => [
    subnetEnv(s, "FLANNEL_IPV6_NETWORK", textOf),
    ...(s.install.netConf?.enableipv6 === true ? [configured(s, "IPv6Network", textOf)] : []),
    { value: noIpv6, from: "flannel runs without IPv6" },
  ],
  daemonSet: (s) => [
    {
      value: s.install.daemonSets.map(nameOf).join(", "),
      from: s.overrides.daemonSet === undefined ? "its container, image and labels" : "spec.flannel.daemonSet",
    },
  ],
  mtu: (s) => [
    subnetEnv(s, "FLANNEL_MTU", wholeOf),
    smallestDeviceMtu(s),
    configured(s, "Backend.MTU", (v) => (wholeOf(v) === undefined ? undefined : Number(v) - flannel.overheadBytes)),
    { value: undefined, from: "not read yet: subnet.env on the nodes has it" },
  ],
  ipMasq: (s) => [
    subnetEnv(s, "FLANNEL_IPMASQ", flagValueOf),
    mapped(optionOf(s.install, "ip-masq"), flagValueOf),
    { value: false, from: "flannel's default" },
  ],
  subnetLen: (s) => [longestPodCIDR(s, 4), { value: flannel.subnetLen, from: "flannel's default" }],
  ipv6SubnetLen: (s) => [longestPodCIDR(s, 6), { value: flannel.ipv6SubnetLen, from: "flannel's default" }],
  annotationPrefix: (s) => [
    mapped(optionOf(s.install, "kube-annotation-prefix"), textOf),
    { value: flannel.annotationPrefix, from: "flannel's default" },
  ],
  vni: (s) => [
    configured(s, "Backend.VNI", wholeOf),
    annotatedVni(s),
    { value: flannel.vni, from: "flannel's default" },
  ],
  port: (s) => [configured(s, "Backend.Port", wholeOf), { value: flannel.port, from: "flannel's default" }],
  cniConfDir: (s) => directory(s, defaultDirs.conf),
  cniBinDir: (s) => directory(s, defaultDirs.bin),
};

/** Every setting of flannel the other network has to share, and where each was found. */
export interface Settings {
  overlay: OverlayFacts;
  ipv6Network: string | undefined;
  annotationPrefix: string;
  cniConfDir: string;
  cniBinDir: string;
  detected: Detected[];
}

export function readSettings(sources: Sources): Settings {
  const find = <K extends keyof Values>(name: K) => choose(candidatesOf(sources, name));
  const network = find("network").value;
  const ipv6Network = find("ipv6Network").value;
  return {
    overlay: {
      encapsulation: backendTypeOf(sources.install.netConf) === "vxlan" ? "vxlan" : "other",
      vni: find("vni").value ?? flannel.vni,
      port: find("port").value ?? flannel.port,
      mtu: find("mtu").value ?? 0,
      cidrs: [network ?? [], ipv6Network === undefined || ipv6Network === noIpv6 ? [] : ipv6Network].flat(),
      subnetLen: find("subnetLen").value ?? flannel.subnetLen,
      masquerade: find("ipMasq").value ?? false,
    },
    ipv6Network: ipv6Network === noIpv6 ? undefined : ipv6Network,
    annotationPrefix: find("annotationPrefix").value ?? flannel.annotationPrefix,
    cniConfDir: find("cniConfDir").value ?? defaultDirs.conf,
    cniBinDir: find("cniBinDir").value ?? defaultDirs.bin,
    detected: (Object.keys(places) as (keyof Values)[]).map((name) => detectedFrom(name, find(name))),
  };
}

function candidatesOf<K extends keyof Values>(sources: Sources, name: K): Candidate<Values[K]>[] {
  const rest = places[name](sources);
  if (name === "daemonSet") return rest;
  return [{ value: sources.overrides[name] as Values[K] | undefined, from: `spec.flannel.${name}` }, ...rest];
}

/** A line of subnet.env, of the first node it was read on; of the MTUs the smallest, which fits every node. */
function subnetEnv<T extends string | number | boolean>(
  s: Sources,
  key: string,
  read: (value: unknown) => T | undefined,
): Candidate<T> {
  const found = s.nodes.flatMap((node) => {
    const value = read(s.snapshot.host(node.name)?.subnetEnv?.[key]);
    return value === undefined ? [] : [{ value, from: `node ${node.name}, ${flannel.subnetEnv}, ${key}` }];
  });
  if (key === "FLANNEL_MTU") found.sort((a, b) => Number(a.value) - Number(b.value));
  return found[0] ?? { value: undefined, from: flannel.subnetEnv };
}

/** A value of net-conf.json by its path: "Network", "Backend.VNI". */
function configured<T>(s: Sources, path: string, read: (value: unknown) => T | undefined): Candidate<T> {
  const keys = path.toLowerCase().split(".");
  const value = keys.reduce<unknown>((v, key) => (v as Record<string, unknown> | undefined)?.[key], s.install.netConf);
  return { value: read(value), from: `${s.install.netConfFrom}, ${path}` };
}

/** Kube-mode flannel takes each node's podCIDR as it is (SubnetLen is not used): the smallest range decides. */
function longestPodCIDR(s: Sources, family: 4 | 6): Candidate<number> {
  const prefixes = s.nodes
    .flatMap((node) => node.podCIDRs.map(parseCidr))
    .flatMap((c) => (c?.family === family ? c.prefix : []));
  return { value: prefixes.length === 0 ? undefined : Math.max(...prefixes), from: "podCIDRs of the nodes" };
}

function annotatedVni(s: Sources): Candidate<number> {
  const prefix = choose(candidatesOf(s, "annotationPrefix")).value ?? flannel.annotationPrefix;
  const [value] = s.nodes.flatMap((node) => vniOf(node, prefix) ?? []);
  return { value, from: `annotation ${annotationKey(prefix, "backend-data")} of the nodes` };
}

/** subnet.env may be inside the pod only; the device is not. Read by the controller on the nodes. */
function smallestDeviceMtu({ snapshot, nodes }: Sources): Candidate<number> {
  const devices = nodes.flatMap((node) => snapshot.host(node.name)?.vxlans ?? []);
  const [smallest] = devices
    .filter((d) => d.name.startsWith("flannel."))
    .map((d) => d.mtu)
    .sort((a, b) => a - b);
  return { value: smallest, from: "flannel's device on the nodes" };
}

/** flannel's own pods mount a directory where it is on the node; pods of Calico's kind below /host. */
function directory(s: Sources, fallback: string): Candidate<string>[] {
  const { leading } = s.install;
  const value = hostPathOf(leading, fallback) ?? hostPathOf(leading, `/host${fallback}`);
  return [
    { value, from: `daemonset ${nameOf(leading)}, volumes` },
    { value: fallback, from: "default" },
  ];
}

function mapped<T>(candidate: Candidate<string>, read: (value: unknown) => T | undefined): Candidate<T> {
  return { ...candidate, value: read(candidate.value) };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A whole number above 0, as a number or in digits; 0 stands for the default everywhere in flannel's configuration. */
function wholeOf(value: unknown): number | undefined {
  const number = typeof value === "string" && /^[0-9]+$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) && number > 0 ? number : undefined;
}

/** A boolean flag: no value means true; words as Go reads them. */
function flagValueOf(value: unknown): boolean | undefined {
  if (value === undefined) return undefined;
  if (/^(|1|t|true)$/i.test(String(value))) return true;
  return /^(0|f|false)$/i.test(String(value)) ? false : undefined;
}
