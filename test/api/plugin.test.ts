import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  apiGroup,
  controllerName,
  retryAnnotation,
  schemaVersionAnnotation,
  systemNamespace,
} from "../../crds/names.ts";
import {
  cniMigrations,
  customResourceDefinitions,
  daemonSets,
  deployments,
  networkPolicies,
  nodeMigrations,
  roles,
} from "../../kube/resources.ts";
import { CliError } from "../../plugin/errors.ts";
import { calicoManifestPath } from "../lab/manifests.ts";
import { PluginCluster } from "./plugin-cluster.ts";

/** The commands against a real control plane with flannel on stand-ins for nodes, in the order a person would use them. */
describe("plugin against a real API server", () => {
  let cluster: PluginCluster;
  let calico: string;
  let folder: string;
  const name = "flannel-to-calico";

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "cni-migrate-plugin-"));
    calico = await calicoManifestPath();
    cluster = await PluginCluster.start({ nobody: [], reader: [] });
  });

  afterAll(async () => {
    await cluster?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs a command line and makes sure that it wrote nothing. */
  async function runWithoutTrace(args: readonly string[], options?: Parameters<PluginCluster["run"]>[1]) {
    const before = await cluster.inventory();
    const ran = await cluster.run(args, options);
    const after = await cluster.inventory();
    const changed = [...before.filter((o) => !after.includes(o)), ...after.filter((o) => !before.includes(o))];
    expect(changed).toEqual([]);
    return ran;
  }

  async function setMigrationStatus(status: Record<string, unknown>) {
    await cluster.client.patch(cniMigrations, { name }, { status }, { subresource: "status" });
  }

  const condition = (type: string, status: string) => ({
    type,
    status,
    reason: "Succeeded",
    message: "",
    lastTransitionTime: "2026-11-21T12:00:00Z",
  });

  describe("before install", () => {
    it.each(["pause", "resume", "retry", "revert"])("%s says that nothing is installed", async (verb) => {
      expect(await runWithoutTrace([verb])).toEqual({
        code: 3,
        out: "",
        err: "error: cni-migrate is not installed in this cluster: run kubectl cni-migrate install\n",
      });
    });

    it("status, version, uninstall and start say that nothing is installed", async () => {
      const status = await runWithoutTrace(["status"]);
      const version = await runWithoutTrace(["version"]);
      const uninstall = await runWithoutTrace(["uninstall", "-y"]);
      const start = await runWithoutTrace(["start", "--target", "calico", "-f", calico, "-y"]);

      expect(status).toEqual({
        code: 1,
        out: "",
        err: "error: cni-migrate is not installed in this cluster: run kubectl cni-migrate install\n",
      });
      expect(version.code).toBe(1);
      expect(version.out).toContain("nothing is installed in this cluster: kubectl cni-migrate install");
      expect(uninstall).toEqual({ code: 0, out: "", err: "nothing of cni-migrate is installed in this cluster\n" });
      expect(start).toEqual({ ...status, code: 3 });
    });

    it("plan needs nothing installed", async () => {
      const { code, out } = await runWithoutTrace(["plan", "--target", "calico", "-f", calico, "-o", "json"]);
      const plan = JSON.parse(out);

      expect(code).toBe(0);
      expect(plan).toMatchObject({ name, source: "flannel", strategy: "SharedOverlay", ready: true, blockers: [] });
      expect(plan.nodes.map((node: { name: string; role: string }) => `${node.name} ${node.role}`)).toEqual([
        "n2 worker",
        "n3 worker",
        "n1 control plane",
      ]);
      expect(plan.detected).toContainEqual({
        name: "network",
        value: "10.244.0.0/16",
        from: "configmap kube-flannel/kube-flannel-cfg, net-conf.json, Network",
      });
    });

    it("install --dry-run=server tries every object and writes none", async () => {
      const { code, out } = await runWithoutTrace(["install", "--dry-run=server"]);

      expect(code).toBe(0);
      expect(out).toContain(
        "customresourcedefinition.apiextensions.k8s.io/cnimigrations.cni-migrate.io created (server dry run)\n",
      );
      expect(out).toContain("deployment.apps/cni-migrate-controller created (server dry run)\n");
    });

    it("install without the right to it names the object and exits with 1", async () => {
      const { code, err } = await runWithoutTrace(["install"], {
        kubeconfig: cluster.server.kubeconfigForUser("nobody"),
      });

      expect(code).toBe(1);
      expect(err).toMatch(/^error: the API server answers: .*customresourcedefinitions.* is forbidden.*\n$/);
    });
  });

  describe("install", () => {
    it("installs, waits until the controller is available, and changes nothing the second time", async () => {
      const first = await cluster.run(["install", "--timeout", "60s"]);
      const second = await cluster.run(["install", "--timeout", "60s"]);

      expect(first).toMatchObject({ code: 0, out: "" });
      expect(first.err).toContain("the controller is available");
      expect(second.code).toBe(0);
      expect(second.err).toContain("deployment.apps/cni-migrate-controller unchanged\n");
      expect(second.err).not.toMatch(/ (created|configured)\n/);
    });

    it("--dry-run=server tells what another image would change, and what not", async () => {
      const { code, out } = await runWithoutTrace(["install", "--dry-run=server", "--image", "example.com/x:1"]);

      expect(code).toBe(0);
      expect(out).toContain("deployment.apps/cni-migrate-controller configured (server dry run)\n");
      expect(out).toContain("namespace/cni-migrate unchanged (server dry run)\n");
      expect(out).not.toContain(" created ");
      expect(out.match(/ configured /g)).toHaveLength(1);
    });

    it("version finds all parts in step", async () => {
      const { code, out } = await runWithoutTrace(["version", "-o", "json"]);

      expect(code).toBe(0);
      expect(JSON.parse(out)).toMatchObject({ schemaVersion: 1, ok: true, verdict: "in step" });
    });

    it.each([
      ["get secrets", { verb: "get", resource: "secrets" }, false],
      ["run commands in pods", { verb: "create", resource: "pods", subresource: "exec" }, false],
      ["delete pods elsewhere", { verb: "delete", resource: "pods", namespace: "kube-system" }, false],
      ["delete pods of its own", { verb: "delete", resource: "pods", namespace: systemNamespace }, true],
      ["evict pods", { verb: "create", resource: "pods", subresource: "eviction" }, true],
      ["patch nodes", { verb: "patch", resource: "nodes" }, true],
      ["delete nodes", { verb: "delete", resource: "nodes" }, false],
      ["patch any DaemonSet", { verb: "patch", group: "apps", resource: "daemonsets" }, false],
      ["change roles", { verb: "patch", group: "rbac.authorization.k8s.io", resource: "clusterroles" }, false],
      ["bind roles", { verb: "create", group: "rbac.authorization.k8s.io", resource: "rolebindings" }, false],
      [
        "change definitions",
        { verb: "patch", group: "apiextensions.k8s.io", resource: "customresourcedefinitions" },
        false,
      ],
      ["start migrations", { verb: "create", group: apiGroup, resource: "cnimigrations" }, false],
      [
        "write their status",
        { verb: "patch", group: apiGroup, resource: "cnimigrations", subresource: "status" },
        true,
      ],
      ["hold its Lease", ownLease(controllerName), true],
      ["take another Lease", ownLease("somebody-else"), false],
      [
        "read kubeadm-config",
        { verb: "get", resource: "configmaps", namespace: "kube-system", name: "kubeadm-config" },
        true,
      ],
      [
        "read other ConfigMaps",
        { verb: "get", resource: "configmaps", namespace: "kube-system", name: "coredns" },
        false,
      ],
    ])("the controller: may it %s?", async (_what, resourceAttributes, allowed) => {
      expect(await controllerMay(resourceAttributes)).toBe(allowed);
    });
  });

  function ownLease(name: string) {
    return { verb: "update", group: "coordination.k8s.io", resource: "leases", namespace: systemNamespace, name };
  }

  async function controllerMay(resourceAttributes: Record<string, string>): Promise<boolean> {
    const review = await cluster.server.request<{ status: { allowed: boolean } }>(
      "POST",
      "/apis/authorization.k8s.io/v1/subjectaccessreviews",
      {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SubjectAccessReview",
        spec: { user: `system:serviceaccount:${systemNamespace}:${controllerName}`, resourceAttributes },
      },
    );
    return review.status.allowed;
  }

  describe("start refuses, in one line and without a trace", () => {
    const begin = (...more: string[]) => ["start", "--target", "calico", "-f", calico, "-y", ...more];

    it.each([
      ["no answer to be had", () => ["start", "--target", "calico", "-f", calico], 2, "pass -y"],
      ["no target", () => ["start", "-f", calico, "-y"], 2, "--target is missing"],
      ["no manifests", () => ["start", "--target", "calico", "-y"], 2, "-f is missing"],
      [
        "a range that is not the source's",
        () => begin("--cidr", "10.99.0.0/16"),
        3,
        "10.244.0.0/16, which both networks share",
      ],
      ["a pause that never comes", () => begin("--timeout", "1m"), 2, "add --wait"],
    ])("%s", async (_what, args, code, text) => {
      const ran = await runWithoutTrace(args());

      expect(ran).toMatchObject({ code, out: "" });
      expect(ran.err).toContain(text);
      expect(ran.err.match(/\n/g)).toHaveLength(1);
    });

    /** A file with a CniMigration of this spec. */
    function fileOf(spec: Record<string, unknown>): string {
      const file = join(folder, "migration.yaml");
      const migration = { apiVersion: "cni-migrate.io/v1alpha1", kind: "CniMigration", metadata: { name: "m" } };
      writeFileSync(file, JSON.stringify({ ...migration, spec: { target: "calico", ...spec } }));
      return file;
    }

    it.each<[string, Record<string, unknown>, string]>([
      ["a pause after no node", { pauseAfter: 0 }, "spec.pauseAfter: Invalid value: 0: "],
      ...["5 minutes", "0", "-1"].map((timeout): [string, Record<string, unknown>, string] => [
        `a drain timeout of ${timeout}`,
        { drain: { timeout } },
        `"${timeout}" is not a length of time of at least 1s; write hours, minutes and seconds such as 10m`,
      ]),
      ["a drain timeout without a unit", { drain: { timeout: 0 } }, "spec.drain.timeout"],
    ])("what the schema's rules refuse: %s", async (_what, spec, text) => {
      const ran = await runWithoutTrace(["start", "-f", fileOf(spec), "-f", calico, "-y"]);

      expect(ran).toMatchObject({ code: 2, out: "" });
      expect(ran.err).toContain(text);
      expect(ran.err.match(/\n/g)).toHaveLength(1);
    });

    it("an order with nodes the cluster does not have, as plan does", async () => {
      const file = fileOf({ nodeOrder: ["n2", "n9"] });

      const start = await runWithoutTrace(["start", "-f", file, "-f", calico, "-y"]);
      const plan = await runWithoutTrace(["plan", "-f", file]);

      expect(start).toEqual({
        code: 2,
        out: "",
        err: "error: spec.nodeOrder names a node the cluster does not have: n9; its nodes are n1, n2, n3\n",
      });
      expect(plan).toEqual(start);
    });

    it("revert with no migration to revert", async () => {
      expect(await runWithoutTrace(["revert"])).toEqual({
        code: 2,
        out: "",
        err: "error: there is no migration; begin one with kubectl cni-migrate start --target NETWORK -f FILE\n",
      });
    });

    it("missing rights, all of them by name", async () => {
      const ran = await runWithoutTrace(begin(), { kubeconfig: cluster.server.kubeconfigForUser("nobody") });

      expect(ran.code).toBe(3);
      expect(ran.err).toContain("create,list cnimigrations.cni-migrate.io; ");
      expect(ran.err).toContain("create,get,patch daemonsets.apps in kube-system");
      expect(ran.err.match(/\n/g)).toHaveLength(1);
    });

    it("custom resources older than the plugin", async () => {
      const key = { name: `nodemigrations.${apiGroup}` };
      const annotate = (version: string) =>
        cluster.client.patch(customResourceDefinitions, key, {
          metadata: { annotations: { [schemaVersionAnnotation]: version } },
        });
      await annotate("0");

      const ran = await runWithoutTrace(begin());

      await annotate("1");
      expect(ran.code).toBe(3);
      expect(ran.err).toBe(
        "error: the custom resources in the cluster are older than this plugin (schema 0, needed 1): run kubectl cni-migrate install\n",
      );
    });

    it("custom resources newer than the plugin, and install does not take them back", async () => {
      const key = { name: `cnimigrations.${apiGroup}` };
      const other = { name: `nodemigrations.${apiGroup}` };
      const annotate = async (version: string) => {
        for (const crd of [key, other])
          await cluster.client.patch(customResourceDefinitions, crd, {
            metadata: { annotations: { [schemaVersionAnnotation]: version } },
          });
      };
      await annotate("7");

      const start = await runWithoutTrace(begin());
      const install = await runWithoutTrace(["install"]);

      await annotate("1");
      expect(start.code).toBe(3);
      expect(start.err).toContain("newer than this plugin (schema 7, known 1): upgrade the plugin");
      expect(install.code).toBe(3);
      expect(install.err).toContain("version 7");
    });

    it("a controller that is not available", async () => {
      const key = { name: controllerName, namespace: systemNamespace };
      await cluster.client.patch(deployments, key, { spec: { replicas: 0 } });
      await expect
        .poll(async () => (await cluster.client.get(deployments, key))?.status?.availableReplicas ?? 0)
        .toBe(0);

      const ran = await cluster.run(begin());

      expect(ran.code).toBe(3);
      expect(ran.err).toContain("the controller is not available");
      expect((await cluster.run(["install", "--timeout", "60s"])).code).toBe(0);
    });

    it("NetworkPolicies that would begin to hold, without consent", async () => {
      const policy = { name: "deny", namespace: "default" };
      await cluster.client.create(networkPolicies, {
        apiVersion: "networking.k8s.io/v1",
        kind: "NetworkPolicy",
        metadata: policy,
        spec: { podSelector: {} },
      });

      const refused = await runWithoutTrace(begin());
      const consented = await runWithoutTrace(begin("--accept-policy-changes", "--dry-run=server"));
      const plan = await runWithoutTrace(["plan", "--target", "calico", "-o", "json"]);

      await cluster.client.delete(networkPolicies, policy);
      expect(JSON.parse(plan.out).policies).toEqual([{ policy: "default/deny", directions: ["Ingress"], selects: [] }]);
      expect(refused).toMatchObject({ code: 3, out: "" });
      expect(refused.err.match(/\n/g)).toHaveLength(1);
      expect(refused.err).toContain(
        "1 NetworkPolicy that flannel does not enforce will hold under Calico: default/deny",
      );
      expect(consented.code).toBe(0);
    });
  });

  describe("start", () => {
    it("--dry-run=server tries everything and writes nothing", async () => {
      const { code, out } = await runWithoutTrace(["start", "--target", "calico", "-f", calico, "--dry-run=server"]);

      expect(code).toBe(0);
      // 35 of them try an object each.
      expect(cluster.requests).toBeLessThanOrEqual(65);
      expect(out).toContain("daemonset.apps/calico-node created (server dry run)\n");
      expect(out).toContain(`cnimigration.cni-migrate.io/${name} created (server dry run)\n`);
    });

    it("asks on a terminal and takes no for an answer", async () => {
      const ran = await runWithoutTrace(["start", "--target", "calico", "-f", calico], { tty: true, stdin: "n\n" });

      expect(ran.code).toBe(1);
      expect(ran.err).toContain("Begin? [y/N] error: not confirmed; nothing was changed");
    });

    it("installs the target for switched nodes only, gives the two rights, and creates the migration", async () => {
      const ran = await cluster.run(["start", "--target", "calico", "-f", calico, "-y", "--batch-size", "50%"]);
      const { requests } = cluster;
      const agent = await cluster.client.get(daemonSets, { namespace: "kube-system", name: "calico-node" });
      const role = await cluster.client.get(roles, { namespace: "kube-flannel", name: `cni-migrate-${name}` });
      const migration = await cluster.client.get(cniMigrations, { name });

      expect(ran.code).toBe(0);
      // 70 of them try an object, then send it.
      expect(requests).toBeLessThanOrEqual(110);
      expect(agent?.spec.template.spec.nodeSelector).toMatchObject({ "cni-migrate.io/network": "calico" });
      expect(role?.rules).toContainEqual({
        apiGroups: ["apps"],
        resources: ["daemonsets"],
        verbs: ["get", "patch"],
        resourceNames: ["kube-flannel-ds"],
      });
      expect(role?.rules).toContainEqual({
        apiGroups: [""],
        resources: ["configmaps"],
        verbs: ["get"],
        resourceNames: ["kube-flannel-cfg"],
      });
      expect(migration?.spec).toMatchObject({ source: "flannel", target: "calico", batchSize: "50%" });
    });

    it.each([
      ["kube-system", "calico-node", true],
      ["kube-flannel", "kube-flannel-ds", true],
      ["kube-system", "kube-proxy", false],
    ])("lets the controller patch DaemonSet %s/%s: %s", async (namespace, name, allowed) => {
      expect(await controllerMay({ verb: "patch", group: "apps", resource: "daemonsets", namespace, name })).toBe(
        allowed,
      );
    });

    it("refuses a second migration, under the same name or another", async () => {
      const same = await runWithoutTrace(["start", "--target", "calico", "-f", calico, "-y"]);
      const other = await runWithoutTrace(["start", "again", "--target", "calico", "-f", calico, "-y"]);

      expect(same).toEqual({
        code: 3,
        out: "",
        err: `error: migration ${name} is not finished (Pending), and there is one at a time: see kubectl cni-migrate status ${name}\n`,
      });
      expect(other).toEqual(same);
    });

    it("gives the target again to a migration that lacks it and was asked for by name", async () => {
      await cluster.client.delete(daemonSets, { namespace: "kube-system", name: "calico-node" });

      const ran = await cluster.run(["start", name, "--target", "calico", "-f", calico, "-y"]);

      expect(ran.code).toBe(0);
      expect(ran.err).toContain("daemonset.apps/calico-node created\n");
      expect(ran.err).not.toContain("cnimigration");
    });
  });

  describe("status", () => {
    it("-o json has the migration and its nodes", async () => {
      await cluster.client.create(nodeMigrations, {
        apiVersion: "cni-migrate.io/v1alpha1",
        kind: "NodeMigration",
        metadata: { name: "n2" },
        spec: { migrationName: name, nodeName: "n2", nodeUID: "u" },
      });

      const { code, out } = await runWithoutTrace(["status", "-o", "json"]);
      const document = JSON.parse(out);

      expect(code).toBe(0);
      expect(document).toMatchObject({ migration: { metadata: { name } }, nodes: [{ metadata: { name: "n2" } }] });
      expect(document.migration.metadata).not.toHaveProperty("managedFields");
    });

    it("report gives an account of it, as a document and for programs", async () => {
      const document = await runWithoutTrace(["report"]);
      const { code, out } = await runWithoutTrace(["report", name, "-o", "json"]);

      expect(document).toMatchObject({ code: 0, err: "" });
      expect(document.out).toContain(`# Migration ${name}\n`);
      expect(document.out).toContain("| n2 | flannel | Pending | Pending |");
      expect(code).toBe(0);
      expect(JSON.parse(out)).toMatchObject({
        migration: name,
        endedAt: null,
        nodes: [{ node: "n2", network: "flannel", step: "Pending", seconds: null }],
      });
    });

    it("names the migrations there are when asked for another", async () => {
      expect(await runWithoutTrace(["status", "nope"])).toEqual({
        code: 1,
        out: "",
        err: `error: there is no migration "nope"; there is ${name}\n`,
      });
    });

    it("-w tells each change in a line and ends with the migration", async () => {
      const watching = cluster.run(["status", "-w"]);
      await setMigrationStatus({ observedGeneration: 1, summary: "Migrating", progress: "0/3" });
      await setMigrationStatus({
        summary: "Stalled",
        message: "node n2 does not drain",
        conditions: [condition("Stalled", "True"), condition("Succeeded", "False"), condition("Reconciling", "False")],
      });
      const { code, out } = await watching;

      expect(code).toBe(1);
      expect(out).toMatch(/^\d\d:\d\d:\d\d flannel-to-calico Stalled: 0\/3: node n2 does not drain/m);
    });

    it("without -w exits with 1 while it is stalled", async () => {
      expect((await runWithoutTrace(["status"])).code).toBe(1);
    });

    it("-w says how to come back when it is interrupted or out of time", async () => {
      await setMigrationStatus({ summary: "Migrating", message: "", conditions: [condition("Reconciling", "True")] });
      const stop = new AbortController();
      const watching = cluster.run(["status", "-w", "-o", "json"], { interrupt: stop.signal });
      setTimeout(() => stop.abort(new CliError("interrupted", "interrupted")), 500);
      const interrupted = await watching;
      const late = await cluster.run(["status", "-w", "--timeout", "1s"]);

      const back = `the migration goes on; come back with kubectl cni-migrate status ${name} -w\n`;
      expect(interrupted).toMatchObject({ code: 130, out: "" });
      expect(interrupted.err).toContain(`error: interrupted; ${back}`);
      expect(late.code).toBe(124);
      expect(late.err).toBe(`error: timed out; ${back}`);
    });
  });

  describe("pause, resume and retry", () => {
    const specOf = async () => (await cluster.client.get(cniMigrations, { name }))?.spec;

    it("pause and resume set spec.paused, and write nothing the second time", async () => {
      const pause = await cluster.run(["pause"]);
      const pausedSpec = await specOf();
      const pauseAgain = await runWithoutTrace(["pause", name]);
      const resume = await cluster.run(["resume", name]);
      const resumedSpec = await specOf();
      const resumeAgain = await runWithoutTrace(["resume"]);

      expect([pause, pauseAgain, resume, resumeAgain].map(({ code, out }) => [code, out])).toEqual([
        [0, ""],
        [2, ""],
        [0, ""],
        [2, ""],
      ]);
      expect([pausedSpec?.paused, resumedSpec?.paused]).toEqual([true, false]);
      expect(pauseAgain.err).toContain(`migration ${name} is paused already`);
      expect(resumeAgain.err).toBe(`error: migration ${name} is not paused (Migrating)\n`);
    });

    it("resume removes spec.pauseAfter once as many nodes are done", async () => {
      await cluster.client.patch(cniMigrations, { name }, { spec: { pauseAfter: 1 } });
      const early = await runWithoutTrace(["resume"]);
      await setMigrationStatus({
        nodes: { total: 3, pending: 2, inProgress: 0, migrated: 1, failed: 0, skipped: 0 },
      });

      const { code } = await cluster.run(["resume"]);

      expect([early.code, code]).toEqual([2, 0]);
      expect(await specOf()).not.toHaveProperty("pauseAfter");
    });

    it("without the right to it one line names the object", async () => {
      const ran = await runWithoutTrace(["pause", name], { kubeconfig: cluster.server.kubeconfigForUser("nobody") });

      expect(ran.code).toBe(1);
      expect(ran.err).toMatch(/^error: the API server answers: cnimigrations.* is forbidden.*\n$/);
    });

    it("retry refuses a node that is not stalled and one that is not there", async () => {
      const notStalled = await runWithoutTrace(["retry", "n2"]);
      const notThere = await runWithoutTrace(["retry", "n9"]);
      const none = await runWithoutTrace(["retry"]);

      expect([notStalled, notThere, none].map(({ code, out }) => [code, out])).toEqual(
        Array.from({ length: 3 }, () => [2, ""]),
      );
      expect(notStalled.err).toBe("error: node n2 is not stalled (Pending); no node is stalled\n");
    });

    it("retry marks a stalled node with the time, to the millisecond", async () => {
      const status = { step: "Drain", conditions: [condition("Stalled", "True")] };
      await cluster.client.patch(nodeMigrations, { name: "n2" }, { status }, { subresource: "status" });
      const before = Date.now();

      const { code, err } = await cluster.run(["retry", "n2"]);

      const { annotations = {} } = (await cluster.client.get(nodeMigrations, { name: "n2" }))?.metadata ?? {};
      const asked = annotations[retryAnnotation] ?? "";
      expect({ code, err }).toEqual({
        code: 0,
        err: "node n2: Drain is tried again\nfollow it with: kubectl cni-migrate status -w\n",
      });
      expect(asked).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      expect(Date.parse(asked)).toBeGreaterThanOrEqual(before);
    });
  });

  describe("revert", () => {
    const specOf = async () => (await cluster.client.get(cniMigrations, { name }))?.spec;
    const setNodeStatus = (status: Record<string, unknown>) =>
      cluster.client.patch(nodeMigrations, { name: "n2" }, { status }, { subresource: "status" });

    it("refuses while no node has begun to move", async () => {
      await setNodeStatus({ step: "Pending", conditions: [] });

      expect(await runWithoutTrace(["revert"])).toEqual({
        code: 2,
        out: "",
        err: `error: no node has begun to move in migration ${name}: there is nothing to revert; kubectl delete cnimigration ${name} ends it\n`,
      });
    });

    it("turns the migration round, takes the pause back, and refuses a second time", async () => {
      await setNodeStatus({ step: "Drain" });
      await cluster.client.patch(cniMigrations, { name }, { spec: { paused: true, pauseAfter: 2 } });

      const revert = await cluster.run(["revert", name]);
      const spec = await specOf();
      const again = await runWithoutTrace(["revert"]);

      expect(revert).toMatchObject({ code: 0, out: "" });
      expect(revert.err).toContain(`migration ${name} goes back to flannel; its pause is taken back\n`);
      expect(spec).toMatchObject({ direction: "Revert", paused: false });
      expect(spec).not.toHaveProperty("pauseAfter");
      expect(again).toMatchObject({ code: 2, out: "" });
      expect(again.err).toMatch(/^error: migration \S+ is going back already: .*\n$/);
    });

    it("start NAME sends it forward again; with more than the NAME it is refused", async () => {
      const more = await runWithoutTrace(["start", name, "--target", "calico", "-f", calico, "-y"]);
      const dry = await runWithoutTrace(["start", name, "--dry-run=server"]);
      const again = await cluster.run(["start", name, "-y"]);
      const spec = await specOf();
      const twice = await runWithoutTrace(["start", name, "-y"]);

      expect(more).toMatchObject({ code: 3, out: "" });
      expect(more.err).toContain(`to send it forward again give its NAME alone, kubectl cni-migrate start ${name}\n`);
      expect(dry.out).toBe(`cnimigration.cni-migrate.io/${name} configured (server dry run)\n`);
      expect(again).toMatchObject({ code: 0, out: "" });
      expect(spec?.direction).toBe("Forward");
      expect(twice).toMatchObject({ code: 2, out: "" });
    });

    it("--wait ends with the way back; the end of the way forward is not it", async () => {
      const succeeded = (reason: string) => [{ ...condition("Succeeded", "True"), reason }];
      const generation = async () => (await cluster.client.get(cniMigrations, { name }))?.metadata.generation;
      await setMigrationStatus({ observedGeneration: await generation(), conditions: succeeded("Succeeded") });
      const waiting = cluster.run(["revert", "--wait", "--timeout", "30s"]);
      await expect.poll(async () => (await specOf())?.direction).toBe("Revert");
      const status = { summary: "Reverted", message: "back", progress: "3/3", conditions: succeeded("Reverted") };
      await setMigrationStatus({ ...status, observedGeneration: await generation() });

      const { code, err } = await waiting;
      const reverted = await runWithoutTrace(["revert"]);
      const watched = await runWithoutTrace(["status", "-w"]);

      expect(code).toBe(0);
      expect(err).toMatch(/ Reverted: 3\/3: back/);
      expect(reverted.code).toBe(2);
      expect(reverted.err).toContain(`migration ${name} is reverted already: every node is on flannel`);
      expect(watched.code).toBe(0);
    });

    it("without the right to it one line names the object, and nothing is changed", async () => {
      const ran = await runWithoutTrace(["revert"], { kubeconfig: cluster.server.kubeconfigForUser("nobody") });

      expect(ran.code).toBe(1);
      expect(ran.err).toMatch(/^error: the API server answers: cnimigrations.* is forbidden.*\n$/);
    });

    it("leaves a finalized migration alone", async () => {
      const removed = { ...condition("SourceRemoved", "True"), reason: "Finalized" };
      await setMigrationStatus({ conditions: [condition("Succeeded", "True"), removed] });

      const revert = await runWithoutTrace(["revert", name]);
      const start = await runWithoutTrace(["start", name, "-y"]);

      expect(revert).toMatchObject({ code: 2, out: "" });
      expect(revert.err).toContain(`migration ${name} is finalized and over for good`);
      expect(start).toEqual(revert);
      await cluster.client.patch(cniMigrations, { name }, { spec: { direction: "Forward" } });
      await setMigrationStatus({ summary: "Migrating", conditions: [condition("Reconciling", "True")] });
    });
  });

  describe("uninstall", () => {
    it("refuses while a migration is unfinished, and says what to do", async () => {
      const ran = await runWithoutTrace(["uninstall", "-y"]);

      expect(ran.code).toBe(1);
      expect(ran.err).toContain(
        `migration ${name} is not finished (Migrating); no node has begun: kubectl delete cnimigration ${name} removes it`,
      );
    });

    it("start refuses the name of a finished migration", async () => {
      const migration = await cluster.client.get(cniMigrations, { name });
      await setMigrationStatus({
        observedGeneration: migration?.metadata.generation,
        summary: "Succeeded",
        conditions: [condition("Succeeded", "True"), condition("TargetInstalled", "True")],
      });

      const ran = await runWithoutTrace(["start", "--target", "calico", "-f", calico, "-y"]);

      expect(ran.code).toBe(3);
    });

    it("--dry-run names what would go and removes nothing", async () => {
      const { code, out } = await runWithoutTrace(["uninstall", "--dry-run=server"]);

      expect(code).toBe(0);
      expect(out.split("\n")[0]).toBe(`cnimigration.cni-migrate.io/${name} deleted (server dry run)`);
      expect(out).toContain("namespace/cni-migrate deleted (server dry run)\n");
    });

    it("removes all it installed, waits for it, and warns of the label that stays", async () => {
      const ran = await cluster.run(["uninstall", "-y", "--timeout", "60s"]);
      const left = (await cluster.inventory()).filter((line) => /^\S+ \S*cni-?migrat/.test(line));

      expect(ran).toMatchObject({ code: 0, out: "" });
      expect(ran.err).toContain(
        "warning: the label cni-migrate.io/network stays on the nodes, since daemonset kube-system/calico-node runs only where it is",
      );
      expect(left).toEqual([]);
    });
  });
});
