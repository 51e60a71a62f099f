import { describe, expect, test } from "vitest";
import type { Pod } from "../../kube/objects.ts";
import { type FilterContext, judge, refusalText, some, type Verdict } from "./filters.ts";
import { pod, policy, t0 } from "./testing.ts";

const during = (changes: Partial<FilterContext> = {}): FilterContext => ({
  policy: policy(),
  sweep: "drain",
  startedAtMs: t0,
  nowMs: t0 + 60_000,
  ...changes,
});
const strict = policy({ deleteEmptyDirData: false });
const emptyDir: Partial<Pod["spec"]> = { volumes: [{ name: "scratch", emptyDir: {} }] };
const ignoreWeb = policy({ ignore: [{ namespace: "shop", podSelector: { matchLabels: { app: "web" } } }] });
const everything: Partial<Pod["spec"]> = { tolerations: [{ operator: "Exists" }] };
const cordonOnly: Partial<Pod["spec"]> = {
  tolerations: [{ key: "node.kubernetes.io/unschedulable", operator: "Exists", effect: "NoSchedule" }],
};

const evict: Verdict = { verdict: "evict" };
const skip = (because: string, left = false): Verdict => ({ verdict: "skip", because, left });

describe("judge", () => {
  test.each<[string, Pod, FilterContext, Verdict]>([
    ["a pod of a ReplicaSet goes", pod("p"), during(), evict],
    [
      "a static pod stays",
      pod("p", { owner: "Node/n1", annotations: { "kubernetes.io/config.mirror": "x" } }),
      during(),
      skip("static pod of the kubelet"),
    ],
    [
      "a pod of ours stays, even without a controller",
      pod("p", { owner: undefined, labels: { "app.kubernetes.io/managed-by": "cni-migrate" } }),
      during(),
      skip("belongs to the migration"),
    ],
    [
      "a pod managed by another tool goes",
      pod("p", { labels: { "app.kubernetes.io/managed-by": "Helm" } }),
      during(),
      evict,
    ],
    [
      "a hostNetwork pod stays",
      pod("p", { spec: { hostNetwork: true } }),
      during(),
      skip("uses the node's own network"),
    ],
    [
      "a hostNetwork pod stays after the switch too",
      pod("p", { owner: "DaemonSet/agent", spec: { hostNetwork: true } }),
      during({ sweep: "recycle" }),
      skip("uses the node's own network"),
    ],
    [
      "a DaemonSet pod stays",
      pod("p", { owner: "DaemonSet/log" }),
      during(),
      skip("DaemonSet pod, made anew after the switch"),
    ],
    [
      "a DaemonSet pod goes after the switch",
      pod("p", { owner: "DaemonSet/log" }),
      during({ sweep: "recycle" }),
      evict,
    ],
    ["a Succeeded pod stays", pod("p", { phase: "Succeeded", ready: false }), during(), skip("has finished")],
    [
      "a Failed pod without a controller stays",
      pod("p", { owner: undefined, phase: "Failed" }),
      during(),
      skip("has finished"),
    ],
    [
      "a finished pod that is held while terminating is waited for",
      pod("p", { phase: "Failed", deletedAt: 0 }),
      during(),
      evict,
    ],
    ["a pod terminating for long is waited for", pod("p", { deletedAt: -3000 }), during(), evict],
    [
      "a pod terminating for longer than the limit is not",
      pod("p", { deletedAt: -300 }),
      during({ policy: policy({ skipTerminatingSeconds: 300 }) }),
      skip("has been terminating for more than 300s", true),
    ],
    [
      "a pod terminating for less than the limit is",
      pod("p", { deletedAt: -200 }),
      during({ policy: policy({ skipTerminatingSeconds: 300 }) }),
      evict,
    ],
    [
      "an ignored pod stays and is named",
      pod("p"),
      during({ policy: ignoreWeb }),
      skip("matches a rule of spec.drain.ignore", true),
    ],
    [
      "an ignored pod stays after the switch too",
      pod("p"),
      during({ policy: ignoreWeb, sweep: "recycle" }),
      skip("matches a rule of spec.drain.ignore", true),
    ],
    [
      "a rule for another namespace ignores nothing",
      pod("p"),
      during({ policy: policy({ ignore: [{ namespace: "other", podSelector: { matchLabels: { app: "web" } } }] }) }),
      evict,
    ],
    ["a pod that tolerates the cordon goes once", pod("p", { spec: everything }), during(), evict],
    [
      "a pod that came back in spite of the cordon is left for later",
      pod("p", { spec: everything, createdAt: 10 }),
      during(),
      skip("tolerates the cordon and came back; made anew after the switch"),
    ],
    [
      "so is one that tolerates just the cordon",
      pod("p", { spec: cordonOnly, createdAt: 10 }),
      during(),
      skip("tolerates the cordon and came back; made anew after the switch"),
    ],
    ["after the switch it goes", pod("p", { spec: everything, createdAt: 10 }), during({ sweep: "recycle" }), evict],
    ["a new pod without that toleration goes", pod("p", { createdAt: 10 }), during(), evict],
    ["a pod with an emptyDir goes by default", pod("p", { spec: emptyDir }), during(), evict],
    [
      "a pod with an emptyDir is refused where its data counts",
      pod("p", { spec: emptyDir }),
      during({ policy: strict }),
      { verdict: "refuse", causes: ["EmptyDir"] },
    ],
    [
      "a pod without a controller is refused",
      pod("p", { owner: undefined }),
      during(),
      { verdict: "refuse", causes: ["Unmanaged"] },
    ],
    [
      "both causes are named at once",
      pod("p", { owner: undefined, spec: emptyDir }),
      during({ policy: strict }),
      { verdict: "refuse", causes: ["EmptyDir", "Unmanaged"] },
    ],
    [
      "force lets a pod without a controller go",
      pod("p", { owner: undefined }),
      during({ policy: policy({ force: true }) }),
      evict,
    ],
    ["one that is terminating needs no leave", pod("p", { owner: undefined, deletedAt: 0 }), during(), evict],
    [
      "a DaemonSet pod with an emptyDir needs none after the switch",
      pod("p", { owner: "DaemonSet/log", spec: emptyDir }),
      during({ policy: strict, sweep: "recycle" }),
      evict,
    ],
  ])("%s", (_, subject, context, verdict) => {
    expect(judge(subject, context)).toEqual(verdict);
  });
});

describe("refusalText", () => {
  test("one part a cause, pods sorted, at most three named", () => {
    const refused = [
      ...["d", "a", "c", "b"].map((name) => ({ pod: pod(name, { owner: undefined }), causes: ["Unmanaged" as const] })),
      { pod: pod("e"), causes: ["EmptyDir" as const] },
    ];

    expect(refusalText(refused)).toEqual({
      message:
        "pods with emptyDir volumes would lose what is in them: shop/e; " +
        "pods without a controller would not be made anew: shop/a, shop/b, shop/c and 1 more",
      hint:
        "set spec.drain.deleteEmptyDirData to true in the CniMigration to accept that; " +
        "delete them, or set spec.drain.force to true in the CniMigration to accept that",
    });
  });

  test("three names need no 'more'", () => {
    expect(some(["c", "a", "b"])).toBe("a, b, c");
  });
});
