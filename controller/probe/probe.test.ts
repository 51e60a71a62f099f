import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { firstLine, outputOf, TestNet } from "../host/testing/netns.ts";
import type { ProbeCheck, ProbeReport, ProbeSpec } from "./spec.ts";

/**
 * Two nodes with a VXLAN overlay of MTU 1450 and a pod each (10.244.1.5 on n1, 10.244.2.5 on n2), a Service of both pods at
 * 10.96.0.100, a DNS server and an API server in a third pod on n1 (10.244.1.9).
 */
const port = 18_082;
const token = "secret";
const pods = { n1: "10.244.1.5", n2: "10.244.2.5", extra: "10.244.1.9" };
const nodeIPs = { n1: "192.0.2.1", n2: "192.0.2.2" };

const entry = `
import { probeMain, probeServerMain } from "../probe/main.ts";
const [mode, ...rest] = process.argv.slice(2);
const run = mode === "probe" ? probeMain(rest, process.env, process.env.RESOLV_CONF) : probeServerMain(rest);
run.then((code) => process.exit(code));`;
/** Answers kubernetes.default.svc.cluster.local with 10.96.0.1 and everything else with NXDOMAIN. */
const dnsScript = `
const s = require("dgram").createSocket("udp4");
s.on("message", (q, r) => {
  const known = q.includes("kubernetes") && q.includes("cluster");
  const question = q.subarray(12, q.indexOf(0, 12) + 5);
  const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 96, 0, 1]);
  const head = Buffer.from([q[0], q[1], 0x81, known ? 0x80 : 0x83, 0, 1, 0, known ? 1 : 0, 0, 0, 0, 0]);
  s.send(Buffer.concat(known ? [head, question, answer] : [head, question]), r.port, r.address);
});
s.bind(53, () => console.log("ready"));`;
const apiScript = `
const { readFileSync } = require("fs");
const [key, cert] = process.argv.slice(1).map((file) => readFileSync(file));
require("https").createServer({ key, cert }, (_, r) => r.writeHead(401).end()).listen(6443, () => console.log("ready"));`;

/** Generous: other test files may keep the machine busy. */
vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });

let net: TestNet;
let bundle: string;
const names = { n1: "", n2: "", p1: "", p2: "", extra: "" };

beforeAll(async () => {
  net = new TestNet("probe");
  for (const name of Object.keys(names) as (keyof typeof names)[]) names[name] = net.add(name);
  net.join(names.n1, names.n2);
  makeNode(names.n1, { own: 1, other: 2 });
  makeNode(names.n2, { own: 2, other: 1 });
  addPod(names.n1, names.p1, pods.n1, "pod1");
  addPod(names.n1, names.extra, pods.extra, "pod9");
  addPod(names.n2, names.p2, pods.n2, "pod2");
  for (const node of [names.n1, names.n2]) addService(node);
  bundle = net.bundle("probe", entry);
  const [key, cert, resolvConf] = ["key.pem", "cert.pem", "resolv.conf"].map((file) => join(net.directory, file)) as [
    string,
    string,
    string,
  ];
  const request = [
    "req",
    "-x509",
    "-nodes",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-subj",
    "/CN=api",
  ];
  execFileSync("openssl", [...request, "-keyout", key, "-out", cert], { stdio: "pipe" });
  writeFileSync(
    resolvConf,
    `search cni-migrate.svc.cluster.local svc.cluster.local cluster.local\nnameserver ${pods.extra}\noptions ndots:5\n`,
  );
  const servers = [
    startServer(names.p1, "n1"),
    startServer(names.p2, "n2"),
    net.start(names.extra, ["node", "-e", dnsScript]),
    net.start(names.extra, ["node", "-e", apiScript, key, cert]),
  ];
  await Promise.all(servers.map(firstLine));
});
afterAll(() => net.destroy());

function makeNode(node: string, { own, other }: { own: number; other: number }): void {
  const mac = (n: number) => `02:00:00:00:00:0${n}`;
  net.batch(node, [
    `link add flannel.1 address ${mac(own)} type vxlan id 1 dev up0 local 192.0.2.${own} dstport 8472 nolearning`,
    `addr add 10.244.${own}.0/32 dev flannel.1`,
    "link set flannel.1 up",
    `route add 10.244.${other}.0/24 via 10.244.${other}.0 dev flannel.1 onlink`,
    `neigh add 10.244.${other}.0 lladdr ${mac(other)} dev flannel.1 nud permanent`,
  ]);
  net.exec(node, `bridge fdb add ${mac(other)} dst 192.0.2.${other} self permanent dev flannel.1`.split(" "));
  net.exec(node, ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);
}

function addPod(node: string, pod: string, address: string, link: string): void {
  const gateway = address.replace(/\d+$/, "1");
  net.ip(node, `link add ${link} mtu 1450 type veth peer name eth0 netns ${pod}`);
  net.batch(node, [`addr add ${gateway}/32 dev ${link}`, `link set ${link} up`, `route add ${address}/32 dev ${link}`]);
  net.batch(pod, [
    `addr add ${address}/32 dev eth0`,
    "link set eth0 mtu 1450 up",
    `route add ${gateway} dev eth0`,
    `route add default via ${gateway}`,
  ]);
}

function addService(node: string): void {
  const to = (pod: string) =>
    `-A PREROUTING -d 10.96.0.100/32 -p tcp --dport ${port} -j DNAT --to-destination ${pod}:${port}`;
  const half = to(pods.n1).replace(" -j", " -m statistic --mode nth --every 2 --packet 0 -j");
  const own = `-A POSTROUTING -m conntrack --ctstate DNAT -j MASQUERADE`;
  const api = `-A PREROUTING -d 10.96.0.1/32 -p tcp --dport 443 -j DNAT --to-destination ${pods.extra}:6443`;
  net.exec(node, ["iptables-nft-restore"], `*nat\n${half}\n${to(pods.n2)}\n${api}\n${own}\nCOMMIT\n`);
}

function startServer(pod: string, node: string) {
  const argv = ["node", bundle, "probe-server", "--port", String(port), "--token", token];
  return net.start(pod, argv, { NODE_NAME: node, POD_NAME: `server-${node}` });
}

const peers = (["n1", "n2"] as const).map((node) => ({ node, podIP: pods[node], nodeIP: nodeIPs[node] }));
const fromPod: ProbeSpec = {
  node: "n2",
  nodeIP: nodeIPs.n2,
  network: "pod",
  peers: peers.slice(0, 1),
  port,
  token,
  mtu: 1450,
  service: { ip: "10.96.0.100", connections: 6 },
  dns: "kubernetes.default.svc",
  api: true,
};
const fromNode: ProbeSpec = { node: "n2", nodeIP: nodeIPs.n2, network: "node", peers, port, token, mtu: 1450 };

async function probe(spec: ProbeSpec): Promise<ProbeReport & { exitCode: number | null; wallMs: number }> {
  const started = performance.now();
  const child = net.start(
    spec.network === "pod" ? names.p2 : names.n2,
    ["node", bundle, "probe", "--spec", JSON.stringify(spec)],
    {
      NODE_NAME: "n2",
      POD_NAME: "one-shot",
      POD_IP: pods.n2,
      KUBERNETES_SERVICE_HOST: "10.96.0.1",
      KUBERNETES_SERVICE_PORT: "443",
      RESOLV_CONF: join(net.directory, "resolv.conf"),
    },
  );
  const report = JSON.parse(await outputOf(child)) as ProbeReport;
  return { ...report, exitCode: child.exitCode, wallMs: performance.now() - started };
}

const failures = (report: ProbeReport) => report.checks.filter((check) => !check.ok);
const describeCheck = ({ kind, path, detail }: ProbeCheck) => `${kind}: ${path}: ${detail}`;

describe("a sound overlay passes every check", () => {
  test("from a pod", async () => {
    const report = await probe(fromPod);
    console.info(`probe from a pod: ${report.checks.length} checks, ${report.wallMs.toFixed(0)} ms`);
    expect(report.checks.map(describeCheck)).toEqual([
      "pod-to-pod: pod on n2 -> pod on n1 (10.244.1.5): answered by server-n1",
      "source-address: pod on n2 -> pod on n1 (10.244.1.5): seen as 10.244.2.5",
      "pod-to-pod: pod on n1 (10.244.1.5) -> pod on n2 (10.244.2.5): answered by one-shot",
      "source-address: pod on n1 (10.244.1.5) -> pod on n2 (10.244.2.5): seen as 10.244.1.5",
      "full-size-tcp: pod on n2 -> pod on n1 (10.244.1.5): 1 MiB went there and back",
      "full-size-udp: pod on n2 -> pod on n1 (10.244.1.5): a packet of 1450 bytes came back",
      "pod-to-node: pod on n2 -> node n1 (192.0.2.1): refused",
      "service: pod on n2 -> Service 10.96.0.100:18082: 6 of 6 connections answered by n1, n2",
      "dns: pod on n2 -> DNS name kubernetes.default.svc: 10.96.0.1",
      "api: pod on n2 -> API server (10.96.0.1:443): HTTP status 401",
    ]);
    expect(report).toMatchObject({ ok: true, exitCode: 0 });
  });

  test("from the node's own network", async () => {
    const report = await probe(fromNode);
    expect(report).toMatchObject({ ok: true, exitCode: 0 });
    expect(report.checks.map((check) => check.kind).sort()).toEqual([
      "full-size-tcp",
      "full-size-tcp",
      "full-size-udp",
      "full-size-udp",
      "node-to-pod",
      "node-to-pod",
      "pod-to-node",
      "pod-to-node",
    ]);
  });
});

/** Runs a probe while packet filter rules on n2 break something. */
async function whileBroken(rules: readonly string[], spec: ProbeSpec) {
  const change = (action: "-I" | "-D") => {
    for (const rule of rules) net.exec(names.n2, ["iptables-nft", ...rule.replace("-I", action).split(" ")]);
  };
  change("-I");
  try {
    return await probe({ ...spec, deadlineSeconds: 6 });
  } finally {
    change("-D");
  }
}

describe("a broken path is named, and only that", () => {
  test("a leftover blackhole route of the new pod's range on the peer's node", async () => {
    const route = ["blackhole", "10.244.2.0/26", "proto", "80"];
    net.exec(names.n1, ["ip", "route", "add", ...route]);
    const report = await probe({ ...fromPod, deadlineSeconds: 6 });
    net.exec(names.n1, ["ip", "route", "del", ...route]);
    expect(report).toMatchObject({ ok: false, exitCode: 1 });
    expect(failures(report).map((check) => check.path)).toContain("pod on n2 -> pod on n1 (10.244.1.5)");
    expect(failures(report)[0]?.tries).toBeGreaterThan(1);
    expect(report.wallMs).toBeLessThan(5_000);
  });

  test("masquerading between pods, DNS that is dropped, an outside host that refuses", async () => {
    const masquerade = "-t nat -I POSTROUTING -s 10.244.2.0/24 -p tcp --dport 18082 -o flannel.1 -j MASQUERADE";
    const noDns = "-t filter -I FORWARD -p udp --dport 53 -j DROP";
    const report = await whileBroken([masquerade, noDns], { ...fromPod, external: "10.244.1.9:9" });
    expect(failures(report).map(describeCheck)).toEqual([
      "source-address: pod on n2 -> pod on n1 (10.244.1.5): seen as 10.244.2.0 instead of 10.244.2.5",
      "dns: pod on n2 -> DNS name kubernetes.default.svc: no answer from 10.244.1.9",
      "external: pod on n2 -> 10.244.1.9:9: ECONNREFUSED",
    ]);
  });

  test("full-size packets that are dropped, one backend of the Service that is not reached, an unknown name", async () => {
    const noLarge = "-t mangle -I FORWARD -o flannel.1 -m length --length 1441: -j DROP";
    const noBackend =
      "-t filter -I FORWARD -p tcp -d 10.244.1.5 -m conntrack --ctstate DNAT -j REJECT --reject-with tcp-reset";
    const report = await whileBroken([noLarge, noBackend], { ...fromPod, dns: "nowhere.default.svc" });
    expect(failures(report).map(({ kind, path }) => `${kind}: ${path}`)).toEqual([
      "full-size-tcp: pod on n2 -> pod on n1 (10.244.1.5)",
      "full-size-udp: pod on n2 -> pod on n1 (10.244.1.5)",
      "service: pod on n2 -> Service 10.96.0.100:18082",
      "dns: pod on n2 -> DNS name nowhere.default.svc",
    ]);
    expect(
      failures(report)
        .slice(2)
        .map((check) => check.detail),
    ).toEqual([
      expect.stringMatching(/^[1-5] of 6 connections failed: connect ECONNREFUSED 10\.96\.0\.100:18082$/),
      "ENOTFOUND from 10.244.1.9",
    ]);
  });

  test("a peer that does not get through to the new pod, and an API server that does not answer", async () => {
    const noWayIn = "-t filter -I FORWARD -d 10.244.2.5 -p tcp --syn -j DROP";
    const noApi = "-t filter -I FORWARD -p tcp --dport 6443 -j DROP";
    const { service: _, ...spec } = fromPod;
    const report = await whileBroken([noWayIn, noApi], spec);
    expect(failures(report).map(({ kind, path }) => `${kind}: ${path}`)).toEqual([
      "pod-to-pod: pod on n1 (10.244.1.5) -> pod on n2 (10.244.2.5)",
      "source-address: pod on n1 (10.244.1.5) -> pod on n2 (10.244.2.5)",
      "api: pod on n2 -> API server (10.96.0.1:443)",
    ]);
    for (const { detail } of failures(report)) expect(detail).toMatch(/no answer within \d+ ms$/);
  });

  test("not a path that comes a moment later: the check passes with more than one try", async () => {
    const rule = "FORWARD -s 10.244.2.5 -d 10.244.1.5 -j DROP".split(" ");
    net.exec(names.n2, ["iptables-nft", "-I", ...rule]);
    const report = probe(fromPod);
    const dropped = () => Number(net.exec(names.n2, ["iptables-nft", "-vnxL", "FORWARD", "1"]).trim().split(/\s+/)[0]);
    while (dropped() === 0) await sleep(10);
    net.exec(names.n2, ["iptables-nft", "-D", ...rule]);
    expect(await report).toMatchObject({ ok: true, exitCode: 0 });
    expect(Math.max(...(await report).checks.map((check) => check.tries))).toBeGreaterThan(1);
  });
});
