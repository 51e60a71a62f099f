import { roleLabel, systemNamespace } from "../crds/names.ts";
import { isApiError } from "../kube/errors.ts";
import { exactly, keyOf } from "../kube/identity.ts";
import type { Pod } from "../kube/objects.ts";
import { pods } from "../kube/resources.ts";
import type { KubeObject, OwnerReference } from "../kube/types.ts";
import type { HostOp, HostResult } from "../networks/host-ops.ts";
import { MigrationError } from "./errors.ts";
import { nodePart, shortHash } from "./hash.ts";
import { hostTaskPod, parseHostResult } from "./host/pod.ts";
import type { Scope } from "./scope.ts";

/** A host task as a step asks for it. */
export interface TaskRequest {
  /** "switch", "join", "cleanup", "inspect": with node and attempt it names the pod. */
  task: string;
  nodeName: string;
  ops: readonly HostOp[];
  /** Seconds until the kubelet ends it. */
  deadlineSeconds: number;
  owner: OwnerReference;
  /** Differs between directions and from retry to retry by a person, so that each has a pod of its own. */
  attempt: string;
}

export type TaskState = { state: "running"; message: string } | { state: "done"; result: HostResult; podName: string };

/** The same name for the same task, so that a second arming meets the first pod. At most 63 characters. */
export function taskPodName(request: Pick<TaskRequest, "task" | "nodeName" | "attempt" | "owner">): string {
  const suffix = shortHash(`${request.owner.uid}/${request.nodeName}/${request.attempt}`);
  const node = nodePart(request.nodeName, 40);
  return `${request.task}-${node}-${suffix}`;
}

/**
 * Makes sure the task's pod exists and says where it stands. The caller has recorded the intent before. A pod of that name
 * that belongs to somebody else is never taken for ours.
 */
export async function ensureTask(scope: Scope, request: TaskRequest): Promise<TaskState> {
  const name = taskPodName(request);
  const key = { name, namespace: systemNamespace };
  let pod = scope.stores.pods.get(key);
  if (pod === undefined) {
    const earlier = await endEarlier(scope, request);
    if (earlier !== undefined) return { state: "running", message: earlier };
    const wanted = hostTaskPod({
      name,
      namespace: systemNamespace,
      nodeName: request.nodeName,
      image: scope.image,
      ops: request.ops,
      owner: request.owner,
      deadlineSeconds: request.deadlineSeconds,
    });
    try {
      pod = await scope.client.create(pods, wanted);
    } catch (error) {
      if (!isApiError(error, "AlreadyExists")) throw error;
      pod = await scope.client.get(pods, key);
      if (pod === undefined) return { state: "running", message: `pod ${systemNamespace}/${name} is being replaced` };
    }
    scope.stores.pods.put(pod);
  }
  if (!isOwnedBy(pod, request.owner)) throw notOurs(name);
  if (neverRan(pod)) {
    await removePod(scope, pod, { gracePeriodSeconds: 0 });
    const message = `it could not start within ${request.deadlineSeconds} s and is made anew`;
    throw cannotStart("ImageMissing", request, name, message);
  }
  if (wentDownWithNode(pod)) {
    await removePod(scope, pod, { gracePeriodSeconds: 0 });
    return { state: "running", message: `pod ${systemNamespace}/${name} went down with its node and is made anew` };
  }
  const state = parseHostResult(pod);
  switch (state.state) {
    case "waiting":
      if (state.stuck)
        throw cannotStart(
          /Image|Registry/.test(state.reason) ? "ImageMissing" : "HostTaskRunning",
          request,
          name,
          state.message,
        );
      return { state: "running", message: state.message };
    case "running":
      return { state: "running", message: state.message };
    case "failed":
      throw taskFailed(request, name, state.message);
    case "done":
      if (!state.result.ok)
        throw taskFailed(
          request,
          name,
          `${state.result.error?.op ?? "task"}: ${state.result.error?.message ?? "failed"}`,
        );
      return { state: "done", result: state.result, podName: name };
  }
}

/** A pod of somebody else has the name that is ours. */
export function notOurs(name: string): MigrationError {
  return new MigrationError("HostTaskFailed", `pod ${systemNamespace}/${name} is not this migration's`, {
    kind: "stalled",
    object: `pod ${systemNamespace}/${name}`,
    hint: `kubectl -n ${systemNamespace} delete pod ${name}`,
  });
}

/**
 * Two tasks never work on a node at a time: what runs for an earlier attempt, or another task of this owner, is ended and
 * waited for. Says so; undefined when nothing runs.
 */
async function endEarlier(scope: Scope, { nodeName, owner }: TaskRequest): Promise<string | undefined> {
  const running = scope.stores.pods
    .list()
    .filter((pod) => pod.metadata.namespace === systemNamespace && pod.metadata.labels?.[roleLabel] === "host-task")
    .filter((pod) => isOwnedBy(pod, owner) && pod.spec.nodeName === nodeName)
    .filter(({ status }) => status?.phase !== "Succeeded" && status?.phase !== "Failed")
    .filter(({ status }) => status?.containerStatuses?.[0]?.state?.terminated === undefined);
  const [first] = running;
  if (first === undefined) return undefined;
  for (const pod of running) if (pod.metadata.deletionTimestamp === undefined) await removePod(scope, pod);
  return `waiting for pod ${systemNamespace}/${first.metadata.name} of an earlier attempt to end`;
}

/** Its deadline has passed before its container could start, such as for want of its image: nothing was done. */
function neverRan({ status }: Pod): boolean {
  const container = status?.containerStatuses?.[0];
  if (status?.phase !== "Failed" || status.reason !== "DeadlineExceeded" || container === undefined) return false;
  const { running, terminated } = container.state ?? {};
  return running === undefined && (terminated?.startedAt ?? null) === null;
}

/** What the kubelet and the container runtime say of a pod or a container that did not end by itself: its node was restarted. */
const nodeReasons = ["Unknown", "ContainerStatusUnknown", "NodeShutdown", "Terminated"];

/**
 * Operations are idempotent, so that it can begin anew: nobody has to ask for it, as after a failure of its own. A success whose
 * end nobody saw counts for nothing: what was done may have gone with the node, such as a device's name.
 */
function wentDownWithNode(pod: Pod): boolean {
  const { status } = pod;
  const terminated = status?.containerStatuses?.[0]?.state?.terminated;
  if (status?.phase !== "Failed" || saysFailure(pod)) return false;
  // The pod's own reason goes first: at its deadline its container was ended, too.
  return nodeReasons.includes(status.reason || terminated?.reason || "");
}

function saysFailure(pod: Pod): boolean {
  const said = parseHostResult(pod);
  return said.state === "done" && !said.result.ok;
}

/** Deletes this very pod of ours. */
export async function removePod(scope: Scope, pod: Pod, options: { gracePeriodSeconds?: number } = {}): Promise<void> {
  await scope.client.delete(pods, keyOf(pod), { ...options, ...exactly(pod) });
}

/** The kubelet tries again by itself, until the pod's deadline: what it says now would be lost then. */
function cannotStart(reason: string, request: TaskRequest, podName: string, why: string): MigrationError {
  const what = `pod ${systemNamespace}/${podName} cannot start on node ${request.nodeName}: ${why}`;
  return new MigrationError(reason, what, {
    kind: "wait",
    object: `pod ${systemNamespace}/${podName}`,
    hint: `kubectl -n ${systemNamespace} describe pod ${podName}`,
  });
}

function taskFailed(request: TaskRequest, podName: string, why: string): MigrationError {
  // Only a node's own task has a next attempt; another is made anew when its pod is gone.
  const again =
    request.owner.kind === "NodeMigration"
      ? `kubectl cni-migrate retry ${request.nodeName}`
      : `kubectl -n ${systemNamespace} delete pod ${podName}`;
  return new MigrationError("HostTaskFailed", `${request.task} on node ${request.nodeName} failed: ${why}`, {
    kind: "stalled",
    object: `pod ${systemNamespace}/${podName}`,
    hint: `see kubectl -n ${systemNamespace} logs ${podName}, then ${again}`,
  });
}

export function isOwnedBy(object: KubeObject, owner: Pick<OwnerReference, "uid">): boolean {
  return object.metadata.ownerReferences?.some((ref) => ref.uid === owner.uid) ?? false;
}

/** The reference that makes `object` the controller of a pod or NodeMigration: its end is theirs. */
export function ownerOf(object: KubeObject): OwnerReference {
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    name: object.metadata.name,
    uid: object.metadata.uid ?? "",
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** Pods of a node that is done have said what they had to say. Those that failed stay for their logs. */
export async function removeEndedPods(scope: Scope, ownerUID: string): Promise<void> {
  const ended = scope.stores.pods
    .list()
    .filter((pod) => pod.metadata.namespace === systemNamespace && isOwnedBy(pod, { uid: ownerUID }))
    .filter((pod) => pod.status?.phase !== "Failed" && pod.metadata.deletionTimestamp === undefined);
  await Promise.all(ended.map((pod) => removePod(scope, pod, { gracePeriodSeconds: 0 })));
}
