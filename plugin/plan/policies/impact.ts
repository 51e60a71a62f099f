import type { Namespace, NetworkPolicy, Pod } from "../../../kube/objects.ts";
import { compare } from "../../../networks/findings.ts";
import { type Endpoint, endpointsOf } from "./endpoints.ts";
import { cutText, intersection, type Ports } from "./ports.ts";
import { type Direction, Door, type Policy, readPolicy } from "./rules.ts";

/** A policy that will begin to hold. */
export interface PolicyRow {
  /** "shop/deny". */
  policy: string;
  directions: readonly Direction[];
  /** Its pods as they are now, by workload. */
  selects: { workload: string; pods: number }[];
}

/** Connections that are possible now and will no longer be. */
export interface CutRow {
  /** The pods the policies select, by workload: "deployment shop/web". */
  workloads: string[];
  /** Ingress: the peers no longer reach them; Egress: they no longer reach the peers. */
  direction: Direction;
  peers: {
    /** "every pod", or "namespace shop" for all of its pods, and workloads. */
    pods: string[];
    /** With "every pod": those that still can. */
    butPods: string[];
    /** Addresses that are no pod's: nodes, pods on the host's network, everything outside. */
    outside: boolean;
    /** Ranges outside that still can, on some ports at least. */
    butOutside: string[];
  };
  /** "all", or "all but TCP 80". */
  ports: string;
  /** All that select the workloads in this direction: together they decide. */
  policies: string[];
}

export interface PolicyImpact {
  policies: PolicyRow[];
  cutOff: CutRow[];
}

/**
 * What changes for the pods there are when these policies begin to hold. Judged by labels and present addresses; whether
 * anybody uses a connection that goes is not known. Pure.
 */
export function policyImpact(
  policies: readonly NetworkPolicy[],
  pods: readonly Pod[],
  namespaces: readonly Namespace[],
): PolicyImpact {
  const endpoints = endpointsOf(pods);
  const read = policies
    .map((policy) => readPolicy(policy, endpoints, namespaces))
    .sort((a, b) => compare(a.name, b.name));
  return {
    policies: read.map(({ name, directions, selected }) => ({
      policy: name,
      directions,
      selects: [...byWorkload([...selected])].map(([workload, of]) => ({ workload, pods: podsIn(of) })),
    })),
    cutOff: (["Ingress", "Egress"] as const).flatMap((direction) => cutOff(read, direction, endpoints)),
  };
}

/** By workload, sorted. */
function byWorkload(endpoints: readonly Endpoint[]): Map<string, Endpoint[]> {
  const groups = new Map<string, Endpoint[]>();
  for (const endpoint of endpoints) {
    const group = groups.get(endpoint.workload);
    if (group === undefined) groups.set(endpoint.workload, [endpoint]);
    else group.push(endpoint);
  }
  return new Map([...groups].sort(([a], [b]) => compare(a, b)));
}

function podsIn(endpoints: readonly Endpoint[]): number {
  return endpoints.reduce((sum, { pods }) => sum + pods, 0);
}

/** One workload's row before rows that read the same are put together. */
type Single = Omit<CutRow, "workloads">;

function cutOff(read: readonly Policy[], direction: Direction, endpoints: readonly Endpoint[]): CutRow[] {
  const deciding = new Map<Endpoint, Policy[]>();
  for (const policy of read.filter(({ directions }) => directions.includes(direction)))
    for (const endpoint of policy.selected) deciding.set(endpoint, [...(deciding.get(endpoint) ?? []), policy]);
  const everyone = byWorkload(endpoints);
  const rows = new Map<string, CutRow>();
  for (const [workload, own] of everyone) {
    const isolated = own.flatMap((pod) => {
      const policies = deciding.get(pod);
      return policies === undefined ? [] : [{ pod, policies, door: new Door(policies, direction, pod) }];
    });
    for (const single of isolated.length === 0 ? [] : rowsOf(isolated, everyone, direction)) {
      const key = JSON.stringify(single);
      const row = rows.get(key) ?? { workloads: [], ...single };
      row.workloads.push(workload);
      rows.set(key, row);
    }
  }
  return [...rows.values()];
}

interface Isolated {
  pod: Endpoint;
  policies: readonly Policy[];
  door: Door;
}

/** What is cut off from one workload, one row for each set of ports. */
function rowsOf(
  isolated: readonly Isolated[],
  everyone: ReadonlyMap<string, readonly Endpoint[]>,
  direction: Direction,
): Single[] {
  const peers = new Map(everyone);
  for (const { pod } of isolated) if (podsIn(everyone.get(pod.workload) ?? []) === 1) peers.delete(pod.workload);
  const peersByCut = new Map<string, string[]>();
  for (const [peer, of] of peers) {
    const cut = cutText(leastBetween(isolated, of));
    if (cut === undefined) continue;
    const same = peersByCut.get(cut);
    if (same === undefined) peersByCut.set(cut, [peer]);
    else same.push(peer);
  }
  const outside = isolated.map(({ door }) => door.outside());
  const outsideCut = cutText(outside.map(({ ports }) => ports).reduce(intersection, "all"));
  const policies = [...new Set(isolated.flatMap((one) => one.policies.map(({ name }) => name)))].sort(compare);
  const texts = new Set([...peersByCut.keys(), ...(outsideCut === undefined ? [] : [outsideCut])]);
  return [...texts].sort(compare).map((ports) => {
    const isOutside = ports === outsideCut;
    return {
      direction,
      peers: {
        ...inWords(peersByCut.get(ports) ?? [], peers),
        outside: isOutside,
        butOutside: isOutside ? [...new Set(outside.flatMap(({ blocks }) => blocks))].sort(compare) : [],
      },
      ports,
      policies,
    };
  });
}

/** What every pod of the one can exchange with every pod of the other. */
function leastBetween(isolated: readonly Isolated[], peers: readonly Endpoint[]): Ports {
  let least: Ports = "all";
  for (const { pod, door } of isolated)
    for (const peer of peers) {
      if (isAlone(pod, peer)) continue;
      least = intersection(least, door.passing(peer));
      if (least.length === 0) return least;
    }
  return least;
}

/** A pod always reaches itself. */
function isAlone(pod: Endpoint, peer: Endpoint): boolean {
  return pod === peer && pod.pods === 1;
}

/** Workloads as few words: a namespace in place of all of its workloads, and what is left where that is less. */
function inWords(
  cut: readonly string[],
  all: ReadonlyMap<string, readonly Endpoint[]>,
): Pick<CutRow["peers"], "pods" | "butPods"> {
  const gone = new Set(cut);
  const spared = [...all.keys()].filter((workload) => !gone.has(workload));
  if (spared.length < cut.length) return { pods: ["every pod"], butPods: byNamespace(spared, cut, all) };
  return { pods: byNamespace(cut, spared, all), butPods: [] };
}

function byNamespace(
  some: readonly string[],
  others: readonly string[],
  all: ReadonlyMap<string, readonly Endpoint[]>,
): string[] {
  const namespaceOf = (workload: string) => all.get(workload)?.[0]?.namespace ?? "";
  const mixed = new Set(others.map(namespaceOf));
  const counts = new Map<string, number>();
  for (const namespace of some.map(namespaceOf)) counts.set(namespace, (counts.get(namespace) ?? 0) + 1);
  const whole = new Set(
    [...counts].flatMap(([namespace, count]) => (count > 1 && !mixed.has(namespace) ? [namespace] : [])),
  );
  const single = some.filter((workload) => !whole.has(namespaceOf(workload)));
  return [...[...whole].sort(compare).map((namespace) => `namespace ${namespace}`), ...single];
}
