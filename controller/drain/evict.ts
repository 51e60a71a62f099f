import { type ApiError, isApiError } from "../../kube/errors.ts";
import type { Pod, PodDisruptionBudget } from "../../kube/objects.ts";
import { pods } from "../../kube/resources.ts";
import type { KubeClient } from "../../kube/types.ts";
import { budgetText } from "./budgets.ts";
import { podName, uidOf } from "./pods.ts";
import type { DrainPolicy } from "./policy.ts";

/** What came of asking the API server to take one pod away. A closed set. */
export type EvictResult =
  /** It ends now, or is gone already. */
  | { result: "leaving" }
  /** Another pod has its name by now: look again. */
  | { result: "replaced" }
  /**
   * Not now. `unsure`: the request may have taken effect all the same.
   * `retryAfterSeconds` is what the server asked for, or ours, with up to a half on top.
   */
  | { result: "blocked"; blockedBy: string; retryAfterSeconds: number; unsure: boolean }
  /** It will not do: the same request will be refused again until a person has acted. */
  | { result: "refused"; reason: "EvictionImpossible" | "PermissionMissing"; message: string; hint: string };

export interface EvictTools {
  client: Pick<KubeClient, "evict" | "delete">;
  policy: Pick<DrainPolicy, "disableEviction" | "gracePeriodSeconds">;
  random(): number;
  signal?: AbortSignal;
}

/**
 * Evicts (or, where the policy says so, deletes) exactly this pod: a namesake that took its place is left alone. Asks once;
 * `budgets` are those that select the pod, for the text of a refusal. Rejects when
 * `signal` fires, and with what is not an ApiError.
 */
export async function evictPod(
  pod: Pod,
  budgets: readonly PodDisruptionBudget[],
  tools: EvictTools,
): Promise<EvictResult> {
  const key = { namespace: pod.metadata.namespace ?? "", name: pod.metadata.name };
  const grace = tools.policy.gracePeriodSeconds;
  const options = {
    ...(grace === undefined ? {} : { gracePeriodSeconds: grace }),
    ...(tools.signal === undefined ? {} : { signal: tools.signal }),
  };
  const uid = uidOf(pod);
  try {
    if (tools.policy.disableEviction) await tools.client.delete(pods, key, { ...options, preconditions: { uid } });
    else await tools.client.evict(key, { ...options, uid });
    return { result: "leaving" };
  } catch (error) {
    if (!isApiError(error) || tools.signal?.aborted) throw error;
    return jittered(classify(error, pod, budgets), tools);
  }
}

/** How long to wait where the server did not say. Seconds. */
const defaultRetrySeconds = 5;
/** Calls that may come through the moment something far from here is mended: not asked too often. Seconds. */
const admissionRetrySeconds = 10;

interface Answer {
  applies(error: ApiError): boolean;
  answer(error: ApiError, pod: Pod, budgets: readonly PodDisruptionBudget[]): EvictResult;
}

/** Asked in this order; the first that applies answers. */
const answers: readonly Answer[] = [
  { applies: (error) => error.status === 409, answer: () => ({ result: "replaced" }) },
  { applies: (error) => error.status === 429 && hasCause(error, "DisruptionBudget"), answer: byBudget },
  {
    applies: (error) => error.status === 429,
    answer: (error) => blocked("the API server has too many requests", error),
  },
  {
    applies: (error) => error.status === 403 && hasCause(error, "NamespaceTerminating"),
    answer: (error, pod) => blocked(`namespace ${pod.metadata.namespace} is being deleted, and the pod with it`, error),
  },
  { applies: lacksRight, answer: forbidden },
  {
    applies: (error) => error.status === 500 && /more than one PodDisruptionBudget/.test(error.message),
    answer: overlap,
  },
  {
    applies: (error) => error.status === 403 || /admission webhook|calling webhook|AdmissionPolicy/.test(error.message),
    answer: (error) => blocked(`the API server refused: ${error.message}`, error, admissionRetrySeconds),
  },
  { applies: (error) => error.status === 400 || error.status === 404 || error.status === 422, answer: invalid },
  {
    applies: () => true,
    answer: (error) => ({ ...blocked(`the eviction failed: ${error.message}`, error), unsure: isUnsure(error) }),
  },
];

function classify(error: ApiError, pod: Pod, budgets: readonly PodDisruptionBudget[]): EvictResult {
  const found = answers.find(({ applies }) => applies(error));
  return found === undefined ? { result: "replaced" } : found.answer(error, pod, budgets);
}

function byBudget(error: ApiError, _pod: Pod, budgets: readonly PodDisruptionBudget[]): EvictResult {
  const [budget] = budgets;
  const theirs = error.causes.find((cause) => cause.reason === "DisruptionBudget")?.message ?? error.message;
  return blocked(budget === undefined ? theirs : budgetText(budget), error, 1);
}

/** Deleting pods around their budgets is a right the controller has only where a person gave it. */
const deleteRight =
  "spec.drain.disableEviction needs that right: kubectl create clusterrole cni-migrate-delete-pods --verb=delete --resource=pods; kubectl create clusterrolebinding cni-migrate-delete-pods --clusterrole=cni-migrate-delete-pods --serviceaccount=cni-migrate:cni-migrate-controller";

function forbidden(error: ApiError): EvictResult {
  return {
    result: "refused",
    reason: "PermissionMissing",
    message: `the controller was refused: ${error.message}`,
    hint: / delete resource "pods"/.test(error.message)
      ? deleteRight
      : "kubectl cni-migrate install gives it its rights",
  };
}

function overlap(error: ApiError, pod: Pod): EvictResult {
  return {
    result: "refused",
    reason: "EvictionImpossible",
    message: `pod ${podName(pod)} cannot be evicted: ${error.message}`,
    hint: `change the PodDisruptionBudgets of namespace ${pod.metadata.namespace} so that one of them selects it`,
  };
}

function invalid(error: ApiError, pod: Pod): EvictResult {
  return {
    result: "refused",
    reason: "EvictionImpossible",
    message: `pod ${podName(pod)} cannot be evicted: the API server answered ${error.status}: ${error.message}`,
    hint: "delete the pod yourself if it may go",
  };
}

function blocked(
  blockedBy: string,
  error: ApiError,
  seconds = defaultRetrySeconds,
): EvictResult & { result: "blocked" } {
  return { result: "blocked", blockedBy, retryAfterSeconds: error.retryAfterSeconds || seconds, unsure: false };
}

function jittered(result: EvictResult, { random }: EvictTools): EvictResult {
  if (result.result !== "blocked") return result;
  return { ...result, retryAfterSeconds: result.retryAfterSeconds * (1 + random() / 2) };
}

function hasCause(error: ApiError, reason: string): boolean {
  return error.causes.some((cause) => cause.reason === reason);
}

/** The API server words a missing right like this; admission plugins, which use 403 too, do not. */
function lacksRight(error: ApiError): boolean {
  return error.status === 403 && /cannot (create|delete) resource/.test(error.message);
}

/** No answer, or one that does not say how far the request came. */
function isUnsure({ status, reason }: ApiError): boolean {
  if (status === 0) return !["Refused", "Unreachable", "Tls", "Proxy"].includes(reason);
  return status >= 500;
}
