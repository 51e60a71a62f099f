import { beforeEach, describe, expect, it } from "vitest";
import { ApiError } from "./errors.ts";
import { EventRecorder } from "./events.ts";
import type { Event } from "./objects.ts";
import { FakeClock } from "./testing/fake-clock.ts";
import type { KubeClient } from "./types.ts";

let clock: FakeClock;
let written: string[];
let made: Event[];
let errors: unknown[];
let failWith: ApiError | undefined;
let expired: boolean;
let recorder: EventRecorder;

beforeEach(() => {
  clock = new FakeClock();
  written = [];
  made = [];
  errors = [];
  failWith = undefined;
  expired = false;
  const attempt = () => {
    if (failWith !== undefined) throw failWith;
  };
  const client = {
    create: async (_: unknown, event: Event) => {
      attempt();
      made.push(event);
      written.push(`create ${event.metadata.namespace}/${event.metadata.name}`);
      return event;
    },
    patch: async (_: unknown, key: { namespace: string; name: string }, patch: { series: { count: number } }) => {
      if (expired) throw new ApiError("gone", { status: 404, reason: "NotFound", request: "PATCH" });
      written.push(`count ${patch.series.count} ${key.namespace}/${key.name}`);
    },
  } as unknown as KubeClient;
  recorder = new EventRecorder(client, {
    controller: "cni-migrate.io/controller",
    instance: "pod-1",
    clock,
    onError: (error) => errors.push(error),
  });
});

const node = { apiVersion: "v1", kind: "Node", metadata: { name: "n1", uid: "u1", resourceVersion: "5" } };
const facts = { type: "Warning", reason: "EvictionBlocked", action: "Drain", note: "a budget allows 0" } as const;

describe("EventRecorder", () => {
  it("writes all that kubectl describe shows", async () => {
    await recorder.event(node, facts);

    expect(made).toEqual([
      {
        apiVersion: "events.k8s.io/v1",
        kind: "Event",
        metadata: { name: expect.stringMatching(/^n1\.[0-9a-f]{16}$/), namespace: "default" },
        eventTime: "2030-01-01T00:00:00.000000Z",
        reportingController: "cni-migrate.io/controller",
        reportingInstance: "pod-1",
        regarding: { apiVersion: "v1", kind: "Node", name: "n1", uid: "u1", resourceVersion: "5" },
        ...facts,
      },
    ]);
  });

  it("counts the same thing within ten minutes, also while the object changes", async () => {
    await recorder.event(node, facts);
    for (let i = 0; i < 2; i++) {
      clock.freeze(500);
      await recorder.event({ ...node, metadata: { ...node.metadata, resourceVersion: `${i}` } }, facts);
    }
    const name = `default/${made[0]?.metadata.name}`;

    expect(written).toEqual([`create ${name}`, `count 2 ${name}`, `count 3 ${name}`]);
  });

  it.each([
    ["another note", { ...facts, note: "two budgets" }, node, 0],
    ["another object by the same name", facts, { ...node, metadata: { name: "n1", uid: "u2" } }, 0],
    ["the same after eleven minutes", facts, node, 660],
  ])("makes a new one for %s", async (_, next, regarding, seconds) => {
    await recorder.event(node, facts);
    clock.freeze(seconds);
    await recorder.event(regarding, next);

    expect(new Set(made.map((event) => event.metadata.name)).size).toBe(2);
  });

  it("makes it anew when it has expired on the server", async () => {
    await recorder.event(node, facts);
    expired = true;

    clock.freeze(60);
    await recorder.event(node, facts);

    expect(made).toHaveLength(2);
    expect(errors).toEqual([]);
  });

  it("puts it beside a namespaced object", async () => {
    await recorder.event({ ...node, kind: "Pod", metadata: { name: "p", namespace: "shop" } }, facts);

    expect(made[0]).toMatchObject({ metadata: { namespace: "shop" }, regarding: { namespace: "shop" } });
  });

  it("cuts a long note between characters", async () => {
    await recorder.event(node, { ...facts, note: "ä".repeat(600) });

    const note = made[0]?.note ?? "";
    expect(Buffer.byteLength(note)).toBeLessThanOrEqual(1024);
    expect(note).toMatch(/^ä+…$/);
  });

  it("never throws, and goes on after a failure", async () => {
    failWith = new ApiError("no", { status: 403, reason: "Forbidden", request: "POST" });
    await expect(recorder.event(node, facts)).resolves.toBeUndefined();
    failWith = undefined;

    await recorder.event(node, facts);

    expect(errors).toHaveLength(1);
    expect(made).toHaveLength(1);
  });
});
