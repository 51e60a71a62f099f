import type { CniMigration, NodeMigration, StepName } from "../crds/index.ts";
import type { Condition, Node, Taint } from "../kube/objects.ts";
import * as resources from "../kube/resources.ts";
import { FakeClock } from "../kube/testing/fake-clock.ts";
import type { KubeClient } from "../kube/types.ts";
import type { OverlayFacts } from "../networks/contract.ts";
import { EvictionMemory } from "./drain/memory.ts";
import { Metrics } from "./http.ts";
import type { Logger } from "./log.ts";
import { Looks } from "./looks.ts";
import type { Scope, Stores } from "./scope.ts";
import { Store } from "./store.ts";

/** Small objects and a scope without a cluster for the tests of this room. */

interface NodeFacts {
  uid?: string;
  ready?: boolean;
  cordoned?: boolean;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  taints?: Taint[];
  /** InternalIPs. */
  addresses?: string[];
}

/** flannel's overlay as it is by default, over 10.244.0.0/16. */
export const flannelOverlay: OverlayFacts = {
  encapsulation: "vxlan",
  vni: 1,
  port: 8472,
  mtu: 1450,
  cidrs: ["10.244.0.0/16"],
  subnetLen: 24,
  masquerade: true,
};

/** A Ready node of resourceVersion 7. Its UID is "uid-NAME". */
export function node(name: string, facts: NodeFacts = {}): Node {
  const { labels, annotations, taints, ready = true } = facts;
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      uid: facts.uid ?? `uid-${name}`,
      resourceVersion: "7",
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: {
      ...(facts.cordoned === true ? { unschedulable: true } : {}),
      ...(taints === undefined ? {} : { taints }),
    },
    status: {
      addresses: (facts.addresses ?? []).map((address) => ({ type: "InternalIP", address })),
      conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
    },
  };
}

/** flannel-to-calico, generation 2, UID "uid-m". */
export function migration(
  spec: Partial<CniMigration["spec"]> = {},
  status?: CniMigration["status"],
  metadata: Partial<CniMigration["metadata"]> = {},
): CniMigration {
  return {
    apiVersion: "cni-migrate.io/v1alpha1",
    kind: "CniMigration",
    metadata: { name: "flannel-to-calico", uid: "uid-m", generation: 2, resourceVersion: "3", ...metadata },
    spec: { source: "flannel", target: "calico", ...spec },
    ...(status === undefined ? {} : { status }),
  };
}

/** The part of one node of `migration()`, generation 1, UID "uid-nm-NAME". `stalled`: the message of the condition. */
export function nodeMigration(
  name: string,
  step: StepName = "Pending",
  facts: { stalled?: string; status?: NodeMigration["status"]; nodeUID?: string } = {},
): NodeMigration {
  const conditions = facts.stalled === undefined ? [] : [condition("Stalled", "True", "HostTaskFailed", facts.stalled)];
  return {
    apiVersion: "cni-migrate.io/v1alpha1",
    kind: "NodeMigration",
    metadata: {
      name,
      uid: `uid-nm-${name}`,
      generation: 1,
      resourceVersion: "5",
      ownerReferences: [
        { apiVersion: "cni-migrate.io/v1alpha1", kind: "CniMigration", name: "flannel-to-calico", uid: "uid-m" },
      ],
    },
    spec: {
      migrationName: "flannel-to-calico",
      nodeName: name,
      nodeUID: facts.nodeUID ?? `uid-${name}`,
      direction: "Forward",
    },
    status: { step, conditions, ...facts.status },
  };
}

export function condition(type: string, status: Condition["status"], reason = "Progressing", message = ""): Condition {
  return { type, status, reason, message, lastTransitionTime: "2030-01-01T00:00:00Z" };
}

const silent = Object.fromEntries(
  ["debug", "info", "warn", "error"].map((level) => [level, () => undefined]),
) as unknown as Logger;

/** A scope whose copies hold what is put into them, with a clock that stands still. `client`: the methods a test needs. */
export function testScope(client: Partial<KubeClient> = {}): Scope & { clock: FakeClock } {
  const kube = client as KubeClient;
  const clock = new FakeClock();
  const stores: Stores = {
    migrations: new Store(kube, resources.cniMigrations),
    nodeMigrations: new Store(kube, resources.nodeMigrations),
    nodes: new Store(kube, resources.nodes),
    pods: new Store(kube, resources.pods),
    daemonSets: new Store(kube, resources.daemonSets),
    replicaSets: new Store(kube, resources.replicaSets),
    statefulSets: new Store(kube, resources.statefulSets),
    services: new Store(kube, resources.services),
    budgets: new Store(kube, resources.podDisruptionBudgets),
  };
  return {
    client: kube,
    stores,
    events: { event: async () => undefined } as unknown as Scope["events"],
    log: silent,
    metrics: new Metrics(() => 0),
    now: () => new Date(clock.nowMs()),
    clock,
    evictions: new EvictionMemory(),
    looks: new Looks(clock),
    image: "example.org/cni-migrate:test",
  };
}
