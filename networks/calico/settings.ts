import type { DaemonSet } from "../../kube/objects.ts";
import { felixConfigurations, ipPools } from "../../kube/resources.ts";
import type { UnknownObject } from "../../kube/types.ts";
import { type Candidate, choose, detectedFrom } from "../choose.ts";
import { firstOfFamily, parseCidr } from "../cidr.ts";
import type { ClusterSnapshot, Detected, OverlayFacts, Overrides, PlanNode } from "../contract.ts";
import { defaultDirs } from "../directories.ts";
import { nameOf } from "../objects.ts";
import { hostPathOf } from "../workloads.ts";
import { calico } from "./facts.ts";

/** Where settings are looked for. */
interface Sources {
  snapshot: ClusterSnapshot;
  agents: readonly DaemonSet[];
  leading: DaemonSet;
  nodes: readonly PlanNode[];
  overrides: Overrides;
}

interface Values {
  network: string;
  daemonSet: string;
  vni: number;
  port: number;
  mtu: number;
  ipMasq: boolean;
  cniConfDir: string;
  cniBinDir: string;
}

/** Setting -> the places it is looked for, best first. In front of them stands spec.calico.<setting>. */
const places: { [K in keyof Values]: (s: Sources) => Candidate<Values[K]>[] } = {
  network: (s) => [fromPool(s, "cidr", textOf)],
  daemonSet: (s) => [
    {
      value: s.agents.map(nameOf).join(", "),
      from: s.overrides.daemonSet === undefined ? "its container, image and labels" : "spec.calico.daemonSet",
    },
  ],
  vni: (s) => [fromFelix(s, "vxlanVNI"), { value: calico.vni, from: "Calico's default" }],
  port: (s) => [fromFelix(s, "vxlanPort"), { value: calico.port, from: "Calico's default" }],
  mtu: (s) => [
    smallestDeviceMtu(s),
    fromFelix(s, "vxlanMTU"),
    { value: undefined, from: `not read yet: ${calico.link} on the nodes has it` },
  ],
  ipMasq: (s) => [fromPool(s, "natOutgoing", (value) => value === true)],
  cniConfDir: (s) => directory(s, "/host/etc/cni/net.d", defaultDirs.conf),
  cniBinDir: (s) => directory(s, "/host/opt/cni/bin", defaultDirs.bin),
};

export interface Settings {
  overlay: OverlayFacts;
  cniConfDir: string;
  cniBinDir: string;
  detected: Detected[];
}

export function readSettings(sources: Sources): Settings {
  const find = <K extends keyof Values>(name: K) => choose(candidatesOf(sources, name));
  const network = find("network").value;
  const [pool] = poolsOf(sources.snapshot);
  return {
    overlay: {
      encapsulation: usesVxlan(pool) ? "vxlan" : "other",
      vni: find("vni").value ?? calico.vni,
      port: find("port").value ?? calico.port,
      mtu: find("mtu").value ?? 0,
      cidrs: [network ?? [], poolsOf(sources.snapshot, 6).flatMap((of) => textOf(specOf(of).cidr) ?? [])].flat(),
      subnetLen:
        firstOfFamily(
          sources.nodes.flatMap((n) => n.podCIDRs),
          4,
        )?.prefix ?? calico.blockSize,
      masquerade: find("ipMasq").value ?? false,
    },
    cniConfDir: find("cniConfDir").value ?? defaultDirs.conf,
    cniBinDir: find("cniBinDir").value ?? defaultDirs.bin,
    detected: (Object.keys(places) as (keyof Values)[]).map((name) => detectedFrom(name, find(name))),
  };
}

/** Enabled pools of a family, by name. */
export function poolsOf(snapshot: ClusterSnapshot, family: 4 | 6 = 4): UnknownObject[] {
  return snapshot
    .list(ipPools)
    .filter((pool) => specOf(pool).disabled !== true && parseCidr(textOf(specOf(pool).cidr) ?? "")?.family === family);
}

/** CrossSubnet has the device too, and uses it where nodes are in different subnets. */
export function usesVxlan(pool: UnknownObject | undefined): boolean {
  const mode = specOf(pool).vxlanMode;
  return mode === "Always" || mode === "CrossSubnet";
}

function candidatesOf<K extends keyof Values>(sources: Sources, name: K): Candidate<Values[K]>[] {
  const rest = places[name](sources);
  if (name === "daemonSet") return rest;
  return [{ value: sources.overrides[name] as Values[K] | undefined, from: `spec.calico.${name}` }, ...rest];
}

function fromPool<T>({ snapshot }: Sources, field: string, read: (value: unknown) => T | undefined): Candidate<T> {
  const [pool] = poolsOf(snapshot);
  return pool === undefined
    ? { value: undefined, from: "there is no enabled IPv4 IPPool" }
    : { value: read(specOf(pool)[field]), from: `ippool ${pool.metadata.name}, ${field}` };
}

function fromFelix({ snapshot }: Sources, field: string): Candidate<number> {
  const felix = snapshot.list(felixConfigurations).find((f) => f.metadata.name === "default");
  const value = specOf(felix)[field];
  return {
    value: typeof value === "number" && value > 0 ? value : undefined,
    from: `felixconfiguration default, ${field}`,
  };
}

function smallestDeviceMtu({ snapshot, nodes }: Sources): Candidate<number> {
  const devices = nodes.flatMap((node) => snapshot.host(node.name)?.vxlans ?? []).filter((d) => d.name === calico.link);
  const [smallest] = devices.map((d) => d.mtu).sort((a, b) => a - b);
  return { value: smallest, from: `device ${calico.link} of the nodes` };
}

function directory({ leading }: Sources, mountPath: string, fallback: string): Candidate<string>[] {
  return [
    { value: hostPathOf(leading, mountPath), from: `daemonset ${nameOf(leading)}, volumes` },
    { value: fallback, from: "default" },
  ];
}

export function specOf(object: UnknownObject | undefined): Record<string, unknown> {
  const spec = object?.spec;
  return typeof spec === "object" && spec !== null ? (spec as Record<string, unknown>) : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
