import { describe, expect, test } from "vitest";
import type { Pod } from "../../kube/objects.ts";
import { endingText, listed, pendingPod, summary } from "./pending.ts";
import { pod, t0 } from "./testing.ts";

describe("endingText", () => {
  test.each<[string, Pod, string | undefined]>([
    ["an ordinary end needs no word", pod("p", { deletedAt: 30 }), undefined],
    ["nor does one that was only just asked for", pod("p"), undefined],
    ["a clock that is a little off makes none overdue", pod("p", { deletedAt: -5 }), undefined],
    [
      "a finalizer is named",
      pod("p", { deletedAt: 30, finalizers: ["b.example.com/x", "a.example.com/hold"] }),
      "is held by finalizer a.example.com/hold, b.example.com/x; its owner must remove it",
    ],
    [
      "a pod that overstays its grace points to the node",
      pod("p", { deletedAt: -60 }),
      "has not ended within its 30 s of grace; see whether the kubelet and the containers of node n1 are well",
    ],
    [
      "a long grace period is named with its end",
      {
        ...pod("p", { deletedAt: 3600 }),
        metadata: { ...pod("p", { deletedAt: 3600 }).metadata, deletionGracePeriodSeconds: 3600 },
      },
      "may take its 3600 s of grace to end, until 2025-01-01T13:00:00Z",
    ],
    [
      "a long grace period of a pod that was only just asked for, too",
      pod("p", { spec: { terminationGracePeriodSeconds: 600 } }),
      "may take its 600 s of grace to end",
    ],
  ])("%s", (_, subject, text) => {
    expect(endingText(subject, t0)).toBe(text);
  });

  test("the text does not change from second to second", () => {
    const subject = pod("p", { deletedAt: -60, finalizers: ["x"] });

    expect(endingText(subject, t0)).toBe(endingText(subject, t0 + 1000));
  });
});

describe("what status shows", () => {
  test("blocked pods first, then by name", () => {
    const pods = [pendingPod(pod("b"), undefined), pendingPod(pod("c"), "x"), pendingPod(pod("a"), undefined)];

    expect(listed(pods).map(({ name }) => name)).toEqual(["c", "a", "b"]);
  });

  test("no more than 100, the count says how many there are", () => {
    const pods = Array.from({ length: 120 }, (_, i) => pendingPod(pod(`p-${String(i).padStart(3, "0")}`), undefined));

    expect(listed(pods)).toHaveLength(100);
    expect(summary(pods)).toBe("120 pods left: shop/p-000, shop/p-001, shop/p-002 and 117 more");
  });

  test("a single pod with what keeps it", () => {
    expect(summary([pendingPod(pod("a"), "waits until shop/b is Ready")])).toBe(
      "1 pod left: shop/a waits until shop/b is Ready",
    );
  });

  test("a text never exceeds what the API takes", () => {
    expect(pendingPod(pod("a"), "x".repeat(5000)).blockedBy).toHaveLength(1001);
  });
});
