import { describe, expect, it } from "vitest";
import { ApiError } from "../kube/errors.ts";
import type { Pod, Service } from "../kube/objects.ts";
import type { KubeClient, KubeObject, ObjectKey, Resource } from "../kube/types.ts";
import { gatherServiceRanges, serviceRangeReads, serviceRanges } from "./service-ranges.ts";

const nothing = { serviceCIDRs: [], kubeadm: undefined, apiServers: [], services: [], slice: undefined };
const metadata = (name: string, namespace: string) => ({ name, namespace });
const service = (name: string, spec: Service["spec"], ingress: { ip?: string }[] = []): Service => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: metadata(name, "shop"),
  spec,
  status: { loadBalancer: { ingress } },
});
const kubeadm = (text: string) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: metadata("kubeadm-config", "kube-system"),
  data: { ClusterConfiguration: text },
});
const apiServer = (command: string[]): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: metadata("kube-apiserver-n1", "kube-system"),
  spec: { containers: [{ name: "kube-apiserver", command }] },
});

describe("networks/service-ranges", () => {
  it("takes the range from wherever the cluster tells it", () => {
    const cidr = { apiVersion: "networking.k8s.io/v1", kind: "ServiceCIDR", metadata: { name: "kubernetes" } };

    expect(
      serviceRanges({
        ...nothing,
        serviceCIDRs: [
          { ...cidr, spec: { cidrs: ["10.96.0.0/16", "fd00:96::/112"] } },
          { ...cidr, spec: undefined },
        ],
        kubeadm: kubeadm("networking:\n  podSubnet: 10.244.0.0/16\n  serviceSubnet: 10.96.0.0/12\n"),
        apiServers: [apiServer(["kube-apiserver", "--service-cluster-ip-range=10.0.0.0/24,fd00::/112", "--v=2"])],
      }),
    ).toEqual([
      { cidr: "10.96.0.0/16", from: "servicecidr kubernetes" },
      { cidr: "fd00:96::/112", from: "servicecidr kubernetes" },
      { cidr: "10.96.0.0/12", from: "configmap kube-system/kubeadm-config, serviceSubnet" },
      { cidr: "10.0.0.0/24", from: "pod kube-system/kube-apiserver-n1, --service-cluster-ip-range" },
      { cidr: "fd00::/112", from: "pod kube-system/kube-apiserver-n1, --service-cluster-ip-range" },
    ]);
  });

  it.each(["", "networking: {}", "serviceSubnet:", '  serviceSubnet: ""', "serviceSubnet: 10.96.0.0"])(
    "takes nothing from %j",
    (text) => {
      expect(
        serviceRanges({ ...nothing, kubeadm: kubeadm(text), apiServers: [apiServer(["kube-apiserver"])] }),
      ).toEqual([]);
    },
  );

  it("takes addresses one by one that no range has: of Services, balancers and API servers", () => {
    const all = [
      service("web", { clusterIPs: ["10.96.0.10", "fd00:96::a"], externalIPs: ["198.51.100.7"] }, [
        { ip: "203.0.113.9" },
        {},
      ]),
      service("headless", { clusterIPs: ["None"] }),
      service("outside", { type: "ExternalName" }),
    ];
    const slice = {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: metadata("kubernetes", "default"),
      addressType: "IPv4" as const,
      endpoints: [{ addresses: ["172.18.0.2"] }],
    };
    const from = (found: Parameters<typeof serviceRanges>[0]) =>
      serviceRanges(found).map(({ cidr, from }) => `${cidr} ${from}`);

    expect(from({ ...nothing, services: all, slice })).toEqual([
      "10.96.0.10/32 service shop/web",
      "fd00:96::a/128 service shop/web",
      "198.51.100.7/32 service shop/web",
      "203.0.113.9/32 service shop/web",
      "172.18.0.2/32 endpointslice default/kubernetes",
    ]);
    const known = kubeadm("serviceSubnet: 10.96.0.0/12,fd00:96::/112");
    expect(from({ ...nothing, kubeadm: known, services: all }).filter((text) => text.includes("shop/web"))).toEqual([
      "198.51.100.7/32 service shop/web",
      "203.0.113.9/32 service shop/web",
    ]);
  });

  /** Answers every read with nothing, or an error for one resource. */
  function clientThat(fails: { plural: string; status: number } | undefined, asked: string[] = []): KubeClient {
    const answer = <T>(verb: string, { plural }: Resource<KubeObject>, namespace: string | undefined, value: T): T => {
      asked.push(`${verb} ${plural} ${namespace ?? ""}`.trim());
      if (fails?.plural === plural)
        throw new ApiError("no", { status: fails.status, reason: "NotFound", request: "GET" });
      return value;
    };
    return {
      list: async (resource: Resource<KubeObject>, { namespace }: { namespace?: string } = {}) =>
        answer("list", resource, namespace, { items: [], resourceVersion: "1" }),
      get: async (resource: Resource<KubeObject>, { namespace }: ObjectKey) =>
        answer("get", resource, namespace, undefined),
    } as unknown as KubeClient;
  }

  it("reads what it says it reads", async () => {
    const asked: string[] = [];
    await gatherServiceRanges(clientThat(undefined, asked));

    const said = serviceRangeReads.map((read) =>
      `${read.verb} ${read.resource.plural} ${"namespace" in read ? read.namespace : ""}`.trim(),
    );
    // Pods of one namespace, where all may be read anyway.
    expect(asked.map((one) => one.replace("pods kube-system", "pods")).sort()).toEqual(said.sort());
  });

  it("gets by with a server that does not serve ServiceCIDR, and with no other answer", async () => {
    expect(await gatherServiceRanges(clientThat({ plural: "servicecidrs", status: 404 }))).toEqual([]);
    await expect(gatherServiceRanges(clientThat({ plural: "servicecidrs", status: 403 }))).rejects.toThrow("no");
    await expect(gatherServiceRanges(clientThat({ plural: "services", status: 404 }))).rejects.toThrow("no");
  });
});
