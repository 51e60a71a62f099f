import { describe, expect, it } from "vitest";
import { ApiError } from "../../kube/errors.ts";
import type { KubeObject, Resource, WatchEvent } from "../../kube/types.ts";
import { CliError } from "../errors.ts";
import type { Session } from "../session.ts";
import { testIo } from "../testing/io.ts";
import { condition, nodes, withStatus } from "./fixtures.ts";
import { follow } from "./follow.ts";

describe("plugin/status/follow", () => {
  const running = withStatus({
    summary: "Migrating",
    message: "",
    conditions: [condition("Reconciling", "True", "Migrating")],
  });
  const done = withStatus({
    summary: "Succeeded",
    message: "",
    progress: "3/3",
    conditions: [condition("Succeeded", "True", "Succeeded")],
  });
  const unreachable = () => new ApiError("refused", { status: 0, reason: "Refused", request: "GET /" });

  /** What each watch on the migration does: events to give, or an error to throw. Watches beyond these, and on nodes, stay quiet. */
  type Watches = (WatchEvent<KubeObject>[] | Error)[];

  function sessionWith(watches: Watches): Session {
    const left = [...watches];
    const client = {
      async list(resource: Resource) {
        const items = resource.kind === "CniMigration" ? [running] : nodes;
        return { items: structuredClone(items), resourceVersion: "1" };
      },
      async *watch(resource: Resource, { signal }: { signal: AbortSignal }) {
        const next = resource.kind === "CniMigration" ? left.shift() : undefined;
        if (next instanceof Error) throw next;
        yield* next ?? [];
        if (next === undefined) await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
    };
    return { client, namespace: "default" } as unknown as Session;
  }

  const modified = (object: KubeObject, version: string): WatchEvent<KubeObject> => ({
    type: "MODIFIED",
    object: { ...object, metadata: { ...object.metadata, resourceVersion: version } },
  });

  function quickIo(options: Parameters<typeof testIo>[0] = {}) {
    const nowMs = () => Date.parse("2026-11-21T12:00:00Z");
    const sleep = () => new Promise<void>((resolve) => setImmediate(resolve));
    return testIo({ ...options, clock: { nowMs, monotonicMs: nowMs, random: () => 0, sleep } });
  }

  it("waits out an API server that is away, and says so once", async () => {
    const io = quickIo();
    const session = sessionWith([unreachable(), unreachable(), [modified(done, "2")]]);

    const { outcome } = await follow(session, io, "flannel-to-calico", {
      sink: io.stdout,
      wide: false,
      timeoutSeconds: 5,
    });

    expect(outcome).toBe("succeeded");
    const told = io
      .out()
      .split("\n")
      .map((line) => line.slice(9));
    expect(told.filter((line) => line.includes("still trying"))).toEqual([
      "the API server cannot be reached, still trying",
    ]);
    expect(told).toContain("the API server answers again");
    expect(told).toContain("flannel-to-calico Succeeded: 3/3 (+0.0s)");
  });

  it("waits for the end of the way back, not for that of the way forward it began with", async () => {
    const turned = (observedGeneration: number, reason: string, progress: string): KubeObject =>
      ({
        ...done,
        metadata: { ...done.metadata, generation: 2 },
        spec: { ...done.spec, direction: "Revert" },
        status: { ...done.status, observedGeneration, progress, conditions: [condition("Succeeded", "True", reason)] },
      }) as KubeObject;
    const io = quickIo();
    const session = sessionWith([
      [modified(turned(1, "Succeeded", "3/3"), "2"), modified(turned(2, "Reverted", "4/4"), "3")],
    ]);

    const { outcome, migration } = await follow(session, io, "flannel-to-calico", {
      sink: io.stdout,
      wide: false,
      timeoutSeconds: 5,
    });

    expect(outcome).toBe("succeeded");
    expect(migration.status?.progress).toBe("4/4");
  });

  it("ends at once where a right is missing", async () => {
    const forbidden = new ApiError("no", { status: 403, reason: "Forbidden", request: "GET /" });
    const io = quickIo();

    await expect(
      follow(sessionWith([forbidden]), io, "flannel-to-calico", { sink: io.stdout, wide: false, timeoutSeconds: 5 }),
    ).rejects.toBe(forbidden);
  });

  it("ends when somebody deletes the migration", async () => {
    const io = quickIo();
    const deleted: WatchEvent<KubeObject> = { type: "DELETED", object: modified(running, "2").object as KubeObject };

    await expect(
      follow(sessionWith([[deleted]]), io, "flannel-to-calico", { sink: io.stdout, wide: false, timeoutSeconds: 5 }),
    ).rejects.toThrow("migration flannel-to-calico is gone");
  });

  it("says how to come back at Ctrl-C and when time is up", async () => {
    const stop = new AbortController();
    stop.abort(new CliError("interrupted", "interrupted"));
    const io = quickIo({ interrupt: stop.signal });
    const options = { sink: io.stdout, wide: false, timeoutSeconds: 5 };

    await expect(follow(sessionWith([]), io, "flannel-to-calico", options)).rejects.toMatchObject({
      kind: "interrupted",
      message: "interrupted; the migration goes on; come back with kubectl cni-migrate status flannel-to-calico -w",
    });
    const late = quickIo();
    await expect(
      follow(sessionWith([]), late, "flannel-to-calico", { sink: late.stdout, wide: false, timeoutSeconds: 0.01 }),
    ).rejects.toMatchObject({ kind: "timeout" });
  });

  it("draws one picture on a terminal; lines where CI or TERM=dumb says so", async () => {
    const drawn = quickIo({ tty: true, env: { TERM: "xterm", NO_COLOR: "1" } });
    const inCi = quickIo({ tty: true, env: { TERM: "xterm", CI: "true" } });
    const dumb = quickIo({ tty: true, env: { TERM: "dumb" } });

    for (const io of [drawn, inCi, dumb])
      await follow(sessionWith([[modified(done, "2")]]), io, "flannel-to-calico", {
        sink: io.stdout,
        wide: false,
        timeoutSeconds: 5,
      });

    expect(drawn.out()).toContain("\u001b[J");
    expect(drawn.out()).not.toMatch(/\u001b\[[0-9;]*m/);
    for (const io of [inCi, dumb]) expect(io.out()).not.toContain("\u001b");
  });
});
