import { describe, expect, test, vi } from "vitest";
import type { Pod, Service } from "../../kube/objects.ts";
import { probeServiceObject } from "../../plugin/install/deployment.ts";
import { probeMain, probeServerMain } from "./main.ts";
import { oneShotProbePod, parseProbeReport, probeServerPod } from "./pods.ts";
import { renderReport } from "./report.ts";
import { candidates, parseResolvConf } from "./resolve.ts";
import { runChecks } from "./run.ts";
import { type CheckKind, type ProbeCheck, type ProbeReport, type ProbeSpec, readSpec } from "./spec.ts";

const spec: ProbeSpec = {
  node: "n2",
  nodeIP: "192.0.2.2",
  network: "pod",
  peers: [{ node: "n1", podIP: "10.244.1.5", nodeIP: "192.0.2.1" }],
  port: 18_082,
  token: "secret",
  mtu: 1450,
};

describe("readSpec", () => {
  test("takes a good one as it is", () => {
    const full = {
      ...spec,
      service: { ip: "10.96.0.9", connections: 8 },
      dns: "x.y",
      api: true,
      external: "example.org:443",
    };
    expect(readSpec(full)).toEqual({ spec: full });
  });

  test.each<[string, unknown, string]>([
    ["no object", [], "it is not an object"],
    ["an unknown network", { ...spec, network: "host" }, 'network is "pod" or "node"'],
    [
      "a name as an address",
      { ...spec, peers: [{ ...spec.peers[0], podIP: "pod" }] },
      "a peer needs a node, a podIP and a nodeIP",
    ],
    ["a small MTU", { ...spec, mtu: 100 }, "mtu is not a number from 576 to 65535"],
    ["a small MTU of IPv6", { ...spec, mtu6: 100 }, "mtu6 is not a number from 576 to 65535"],
    ["an IPv4 address as the IPv6 one", { ...spec, nodeIP6: "192.0.2.2" }, "nodeIP6 is not an IPv6 address"],
    ["a bad external target", { ...spec, external: "example.org" }, "external is not host:port"],
    [
      "a service without connections",
      { ...spec, service: { ip: "10.96.0.9" } },
      "service needs an ip and 1 to 64 connections",
    ],
    ["nothing to check", { ...spec, peers: [] }, "it names nothing to check"],
  ])("refuses %s", (_, input, problem) => {
    expect(readSpec(input)).toEqual({ problem: `bad probe spec: ${problem}` });
  });
});

describe("bad arguments end with code 2 and one line", () => {
  const words = (stream: "stdout" | "stderr") => vi.spyOn(process[stream], "write").mockReturnValue(true);

  test.each([[["--spec", "{"]], [["--spec", "{}"]], [[]], [["--other"]]])("probe %j", async (argv) => {
    const written = words("stdout");
    expect(await probeMain(argv, {})).toBe(2);
    expect(written.mock.calls).toEqual([[expect.stringMatching(/^\{"error":".+"\}\n$/)]]);
    written.mockRestore();
  });

  test.each([[["--port", "x", "--token", "t"]], [["--port", "80"]], [["--other"]]])("probe-server %j", async (argv) => {
    const written = words("stderr");
    expect(await probeServerMain(argv, {})).toBe(2);
    expect(written.mock.calls).toEqual([["probe-server: needs --port PORT and --token TEXT, and nothing else\n"]]);
    written.mockRestore();
  });
});

describe("runChecks", () => {
  /** Each attempt takes the time it is given, as one that gets no answer does. */
  function run(answers: (string | undefined)[]) {
    let now = 0;
    const limits: number[] = [];
    const sleep = async (ms: number) => {
      now += ms;
    };
    const clock = { now: () => now, sleep };
    const attempt = async (ms: number) => {
      limits.push(ms);
      const answer = answers[limits.length - 1];
      now += answer === undefined ? ms : 5;
      if (answer === undefined) throw new Error(`no answer within ${ms} ms`);
      return answer;
    };
    return runChecks([{ path: "a -> b", kind: "dns", attempt }], 10, clock).then(([check]) => ({
      check,
      limits,
    }));
  }

  test("one that passes at once is tried once", async () => {
    const { check } = await run(["fine"]);
    expect(check).toEqual({ path: "a -> b", kind: "dns", ok: true, detail: "fine", ms: 5, tries: 1 });
  });

  test("one that is late is tried again, each time for longer", async () => {
    const { check, limits } = await run([undefined, undefined, "fine"]);
    expect(check).toMatchObject({ ok: true, tries: 3 });
    expect(limits).toEqual([250, 500, 1000]);
  });

  test("one that gets no answer is given up after an attempt as long as the window", async () => {
    const { check, limits } = await run([]);
    expect(check).toEqual({
      path: "a -> b",
      kind: "dns",
      ok: false,
      detail: "no answer within 2000 ms",
      ms: 4050,
      tries: 4,
    });
    expect(limits).toEqual([250, 500, 1000, 2000]);
  });

  test("one that is refused at once is tried for two seconds, and for a fifth of another deadline", async () => {
    const refused = () => {
      throw new Error("ECONNREFUSED");
    };
    for (const [deadlineSeconds, ms] of [
      [10, 2000],
      [5, 1000],
    ] as const) {
      let now = 0;
      const sleep = async (pause: number) => {
        now += pause;
      };
      const checks = [{ path: "a -> b", kind: "api", attempt: refused } as const];
      const [check] = await runChecks(checks, deadlineSeconds, { now: () => now, sleep });
      expect(check).toMatchObject({ ok: false, detail: "ECONNREFUSED", ms, tries: ms / 100 + 1 });
    }
  });
});

describe("renderReport", () => {
  const check = (i: number, ok: boolean, kind: CheckKind = "pod-to-pod"): ProbeCheck => {
    const path = `pod on node-with-a-long-name-${i} -> pod on another-node-with-a-long-name-${i} (10.244.${i}.5)`;
    return { path, kind, ok, detail: ok ? "answered by a pod" : "x".repeat(300), ms: i, tries: 1 };
  };
  const back = (checks: ProbeCheck[]) => {
    const text = renderReport(checks);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4096);
    return JSON.parse(text) as ProbeReport;
  };

  test("a short one is whole, failures first", () => {
    const checks = [check(1, true), check(2, false)];
    expect(back(checks)).toEqual({ ok: false, checks: [checks[1], checks[0]] });
  });

  test("a long one keeps every failure and sums up what passed", () => {
    const passed = Array.from({ length: 60 }, (_, i) => check(i, true, i % 2 ? "pod-to-pod" : "dns"));
    const report = back([...passed, check(7, false), check(8, false)]);
    expect(report.checks.map(({ kind, ok }) => [kind, ok])).toEqual([
      ["pod-to-pod", false],
      ["pod-to-pod", false],
      ["dns", true],
      ["pod-to-pod", true],
    ]);
    expect(report.checks[3]?.path).toMatch(/^30 paths, slowest: pod on node-with-a-long-name-59 /);
  });

  test("more failures than fit are counted", () => {
    const report = back(Array.from({ length: 50 }, (_, i) => check(i, false)));
    expect(report.ok).toBe(false);
    expect(report.checks.length + (report.omitted ?? 0)).toBe(50);
    expect(report.checks.length).toBeGreaterThan(8);
  });
});

describe("resolv.conf", () => {
  const conf = parseResolvConf(
    "# x\nsearch a.svc.cluster.local svc.cluster.local\nnameserver 10.96.0.10\nnameserver fd00::a\noptions ndots:5 edns0\n",
  );

  test("is read", () => {
    expect(conf).toEqual({
      servers: ["10.96.0.10", "fd00::a"],
      search: ["a.svc.cluster.local", "svc.cluster.local"],
      ndots: 5,
    });
    expect(parseResolvConf("")).toEqual({ servers: [], search: [], ndots: 1 });
  });

  test("orders the names to ask for by its dots", () => {
    expect(candidates("kubernetes.default.svc", conf)).toEqual([
      "kubernetes.default.svc.a.svc.cluster.local",
      "kubernetes.default.svc.svc.cluster.local",
      "kubernetes.default.svc",
    ]);
    expect(candidates("example.org", { ...conf, ndots: 1 })[0]).toBe("example.org");
    expect(candidates("example.org.", conf)).toEqual(["example.org"]);
  });
});

describe("pods", () => {
  const owner = { apiVersion: "cni-migrate.io/v1alpha1", kind: "CniMigration", name: "m", uid: "u1" };
  const base = { namespace: "cni-migrate", owner, image: "registry/image:1" };
  const server = probeServerPod({ ...base, name: "probe-server-n1", nodeName: "n1", token: "secret" });

  test("a server is on the pod network of its node, restarts, and the Service finds it", () => {
    const { selector, ports } = probeServiceObject().spec as Service["spec"];
    expect(server.metadata.labels).toMatchObject(selector ?? { none: "" });
    expect(server.spec).toMatchObject({ nodeName: "n1", restartPolicy: "Always", automountServiceAccountToken: false });
    expect(server.spec.hostNetwork).toBeUndefined();
    expect(server.spec.containers[0]?.args).toEqual(["probe-server", "--port", "18082", "--token", "secret"]);
    expect(ports).toEqual([{ name: "probe", port: 18_082, targetPort: 18_082, protocol: "TCP" }]);
  });

  test("a probe runs where its spec says, once, with a deadline and no privilege", () => {
    const onPods = oneShotProbePod({ ...base, name: "probe-n2", spec });
    const onNode = oneShotProbePod({
      ...base,
      name: "probe-n2",
      spec: { ...spec, network: "node", deadlineSeconds: 20 },
    });
    expect(onPods.spec).toMatchObject({ nodeName: "n2", restartPolicy: "Never", activeDeadlineSeconds: 70 });
    expect(onPods.spec.hostNetwork).toBeUndefined();
    expect(onNode.spec).toMatchObject({ hostNetwork: true, dnsPolicy: "Default", activeDeadlineSeconds: 80 });
    for (const pod of [server, onPods, onNode]) {
      expect(pod.spec.securityContext).toMatchObject({ runAsNonRoot: true });
      expect(pod.spec.containers[0]?.securityContext).toMatchObject({ capabilities: { drop: ["ALL"] } });
    }
    expect(JSON.parse(onPods.spec.containers[0]?.args?.[2] ?? "")).toEqual(spec);
  });

  const endedWith = (value: unknown, exitCode: number): Pod => ({
    ...oneShotProbePod({ ...base, name: "probe-n2", spec }),
    status: {
      phase: exitCode === 0 ? "Succeeded" : "Failed",
      containerStatuses: [
        {
          name: "probe",
          ready: false,
          restartCount: 0,
          state: { terminated: { exitCode, message: JSON.stringify(value) } },
        },
      ],
    },
  });
  const passed = { path: "a -> b", kind: "dns", ok: true, detail: "10.96.0.1", ms: 3, tries: 1 };

  test("parseProbeReport reads back what a probe leaves", () => {
    const failed = { ...passed, ok: false, detail: "no answer" };
    expect(parseProbeReport(endedWith({ ok: true, checks: [passed] }, 0))).toEqual({
      state: "done",
      report: { ok: true, checks: [passed] },
    });
    expect(parseProbeReport(endedWith({ ok: false, checks: [failed], omitted: 3 }, 1))).toEqual({
      state: "done",
      report: { ok: false, checks: [failed], omitted: 3 },
    });
    expect(parseProbeReport(endedWith({ error: "bad probe spec: x" }, 2))).toEqual({
      state: "failed",
      message: "bad probe spec: x",
    });
  });

  test.each<[string, unknown, number]>([
    ["a failed check", { ok: true, checks: [{ ...passed, ok: "yes" }] }, 0],
    ["no check", { ok: true, checks: [] }, 0],
    ["checks of unknown kinds only", { ok: true, checks: [{ ...passed, kind: "toString" }] }, 0],
    ["a bad exit code", { ok: true, checks: [passed] }, 1],
  ])("parseProbeReport does not believe ok with %s", (_, value, exitCode) => {
    expect(parseProbeReport(endedWith(value, exitCode))).toMatchObject({ state: "done", report: { ok: false } });
  });

  test("parseProbeReport refuses what is no report", () => {
    for (const value of [null, 7, [], {}, { ok: 1, checks: [] }, { ok: true, checks: "x" }])
      expect(parseProbeReport(endedWith(value, 0)).state).toBe("failed");
  });
});
