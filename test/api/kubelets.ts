import { systemClock } from "../../kube/clock.ts";
import { isApiError } from "../../kube/errors.ts";
import type { Node, Pod } from "../../kube/objects.ts";
import { Reflector } from "../../kube/reflector.ts";
import { leases, nodes, pods } from "../../kube/resources.ts";
import type { KubeClient } from "../../kube/types.ts";

export interface KubeletOptions {
  nodes: readonly string[];
  /** From a pod's binding to Ready. Milliseconds. */
  startMs: number;
  /** From a pod's deletion to its end. Milliseconds. */
  endMs: number;
  /** Labels of every node. */
  labels?: Record<string, string>;
  /** What the nodes do with a pod beside calling it Running. */
  runtime?: PodRuntime;
  signal: AbortSignal;
}

export interface PodRuntime {
  /** The pod's address, once the node's network gives it one. */
  address(pod: Pod, signal: AbortSignal): Promise<string>;
  /** Runs it, which it has begun to when it is called Ready; resolves with how it ended, or with nothing when it stays. */
  run(pod: Pod, signal: AbortSignal): Promise<Ended | undefined>;
  /** It is no more. */
  stopped(pod: Pod): void;
}

/** How a container ended, and the termination message it left. */
export interface Ended {
  exitCode: number;
  message: string;
  /** Containers that could not even begin, by name: the pod waits with them. */
  waiting?: Record<string, { reason: string; message: string }>;
}

/**
 * Stands in for the kubelets of some nodes: the nodes are Ready and stay so; pods bound to them become Ready after a while
 * and go away a while after they were deleted. A pod with the annotation test/never-ready stays as it is.
 */
export async function startKubelets(client: KubeClient, options: KubeletOptions): Promise<void> {
  for (const name of options.nodes) await register(client, name, options.labels ?? {});
  void heartbeat(client, options);
  const store = new Reflector(client, pods, { signal: options.signal });
  const seen = new Set<string>();
  store.onChange(({ type, object }) => {
    if (!options.nodes.includes(object.spec.nodeName ?? "")) return;
    if (type === "deleted") return options.runtime?.stopped(object);
    const ends = object.metadata.deletionTimestamp !== undefined;
    const key = `${object.metadata.uid} ${ends}`;
    if (seen.has(key)) return;
    seen.add(key);
    void later(ends ? options.endMs : options.startMs, options.signal, () =>
      ends ? end(client, object) : start(client, object, options),
    );
  });
  await store.synced();
}

async function register(client: KubeClient, name: string, labels: Record<string, string>): Promise<void> {
  const status = {
    conditions: [{ type: "Ready", status: "True" as const, lastHeartbeatTime: new Date().toISOString() }],
    allocatable: { cpu: "8", memory: "8Gi", pods: "110" },
    capacity: { cpu: "8", memory: "8Gi", pods: "110" },
  };
  const metadata = { name, labels: { "kubernetes.io/hostname": name, ...labels } };
  const node: Node = { apiVersion: "v1", kind: "Node", metadata };
  await client.create(nodes, node);
  await client.patch(nodes, { name }, { status }, { subresource: "status" });
}

/** What keeps kube-controller-manager from calling the nodes lost. */
async function heartbeat(client: KubeClient, { nodes: names, signal }: KubeletOptions): Promise<void> {
  while (!signal.aborted) {
    for (const name of names) {
      const renewTime = new Date().toISOString().replace("Z", "000Z");
      const metadata = { name, namespace: "kube-node-lease" };
      const spec = { holderIdentity: name, leaseDurationSeconds: 40, renewTime };
      await ignoringEnd(signal, () =>
        client.apply(
          leases,
          { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec },
          { fieldManager: name, force: true },
        ),
      );
    }
    await systemClock.sleep(10, signal);
  }
}

async function start(client: KubeClient, pod: Pod, { runtime, signal }: KubeletOptions): Promise<void> {
  const podIP = await runtime?.address(pod, signal);
  const now = new Date().toISOString();
  const ready = pod.metadata.annotations?.["test/never-ready"] === undefined;
  const addresses = podIP === undefined ? {} : { podIP, podIPs: [{ ip: podIP }] };
  const running = { phase: "Running", startTime: now, ...addresses };
  const end = runtime?.run(pod, signal);
  await setStatus(client, pod, { ...running, conditions: conditions(now, ready) });
  const ended = await end;
  if (ended === undefined) return;
  await setEnded(client, pod, ended);
}

/** The pod's containers have ended, and left this message. */
export async function setEnded(client: KubeClient, pod: Pod, ended: Ended, podIP?: string): Promise<void> {
  const { exitCode, message, waiting = {} } = ended;
  const now = new Date().toISOString();
  const terminated = { exitCode, message, reason: exitCode === 0 ? "Completed" : "Error" };
  const containerStatuses = pod.spec.containers.map(({ name }) => {
    const state = waiting[name] === undefined ? { terminated } : { waiting: waiting[name] };
    return { name, ready: false, restartCount: 0, image: "none", imageID: "", state };
  });
  const settled = exitCode === 0 ? "Succeeded" : "Failed";
  const phase = Object.keys(waiting).length > 0 ? "Pending" : settled;
  const addresses = podIP === undefined ? {} : { podIP, podIPs: [{ ip: podIP }] };
  await setStatus(client, pod, { phase, ...addresses, conditions: conditions(now, false), containerStatuses });
}

function conditions(now: string, ready: boolean) {
  const condition = (type: string, on: boolean) => ({ type, status: on ? "True" : "False", lastTransitionTime: now });
  return [condition("Ready", ready), condition("PodScheduled", true)];
}

async function setStatus(client: KubeClient, pod: Pod, status: object): Promise<void> {
  await client.patch(pods, keyOf(pod), { metadata: { uid: pod.metadata.uid }, status }, { subresource: "status" });
}

async function end(client: KubeClient, pod: Pod): Promise<void> {
  await client.delete(pods, keyOf(pod), { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid ?? "" } });
}

export function keyOf({ metadata: { namespace = "", name } }: Pod): { namespace: string; name: string } {
  return { namespace, name };
}

async function later(ms: number, signal: AbortSignal, act: () => Promise<unknown>): Promise<void> {
  await systemClock.sleep(ms / 1000, signal);
  await ignoringEnd(signal, act);
}

/** Pods that went away or were replaced meanwhile are none of ours; nor is anything once the test is over. */
export async function ignoringEnd(signal: AbortSignal, act: () => Promise<unknown>): Promise<void> {
  if (signal.aborted) return;
  try {
    await act();
  } catch (error) {
    if (!signal.aborted && !isApiError(error, 404, 409)) throw error;
  }
}
