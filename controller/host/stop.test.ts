import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { HostOp } from "../../networks/host-ops.ts";
import { realDeps } from "./deps.ts";
import { runHostTask } from "./task.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "cnim-stop-"));
  mkdirSync(join(root, "run/flannel"), { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const file = "/run/flannel/after";
const write: HostOp = { op: "writeFile", path: file, content: "x", mode: 0o600 };

describe("a task whose pod is being deleted", () => {
  test("gives up its wait and begins nothing more", async () => {
    const stop = new AbortController();
    const deps = realDeps({ root, stop: stop.signal });
    const running = runHostTask([{ op: "awaitFile", path: "/run/flannel/never", timeoutSeconds: 60 }, write], deps);
    setTimeout(() => stop.abort(), 20);

    const result = await running;

    expect(result).toMatchObject({
      ok: false,
      error: { op: "awaitFile", message: "ended before it was done: its pod is being deleted" },
    });
    expect(existsSync(join(root, file))).toBe(false);
  });

  test("begins nothing at all when it was told before", async () => {
    const result = await runHostTask([write], realDeps({ root, stop: AbortSignal.abort() }));

    expect(result).toMatchObject({ ok: false, error: { op: "writeFile" } });
    expect(existsSync(join(root, file))).toBe(false);
  });
});
