import { describe, expect, it } from "vitest";
import { ApiError } from "../kube/errors.ts";
import { configMaps, daemonSets, ipPools, nodes } from "../kube/resources.ts";
import type { KubeClient, KubeObject, ObjectKey, Resource } from "../kube/types.ts";
import { configMapsToRead, gatherSnapshot, snapshotOf } from "./snapshot.ts";
import { hostFacts, patched, recorded } from "./testing.ts";

/** A client over a recording: as an API server does, lists leave apiVersion and kind out, and Calico's group is not served. */
function clientOf(objects: readonly KubeObject[]): { client: KubeClient; asked: string[] } {
  const asked: string[] = [];
  const of = (resource: Resource<KubeObject>) => objects.filter((o) => o.kind === resource.kind);
  const client = {
    list: async (resource: Resource<KubeObject>) => {
      asked.push(`list ${resource.plural}`);
      if (resource.group.includes("calico") || resource.group.includes("tigera"))
        throw new ApiError("not served", { status: 404, reason: "NotFound", request: "GET" });
      return { items: of(resource).map(({ apiVersion: _, kind: __, ...rest }) => rest), resourceVersion: "1" };
    },
    get: async (resource: Resource<KubeObject>, key: ObjectKey) => {
      asked.push(`get ${resource.plural} ${key.namespace}/${key.name}`);
      return of(resource).find((o) => o.metadata.name === key.name && o.metadata.namespace === key.namespace);
    },
  };
  return { client: client as unknown as KubeClient, asked };
}

describe("networks/snapshot", () => {
  it("reads each resource once, and the ConfigMaps of possible sources only", async () => {
    const { client, asked } = clientOf(recorded("flannel-0.28.10"));

    await gatherSnapshot(client);

    expect(asked.sort()).toEqual([
      "get configmaps kube-flannel/kube-flannel-cfg",
      "list bgpconfigurations",
      "list bgppeers",
      "list ciliumnodeconfigs",
      "list clusterinformations",
      "list daemonsets",
      "list felixconfigurations",
      "list hostendpoints",
      "list installations",
      "list ipamblocks",
      "list ippools",
      "list namespaces",
      "list nodes",
    ]);
  });

  it("holds what was read, whole; what is not served is empty", async () => {
    const objects = recorded("flannel-0.28.10");
    const { client } = clientOf(objects);

    const snapshot = await gatherSnapshot(client, { hosts: { n1: hostFacts() } });

    expect(snapshot.nodes).toEqual(objects.filter((o) => o.kind === "Node"));
    expect(snapshot.list(nodes)).toEqual(snapshot.nodes);
    expect(snapshot.list(daemonSets)).toEqual(objects.filter((o) => o.kind === "DaemonSet"));
    expect(snapshot.list(configMaps)).toEqual(objects.filter((o) => o.kind === "ConfigMap"));
    expect(snapshot.list(ipPools)).toEqual([]);
    expect([snapshot.host("n1")?.architecture, snapshot.host("n2")]).toEqual(["amd64", undefined]);
  });

  it("an answer other than not served is not hidden", async () => {
    const client = {
      list: async () => Promise.reject(new ApiError("no", { status: 403, reason: "Forbidden", request: "GET" })),
    };

    await expect(gatherSnapshot(client as unknown as KubeClient)).rejects.toMatchObject({ status: 403 });
  });

  it("a ConfigMap that is gone is left out", async () => {
    const { client } = clientOf(recorded("flannel-0.28.10").filter((o) => o.kind !== "ConfigMap"));

    expect((await gatherSnapshot(client)).list(configMaps)).toEqual([]);
  });

  it("names the ConfigMaps of an agent it would not find by itself when the user does", () => {
    const hidden = { kind: "DaemonSet", name: "kube-flannel-ds" };
    const strange = { containers: [{ name: "x", image: "example.org/own:1" }], hostNetwork: false };
    const snapshot = snapshotOf({
      objects: patched(recorded("flannel-0.28.10"), hidden, { spec: { template: { spec: strange } } }),
    });
    const agent = { namespace: "kube-flannel", name: "kube-flannel-ds" };

    expect(configMapsToRead(snapshot)).toEqual([]);
    expect(configMapsToRead(snapshot, [agent])).toEqual([{ namespace: "kube-flannel", name: "kube-flannel-cfg" }]);
  });
});
