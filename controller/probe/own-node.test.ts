import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { afterEach, describe, expect, it, vi } from "vitest";
import { probeMain } from "./main.ts";
import type { ProbeReport, ProbeSpec } from "./spec.ts";

/** A port nobody listens on now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const loopback = "127.0.0.1";
const loopback6 = "::1";
const hasIPv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === loopback6));

function specs(port: number): { pod: ProbeSpec; host: ProbeSpec } {
  const common = { node: "n1", nodeIP: loopback, port, token: "t", mtu: 1450, deadlineSeconds: 20 };
  return {
    pod: { ...common, network: "pod", peers: [{ node: "n1", podIP: loopback, nodeIP: loopback, onNode: true }] },
    host: { ...common, network: "node", peers: [], external: `${loopback}:${port}`, awaitsPod: true },
  };
}

describe("a node's two probes", () => {
  afterEach(() => vi.restoreAllMocks());

  it("try the way between node and pod with each other, and the node's ends when the pod's is done with it", async () => {
    const said: ProbeReport[] = [];
    vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      said.push(JSON.parse(String(text)));
      return true;
    });
    const { pod, host } = specs(await freePort());
    const env = { NODE_NAME: "n1", POD_IP: loopback };
    const started = performance.now();

    const codes = await Promise.all([
      probeMain(["--spec", JSON.stringify(host)], { ...env, POD_NAME: "verify-node" }),
      probeMain(["--spec", JSON.stringify(pod)], { ...env, POD_NAME: "verify-pod" }),
    ]);

    expect(codes).toEqual([0, 0]);
    expect(performance.now() - started).toBeLessThan(15_000);
    const paths = said.flatMap((report) => report.checks).map((c) => `${c.kind}: ${c.path} ${c.ok}`);
    expect(paths).toContain(`pod-to-node: pod on n1 (${loopback}) -> node n1 true`);
    expect(paths).toContain(`node-to-pod: node n1 -> pod on n1 (${loopback}) true`);
  });

  it.runIf(hasIPv6)("try it in each family of a dual-stack node", async () => {
    const said: ProbeReport[] = [];
    vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      said.push(JSON.parse(String(text)));
      return true;
    });
    const { pod, host } = specs(await freePort());
    const peers = [...pod.peers, { node: "n1", podIP: loopback6, nodeIP: loopback6, onNode: true as const }];
    const env = { NODE_NAME: "n1", POD_IP: loopback, POD_IPS: `${loopback},${loopback6}` };

    const codes = await Promise.all([
      probeMain(["--spec", JSON.stringify({ ...host, nodeIP6: loopback6 })], { ...env, POD_NAME: "verify-node" }),
      probeMain(["--spec", JSON.stringify({ ...pod, peers, mtu6: 1430 })], { ...env, POD_NAME: "verify-pod" }),
    ]);

    expect(codes).toEqual([0, 0]);
    const checks = said.flatMap((report) => report.checks).map((c) => `${c.kind}: ${c.path}: ${c.detail}`);
    for (const [address, bytes] of [
      [loopback, 1450],
      [loopback6, 1430],
    ]) {
      expect(checks).toContain(`node-to-pod: node n1 -> pod on n1 (${address}): answered by verify-pod`);
      expect(checks).toContain(
        `full-size-udp: pod on n1 (${address}) -> node n1: a packet of ${bytes} bytes came back`,
      );
    }
  });

  it("say so when the node's port is taken", async () => {
    const taken = createServer().listen(0);
    await new Promise((resolve) => taken.once("listening", resolve));
    const { port } = taken.address() as { port: number };
    const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);

    const code = await probeMain(["--spec", JSON.stringify(specs(port).host)], {
      NODE_NAME: "n1",
      POD_NAME: "verify-node",
    });
    await new Promise((resolve) => taken.close(resolve));

    expect(code).toBe(1);
    expect(String(write.mock.calls[0]?.[0])).toContain(`cannot listen on port ${port}`);
  });
});
