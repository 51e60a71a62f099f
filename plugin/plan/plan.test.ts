import { describe, expect, it } from "vitest";
import type { NetworkPolicy, Node, Pod } from "../../kube/objects.ts";
import type { NetworkFacts } from "../../networks/contract.ts";
import { networkById } from "../../networks/index.ts";
import { snapshotOf } from "../../networks/snapshot.ts";
import { painter } from "../output.ts";
import type { MigrationRequest } from "../request/request.ts";
import { checkCidr, checkPolicies, refuseUnknownNodes } from "./checks.ts";
import type { ClusterFacts } from "./gather.ts";
import { parseEnv, readHosts } from "./hosts.ts";
import { fateOf } from "./pods.ts";
import { renderPlan } from "./render.ts";
import { planView } from "./view.ts";

describe("plugin/plan", () => {
  const owner = (kind: string) => [{ apiVersion: "apps/v1", kind, name: "o", uid: "u", controller: true }];
  const pod = (
    name: string,
    nodeName: string,
    metadata: Partial<Pod["metadata"]> = {},
    spec: Partial<Pod["spec"]> = {},
  ): Pod => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "shop", ...metadata },
    spec: { nodeName, containers: [], ...spec },
  });
  const node = (name: string, labels: Record<string, string> = {}, ready = true): Node => ({
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels },
    status: { conditions: [{ type: "Ready", status: ready ? "True" : "False" }] },
  });
  const request: MigrationRequest = {
    name: undefined,
    target: networkById("calico"),
    source: undefined,
    spec: {},
    manifests: [],
  };
  const flannelFacts: NetworkFacts = {
    network: "flannel",
    agent: { namespace: "kube-flannel", daemonSets: ["kube-flannel-ds"], podLabels: { app: "flannel" } },
    overlay: {
      encapsulation: "vxlan",
      vni: 1,
      port: 8472,
      mtu: 1450,
      cidrs: ["10.244.0.0/16"],
      subnetLen: 24,
      masquerade: true,
    },
    vteps: {},
    cniConfDir: "/etc/cni/net.d",
    cniBinDir: "/opt/cni/bin",
    detected: [{ name: "mtu", value: "1450", from: "node n1, /run/flannel/subnet.env" }],
  };
  const facts: ClusterFacts = {
    target: request.target,
    source: { network: networkById("flannel"), facts: flannelFacts, strategy: "SharedOverlay" },
    findings: [
      { severity: "info", reason: "MtuReadOnNodes", what: "its MTU is read later", where: "daemonset x/y", cure: "" },
    ],
    snapshot: snapshotOf({ objects: [] }),
    nodes: [
      node("n1", { "node-role.kubernetes.io/control-plane": "" }),
      node("n3", { pool: "a" }, false),
      node("n2", { pool: "a" }),
    ],
    pods: [
      pod("web-1", "n2", { ownerReferences: owner("ReplicaSet") }),
      pod("log-1", "n2", { ownerReferences: owner("DaemonSet") }),
      pod("debug", "n2"),
      pod("proxy", "n2", { ownerReferences: owner("DaemonSet") }, { hostNetwork: true }),
    ],
    policies: undefined,
    ending: [],
  };

  it("shows what was found, who goes when, and what is to be known before", () => {
    expect(renderPlan(planView(request, facts), painter(false))).toMatchInlineSnapshot(`
      "Migration:   flannel-to-calico
      Networks:    flannel to calico (SharedOverlay)
      Batch:       1 node at a time
      Manifests:   none given: -f checks them too

      DETECTED   VALUE   FROM
      mtu        1450    node n1, /run/flannel/subnet.env

      ORDER   NODE   ROLE            DRAINED   RECREATED   UNTOUCHED   NOTE
      1       n2     worker          1         1           1           1 pod stops the drain
      2       n3     worker          0         0           0           not Ready
      3       n1     control plane   0         0           0           -

      WARNING   node n2: the drain will stop at pods that need a decision: shop/debug; delete them before, or give a CniMigration with spec.drain (force, deleteEmptyDirData) with -f
      INFO      daemonset x/y: its MTU is read later

      Nothing is in the way. Begin with: kubectl cni-migrate start --target calico -f FILE
      "
    `);
  });

  it("shows the policies that begin to hold, between the nodes and what is to be known", () => {
    const policies = {
      policies: [{ policy: "shop/deny", directions: ["Ingress" as const], selects: [] }],
      cutOff: [],
    };

    const text = renderPlan(planView(request, { ...facts, policies }), painter(false));

    expect(text).toMatch(
      /\n\nNETWORKPOLICY +DIRECTIONS +PODS\nshop\/deny +Ingress +<none>\n\nNo connection.*\n\nWARNING/,
    );
    expect(planView(request, { ...facts, policies })).toMatchObject(policies);
  });

  it.each([
    [["n2", "n9"], "spec.nodeOrder names a node the cluster does not have: n9; its nodes are n1, n2, n3"],
    [["n8", "n9", "n1"], "spec.nodeOrder names nodes the cluster does not have: n8, n9; its nodes are n1, n2, n3"],
  ])("refuses the order %j", (nodeOrder, message) => {
    const given = { ...request, spec: { ...request.spec, nodeOrder } };

    expect(() => refuseUnknownNodes(given, facts.nodes)).toThrow(message);
    expect(() => refuseUnknownNodes({ ...request, spec: { nodeOrder: ["n3"] } }, facts.nodes)).not.toThrow();
  });

  it("shows every blocker, and that nothing was changed", () => {
    const blocked: ClusterFacts = {
      ...facts,
      source: undefined,
      findings: [
        {
          severity: "blocker",
          reason: "SourceNotFound",
          what: "no network of ours was found",
          where: "the cluster",
          cure: "name its DaemonSet",
        },
      ],
      nodes: [],
    };

    expect(renderPlan(planView(request, blocked), painter(false))).toMatchInlineSnapshot(`
      "Networks:    unknown to calico
      Batch:       1 node at a time
      Manifests:   none given: -f checks them too

      BLOCKED   the cluster: no network of ours was found; name its DaemonSet

      1 thing is in the way. Nothing was changed.
      "
    `);
  });

  it("follows spec.nodeOrder and leaves out what spec.nodeSelector does not take", () => {
    const spec = { nodeOrder: ["n1"], nodeSelector: { matchLabels: { pool: "a" } } };
    const { nodes } = planView({ ...request, spec }, facts);

    expect(nodes.map(({ name, skipped }) => [name, skipped !== undefined])).toEqual([
      ["n1", true],
      ["n2", false],
      ["n3", false],
    ]);
  });

  it.each([
    ["a ReplicaSet's pod", pod("p", "n", { ownerReferences: owner("ReplicaSet") }), {}, "drained"],
    ["a DaemonSet's pod", pod("p", "n", { ownerReferences: owner("DaemonSet") }), {}, "recreated"],
    ["a pod on the node's own network", pod("p", "n", {}, { hostNetwork: true }), {}, "stays"],
    ["a static pod", pod("p", "n", { annotations: { "kubernetes.io/config.mirror": "x" } }), {}, "stays"],
    ["a pod of ours", pod("p", "n", { labels: { "app.kubernetes.io/managed-by": "cni-migrate" } }), {}, "stays"],
    ["a finished pod", { ...pod("p", "n"), status: { phase: "Succeeded" as const } }, {}, "stays"],
    ["a pod nobody makes anew", pod("p", "n"), {}, "unmanaged"],
    ["the same with force", pod("p", "n"), { force: true }, "drained"],
    ["the same, on its way out", pod("p", "n", { deletionTimestamp: "2026-11-21T12:00:00Z" }), {}, "drained"],
    [
      "a pod with an emptyDir that may not be lost",
      pod("p", "n", { ownerReferences: owner("ReplicaSet") }, { volumes: [{ name: "v", emptyDir: {} }] }),
      { deleteEmptyDirData: false },
      "emptyDir",
    ],
    [
      "an ignored pod",
      pod("p", "n", { labels: { keep: "yes" } }),
      { ignore: [{ namespace: "shop", podSelector: { matchLabels: { keep: "yes" } } }] },
      "stays",
    ],
  ])("tells what becomes of %s", (_what, subject, drain, fate) => {
    expect(fateOf(subject, drain)).toBe(fate);
  });

  it("refuses a range of its own on a shared overlay", () => {
    expect(checkCidr("10.0.0.0/16", flannelFacts, "SharedOverlay")).toMatchObject([
      { severity: "blocker", reason: "CIDRConflict" },
    ]);
    expect(checkCidr("10.244.0.0/16", flannelFacts, "SharedOverlay")).toEqual([]);
    expect(checkCidr("10.0.0.0/16", flannelFacts, "DualOverlay")).toEqual([]);
  });

  it("says more of one that holds the Services", () => {
    expect(checkCidr("10.96.0.0/12", flannelFacts, "SharedOverlay", "10.96.0.1")[0]?.what).toBe(
      "10.96.0.0/12 holds addresses of Services, such as 10.96.0.1 of service default/kubernetes",
    );
  });

  it("shows the target's own overlay: range, share of a node, port", () => {
    const second = { cidr: "10.245.0.0/16", from: "proposed", nodePrefix: 24, port: 8473 } as const;
    const source = { network: networkById("flannel"), facts: flannelFacts, strategy: "DualOverlay", second } as const;
    const view = planView({ ...request, target: networkById("cilium") }, { ...facts, source });

    expect(view.second).toEqual(second);
    expect(renderPlan(view, painter(false))).toContain(
      "Own overlay:   10.245.0.0/16 (proposed: nothing uses it; --cidr chooses another), a /24 for each node, UDP port 8473\n",
    );
  });

  it("warns of policies only where they begin to hold", () => {
    const policy = { metadata: { namespace: "shop", name: "deny" } } as NetworkPolicy;
    const [flannel, canal, calico] = [networkById("flannel"), networkById("canal"), networkById("calico")];

    const toCalico = { source: flannel, target: calico, strategy: "SharedOverlay" } as const;
    expect(checkPolicies(toCalico, [policy])).toMatchObject([{ reason: "PolicyWouldApply" }]);
    expect(checkPolicies(toCalico, [policy])[0]?.what).toContain(
      "1 NetworkPolicy that flannel does not enforce will hold under Calico: shop/deny",
    );
    expect(checkPolicies(toCalico, [])).toEqual([]);
    expect(checkPolicies({ ...toCalico, source: canal }, [policy])).toEqual([]);
    const toCilium = { source: flannel, target: networkById("cilium"), strategy: "DualOverlay" } as const;
    expect(checkPolicies(toCilium, [policy])[0]?.what).toContain("will hold under Cilium from finalize on: shop/deny");
  });

  it("reads subnet.env inside the container that writes it, where no host path is mounted", async () => {
    const canalPod: Pod = {
      ...pod("canal-n2", "n2", { namespace: "kube-flannel", labels: { app: "flannel" } }),
      spec: { nodeName: "n2", containers: [{ name: "calico-node" }, { name: "kube-flannel" }] },
      status: { phase: "Running" },
    };
    const asked: string[] = [];
    const session = {
      exec: async (where: { name: string; container: string }, command: readonly string[]) => {
        asked.push(`${where.name} ${where.container} ${command.join(" ")}`);
        return "FLANNEL_MTU=1450";
      },
    };

    const read = await readHosts(session as never, flannelFacts.agent, facts.nodes, [canalPod]);

    expect(asked).toEqual(["canal-n2 kube-flannel cat /run/flannel/subnet.env"]);
    expect(read.hosts.n2?.subnetEnv).toEqual({ FLANNEL_MTU: "1450" });
  });

  it("reads subnet.env through the agent's pods, and says where it could not", async () => {
    const agentPod = (nodeName: string): Pod => ({
      ...pod(`flannel-${nodeName}`, nodeName, { namespace: "kube-flannel", labels: { app: "flannel" } }),
      spec: {
        nodeName,
        containers: [{ name: "kube-flannel", volumeMounts: [{ name: "run", mountPath: "/run/flannel/" }] }],
        volumes: [{ name: "run", hostPath: { path: "/run/flannel" } }],
      },
      status: { phase: "Running" },
    });
    const asked: string[] = [];
    const session = {
      exec: async (where: { name: string; container: string }, command: readonly string[]) => {
        asked.push(`${where.name} ${where.container} ${command.join(" ")}`);
        if (where.name === "flannel-n3") throw new Error("no shell");
        return "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_MTU=1450\n\n# x\n";
      },
    };

    const read = await readHosts(session as never, flannelFacts.agent, facts.nodes, [
      agentPod("n2"),
      agentPod("n3"),
      pod("web", "n2"),
    ]);

    expect(asked).toEqual([
      "flannel-n2 kube-flannel cat /run/flannel/subnet.env",
      "flannel-n3 kube-flannel cat /run/flannel/subnet.env",
    ]);
    expect(read.hosts.n2?.subnetEnv).toEqual({ FLANNEL_NETWORK: "10.244.0.0/16", FLANNEL_MTU: "1450" });
    expect(read.findings).toMatchObject([{ severity: "info", where: "node n3" }]);
  });

  it("takes only KEY=VALUE lines", () => {
    expect(parseEnv("A_1=x y \nbad line\n=z\nB=")).toEqual({ A_1: "x y", B: "" });
  });
});
