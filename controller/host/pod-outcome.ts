import type { ContainerStatus, Pod } from "../../kube/objects.ts";
import { isRecord } from "./deps.ts";
import { maxMessageBytes } from "./result.ts";

/**
 * Where a one-shot pod of ours stands, from its status. The node writes that status and the message in it: both are read as
 * data of a stranger, bounded and with control characters taken out.
 */
export type PodOutcome =
  | { state: "running"; message: string }
  /** `stuck`: it will not get better by itself. `reason` is the kubelet's. */
  | { state: "waiting"; reason: string; message: string; stuck: boolean }
  | { state: "failed"; message: string }
  /** The container ended; `value` is its termination message as parsed JSON. */
  | { state: "ended"; exitCode: number; value: unknown };

/** Reasons of the kubelet that need a person: container waiting reason -> what to do. */
const stuckReasons: Record<string, string> = {
  ErrImageNeverPull: "the image is not on the node and its pull policy is Never: load it there",
  ErrImagePull: "the image cannot be pulled: check its name, the registry and the pull secret",
  ImagePullBackOff: "the image cannot be pulled: check its name, the registry and the pull secret",
  InvalidImageName: "the image's name is malformed",
  ImageInspectError: "the container runtime cannot read the image",
  RegistryUnavailable: "the image's registry does not answer",
  CreateContainerConfigError: "the pod's configuration is refused on the node",
  CreateContainerError: "the container runtime cannot make the container",
  RunContainerError: "the container runtime cannot start the container",
  NodeLost: "the node does not answer",
};

/** Reasons a pod failed as a whole -> words. */
const failedReasons: Record<string, string> = {
  DeadlineExceeded: "it did not end within its deadline",
  Evicted: "the node evicted it",
  NodeLost: "the node does not answer",
  NodeShutdown: "the node shut down",
  Terminated: "the node shut down",
  Preempting: "it was preempted on the node",
};

export function podOutcome(pod: Pod): PodOutcome {
  const status = pod.status;
  const container = status?.containerStatuses?.[0];
  const terminated = container?.state?.terminated;
  // A pod that failed as a whole, say at its deadline, has a container that was killed: the pod's reason says more.
  if (status?.phase === "Failed" && (status.reason ?? "") !== "") return { state: "failed", message: failure(status) };
  if (terminated !== undefined) return ended(terminated);
  if (status?.phase === "Failed") return { state: "failed", message: failure(status) };
  if (status?.phase === "Unknown" || status?.reason === "NodeLost") return waiting("NodeLost", status?.message);
  if (pod.metadata.deletionTimestamp !== undefined) return { state: "failed", message: "it is being deleted" };
  if (container?.state?.running !== undefined) return { state: "running", message: "running" };
  return waiting(...whyWaiting(pod, container));
}

function ended(terminated: { exitCode: number; signal?: number; reason?: string; message?: string }): PodOutcome {
  const text = typeof terminated.message === "string" ? terminated.message : "";
  const exitCode = Number(terminated.exitCode);
  try {
    if (Buffer.byteLength(text) > maxMessageBytes) throw new Error("too long");
    return { state: "ended", exitCode, value: JSON.parse(text) };
  } catch {
    const cause = [plain(terminated.reason), `exit code ${exitCode}`].filter(Boolean).join(", ");
    return { state: "failed", message: `it ended without a result (${cause})${text === "" ? "" : `: ${plain(text)}`}` };
  }
}

function whyWaiting(pod: Pod, container: ContainerStatus | undefined): [string, string | undefined] {
  const state = container?.state?.waiting;
  if (state?.reason !== undefined) return [state.reason, state.message];
  const started = pod.status?.startTime !== undefined;
  return ["Pending", started ? "the node is starting it" : "the node has not taken it yet"];
}

function waiting(reason: string, message: string | undefined): PodOutcome {
  const known = Object.hasOwn(stuckReasons, plain(reason)) ? stuckReasons[plain(reason)] : undefined;
  const words = [plain(reason), known, plain(message)].filter((part) => part !== undefined && part !== "");
  return { state: "waiting", reason: plain(reason), message: words.join(": "), stuck: known !== undefined };
}

function failure(status: NonNullable<Pod["status"]>): string {
  const reason = plain(status.reason);
  const known = Object.hasOwn(failedReasons, reason) ? failedReasons[reason] : undefined;
  return [reason, known, plain(status.message)].filter(Boolean).join(": ") || "the pod failed";
}

const maxTextCharacters = 512;

/** Text of a stranger, fit to be printed on a terminal: no control characters, 512 characters at most. */
export function plain(value: unknown, max = maxTextCharacters): string {
  if (typeof value !== "string") return "";
  return value
    .slice(0, 4 * max)
    .replaceAll(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]+/g, " ")
    .trim()
    .slice(0, max);
}

/** A list of at most `max` entries, each read by `read`; entries it cannot read (undefined) are left out. */
export function listFrom<T>(value: unknown, max: number, read: (entry: unknown) => T | undefined): T[] {
  if (!Array.isArray(value)) return [];
  return value
    .slice(0, max)
    .map(read)
    .filter((entry) => entry !== undefined);
}

/** A finite number from 0 to `max`, else 0. */
export function numberFrom(value: unknown, max = 2 ** 32): number {
  return typeof value === "number" && value >= 0 && value <= max ? value : 0;
}

export function recordFrom(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}
