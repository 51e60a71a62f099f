import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type HostDeps, realDeps } from "./deps.ts";
import { awaitFile, awaitHttp, awaitProcessGone, awaitRoutes, awaitVxlan } from "./waits.ts";

let root: string;
/** Time passes only in sleeps, as fast as the machine can; `onSleep` is what happens meanwhile. */
function fakeDeps(
  onSleep: (slept: number) => void | Promise<void> = () => {},
  overrides: Partial<HostDeps> = {},
): HostDeps {
  let now = 1_000_000;
  let slept = 0;
  return realDeps({
    root,
    now: () => now,
    sleep: async (milliseconds) => {
      now += milliseconds;
      slept += 1;
      await onSleep(slept);
    },
    ...overrides,
  });
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "cnim-waits-"));
  mkdirSync(join(root, "run/flannel"), { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe("awaitHttp", () => {
  test("asks until the status is one of those wanted", async () => {
    const statuses = [503, 503, 204];
    const server = createServer((_, response) => response.writeHead(statuses.shift() ?? 500).end());
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    await awaitHttp(fakeDeps(), `http://127.0.0.1:${port}/readiness`, [200, 204], 5);
    expect(statuses).toEqual([]);
    server.close();
  });

  test("says what was seen last", async () => {
    await expect(awaitHttp(fakeDeps(), "http://127.0.0.1:1/readiness", [200], 2)).rejects.toThrow(
      "answer of http://127.0.0.1:1/readiness: not within 2 s; last seen: ECONNREFUSED",
    );
  });
});

describe("awaitFile", () => {
  const path = "/run/flannel/subnet.env";
  const write = () => writeFileSync(join(root, path), "x");

  test("waits for the file to come", async () => {
    let polls = 0;
    await awaitFile(
      fakeDeps((slept) => {
        polls = slept;
        if (slept === 3) write();
      }),
      path,
      5,
      undefined,
    );
    expect(polls).toBe(3);
  });

  test("does not take an earlier run's file for the new one", async () => {
    write();
    const startMs = Date.parse("2026-01-01T00:00:00Z");
    utimesSync(join(root, path), 0, startMs / 1000 - 10);
    const age = { seconds: 5, startMs };
    await expect(awaitFile(fakeDeps(), path, 1, age)).rejects.toThrow(
      "last seen: it was last written at 2025-12-31T23:59:50.000Z",
    );
    await awaitFile(
      fakeDeps((slept) => (slept === 2 ? write() : undefined)),
      path,
      5,
      age,
    );
    await awaitFile(fakeDeps(), path, 1, { seconds: 20, startMs: Date.now() });
  });
});

describe("awaitProcessGone", () => {
  let child: ChildProcess;
  const name = `cnimt${process.pid}`;
  beforeEach(async () => {
    // argv[0] is the name, as a program of that name has it.
    child = spawn("sleep", ["60"], { argv0: `/opt/bin/${name}` });
    await once(child, "spawn");
  });
  afterEach(() => child.kill("SIGKILL"));

  test("waits for the end of the process", async () => {
    let polls = 0;
    const deps = fakeDeps(async (slept) => {
      polls = slept;
      if (slept !== 2) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    });
    await awaitProcessGone(deps, ["other", name], 60);
    expect(polls).toBe(2);
  });

  test("names the process that is still there", async () => {
    await expect(awaitProcessGone(fakeDeps(), [name], 1)).rejects.toThrow(
      `end of ${name}: not within 1 s; last seen: ${name} (PID ${child.pid})`,
    );
  });
});

describe("awaitVxlan", () => {
  const link = (name: string, id: number, flags: string[]) => ({
    ifname: name,
    flags,
    address: "02:00:00:00:00:01",
    linkinfo: { info_kind: "vxlan", info_data: { id, port: 8472 } },
  });

  test("waits for name, marks and up, and says what is missing", async () => {
    const views = [
      [],
      [link("flannel.1", 1, ["UP"])],
      [link("vxlan.calico", 4096, ["UP"])],
      [link("vxlan.calico", 1, [])],
    ];
    const missing = [
      "no VXLAN device",
      "only flannel.1",
      "vxlan.calico has vni 4096 instead of 1",
      "vxlan.calico is down",
    ];
    for (const [index, view] of views.entries()) {
      const run = async () => ({ code: 0, stdout: JSON.stringify(view), stderr: "" });
      await expect(awaitVxlan(fakeDeps(undefined, { run }), "vxlan.calico", { vni: 1, port: 8472 }, 1)).rejects.toThrow(
        `last seen: ${missing[index]}`,
      );
    }
    const run = async () => ({ code: 0, stdout: JSON.stringify([link("vxlan.calico", 1, ["UP"])]), stderr: "" });
    await awaitVxlan(fakeDeps(undefined, { run }), "vxlan.calico", { vni: 1, port: 8472, mac: "02:00:00:00:00:01" }, 1);
  });
});

describe("awaitRoutes", () => {
  const views: Record<string, string[]> = { "-4": ["10.244.1.0/24", "default"], "-6": ["fd00:1::/64"] };
  const run = async (argv: readonly string[]) => {
    expect(argv.slice(3)).toEqual(["route", "show", "dev", "flannel.1"]);
    const stdout = JSON.stringify((views[argv[2] ?? ""] ?? []).map((dst) => ({ dst })));
    return { code: 0, stdout, stderr: "" };
  };

  test("ends when the device has a route to each of both families", async () => {
    await awaitRoutes(fakeDeps(undefined, { run }), "flannel.1", ["10.244.1.0/24", "fd00:1::/64"], 1);
  });

  test("names the ranges there is none to", async () => {
    const waited = awaitRoutes(fakeDeps(undefined, { run }), "flannel.1", ["10.244.1.0/24", "10.244.2.0/24"], 1);

    await expect(waited).rejects.toThrow("routes of flannel.1: not within 1 s; last seen: none to 10.244.2.0/24");
  });
});
