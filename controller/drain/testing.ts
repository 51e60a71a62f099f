import type { Node, Pod, PodDisruptionBudget, Service, Taint, Workload } from "../../kube/objects.ts";
import type { KubeClient, OwnerReference } from "../../kube/types.ts";
import type { ClusterView } from "./cluster.ts";
import { EvictionMemory } from "./memory.ts";
import { type DrainPolicy, drainPolicy } from "./policy.ts";

/** Small objects and a scripted client for the tests of this folder and of spread/. */

/** The moment tests begin at. */
export const t0 = Date.parse("2025-01-01T12:00:00Z");

export function at(seconds: number): string {
  return new Date(t0 + seconds * 1000).toISOString().replace(".000Z", "Z");
}

export interface PodFacts {
  node?: string | undefined;
  /** "ReplicaSet/web", "StatefulSet/db", "DaemonSet/log", "Job/backup"; undefined: no controller. Default ReplicaSet/web. */
  owner?: string | undefined;
  ready?: boolean;
  /** Seconds from t0. Default an hour before. */
  createdAt?: number;
  readyChangedAt?: number;
  /** Seconds from t0 when the grace period ends. */
  deletedAt?: number;
  restarts?: number;
  phase?: "Pending" | "Running" | "Succeeded" | "Failed";
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  spec?: Partial<Pod["spec"]>;
}

/** Pod shop/NAME on node n1, Ready, an hour old, label app=<name of the owner>. Its UID is "uid-NAME". */
export function pod(name: string, facts: PodFacts = {}): Pod {
  const { ready = true, createdAt = -3600, restarts = 0, phase = "Running" } = facts;
  const owner = "owner" in facts ? facts.owner : "ReplicaSet/web";
  const node = "node" in facts ? facts.node : "n1";
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: "shop",
      uid: `uid-${name}`,
      creationTimestamp: at(createdAt),
      labels: facts.labels ?? { app: owner?.split("/")[1] ?? "none" },
      ...(owner === undefined ? {} : { ownerReferences: [ownerOf(owner)] }),
      ...(facts.deletedAt === undefined
        ? {}
        : { deletionTimestamp: at(facts.deletedAt), deletionGracePeriodSeconds: 30 }),
      ...(facts.annotations === undefined ? {} : { annotations: facts.annotations }),
      ...(facts.finalizers === undefined ? {} : { finalizers: facts.finalizers }),
    },
    spec: { containers: [{ name: "app" }], ...(node === undefined ? {} : { nodeName: node }), ...facts.spec },
    status: {
      phase,
      conditions: [
        { type: "Ready", status: ready ? "True" : "False", lastTransitionTime: at(facts.readyChangedAt ?? createdAt) },
      ],
      containerStatuses: [{ name: "app", ready, restartCount: restarts }],
    },
  };
}

function ownerOf(text: string): OwnerReference {
  const [kind = "", name = ""] = text.split("/");
  return { apiVersion: "apps/v1", kind, name, uid: `uid-${text}`, controller: true };
}

/** "ReplicaSet/web" with so many replicas; owner of pods made with the same text. */
export function workload(text: string, replicas: number): Workload {
  const { kind, name, uid } = ownerOf(text);
  return { apiVersion: "apps/v1", kind, metadata: { name, namespace: "shop", uid }, spec: { replicas } };
}

export function service(name: string, selector: Record<string, string> | undefined): Service {
  const spec = selector === undefined ? {} : { selector };
  return { apiVersion: "v1", kind: "Service", metadata: { name, namespace: "shop", uid: `uid-svc-${name}` }, spec };
}

/** A budget over app=web, counted for its present generation. */
export function budget(
  name: string,
  spec: PodDisruptionBudget["spec"],
  status: NonNullable<PodDisruptionBudget["status"]> = {},
  resourceVersion = "1",
): PodDisruptionBudget {
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name, namespace: "shop", uid: `uid-pdb-${name}`, generation: 1, resourceVersion },
    spec: { selector: { matchLabels: { app: "web" } }, ...spec },
    status: { observedGeneration: 1, ...status },
  };
}

interface NodeFacts {
  ready?: boolean;
  cordoned?: boolean;
  network?: string;
  taints?: Taint[];
  labels?: Record<string, string>;
}

/** A Ready node on Calico, unless the facts say otherwise. */
export function node(name: string, facts: NodeFacts = {}): Node {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: { "cni-migrate.io/network": facts.network ?? "calico", ...facts.labels } },
    spec: {
      ...(facts.cordoned === true ? { unschedulable: true } : {}),
      ...(facts.taints === undefined ? {} : { taints: facts.taints }),
    },
    status: { conditions: [{ type: "Ready", status: facts.ready === false ? "False" : "True" }] },
  };
}

export function view(parts: Partial<ClusterView>): ClusterView {
  return { pods: [], services: [], workloads: [], budgets: [], ...parts };
}

export function policy(changes: Partial<DrainPolicy> = {}): DrainPolicy {
  return { ...drainPolicy(), ...changes };
}

type EvictCall = { name: string; uid: string | undefined; gracePeriodSeconds?: number };

/** Writes down what it is asked; `answer` may throw the ApiError of a refusal. */
export function recorder(answer: (name: string) => void = () => {}) {
  const evicted: EvictCall[] = [];
  const deleted: EvictCall[] = [];
  const client: Pick<KubeClient, "evict" | "delete"> = {
    async evict({ name }, { uid, gracePeriodSeconds }) {
      evicted.push({ name, uid, ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }) });
      answer(name);
      return true;
    },
    async delete(_, { name }, { preconditions, gracePeriodSeconds } = {}) {
      deleted.push({
        name,
        uid: preconditions?.uid,
        ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
      });
      answer(name);
      return true;
    },
  };
  return { client, evicted, deleted, names: () => evicted.map(({ name }) => name).sort() };
}

/** A clock that stands still until it is set, and a chance that always answers 0. */
function clockAt(seconds = 0) {
  let nowMs = t0 + seconds * 1000;
  const set = (s: number) => {
    nowMs = t0 + s * 1000;
  };
  return { nowMs: () => nowMs, random: () => 0, set };
}

/** Input of a pass over node n1 that began at t0. */
export function sweepInput(look: () => ClusterView, changes: Partial<DrainPolicy> = {}) {
  return {
    look,
    memory: new EvictionMemory(),
    policy: policy(changes),
    clock: clockAt(1),
    node: "n1",
    startedAtMs: t0,
    draining: [{ node: "n1", startedAtMs: t0 }],
  };
}
