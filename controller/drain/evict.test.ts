import { describe, expect, test } from "vitest";
import { ApiError, type ApiErrorCause } from "../../kube/errors.ts";
import { type EvictResult, evictPod } from "./evict.ts";
import { budget, pod, policy, recorder } from "./testing.ts";

function refusal(
  status: number,
  message: string,
  more: { reason?: string; retryAfterSeconds?: number; causes?: ApiErrorCause[] } = {},
): ApiError {
  return new ApiError(message, { status, reason: "Some", request: "POST …/eviction", ...more });
}

async function evict(answer?: Error, random = 0): Promise<EvictResult> {
  const { client } = recorder(() => {
    if (answer !== undefined) throw answer;
  });
  return evictPod(pod("web-0"), [], { client, policy: policy(), random: () => random });
}

describe("evictPod", () => {
  test("evicts with the pod's UID and leaves the grace to the pod", async () => {
    const { client, evicted, deleted } = recorder();

    const result = await evictPod(pod("web-0"), [], { client, policy: policy(), random: () => 0 });

    expect(result).toEqual({ result: "leaving" });
    expect(evicted).toEqual([{ name: "web-0", uid: "uid-web-0" }]);
    expect(deleted).toEqual([]);
  });

  test("passes the grace period on, 0 included", async () => {
    const { client, evicted } = recorder();

    await evictPod(pod("web-0"), [], { client, policy: policy({ gracePeriodSeconds: 0 }), random: () => 0 });

    expect(evicted).toEqual([{ name: "web-0", uid: "uid-web-0", gracePeriodSeconds: 0 }]);
  });

  test("disableEviction deletes, with the UID too", async () => {
    const { client, evicted, deleted } = recorder();
    const changed = policy({ disableEviction: true, gracePeriodSeconds: 5 });

    await evictPod(pod("web-0"), [], { client, policy: changed, random: () => 0 });

    expect(evicted).toEqual([]);
    expect(deleted).toEqual([{ name: "web-0", uid: "uid-web-0", gracePeriodSeconds: 5 }]);
  });

  test("a budget's refusal is told in the budget's numbers", async () => {
    const { client } = recorder(() => {
      throw refusal(429, "Cannot evict pod", { causes: [{ reason: "DisruptionBudget", message: "needs 2" }] });
    });
    const web = budget("web", { minAvailable: 2 }, { disruptionsAllowed: 0, currentHealthy: 2, expectedPods: 3 });

    expect(await evictPod(pod("web-0"), [web], { client, policy: policy(), random: () => 0 })).toMatchObject({
      blockedBy: "PodDisruptionBudget shop/web allows 0 disruptions (minAvailable 2, 2 of 3 healthy)",
    });
  });

  test.each<[string, ApiError, EvictResult]>([
    ["another pod by that name", refusal(409, "the UID in the precondition"), { result: "replaced" }],
    [
      "a budget nobody has read yet",
      refusal(429, "Cannot evict pod", {
        retryAfterSeconds: 10,
        causes: [{ reason: "DisruptionBudget", message: "The disruption budget web is still being processed" }],
      }),
      {
        result: "blocked",
        blockedBy: "The disruption budget web is still being processed",
        retryAfterSeconds: 10,
        unsure: false,
      },
    ],
    [
      "an API server with too much to do",
      refusal(429, "too many requests", { retryAfterSeconds: 3 }),
      { result: "blocked", blockedBy: "the API server has too many requests", retryAfterSeconds: 3, unsure: false },
    ],
    [
      "a namespace that is being deleted",
      refusal(403, "forbidden", { causes: [{ reason: "NamespaceTerminating" }] }),
      {
        result: "blocked",
        blockedBy: "namespace shop is being deleted, and the pod with it",
        retryAfterSeconds: 5,
        unsure: false,
      },
    ],
    [
      "a missing right",
      refusal(403, 'pods "web-0" is forbidden: User "x" cannot create resource "pods/eviction" in API group ""'),
      {
        result: "refused",
        reason: "PermissionMissing",
        message:
          'the controller was refused: pods "web-0" is forbidden: User "x" cannot create resource "pods/eviction" in API group ""',
        hint: "kubectl cni-migrate install gives it its rights",
      },
    ],
    [
      "a missing right to delete, which only disableEviction needs",
      refusal(403, 'pods "web-0" is forbidden: User "x" cannot delete resource "pods" in API group ""'),
      {
        result: "refused",
        reason: "PermissionMissing",
        message:
          'the controller was refused: pods "web-0" is forbidden: User "x" cannot delete resource "pods" in API group ""',
        hint: expect.stringContaining("kubectl create clusterrolebinding cni-migrate-delete-pods"),
      },
    ],
    [
      "a webhook that says no",
      refusal(403, 'admission webhook "keep.example.com" denied the request: not on Mondays'),
      {
        result: "blocked",
        blockedBy: 'the API server refused: admission webhook "keep.example.com" denied the request: not on Mondays',
        retryAfterSeconds: 10,
        unsure: false,
      },
    ],
    [
      "a webhook that says no with a code of its own",
      refusal(400, 'admission webhook "keep.example.com" denied the request'),
      {
        result: "blocked",
        blockedBy: 'the API server refused: admission webhook "keep.example.com" denied the request',
        retryAfterSeconds: 10,
        unsure: false,
      },
    ],
    [
      "a webhook that cannot be reached",
      refusal(500, 'Internal error occurred: failed calling webhook "keep.example.com": refused'),
      {
        result: "blocked",
        blockedBy:
          'the API server refused: Internal error occurred: failed calling webhook "keep.example.com": refused',
        retryAfterSeconds: 10,
        unsure: false,
      },
    ],
    [
      "two budgets over the pod",
      refusal(500, "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."),
      {
        result: "refused",
        reason: "EvictionImpossible",
        message:
          "pod shop/web-0 cannot be evicted: This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
        hint: "change the PodDisruptionBudgets of namespace shop so that one of them selects it",
      },
    ],
    [
      "a request that is not valid",
      refusal(422, "gracePeriodSeconds: Invalid value"),
      {
        result: "refused",
        reason: "EvictionImpossible",
        message: "pod shop/web-0 cannot be evicted: the API server answered 422: gracePeriodSeconds: Invalid value",
        hint: "delete the pod yourself if it may go",
      },
    ],
    [
      "a server that failed half-way",
      refusal(504, "etcd timed out", { retryAfterSeconds: 10 }),
      { result: "blocked", blockedBy: "the eviction failed: etcd timed out", retryAfterSeconds: 10, unsure: true },
    ],
    [
      "an answer that did not come",
      refusal(0, "timed out", { reason: "Timeout" }),
      { result: "blocked", blockedBy: "the eviction failed: timed out", retryAfterSeconds: 5, unsure: true },
    ],
    [
      "a request that was never taken",
      refusal(0, "connection refused", { reason: "Refused" }),
      { result: "blocked", blockedBy: "the eviction failed: connection refused", retryAfterSeconds: 5, unsure: false },
    ],
  ])("%s", async (_, error, result) => {
    expect(await evict(error)).toEqual(result);
  });

  test("the wait is never shorter than asked for, and longer by chance", async () => {
    const error = refusal(429, "too many requests", { retryAfterSeconds: 10 });

    expect(await evict(error, 0)).toMatchObject({ retryAfterSeconds: 10 });
    expect(await evict(error, 0.9)).toMatchObject({ retryAfterSeconds: 14.5 });
  });

  test("an error that is none of the API server's is passed on", async () => {
    await expect(evict(new TypeError("a bug"))).rejects.toThrow("a bug");
  });
});
