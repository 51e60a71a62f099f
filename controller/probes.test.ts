import { describe, expect, it } from "vitest";
import { ApiError } from "../kube/errors.ts";
import type { Pod, Service } from "../kube/objects.ts";
import type { ObjectKey } from "../kube/types.ts";
import { ensureServer, peersOf, probeToken, removeProbes, removeServers, serviceCheck } from "./probes.ts";
import type { Scope } from "./scope.ts";
import { ownerOf } from "./tasks.ts";
import { migration, node, testScope } from "./testing.ts";

/** Node nN, labelled with its network, InternalIP 192.0.2.N. */
function nodeOn(number: number, network: string) {
  return node(`n${number}`, { labels: { "cni-migrate.io/network": network }, addresses: [`192.0.2.${number}`] });
}

/** A probe server of `migration()` on node nN that runs and has an address of that network. */
function server(number: number, network: string, changes: { status?: Pod["status"]; labels?: object } = {}): Pod {
  const labels = { "app.kubernetes.io/managed-by": "cni-migrate", "cni-migrate.io/role": "probe-server" };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `probe-n${number}-${network}-01234567`,
      namespace: "cni-migrate",
      uid: `uid-${number}-${network}`,
      resourceVersion: "9",
      labels: { ...labels, ...changes.labels },
      ownerReferences: [ownerOf(migration())],
    },
    spec: { nodeName: `n${number}`, containers: [{ name: "probe-server" }] },
    status: changes.status ?? { phase: "Running", podIP: `10.244.${number}.9` },
  };
}

function notReady(of: ReturnType<typeof nodeOn>): ReturnType<typeof nodeOn> {
  return { ...of, status: { ...of.status, conditions: [{ type: "Ready", status: "Unknown" }] } };
}

function leaving(pod: Pod): Pod {
  return { ...pod, metadata: { ...pod.metadata, deletionTimestamp: "2030-01-01T00:00:00Z" } };
}

function onNode(pod: Pod, name: string): Pod {
  const metadata = { ...pod.metadata, name: pod.metadata.name.replace("n9", name) };
  return { ...pod, metadata, spec: { ...pod.spec, nodeName: name } };
}

function scopeWith(nodes: ReturnType<typeof nodeOn>[], pods: Pod[], client = {}): Scope {
  const scope = testScope(client);
  for (const object of nodes) scope.stores.nodes.put(object);
  for (const object of pods) scope.stores.pods.put(object);
  return scope;
}

const peer = (number: number) => ({ node: `n${number}`, podIP: `10.244.${number}.9`, nodeIP: `192.0.2.${number}` });

describe("peersOf", () => {
  it("are servers of other nodes on the network each of them is on now", () => {
    const nodes = [nodeOn(1, "calico"), nodeOn(2, "calico"), nodeOn(3, "flannel")];
    const pods = [server(1, "calico"), server(2, "calico"), server(3, "flannel")];

    expect(peersOf(scopeWith(nodes, pods), nodeOn(1, "calico"))).toEqual([peer(2), peer(3)]);
  });

  it("are two where server and node have addresses of both families, and one where the node has not", () => {
    const dual = (number: number) =>
      server(number, "calico", {
        status: { phase: "Running", podIPs: [{ ip: `10.244.${number}.9` }, { ip: `fd00::${number}:9` }] },
      });
    const second = nodeOn(2, "calico");
    second.status?.addresses?.push({ type: "InternalIP", address: "fd00:2::2" });
    const scope = scopeWith([nodeOn(1, "calico"), second, nodeOn(3, "calico")], [dual(2), dual(3)]);

    expect(peersOf(scope, nodeOn(1, "calico"))).toEqual([
      peer(2),
      { node: "n2", podIP: "fd00::2:9", nodeIP: "fd00:2::2" },
      peer(3),
    ]);
  });

  it.each<[string, ReturnType<typeof nodeOn>[], Pod[]]>([
    ["a node between two networks", [nodeOn(2, "none")], [server(2, "flannel")]],
    ["the server a node had on the network it has left", [nodeOn(2, "calico")], [server(2, "flannel")]],
    [
      "that server too where the node's name reads like a network's",
      [node("x-calico-1", { labels: { "cni-migrate.io/network": "calico" }, addresses: ["192.0.2.9"] })],
      [onNode(server(9, "flannel"), "x-calico-1")],
    ],
    ["a server on a node that is not Ready", [notReady(nodeOn(2, "calico"))], [server(2, "calico")]],
    [
      "a server that has no address yet",
      [nodeOn(2, "calico")],
      [server(2, "calico", { status: { phase: "Pending" } })],
    ],
    [
      "a server that has ended",
      [nodeOn(2, "calico")],
      [server(2, "calico", { status: { phase: "Failed", podIP: "10.244.2.9" } })],
    ],
    ["a server on its way out", [nodeOn(2, "calico")], [leaving(server(2, "calico"))]],
    ["a server on a node that is gone", [], [server(2, "calico")]],
    [
      "a server on a node without an InternalIP",
      [node("n2", { labels: { "cni-migrate.io/network": "calico" } })],
      [server(2, "calico")],
    ],
    [
      "a pod that only looks like one",
      [nodeOn(2, "calico")],
      [server(2, "calico", { labels: { "cni-migrate.io/role": "probe" } })],
    ],
    [
      "a pod of somebody else",
      [nodeOn(2, "calico")],
      [server(2, "calico", { labels: { "app.kubernetes.io/managed-by": "other" } })],
    ],
  ])("leave out %s", (_title, nodes, pods) => {
    expect(peersOf(scopeWith(nodes, pods), nodeOn(1, "calico"))).toEqual([]);
  });

  it("are four of each network at most, by name", () => {
    const numbers = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    const network = (number: number) => (number > 7 ? "flannel" : "calico");
    const nodes = numbers.map((n) => nodeOn(n, network(n)));
    const pods = [...numbers].reverse().map((n) => server(n, network(n)));

    const names = peersOf(scopeWith(nodes, pods), nodeOn(1, "calico")).map((p) => p.node);

    expect(names.sort()).toEqual(["n2", "n3", "n4", "n5", "n8", "n9"]);
  });
});

describe("probeToken", () => {
  it("is the same for one migration and tells it from another", () => {
    const other = migration({}, undefined, { uid: "uid-other" });
    expect(probeToken(migration())).toBe(probeToken(migration()));
    expect(probeToken(migration())).toMatch(/^[0-9a-f]{32}$/);
    expect(probeToken(other)).not.toBe(probeToken(migration()));
  });
});

describe("servers", () => {
  it("are made once for a node and a network, and owned by the migration", async () => {
    const made: Pod[] = [];
    const create = async (_: unknown, object: unknown) => {
      made.push(object as Pod);
      return object as never;
    };
    const scope = scopeWith([], [], { create });

    const first = await ensureServer(scope, migration(), "n1", "flannel");
    const again = await ensureServer(scope, migration(), "n1", "flannel");
    await ensureServer(scope, migration(), "n1", "calico");

    expect(again).toBe(first);
    expect(made.map((pod) => pod.metadata.name)).toEqual([
      expect.stringMatching(/^probe-n1-flannel-[0-9a-f]{8}$/),
      expect.stringMatching(/^probe-n1-calico-[0-9a-f]{8}$/),
    ]);
    expect(made[0]).toMatchObject({
      metadata: { namespace: "cni-migrate", ownerReferences: [ownerOf(migration())] },
      spec: { nodeName: "n1" },
    });
  });

  it("have a pod's name of at most 63 characters", async () => {
    const scope = scopeWith([], [], { create: async (_: unknown, object: unknown) => object as never });

    const made = await ensureServer(scope, migration(), `${"n".repeat(200)}.example.org`, "flannel");

    expect(made?.metadata.name).toMatch(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
  });

  it("are waited for when they are there and the copy is behind", async () => {
    const exists = new ApiError("exists", { status: 409, reason: "AlreadyExists", request: "POST" });
    const scope = scopeWith([], [], {
      create: async () => {
        throw exists;
      },
    });

    expect(await ensureServer(scope, migration(), "n1", "flannel")).toBeUndefined();
  });

  it("are made anew when they have ended", async () => {
    const did: string[] = [];
    const scope = scopeWith([], [], {
      create: async (_: unknown, object: unknown) => {
        did.push("create");
        return object as never;
      },
      delete: async () => {
        did.push("delete");
        return true;
      },
    });
    const made = await ensureServer(scope, migration(), "n1", "flannel");
    if (made === undefined) throw new Error("no server was made");
    const metadata = { ...made.metadata, uid: "uid-1", resourceVersion: "2" };
    scope.stores.pods.put({ ...made, metadata, status: { phase: "Running" } });
    await ensureServer(scope, migration(), "n1", "flannel");
    scope.stores.pods.put({ ...made, metadata: { ...metadata, resourceVersion: "3" }, status: { phase: "Failed" } });

    await ensureServer(scope, migration(), "n1", "flannel");

    expect(did).toEqual(["create", "delete", "create"]);
  });

  it("are removed once, by UID", async () => {
    const deleted: unknown[] = [];
    const scope = scopeWith([], [], {
      create: async (_: unknown, object: unknown) => object as never,
      delete: async (_: unknown, __: unknown, options: unknown) => {
        deleted.push(options);
        return true;
      },
    });
    const made = await ensureServer(scope, migration(), "n1", "flannel");
    if (made === undefined) throw new Error("no server was made");
    scope.stores.pods.put({ ...made, metadata: { ...made.metadata, uid: "uid-1", resourceVersion: "2" } });

    await removeServers(scope, ["uid-0"]);
    await removeServers(scope, ["uid-0", "uid-1"]);

    expect(deleted).toEqual([{ preconditions: { uid: "uid-1" }, gracePeriodSeconds: 0 }]);
  });

  it("go with all else the migration owns; pods of others stay", async () => {
    const deleted: string[] = [];
    const foreign = server(3, "flannel");
    foreign.metadata.ownerReferences = [{ ...ownerOf(migration()), uid: "uid-other" }];
    const scope = scopeWith([], [server(1, "flannel"), server(2, "calico"), foreign, leaving(server(4, "flannel"))], {
      delete: async (_: unknown, key: ObjectKey) => {
        deleted.push(key.name);
        return true;
      },
    });

    await removeProbes(scope, migration());

    expect(deleted.sort()).toEqual(["probe-n1-flannel-01234567", "probe-n2-calico-01234567"]);
  });
});

describe("serviceCheck", () => {
  it.each([
    ["asks the Service's address", "10.96.0.7", { ip: "10.96.0.7", connections: 6 }],
    ["is left out for a headless Service", "None", undefined],
    ["is left out without the Service", undefined, undefined],
  ])("%s", (_title, clusterIP, expected) => {
    const scope = testScope();
    const metadata = { name: "cni-migrate-probe", namespace: "cni-migrate", resourceVersion: "1" };
    const service: Service = { apiVersion: "v1", kind: "Service", metadata, spec: { clusterIP: clusterIP ?? "" } };
    if (clusterIP !== undefined) scope.stores.services.put(service);

    expect(serviceCheck(scope)).toEqual(expected);
  });
});
