import type { Pod } from "../../../kube/objects.ts";
import { parseAddress } from "../../../networks/cidr.ts";
import type { NamedPort } from "./ports.ts";

/** Pods of one workload that no policy can tell apart: same labels, same named ports. */
export interface Endpoint {
  /** "deployment shop/web", "pod shop/debug". */
  workload: string;
  namespace: string;
  labels: Readonly<Record<string, string>>;
  named: readonly NamedPort[];
  /** Of every one of its pods that has any: what it has now. */
  addresses: readonly { family: 4 | 6; value: bigint }[];
  pods: number;
}

/** Pods that policies speak of, put together. Pods on the host's network are no endpoints: no selector takes them. Pure. */
export function endpointsOf(pods: readonly Pod[]): Endpoint[] {
  const found = new Map<string, Endpoint>();
  for (const pod of pods.filter(isEndpoint)) {
    const { namespace = "", labels = {} } = pod.metadata;
    const named = namedPortsOf(pod);
    const workload = workloadOf(pod);
    const addresses = addressesOf(pod);
    const key = JSON.stringify([workload, Object.entries(labels).sort(), named]);
    const before = found.get(key);
    found.set(key, {
      workload,
      namespace,
      labels,
      named,
      addresses: [...(before?.addresses ?? []), ...addresses],
      pods: (before?.pods ?? 0) + 1,
    });
  }
  return [...found.values()];
}

function isEndpoint({ spec, status }: Pod): boolean {
  return spec.hostNetwork !== true && status?.phase !== "Succeeded" && status?.phase !== "Failed";
}

/** The owner people know: a Deployment in place of its ReplicaSets. */
function workloadOf({ metadata }: Pod): string {
  const { namespace = "", name, labels = {}, ownerReferences = [] } = metadata;
  const owner = ownerReferences.find((reference) => reference.controller === true);
  if (owner === undefined || owner.kind === "Node") return `pod ${namespace}/${name}`;
  const hash = `-${labels["pod-template-hash"]}`;
  if (owner.kind === "ReplicaSet" && owner.name.endsWith(hash))
    return `deployment ${namespace}/${owner.name.slice(0, -hash.length)}`;
  return `${owner.kind.toLowerCase()} ${namespace}/${owner.name}`;
}

function namedPortsOf({ spec }: Pod): NamedPort[] {
  return spec.containers.flatMap(({ ports = [] }) =>
    ports.flatMap(({ name, protocol = "TCP", containerPort }) =>
      name === undefined ? [] : [{ name, protocol, port: containerPort }],
    ),
  );
}

function addressesOf({ status }: Pod): Endpoint["addresses"] {
  return (status?.podIPs ?? []).flatMap(({ ip }) => parseAddress(ip) ?? []);
}
