import { isApiError } from "../kube/errors.ts";
import type { ConfigMap, EndpointSlice, Pod, Service } from "../kube/objects.ts";
import { configMaps, endpointSlices, pods, serviceCIDRs, services } from "../kube/resources.ts";
import type { KubeClient, RequestOptions, UnknownObject } from "../kube/types.ts";
import { contains, parseCidr } from "./cidr.ts";
import { type TakenRange, takenAt } from "./dual-overlay-ranges.ts";
import { nameOf } from "./objects.ts";
import { flagOf } from "./workloads.ts";

const system = "kube-system";
/** Where kubeadm keeps what a cluster was made with. */
const config = { namespace: system, name: "kubeadm-config" };
/** Its label on the API servers it runs as pods. */
const apiServers = { namespace: system, labelSelector: "component=kube-apiserver" };
/** Addresses of the API servers, wherever they run. */
const ownSlice = { namespace: "default", name: "kubernetes" };

/** What is read below, for the rights that takes. */
export const serviceRangeReads = [
  { verb: "list", resource: serviceCIDRs },
  { verb: "list", resource: services },
  { verb: "list", resource: pods },
  { verb: "get", resource: configMaps, namespace: config.namespace },
  { verb: "get", resource: endpointSlices, namespace: ownSlice.namespace },
] as const;

/** The objects that tell of ranges and addresses of Services, and of the API servers' own. */
interface Found {
  serviceCIDRs: readonly UnknownObject[];
  kubeadm: ConfigMap | undefined;
  apiServers: readonly Pod[];
  services: readonly Service[];
  slice: EndpointSlice | undefined;
}

/** Reads and tells what `serviceRanges` says. Throws ApiError. */
export async function gatherServiceRanges(client: KubeClient, options: RequestOptions = {}): Promise<TakenRange[]> {
  const [ranges, kubeadm, servers, all, slice] = await Promise.all([
    listServed(client, options),
    client.get(configMaps, config, options),
    client.list(pods, { ...options, ...apiServers }),
    client.list(services, options),
    client.get(endpointSlices, ownSlice, options),
  ]);
  return serviceRanges({ serviceCIDRs: ranges, kubeadm, apiServers: servers.items, services: all.items, slice });
}

/** An API server before 1.33 need not serve them. */
async function listServed(client: KubeClient, options: RequestOptions): Promise<readonly UnknownObject[]> {
  try {
    return (await client.list(serviceCIDRs, options)).items;
  } catch (error) {
    if (isApiError(error, 404)) return [];
    throw error;
  }
}

/**
 * Ranges of Services wherever the cluster tells them: ServiceCIDR objects, kubeadm's configuration, flags of API servers that are
 * pods. Then the addresses outside of these: Services', and those of the API servers themselves. Pure.
 */
export function serviceRanges(found: Found): TakenRange[] {
  const ranges = [
    ...found.serviceCIDRs.flatMap((object) =>
      ((object.spec as { cidrs?: string[] } | undefined)?.cidrs ?? []).map((cidr) => ({
        cidr,
        from: `servicecidr ${object.metadata.name}`,
      })),
    ),
    ...listed(serviceSubnetOf(found.kubeadm), `configmap ${config.namespace}/${config.name}, serviceSubnet`),
    ...found.apiServers.flatMap((pod) =>
      pod.spec.containers.flatMap((container) =>
        listed(flagOf(container, "service-cluster-ip-range"), `pod ${nameOf(pod)}, --service-cluster-ip-range`),
      ),
    ),
  ];
  const addresses = [
    ...found.services.flatMap((service) =>
      addressesOf(service).flatMap((ip) => takenAt(ip, `service ${nameOf(service)}`)),
    ),
    ...(found.slice?.endpoints ?? []).flatMap((endpoint) =>
      endpoint.addresses.flatMap((ip) => takenAt(ip, `endpointslice ${ownSlice.namespace}/${ownSlice.name}`)),
    ),
  ];
  return [...ranges, ...outside(addresses, ranges)];
}

function serviceSubnetOf(kubeadm: ConfigMap | undefined): string | undefined {
  return /^\s*serviceSubnet:\s*["']?([^\s"']+)/m.exec(kubeadm?.data?.ClusterConfiguration ?? "")?.[1];
}

/** "10.96.0.0/16,fd00:10:96::/112" */
function listed(text: string | undefined, from: string): TakenRange[] {
  return (text ?? "").split(",").flatMap((cidr) => (parseCidr(cidr) === undefined ? [] : [{ cidr, from }]));
}

/** Whatever a Service is reached at; "None" is no address. */
function addressesOf({ spec, status }: Service): string[] {
  const balancers = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);
  return [...(spec.clusterIPs ?? []), ...(spec.externalIPs ?? []), ...balancers];
}

/** There may be thousands of Services, all of them in the same range. */
function outside(addresses: readonly TakenRange[], ranges: readonly TakenRange[]): TakenRange[] {
  const known = ranges.flatMap(({ cidr }) => parseCidr(cidr) ?? []);
  return addresses.filter(({ cidr }) => {
    const own = parseCidr(cidr);
    return own !== undefined && !known.some((range) => contains(range, own));
  });
}
