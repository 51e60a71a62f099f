import type { ChildProcess } from "node:child_process";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { HostOp } from "../../networks/host-ops.ts";
import { firstLine, outputOf, TestNet } from "./testing/netns.ts";
import { type TaskRun, taskRunner } from "./testing/task.ts";

/** A node and a peer, each with flannel's device: VNI 1, port 8472, one route, neighbour and forwarding entry for the other. */
const macs = { node: "02:00:00:00:01:01", peer: "02:00:00:00:02:02" };
const marks = { vni: 1, port: 8472, mac: macs.node };
const rename: HostOp = { op: "renameVxlan", from: "flannel.1", to: "vxlan.calico", marks };

const echoScript = `
const s = require("dgram").createSocket("udp4");
s.on("message", (m, r) => s.send(m, r.port, r.address));
s.bind(7000, "10.244.2.5", () => console.log("ready"));`;
/** One datagram each 2 ms until stdin closes, then what came back. */
const streamScript = `
const s = require("dgram").createSocket("udp4");
let sent = 0, back = 0, last = 0, worst = 0;
s.on("message", () => { const now = performance.now(); if (last) worst = Math.max(worst, now - last); last = now; if (++back === 20) console.log("ready"); });
const timer = setInterval(() => s.send("x", 7000, "10.244.2.5", () => {}) ?? sent++, 2);
process.stdin.resume();
const report = (left) => {
  if (left > 0 && back < sent) return setTimeout(report, 10, left - 10);
  console.log(JSON.stringify({ sent, back, worst }));
  process.exit();
};
process.stdin.on("end", () => { clearInterval(timer); report(500); });`;

/** Generous: other test files may keep the machine busy. */
vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });

let net: TestNet;
let node: string;
let peer: string;
let run: (ops: readonly HostOp[], env?: Record<string, string>) => Promise<TaskRun>;

beforeAll(() => {
  net = new TestNet("rename");
  node = net.add("node");
  peer = net.add("peer");
  net.join(node, peer);
  const runner = taskRunner(net);
  run = (ops, env) => runner(node, net.directory, ops, { env: env ?? {} });
  makeDevice(peer, { own: "2", other: "1" }, macs.peer, macs.node);
  net.ip(peer, "addr add 10.244.2.5/32 dev lo");
  net.start(peer, ["node", "-e", echoScript]);
});
afterAll(() => net.destroy());

beforeEach(() => {
  for (const link of ["flannel.1", "vxlan.calico"]) {
    if (net.ip(node, "-json link show").includes(`"${link}"`)) net.ip(node, `link delete ${link}`);
  }
  makeDevice(node, { own: "1", other: "2" }, macs.node, macs.peer);
  net.batch(node, [
    "route add 10.7.0.0/24 dev flannel.1 proto 80 table 77 metric 5 mtu 1400",
    "route replace blackhole 10.244.1.0/26 proto 80",
    "addr add 2001:db8:1::1/64 dev flannel.1 nodad",
    "route add 2001:db8:2::/64 via 2001:db8:1::2 dev flannel.1 proto 80",
    "neigh add 2001:db8:1::2 lladdr 02:00:00:00:02:03 dev flannel.1 nud permanent",
    "addr add fd00:10:244:1::/128 dev flannel.1 nodad",
    "route add fd00:10:244:2::/64 via fd00:10:244:2:: dev flannel.1 onlink",
    "neigh add fd00:10:244:2:: lladdr 02:00:00:00:02:04 dev flannel.1 nud permanent",
  ]);
  net.exec(node, "bridge fdb append 00:00:00:00:00:00 dst 192.0.2.77 self permanent dev flannel.1".split(" "));
});

function makeDevice(namespace: string, subnet: { own: string; other: string }, mac: string, peerMac: string): void {
  const { own, other } = subnet;
  net.batch(namespace, [
    `link add flannel.1 address ${mac} type vxlan id 1 dev up0 local 192.0.2.${own} dstport 8472 nolearning`,
    `addr add 10.244.${own}.0/32 dev flannel.1`,
    "link set flannel.1 up",
    `route add 10.244.${other}.0/24 via 10.244.${other}.0 dev flannel.1 onlink`,
    `neigh add 10.244.${other}.0 lladdr ${peerMac} dev flannel.1 nud permanent`,
  ]);
  net.exec(namespace, `bridge fdb add ${peerMac} dst 192.0.2.${other} self permanent dev flannel.1`.split(" "));
}

/** Routes, neighbours, forwarding entries and addresses of the node, with the device's name taken out. */
function carried(): string[] {
  const commands = ["-4 route show table all", "-6 route show table all", "neigh show nud permanent", "-o addr show"];
  const lines = [...commands.map((command) => net.ip(node, command)), net.exec(node, ["bridge", "fdb", "show"])];
  const text = lines.join("\n").replaceAll("flannel.1", "DEVICE").replaceAll("vxlan.calico", "DEVICE");
  const settled = text.split("\n").map((line) =>
    line
      .replace(/^\d+: /, "")
      .replaceAll(/ (tentative|linkdown)/g, "")
      .trim(),
  );
  return settled.filter((line) => line !== "" && !/fe80|ff00|33:33:|01:00:5e/.test(line)).sort();
}

async function startStream(): Promise<ChildProcess> {
  const stream = net.start(node, ["node", "-e", streamScript]);
  await firstLine(stream);
  return stream;
}

async function stopStream(stream: ChildProcess): Promise<{ sent: number; back: number; worst: number }> {
  const output = outputOf(stream);
  stream.stdin?.end();
  return JSON.parse((await output).trim().split("\n").at(-1) ?? "");
}

describe("a VXLAN device that is up", () => {
  test("is renamed with no datagram lost and nothing of it changed", async () => {
    const before = carried();
    const stream = await startStream();
    const { result, exitCode, wallMs } = await run([rename]);
    const { sent, back, worst } = await stopStream(stream);
    console.info(
      `rename while up: ${sent - back} of ${sent} datagrams lost, worst gap ${worst.toFixed(1)} ms, task ${wallMs.toFixed(0)} ms`,
    );
    expect(result).toMatchObject({ ok: true, changes: ["renamed flannel.1 to vxlan.calico"] });
    expect(exitCode).toBe(0);
    expect(sent).toBeGreaterThan(30);
    expect(back).toBe(sent);
    expect(carried()).toEqual(before);
    expect(net.ip(node, "-br link show vxlan.calico")).toContain(macs.node);
  });

  test("renamed before is fine, and set up when it was left down", async () => {
    await run([rename]);
    expect((await run([rename])).result).toMatchObject({ ok: true });
    net.ip(node, "link set vxlan.calico down");
    expect((await run([rename])).result).toMatchObject({ ok: true, changes: ["renamed flannel.1 to vxlan.calico"] });
    expect(net.ip(node, "-json link show vxlan.calico")).toContain('"UP"');
  });
});

describe("a kernel that renames only a device that is down", () => {
  test("gets all routes, neighbours, forwarding entries and addresses back in one batch", async () => {
    const before = carried();
    const stream = await startStream();
    const { result } = await run([rename], { RENAME_WHILE_DOWN: "1" });
    const { sent, back, worst } = await stopStream(stream);
    console.info(`rename while down: ${sent - back} of ${sent} datagrams lost, worst gap ${worst.toFixed(1)} ms`);
    expect(result).toMatchObject({ ok: true, changes: ["renamed flannel.1 to vxlan.calico"] });
    expect(carried()).toEqual(before);
    expect(worst).toBeLessThan(1_000);
  });

  test("is refused before anything changes when a route could not be put back", async () => {
    net.ip(node, "route add 10.99.0.0/24 tos 0x10 dev flannel.1");
    const before = carried();
    const { result, exitCode } = await run([rename], { RENAME_WHILE_DOWN: "1" });
    expect(exitCode).toBe(1);
    expect(result.error?.message).toContain("route 10.99.0.0/24 on flannel.1 has tos");
    expect(carried()).toEqual(before);
    expect(net.ip(node, "-br link show")).toContain("flannel.1");
  });
});

test("after a reboot there is nothing to rename", async () => {
  net.ip(node, "link delete flannel.1");
  const { result } = await run([rename]);
  expect(result).toMatchObject({ ok: true });
  expect(result.changes ?? []).toEqual([]);
});

describe("a rename is refused", () => {
  test.each([
    ["other VNI", { ...marks, vni: 4096 }, "flannel.1 has vni 1 instead of 4096"],
    ["other port", { ...marks, port: 4789 }, "flannel.1 has port 8472 instead of 4789"],
    [
      "other MAC",
      { ...marks, mac: "02:00:00:00:09:09" },
      `flannel.1 has mac ${macs.node} instead of 02:00:00:00:09:09`,
    ],
  ])("for a device with %s, naming both values", async (_, otherMarks, message) => {
    const { result } = await run([{ ...rename, marks: otherMarks } as HostOp]);
    expect(result).toMatchObject({ ok: false, error: { op: "renameVxlan" } });
    expect(result.error?.message).toContain(message);
    expect(net.ip(node, "-br link show")).toContain("flannel.1");
  });

  test("when both names are there", async () => {
    net.ip(node, "link add vxlan.calico type vxlan id 4096 dstport 4789 dev up0");
    const { result } = await run([rename]);
    expect(result.error?.message).toBe(
      "both flannel.1 and vxlan.calico are there: one of them has to be removed by hand",
    );
  });

  test("when the overlay's device has a third name", async () => {
    net.ip(node, "link delete flannel.1");
    net.ip(node, "link add other type vxlan id 1 dstport 8472 dev up0");
    const { result } = await run([rename]);
    net.ip(node, "link delete other");
    expect(result.error?.message).toBe(
      "the overlay's device is called other, not flannel.1: give it that name, or remove it",
    );
  });

  test("for a device of another kind", async () => {
    net.ip(node, "link delete flannel.1");
    net.ip(node, "link add flannel.1 type bridge");
    const { result } = await run([rename]);
    expect(result.error?.message).toBe("not the overlay's device: flannel.1 is a bridge, no VXLAN device");
  });
});
