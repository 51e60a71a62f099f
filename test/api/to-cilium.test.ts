import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { networkLabel, systemNamespace } from "../../crds/names.ts";
import { systemClock } from "../../kube/clock.ts";
import { waitForCrds } from "../../kube/discovery.ts";
import type { ConfigMap, DaemonSet } from "../../kube/objects.ts";
import { Reflector } from "../../kube/reflector.ts";
import {
  clusterRoleBindings,
  clusterRoles,
  cniMigrations,
  configMaps,
  customResourceDefinitions,
  daemonSets,
  deployments,
  leases,
  namespaces,
  networkPolicies,
  nodes,
  secrets,
} from "../../kube/resources.ts";
import type { KubeObject, ObjectKey, Resource, UnknownObject } from "../../kube/types.ts";
import { watchUntil } from "../../kube/wait.ts";
import { ciliumNodeConfigs } from "../../networks/cilium/facts.ts";
import { ciliumManifests } from "../../networks/cilium/fixtures.ts";
import { findChart, rendered } from "../../networks/cilium/testing/rendered.ts";
import type { Finding } from "../../networks/contract.ts";
import { patched } from "../../networks/testing.ts";
import { entriesIn } from "../../plugin/finalize/record.ts";
import { findingLine } from "../../plugin/plan/render.ts";
import { condition, setStatus } from "./finished-migration.ts";
import { PluginCluster } from "./plugin-cluster.ts";

/** The commands with Cilium as the target, beside flannel, on a real control plane. The controller's part is played by hand. */

const name = "flannel-to-cilium";
const agent = { namespace: "kube-system", name: "cilium" };
const config = { namespace: "kube-system", name: "cilium-config" };
const operator = { namespace: "kube-system", name: "cilium-operator" };
const lock = { namespace: "kube-system", name: "cilium-operator-resource-lock" };
const flannel = { namespace: "kube-flannel", name: "kube-flannel-ds" };
const nodeNames = ["n1", "n2", "n3"];
const key = "c2VjcmV0LWtleQ==";

/** As a chart writes them: with a key of its own. */
const cilium: UnknownObject[] = [
  ...patched(
    ciliumManifests.filter(({ metadata }) => metadata.namespace !== "elsewhere"),
    { kind: "Deployment" },
    { spec: { selector: { matchLabels: { name: "cilium-operator" } } } },
  ),
  {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { namespace: "kube-system", name: "cilium-ca" },
    data: { "ca.key": key },
  },
];

/** What Cilium's operator makes when it starts, as far as it matters here. */
const definition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "ciliumnodeconfigs.cilium.io" },
  spec: {
    group: "cilium.io",
    scope: "Namespaced",
    names: { plural: "ciliumnodeconfigs", kind: "CiliumNodeConfig" },
    versions: [
      {
        name: "v2",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
};

const withSettings = (data: Record<string, string | null>) =>
  patched(cilium, { kind: "ConfigMap", name: "cilium-config" }, { data });
const plus = (object: Partial<UnknownObject>): UnknownObject[] => [
  ...cilium,
  { apiVersion: "v1", metadata: { name: "x", namespace: "kube-system" }, ...object } as UnknownObject,
];
const second = patched(cilium, { kind: "DaemonSet" }, { metadata: { namespace: "default" } }).filter(
  ({ kind }) => kind === "DaemonSet",
);
const old = structuredClone(cilium);
for (const { kind, spec } of old)
  if (kind === "DaemonSet")
    for (const container of (spec as DaemonSet["spec"]).template.spec.containers)
      container.image = "quay.io/cilium/cilium:v1.15.4";

describe("Cilium as the target", () => {
  let cluster: PluginCluster;
  let folder: string;
  let manifests: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "cni-migrate-cilium-"));
    manifests = fileOf(cilium);
    cluster = await PluginCluster.start({ reader: [] });
    expect((await cluster.run(["install", "--timeout", "60s"])).code).toBe(0);
    await daemonSet(flannel, ({ numberAvailable }) => numberAvailable === nodeNames.length);
  }, 120_000);

  afterAll(async () => {
    await cluster?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function fileOf(objects: readonly UnknownObject[], file = "cilium.yaml"): string {
    const path = join(folder, file);
    writeFileSync(path, objects.map((object) => `${JSON.stringify(object)}\n`).join("---\n"));
    return path;
  }

  const daemonSet = (wanted: ObjectKey, holds: (status: NonNullable<DaemonSet["status"]>) => boolean) =>
    watchUntil(cluster.client, daemonSets, wanted, (found) => found?.status !== undefined && holds(found.status), {
      timeoutSeconds: 20,
      what: `daemonset ${wanted.name}`,
    });
  const start = (...more: string[]) => cluster.run(["start", "--target", "cilium", "-f", manifests, "-y", ...more]);

  /** Runs a command line and makes sure that it wrote nothing. */
  async function withoutTrace(args: readonly string[], options?: Parameters<PluginCluster["run"]>[1]) {
    const before = await cluster.inventory();
    const ran = await cluster.run(args, options);
    expect(await cluster.inventory()).toEqual(before);
    return ran;
  }

  describe("bad input: one line, exit 2 or 3, nothing changed, from plan and from start", () => {
    let before: string[];
    beforeAll(async () => {
      before = await cluster.inventory();
    });

    async function refused(args: string[], code: number, text: string) {
      const startRan = await cluster.run(["start", "--target", "cilium", "-y", ...args]);
      const planRan = await cluster.run(["plan", "--target", "cilium", "-o", "json", ...args]);

      expect(startRan, startRan.err).toMatchObject({ code, out: "" });
      expect(startRan.err).toContain(text);
      expect(startRan.err.match(/\n/g)).toHaveLength(1);
      expect(planRan.code).toBe(code);
      expect(await cluster.inventory()).toEqual(before);
      const { blockers } = code === 2 ? { blockers: [] } : (JSON.parse(planRan.out) as { blockers: Finding[] });
      expect(code === 2 ? planRan.err : blockers.map(findingLine).join("\n")).toContain(text);
    }

    it.each<[string, UnknownObject[], number, string]>([
      [
        "a chart version that has no CiliumNodeConfig",
        old,
        2,
        "Cilium 1.15 has no CiliumNodeConfig that switches single nodes (1.16 is the first); render a newer chart",
      ],
      [
        "customConf and configMap",
        withSettings({ "custom-cni-conf": "true", "read-cni-conf": "/tmp/cni-configuration/cni-config" }),
        2,
        "cni.customConf and cni.configMap are both set: agents of all nodes would write the CNI configuration at once; leave cni.customConf out",
      ],
      [
        "a tunnel port equal to the source's",
        withSettings({ "tunnel-port": "8472" }),
        3,
        "tunnel-port is 8472, which is flannel's own",
      ],
      [
        "kube-proxy replacement",
        withSettings({ "kube-proxy-replacement": "true" }),
        2,
        "--set kubeProxyReplacement=false; replace kube-proxy afterwards",
      ],
      [
        "a Secret of Helm's",
        plus({ kind: "Secret", type: "helm.sh/release.v1", metadata: { name: "sh.helm.release.v1.cilium.v1" } }),
        2,
        "it is Helm's own record of a release; give what helm template writes",
      ],
      [
        "a hook",
        plus({
          apiVersion: "batch/v1",
          kind: "Job",
          metadata: { name: "certs", annotations: { "helm.sh/hook": "post-install" } },
        }),
        2,
        "it is a hook, which Helm alone knows when to run",
      ],
      [
        "two DaemonSets named cilium in two namespaces",
        [...cilium, ...second],
        2,
        "2 DaemonSets run cilium-agent: kube-system/cilium, default/cilium",
      ],
      [
        "two DaemonSets named cilium in one",
        [...cilium, ...cilium.filter(({ kind }) => kind === "DaemonSet")],
        2,
        "DaemonSet kube-system/cilium is given twice",
      ],
    ])("%s", async (_what, objects, code, text) => {
      await refused(["-f", fileOf(objects, "bad.yaml")], code, text);
    });

    it("an empty render", async () => {
      const empty = join(folder, "empty.yaml");
      writeFileSync(empty, "---\n# Source: cilium/templates/nothing.yaml\n");

      await refused(["-f", empty], 2, "there is no object in it; give the network's own manifests");
    });

    it.each([
      [
        "pods",
        "10.244.128.0/17",
        "10.244.128.0/17 overlaps with 10.244.0.0/16 (configmap kube-flannel/kube-flannel-cfg, net-conf.json, Network)",
      ],
      ["Services", "10.96.0.0/12", "10.96.0.0/12 overlaps with 10.96.0.0/16 (servicecidr kubernetes)"],
      [
        "nodes",
        "192.0.0.0/16",
        "192.0.0.0/16 overlaps with 192.0.2.1/32 (node n1, InternalIP), 192.0.2.2/32 (node n2, InternalIP), 192.0.2.3/32 (node n3, InternalIP); choose a range that nothing uses, such as 10.245.0.0/16",
      ],
      ["no node: too small", "10.250.0.0/24", "10.250.0.0/24 has no room for 3 nodes with a /24 each"],
    ])("a range that overlaps with that of %s", async (_what, cidr, text) => {
      await refused(["-f", manifests, "--cidr", cidr], 3, text);
    });

    it("a range of the other family", async () => {
      await refused(
        ["-f", manifests, "--cidr", "fd00:1::/56"],
        3,
        "fd00:1::/56 is IPv6, and pods have addresses of IPv4 now",
      );
    });

    it("a range in a CniMigration, named as what it is", async () => {
      const file = join(folder, "migration.json");
      const spec = { target: "cilium", cidr: "10.96.0.0/16" };
      writeFileSync(
        file,
        JSON.stringify({ apiVersion: "cni-migrate.io/v1alpha1", kind: "CniMigration", metadata: { name: "m" }, spec }),
      );

      await refused(
        ["-f", manifests, "-f", file],
        3,
        "spec.cidr: 10.96.0.0/16 overlaps with 10.96.0.0/16 (servicecidr kubernetes)",
      );
    });
  });

  describe("plan and start", () => {
    it("plan shows the range it proposes, a node's share and the port", async () => {
      const { code, out } = await withoutTrace(["plan", "--target", "cilium", "-f", manifests]);
      const asked = await withoutTrace(["plan", "--target", "cilium", "--cidr", "172.20.0.0/16", "-o", "json"]);

      expect(code, out).toBe(0);
      expect(out).toMatch(
        /^Own overlay: +10\.245\.0\.0\/16 \(proposed: nothing uses it; --cidr chooses another\), a \/24 for each node, UDP port 8473$/m,
      );
      expect(out).toMatch(/^Networks: +flannel to cilium \(DualOverlay\)$/m);
      expect(asked.code).toBe(0);
      expect(JSON.parse(asked.out).second).toEqual({
        cidr: "172.20.0.0/16",
        from: "--cidr",
        nodePrefix: 24,
        port: 8473,
      });
    });

    it("plan says which policies begin to hold at the end, and start wants to be told that it may", async () => {
      const policy = { name: "deny", namespace: "default" };
      await cluster.client.create(networkPolicies, {
        apiVersion: "networking.k8s.io/v1",
        kind: "NetworkPolicy",
        metadata: policy,
        spec: { podSelector: {} },
      });

      const refused = await withoutTrace(["start", "--target", "cilium", "-f", manifests, "-y"]);
      const consented = await start("--accept-policy-changes", "--dry-run=server");

      await cluster.client.delete(networkPolicies, policy);
      expect(refused).toMatchObject({ code: 3, out: "" });
      expect(refused.err).toContain(
        "1 NetworkPolicy that flannel does not enforce will hold under Cilium from finalize on: default/deny",
      );
      expect(refused.err.match(/\n/g)).toHaveLength(1);
      expect(consented.code).toBe(0);
    });

    it("start shows the range before it asks", async () => {
      const ran = await withoutTrace(["start", "--target", "cilium", "-f", manifests], { tty: true, stdin: "n\n" });

      expect(ran.code).toBe(1);
      expect(ran.err).toMatch(
        /own overlay: 10\.245\.0\.0\/16 \(proposed: .*\n[\s\S]*Begin\? \[y\/N\] error: not confirmed; nothing was changed/,
      );
    });

    it("names the rights it takes to find out what is in use", async () => {
      const kubeconfig = cluster.server.kubeconfigForUser("reader");
      const ran = await withoutTrace(["start", "--target", "cilium", "-f", manifests, "-y"], { kubeconfig });

      expect(ran.code).toBe(3);
      for (const right of [
        "list servicecidrs.networking.k8s.io",
        "list services",
        "create,get,patch configmaps in kube-system",
        "get endpointslices.discovery.k8s.io in default",
      ])
        expect(ran.err).toContain(right);
    });

    const chart = findChart();
    it.skipIf(chart === undefined)("takes the official chart as helm template writes it", async () => {
      const file = fileOf(chart === undefined ? [] : rendered(chart), "chart.yaml");
      const ran = await withoutTrace(["start", "--target", "cilium", "-f", file, "-y", "--dry-run=server"]);

      expect(ran, ran.err).toMatchObject({ code: 0 });
      expect(ran.out).toContain("daemonset.apps/cilium created (server dry run)\n");
      expect(ran.err).toContain("warning: the given manifests: they hold private keys");
    });

    it("applies the manifests for the time of the migration, the agent on no node yet, and keeps the range in the spec", async () => {
      const ran = await start("--wait=false");
      const [migration, applied, settings] = await Promise.all([
        cluster.client.get(cniMigrations, { name }),
        cluster.client.get(daemonSets, agent),
        cluster.client.get(configMaps, config),
      ]);

      expect(ran, ran.err).toMatchObject({ code: 0 });
      expect(migration?.spec).toMatchObject({ source: "flannel", target: "cilium", cidr: "10.245.0.0/16" });
      expect(applied?.spec.template.spec.nodeSelector).toMatchObject({ [networkLabel]: "cilium" });
      expect(settings?.data).toMatchObject({
        "cluster-pool-ipv4-cidr": "10.245.0.0/16",
        "cluster-pool-ipv4-mask-size": "24",
        "tunnel-port": "8473",
        "custom-cni-conf": "true",
        "enable-policy": "never",
      });
    });

    it("copies no key into what it keeps for finalize", async () => {
      const { items } = await cluster.client.list(configMaps, { namespace: systemNamespace });
      const entries = entriesIn(items);
      const entry = entries.find(({ kind }) => kind === "Secret");

      expect(JSON.stringify(entries)).not.toContain(key);
      expect(entry).toEqual({
        ...{ apiVersion: "v1", kind: "Secret", namespace: "kube-system", name: "cilium-ca" },
        uid: (await cluster.client.get(secrets, { namespace: "kube-system", name: "cilium-ca" }))?.metadata.uid,
        created: true,
      });
    });

    it.each([
      ["patch its DaemonSet", { verb: "patch", group: "apps", resource: "daemonsets", ...agent }, true],
      [
        "patch another",
        { verb: "patch", group: "apps", resource: "daemonsets", namespace: "kube-system", name: "kube-proxy" },
        false,
      ],
      [
        "switch nodes by a CiliumNodeConfig",
        { verb: "create", group: "cilium.io", resource: "ciliumnodeconfigs", namespace: "kube-system" },
        true,
      ],
      [
        "take it back",
        { verb: "delete", group: "cilium.io", resource: "ciliumnodeconfigs", namespace: "kube-system" },
        true,
      ],
      ["see what Services use", { verb: "list", group: "networking.k8s.io", resource: "servicecidrs" }, true],
      ["read the keys", { verb: "get", resource: "secrets", namespace: "kube-system" }, false],
    ])("the controller: may it %s?", async (_what, resourceAttributes, allowed) => {
      const review = await cluster.server.request<{ status: { allowed: boolean } }>(
        "POST",
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        {
          apiVersion: "authorization.k8s.io/v1",
          kind: "SubjectAccessReview",
          spec: { user: `system:serviceaccount:${systemNamespace}:cni-migrate-controller`, resourceAttributes },
        },
      );
      expect(review.status.allowed).toBe(allowed);
    });

    it("gives it its target again on the range it has, and on no other", async () => {
      await cluster.client.delete(daemonSets, agent);
      const other = await withoutTrace([
        "start",
        name,
        "--target",
        "cilium",
        "-f",
        manifests,
        "-y",
        "--cidr",
        "172.20.0.0/16",
      ]);
      const again = await start(name);
      const settings = await cluster.client.get(configMaps, config);

      expect(other).toEqual({
        code: 3,
        out: "",
        err: `error: migration ${name} has the range 10.245.0.0/16 and not 172.20.0.0/16, which cannot be changed: leave --cidr out, or give another NAME\n`,
      });
      expect(again, again.err).toMatchObject({ code: 0 });
      expect(settings?.data).toMatchObject({ "cluster-pool-ipv4-cidr": "10.245.0.0/16" });
      expect(await cluster.client.get(daemonSets, agent)).toBeDefined();
    });
  });

  /** What the operator and the controller make of it: definitions, settings of nodes, agents let onto all nodes. */
  async function prepareCluster(): Promise<void> {
    await cluster.client.create(customResourceDefinitions, definition as never);
    await waitForCrds(cluster.client, [definition.metadata.name], { timeoutSeconds: 20, clock: systemClock });
    await cluster.client.create(ciliumNodeConfigs, {
      apiVersion: "cilium.io/v2",
      kind: "CiliumNodeConfig",
      metadata: { namespace: "kube-system", name: "cni-migrate" },
      spec: {},
    });
    await cluster.client.patch(daemonSets, agent, {
      spec: { template: { spec: { nodeSelector: { [networkLabel]: null } } } },
    });
    await daemonSet(agent, ({ numberAvailable }) => numberAvailable === nodeNames.length);
  }

  const bind = (wanted: ObjectKey, network: string) =>
    cluster.client.patch(daemonSets, wanted, {
      spec: {
        updateStrategy: { type: "OnDelete", rollingUpdate: null },
        template: { spec: { nodeSelector: { [networkLabel]: network } } },
      },
    });
  const labelNodes = async (network: string) => {
    for (const node of nodeNames)
      await cluster.client.patch(nodes, { name: node }, { metadata: { labels: { [networkLabel]: network } } });
  };
  const facts = {
    sourceAgent: { namespace: flannel.namespace, daemonSets: [flannel.name], podLabels: { app: "flannel" } },
    targetAgent: { namespace: agent.namespace, daemonSets: [agent.name], podLabels: { "k8s-app": "cilium" } },
  };
  const settle = (file: string) => cluster.run(["finalize", "-y", "--timeout", "30s", "--backup", join(folder, file)]);
  const isThere = async (resource: Resource<KubeObject>, wanted: ObjectKey) =>
    (await cluster.client.get(resource, wanted)) !== undefined;

  describe("a migration that went back", () => {
    it("finalize removes what start made and what that made in its turn, and copies no key", async () => {
      await prepareCluster();
      await cluster.client.create(leases, { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: lock });
      await cluster.client.delete(ciliumNodeConfigs, { namespace: "kube-system", name: "cni-migrate" });
      await bind(agent, "cilium");
      await daemonSet(agent, ({ currentNumberScheduled }) => currentNumberScheduled === 0);
      await cluster.client.patch(cniMigrations, { name }, { spec: { direction: "Revert" } });
      await setStatus(cluster.client, name, { facts, progress: "3/3", detected: [] }, "Reverted", [
        condition("Reverted", "True", "Reverted"),
      ]);

      const ran = await settle("back.yaml");

      expect(ran, ran.err).toMatchObject({ code: 0 });
      for (const [resource, wanted] of [
        [daemonSets, agent],
        [deployments, operator],
        [configMaps, config],
        [secrets, { namespace: "kube-system", name: "cilium-ca" }],
        [customResourceDefinitions, definition.metadata],
        [leases, lock],
      ] as [Resource<KubeObject>, ObjectKey][])
        expect([wanted.name, await isThere(resource, wanted)]).toEqual([wanted.name, false]);
      expect(await isThere(daemonSets, flannel)).toBe(true);
      const backup = readFileSync(join(folder, "back.yaml"), "utf8");
      expect(backup).toContain("name: cilium-ca\n");
      expect(backup).not.toContain(key);
      await cluster.client.delete(cniMigrations, { name });
    });

    it("leaves definitions alone that were there before", async () => {
      await cluster.client.create(customResourceDefinitions, definition as never);
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      expect((await start()).code).toBe(0);
      await cluster.client.patch(cniMigrations, { name }, { spec: { direction: "Revert" } });
      await setStatus(cluster.client, name, { facts, progress: "3/3", detected: [] }, "Reverted", [
        condition("Reverted", "True", "Reverted"),
      ]);

      const ran = await settle("again.yaml");

      expect(ran, ran.err).toMatchObject({ code: 0 });
      expect(await isThere(daemonSets, agent)).toBe(false);
      expect(await isThere(customResourceDefinitions, definition.metadata)).toBe(true);
      await cluster.client.delete(customResourceDefinitions, definition.metadata);
      await cluster.client.delete(cniMigrations, { name });
      await watchUntil(cluster.client, customResourceDefinitions, definition.metadata, (found) => found === undefined, {
        timeoutSeconds: 20,
        what: "the definition to go",
      });
    });
  });

  describe("a migration that came to its end", () => {
    /** What was seen of the agent: how many nodes it is to run on, and how many pods were away at a time. */
    const seen: { wanted: number; away: number }[] = [];
    const watching = new AbortController();
    afterAll(() => watching.abort());

    beforeAll(async () => {
      const ran = await start();
      expect(ran, ran.err).toMatchObject({ code: 0 });
      await prepareCluster();
      await bind(flannel, "flannel");
      await labelNodes("cilium");
      await daemonSet(flannel, ({ currentNumberScheduled }) => currentNumberScheduled === 0);
      const undo = [
        // The agent was held to its nodes before, and its source's address detection was not fixed.
        {
          ...{ apiVersion: "apps/v1", kind: "DaemonSet", ...agent, action: "Merge" },
          patch: JSON.stringify({ spec: { template: { spec: { nodeSelector: { [networkLabel]: "cilium" } } } } }),
        },
        {
          apiVersion: "cilium.io/v2",
          kind: "CiliumNodeConfig",
          namespace: "kube-system",
          name: "cni-migrate",
          action: "Delete",
          transient: true,
        },
        {
          ...{ apiVersion: "apps/v1", kind: "DaemonSet", ...flannel, action: "StrategicMerge", transient: true },
          patch: JSON.stringify({
            spec: {
              template: {
                spec: { containers: [{ name: "kube-flannel", env: [{ name: "POD_NAME", $patch: "delete" }] }] },
              },
            },
          }),
        },
      ];
      await setStatus(cluster.client, name, { facts, undo, progress: "3/3", detected: [] }, "Succeeded", [
        condition("NodesMigrated", "True", "NodesMigrated"),
        condition("SourceRemoved", "True", "SourceRemoved"),
      ]);
    }, 60_000);

    it("is refused without the rights to take back what was for its time only", async () => {
      const group = "rbac.authorization.k8s.io";
      const metadata = { name: "test-reader" };
      const rules = [{ apiGroups: ["*"], resources: ["*"], verbs: ["get", "list", "watch"] }];
      await cluster.client.create(clusterRoles, { apiVersion: `${group}/v1`, kind: "ClusterRole", metadata, rules });
      await cluster.client.create(clusterRoleBindings, {
        ...{ apiVersion: `${group}/v1`, kind: "ClusterRoleBinding", metadata },
        roleRef: { apiGroup: group, kind: "ClusterRole", name: metadata.name },
        subjects: [{ kind: "User", name: "reader", apiGroup: group }],
      });

      const ran = await withoutTrace(["finalize", "-y"], { kubeconfig: cluster.server.kubeconfigForUser("reader") });

      expect(ran).toMatchObject({ code: 3, out: "" });
      for (const right of [
        "delete ciliumnodeconfigs.cilium.io in kube-system",
        "delete,patch daemonsets.apps in kube-flannel",
        "patch configmaps in kube-system",
      ])
        expect(ran.err).toContain(right);
    });

    it("finalize gives agents their own settings, in one rolling restart, then removes flannel", async () => {
      const agents = new Reflector(cluster.client, daemonSets, { namespace: "kube-system", signal: watching.signal });
      agents.onChange(({ object: { metadata, status } }) => {
        const { desiredNumberScheduled = 0, numberAvailable = 0 } = status ?? {};
        if (metadata.name === agent.name)
          seen.push({ wanted: desiredNumberScheduled, away: desiredNumberScheduled - numberAvailable });
      });
      await agents.synced();
      const flannels: DaemonSet[] = [];
      const sources = new Reflector(cluster.client, daemonSets, { namespace: "kube-flannel", signal: watching.signal });
      sources.onChange(({ object }) => flannels.push(object));
      await sources.synced();
      const order: string[] = [];
      const settings = new Reflector(cluster.client, configMaps, { namespace: "kube-system", signal: watching.signal });
      settings.onChange(({ object }: { object: ConfigMap }) => {
        if (object.metadata.name === config.name && object.data?.["enable-policy"] === "default")
          order.push("settings");
      });
      await settings.synced();
      const generation = (await cluster.client.get(daemonSets, agent))?.metadata.generation ?? 0;

      const ran = await settle("flannel.yaml");

      expect(ran, ran.err).toMatchObject({ code: 0 });
      const changed = ran.err.split("\n").filter((line) => / changed$| deleted$/.test(line));
      expect(changed.slice(0, 3)).toEqual([
        "configmap/cilium-config changed",
        "daemonset/cilium changed",
        "deployment/cilium-operator changed",
      ]);
      expect(ran.err.indexOf("3 of 3 pods renewed")).toBeLessThan(
        ran.err.indexOf("daemonset.apps/kube-flannel-ds deleted"),
      );
      expect(order.length).toBeGreaterThan(0);
      // One change of the template is one restart; at no time is a node without an agent to run there.
      expect((await cluster.client.get(daemonSets, agent))?.metadata.generation).toBe(generation + 1);
      expect(new Set(seen.map(({ wanted }) => wanted))).toEqual(new Set([nodeNames.length]));
      expect(Math.max(...seen.map(({ away }) => away))).toBeLessThanOrEqual(2);
      const envs = flannels.map(({ spec }) => spec.template.spec.containers[0]?.env?.map((variable) => variable.name));
      expect(envs[0]).toContain("POD_NAME");
      expect(envs.at(-1)).not.toContain("POD_NAME");
    });

    it("Cilium is what its own manifests make, on the range and the port it has", async () => {
      const [found, settings, programs] = await Promise.all([
        cluster.client.get(daemonSets, agent),
        cluster.client.get(configMaps, config),
        cluster.client.get(deployments, operator),
      ]);
      const given = cilium.find(({ kind }) => kind === "ConfigMap") as UnknownObject | undefined;

      expect(settings?.data).toEqual({
        ...(given?.data as object),
        "cluster-pool-ipv4-cidr": "10.245.0.0/16",
        "tunnel-port": "8473",
      });
      expect(found?.spec.updateStrategy).toMatchObject({ type: "RollingUpdate", rollingUpdate: { maxUnavailable: 2 } });
      expect(found?.spec.template.spec.nodeSelector).toEqual({ "kubernetes.io/os": "linux" });
      expect(found?.metadata.labels).toEqual({ "k8s-app": "cilium" });
      for (const template of [found?.spec.template, programs?.spec.template])
        expect(template?.metadata?.annotations ?? {}).toEqual({});
      expect(found?.status).toMatchObject({ updatedNumberScheduled: 3, numberAvailable: 3 });
      expect(programs?.spec.template?.spec.tolerations).toEqual([
        { key: "node-role.kubernetes.io/control-plane", operator: "Exists" },
      ]);
    });

    it("nothing of flannel is left in the API, nor what was for the migration's time; Cilium's own is", async () => {
      expect(await isThere(namespaces, { name: "kube-flannel" })).toBe(false);
      expect(await isThere(ciliumNodeConfigs, { namespace: "kube-system", name: "cni-migrate" })).toBe(false);
      expect(await isThere(customResourceDefinitions, definition.metadata)).toBe(true);
      expect(await isThere(secrets, { namespace: "kube-system", name: "cilium-ca" })).toBe(true);
      const { items } = await cluster.client.list(nodes);
      const keys = items.flatMap(({ metadata }) => Object.keys({ ...metadata.labels, ...metadata.annotations }));
      expect(keys.filter((found) => /cni-migrate|flannel/.test(found))).toEqual([]);
      const { items: left } = await cluster.client.list(configMaps, { namespace: systemNamespace });
      expect(left.map(({ metadata }) => metadata.name)).toEqual(["kube-root-ca.crt"]);
    });
  });
});

describe("Cilium as the target of Calico", () => {
  let cluster: PluginCluster;
  let folder: string;
  let manifests: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "cni-migrate-cilium-"));
    manifests = join(folder, "cilium.yaml");
    writeFileSync(manifests, cilium.map((object) => `${JSON.stringify(object)}\n`).join("---\n"));
    cluster = await PluginCluster.start({}, undefined, undefined, "calico");
    expect((await cluster.run(["install", "--timeout", "60s"])).code).toBe(0);
    const policy = (apiVersion: string, kind: string, metadata: { name: string; namespace?: string }) => ({
      ...{ apiVersion, kind, metadata },
      spec: apiVersion.startsWith("networking") ? { podSelector: {} } : { selector: "all()" },
    });
    await cluster.apply([
      policy("networking.k8s.io/v1", "NetworkPolicy", { name: "deny", namespace: "default" }),
      policy("crd.projectcalico.org/v1", "NetworkPolicy", { name: "deny-egress", namespace: "default" }),
      policy("crd.projectcalico.org/v1", "GlobalNetworkPolicy", { name: "deny-all" }),
      {
        apiVersion: "crd.projectcalico.org/v1",
        kind: "IPPool",
        metadata: { name: "spare" },
        spec: { cidr: "10.245.0.0/16", disabled: true },
      },
    ]);
  }, 120_000);

  afterAll(async () => {
    await cluster?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const start = (...more: string[]) => cluster.run(["start", "--target", "cilium", "-f", manifests, "-y", ...more]);

  it("plan proposes a range no pool has, and lists what stops being enforced, and for how long", async () => {
    const { code, out } = await cluster.run(["plan", "--target", "cilium", "-f", manifests]);
    const json = await cluster.run(["plan", "--target", "cilium", "-f", manifests, "-o", "json"]);

    expect(code, out).toBe(0);
    expect(out).toMatch(/^default\/deny +NetworkPolicy +after finalize$/m);
    expect(out).toMatch(/^deny-all +Calico GlobalNetworkPolicy +never$/m);
    expect(out).toMatch(/^default\/deny-egress +Calico NetworkPolicy +never$/m);
    const { second } = JSON.parse(json.out) as { second: { cidr: string; port: number } };
    expect(second.port).toBe(8472);
    expect(second.cidr).toMatch(/^10\.\d+\.0\.0\/16$/);
    expect(["10.244.0.0/16", "10.245.0.0/16", "10.96.0.0/16"]).not.toContain(second.cidr);
  });

  it("start wants consent to each kind, one line each, and names the pool a range overlaps with", async () => {
    const refused = await start();
    const overlapping = await start("--accept-policy-changes", "--cidr", "10.245.0.0/17");

    expect(refused.code).toBe(3);
    expect(refused.err.split("\n").filter((line) => line.includes("--accept-policy-changes"))).toHaveLength(3);
    expect(overlapping).toMatchObject({ code: 3, out: "" });
    expect(overlapping.err).toMatch(
      /^error: --cidr: 10\.245\.0\.0\/17 overlaps with 10\.245\.0\.0\/16 \(ippool spare, cidr\); choose a range that nothing uses, such as 10\.\d+\.0\.0\/16\n$/,
    );
  });

  it("with it all would be applied, on Cilium's usual port, which Calico leaves free", async () => {
    const ran = await start("--accept-policy-changes", "--dry-run=server", "-o", "json");

    expect(ran, ran.err).toMatchObject({ code: 0 });
    const settings = ran.out.match(/"cluster-pool-ipv4-cidr": "[^"]+"|"tunnel-port": "[^"]+"/g) ?? [];
    expect(settings).toHaveLength(1);
    expect(ran.err).toMatch(/own overlay: 10\.\d+\.0\.0\/16 \(proposed: .*\), a \/24 for each node, UDP port 8472\n/);
  });
});
