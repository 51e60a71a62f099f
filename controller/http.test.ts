import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { Metrics, serveHealth } from "./http.ts";

let server: Server | undefined;
let ready = false;
let requests = 0;
const metrics = new Metrics(() => requests);

afterEach(async () => {
  const running = server;
  if (running !== undefined) await new Promise((resolve) => running.close(resolve));
  server = undefined;
});

async function serve(port = 0): Promise<string> {
  server = await serveHealth({ host: "127.0.0.1", port }, { ready: () => ready, metrics });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("the health server", () => {
  it.each([
    ["GET", "/healthz", false, 200, "ok\n"],
    ["GET", "/readyz", true, 200, "ok\n"],
    ["GET", "/readyz", false, 503, "caches are not synced yet\n"],
    ["GET", "/", true, 404, "not found\n"],
    ["GET", "/metrics/x", true, 404, "not found\n"],
    ["POST", "/healthz", true, 405, "only GET\n"],
  ])("answers %s %s (synced: %s) with %i", async (method, path, synced, status, body) => {
    ready = synced;
    const answer = await fetch(`${await serve()}${path}`, { method });

    expect([answer.status, await answer.text()]).toEqual([status, body]);
  });

  it("gives every series from the start, and the requests as they are when it is asked", async () => {
    const url = `${await serve()}/metrics`;
    const before = await (await fetch(url)).text();
    requests = 42;
    const answer = await fetch(url);
    const after = await answer.text();

    expect(answer.headers.get("content-type")).toContain("text/plain; version=0.0.4");
    for (const kind of ["migration", "node"])
      for (const outcome of ["done", "wait", "error"])
        expect(before).toContain(`cni_migrate_reconciles_total{kind="${kind}",outcome="${outcome}"} 0\n`);
    expect(before).toContain("cni_migrate_leader 0\n");
    expect(before).toMatch(/^process_resident_memory_bytes \d+$/m);
    expect(before).toContain("cni_migrate_api_requests 0\n");
    expect(after).toContain("cni_migrate_api_requests 42\n");
  });

  it("rejects when its port is taken", async () => {
    const { port } = new URL(await serve());

    await expect(
      serveHealth({ host: "127.0.0.1", port: Number(port) }, { ready: () => true, metrics }),
    ).rejects.toThrow("EADDRINUSE");
  });
});

describe("Metrics", () => {
  it("counts the nodes of each step as they are now", async () => {
    metrics.showSteps(["Drain", "Done", "Done"]);
    metrics.showSteps(["Verify", "Done", "Done"]);

    const lines = (await metrics.registry.metrics()).split("\n").filter((l) => l.startsWith("cni_migrate_nodes{"));

    expect(lines.sort()).toEqual(['cni_migrate_nodes{step="Done"} 2', 'cni_migrate_nodes{step="Verify"} 1']);
  });
});
