import { readFileSync } from "node:fs";
import type { KubeObject, Resource, UnknownObject } from "../kube/types.ts";
import type { ClusterSnapshot, Network, PlanContext } from "./contract.ts";
import type { HostFacts } from "./host-ops.ts";
import { networkById } from "./index.ts";
import { planNodes } from "./nodes.ts";
import { snapshotOf } from "./snapshot.ts";

/** Helpers of the tests in this room. */

export const recordings = ["flannel-0.28.10", "canal-3.28.5", "calico-3.28.5", "mixed-calico-3.28.5"] as const;

/** Objects of a cluster recorded on the lab (testdata/README.md); a copy of its own each time. */
export function recorded(name: (typeof recordings)[number]): UnknownObject[] {
  return JSON.parse(readFileSync(new URL(`testdata/${name}.json`, import.meta.url), "utf8")) as UnknownObject[];
}

type Patch = { [field: string]: unknown };

/**
 * The objects, those of a kind (and name) changed by a merge patch: null takes a field away, lists are replaced. Fails when
 * there is none to change: a test must not pass for that.
 */
export function patched(
  objects: readonly UnknownObject[],
  which: { kind: string; name?: string },
  patch: Patch,
): UnknownObject[] {
  const hit = (o: UnknownObject) =>
    o.kind === which.kind && (which.name === undefined || o.metadata.name === which.name);
  if (!objects.some(hit)) throw new Error(`there is no ${which.kind} ${which.name ?? ""} to change`);
  return objects.map((o) => (hit(o) ? (merged(o, patch) as UnknownObject) : o));
}

function merged(value: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return patch;
  const result: Patch = isMap(value) ? { ...value } : {};
  for (const [key, change] of Object.entries(patch)) {
    if (change === null) delete result[key];
    else result[key] = merged(result[key], change);
  }
  return result;
}

function isMap(value: unknown): value is Patch {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What a read of a node gives, but for what a test is about. */
export function hostFacts(facts: Partial<HostFacts> = {}): HostFacts {
  return {
    kernel: "6.18.44",
    cniConfFiles: ["10-flannel.conflist"],
    cniBinaries: ["bridge", "flannel", "host-local", "loopback", "portmap"],
    vxlans: [],
    bridges: [],
    packetFilters: ["iptables-nft"],
    architecture: "amd64",
    ...facts,
  };
}

export function subnetEnv(values: Record<string, string> = {}): Partial<HostFacts> {
  return {
    subnetEnv: {
      FLANNEL_NETWORK: "10.244.0.0/16",
      FLANNEL_SUBNET: "10.244.0.1/24",
      FLANNEL_MTU: "1450",
      FLANNEL_IPMASQ: "true",
      ...values,
    },
  };
}

/** The recorded flannel cluster with subnet.env of one node read. */
export function flannelCluster(): ClusterSnapshot {
  return snapshotOf({ objects: recorded("flannel-0.28.10"), hosts: { n1: hostFacts(subnetEnv()) } });
}

/** The recorded Canal cluster; its subnet.env is inside its pods. */
function canalCluster(): ClusterSnapshot {
  const device = { name: "flannel.1", vni: 1, port: 8472, mac: "", mtu: 1450, external: false, addresses: [] };
  return snapshotOf({ objects: recorded("canal-3.28.5"), hosts: { n1: hostFacts({ vxlans: [device] }) } });
}

/** The plan of a migration of the recorded cluster to Calico. */
export function planOfRecording(source: "flannel" | "canal" = "flannel"): PlanContext {
  const snapshot = source === "canal" ? canalCluster() : flannelCluster();
  const found = networkById(source).detect(snapshot, {});
  if (found.state === "absent") throw new Error(`the recording has no ${source}`);
  const agent = { namespace: "kube-system", daemonSets: ["calico-node"], podLabels: { "k8s-app": "calico-node" } };
  return {
    migration: `${source}-to-calico`,
    source: found.facts,
    target: { network: "calico", agent },
    overlay: found.facts.overlay,
    nodes: planNodes(snapshot),
  };
}

/** Throws on every later write anywhere inside. */
export function deepFrozen<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    for (const inner of Object.values(value)) deepFrozen(inner);
    Object.freeze(value);
  }
  return value;
}

/** Rights the engine has anyway, whichever the networks. */
const engineRights = [{ apiGroups: [""], resources: ["nodes"], verbs: ["get", "list", "watch", "patch"] }];

/** Whether a network's rights, with the engine's own, cover a verb on a resource. */
export function mayDo(network: Network, resource: Resource<KubeObject>, verb: string): boolean {
  return [...network.permissions, ...engineRights].some(
    (rule) =>
      rule.apiGroups.includes(resource.group) && rule.resources.includes(resource.plural) && rule.verbs.includes(verb),
  );
}

/** Every variant of the objects with one field taken away; names and kinds stay. */
export function* withoutEachField(objects: readonly UnknownObject[]): Generator<UnknownObject[]> {
  for (const [index, object] of objects.entries())
    for (const path of pathsIn(object))
      yield objects.map((o, i) => (i === index ? (without(o, path) as UnknownObject) : o));
}

const kept = new Set(["apiVersion", "kind", "metadata", "name"]);

function pathsIn(value: unknown, above: string[] = []): string[][] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const path = [...above, key];
    const own = above.length < 2 && kept.has(key) ? [] : [path];
    return [...own, ...pathsIn(inner, path)];
  });
}

function without(value: unknown, [key, ...rest]: string[]): unknown {
  const copy = (Array.isArray(value) ? [...value] : { ...(value as Patch) }) as Patch;
  if (key === undefined) return value;
  if (rest.length > 0) copy[key] = without(copy[key], rest);
  else if (Array.isArray(copy)) copy.splice(Number(key), 1);
  else delete copy[key];
  return copy;
}
