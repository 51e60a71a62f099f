import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createClient } from "./client.ts";
import { directServers, inClusterConnection } from "./in-cluster.ts";
import { FakeClock } from "./testing/fake-clock.ts";
import { connectionTo, json, startFaultServer, status } from "./testing/fault-server.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), "cni-migrate-pod-"));
  writeFileSync(path.join(root, "ca.crt"), "the authority");
  writeFileSync(path.join(root, "token"), "one\n");
  writeFileSync(path.join(root, "namespace"), "cni-migrate\n");
});

afterEach(() => rmSync(root, { recursive: true }));

const env = { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443" };

describe("the connection of a pod", () => {
  it("is the Service kubernetes with the ServiceAccount's token, which rotates", async () => {
    const clock = new FakeClock();
    const connection = await inClusterConnection({ env, root, clock });

    expect(connection).toMatchObject({
      servers: ["https://10.96.0.1:443"],
      tls: { ca: "the authority", servername: "kubernetes.default.svc" },
      namespace: "cni-migrate",
    });
    expect((await connection.credentials(false)).headers).toEqual({ authorization: "Bearer one" });
    writeFileSync(path.join(root, "token"), "two");
    clock.freeze(61);
    expect((await connection.credentials(false)).headers).toEqual({ authorization: "Bearer two" });
  });

  it("may be to API servers by their addresses, IPv6 too", async () => {
    const servers = ["https://172.30.0.11:6443", "https://[fd00::1]:6443"];

    expect(await inClusterConnection({ env: {}, root, servers })).toMatchObject({
      servers,
      tls: { servername: "kubernetes.default.svc" },
    });
  });

  it("asks for the host's own name where it is a name", async () => {
    const connection = await inClusterConnection({ env: { ...env, KUBERNETES_SERVICE_HOST: "api.example.com" }, root });

    expect(connection.tls).not.toHaveProperty("servername");
  });

  it("is refused outside of one", async () => {
    await expect(inClusterConnection({ env: {}, root })).rejects.toThrow("not in a cluster: KUBERNETES_SERVICE_HOST");
    rmSync(path.join(root, "ca.crt"));
    await expect(inClusterConnection({ env, root })).rejects.toThrow("automountServiceAccountToken");
  });
});

describe("the addresses of the API servers", () => {
  it("come from the EndpointSlice they keep themselves, without those that are not ready", async () => {
    const server = await startFaultServer();
    const endpoint = (address: string, ready?: boolean) => ({
      addresses: [address],
      conditions: ready === undefined ? {} : { ready },
    });
    server.answer(
      json({
        metadata: { name: "kubernetes" },
        ports: [{ name: "https", port: 6443 }],
        endpoints: [endpoint("10.0.0.2"), endpoint("10.0.0.1", true), endpoint("10.0.0.3", false), endpoint("fd00::1")],
      }),
    );

    expect(await directServers(createClient(connectionTo(server.url)))).toEqual([
      "https://10.0.0.1:6443",
      "https://10.0.0.2:6443",
      "https://[fd00::1]:6443",
    ]);
    expect(server.seen[0]?.path).toBe("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes");
    await server.close();
  });

  it("are none where the API servers keep no such slice", async () => {
    const server = await startFaultServer();
    server.answer(status(404, "NotFound"));

    expect(await directServers(createClient(connectionTo(server.url)))).toEqual([]);
    await server.close();
  });
});
