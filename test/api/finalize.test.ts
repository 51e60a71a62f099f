import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { networkLabel, systemNamespace } from "../../crds/names.ts";
import type { DaemonSet, Node } from "../../kube/objects.ts";
import { Reflector } from "../../kube/reflector.ts";
import {
  clusterRoleBindings,
  clusterRoles,
  cniMigrations,
  configMaps,
  daemonSets,
  felixConfigurations,
  ipamConfigs,
  ipPools,
  namespaces,
  nodes,
  pods,
  roles,
} from "../../kube/resources.ts";
import type { ObjectKey, UnknownObject } from "../../kube/types.ts";
import { watchUntil } from "../../kube/wait.ts";
import { snapshotOf } from "../../networks/snapshot.ts";
import { CliError } from "../../plugin/errors.ts";
import { partsOfSource } from "../../plugin/finalize/doomed.ts";
import { essence } from "../../plugin/finalize/essence.ts";
import { identityOf } from "../../plugin/finalize/record.ts";
import { ensureBinaries } from "../lab/build.ts";
import { calicoManifestPath, networkObjects } from "../lab/manifests.ts";
import { condition, endForward, endReverted, setStatus } from "./finished-migration.ts";
import { PluginCluster } from "./plugin-cluster.ts";

const flannel = { namespace: "kube-flannel", name: "kube-flannel-ds" };
const calico = { namespace: "kube-system", name: "calico-node" };
const shared = { name: "calico-node" };
/** One that a controller which is gone would have to let go of, and one with a number no double holds. */
const customResources = `
apiVersion: crd.projectcalico.org/v1
kind: IPPool
metadata: { name: held, finalizers: [example.org/held] }
spec: { cidr: 192.0.2.0/24 }
---
apiVersion: crd.projectcalico.org/v1
kind: IPAMBlock
metadata: { name: 192-0-2-0-26 }
spec: { cidr: 192.0.2.0/26, allocations: [], unallocated: [], attributes: [], deleted: false, strictAffinity: false, sequenceNumber: 1745312345678901234 }
`;
const names = ["n1", "n2", "n3"];

describe("what finalize takes of Canal, where Calico stays", () => {
  const agents = {
    staying: { namespace: "kube-system", daemonSets: ["calico-node"], podLabels: {} },
    leaving: { namespace: "kube-system", daemonSets: ["canal"], podLabels: {} },
  };

  it.each([true, false])(
    "is what Calico's own manifests do not have (what start sent is on record: %s)",
    async (known) => {
      const [canal, own] = await Promise.all(
        ["canal" as const, "calico" as const].map((id) => networkObjects(id, "10.244.0.0/16")),
      );
      const sent = own as unknown as UnknownObject[];
      const name = ({ kind, metadata }: UnknownObject) => `${kind} ${metadata.namespace ?? ""}/${metadata.name}`;
      const objects = new Map(
        [...(canal as unknown as UnknownObject[]), ...sent].map((object) => [name(object), object]),
      );
      const world = snapshotOf({ objects: [...objects.values()] });
      const ending = { reverted: false, stays: "calico", goes: "canal" } as const;

      const parts = partsOfSource(ending, agents, { world, record: known ? sent.map(identityOf) : [], detected: [] });

      expect(parts.map(({ resource, key }) => `${resource.kind} ${key.name}`)).toEqual([
        "DaemonSet canal",
        "ClusterRoleBinding canal-flannel",
        "ClusterRoleBinding canal-calico",
        "ClusterRole flannel",
        "ServiceAccount canal",
        "ConfigMap canal-config",
      ]);
    },
  );
});

/** `finalize` against a real control plane; the controller's part of a migration is played by finished-migration.ts. */
describe("finalize", () => {
  let cluster: PluginCluster;
  let folder: string;
  let manifests: string;
  let program: string;
  /** Before the first migration. */
  let earlier: Record<string, UnknownObject>;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "cni-migrate-finalize-"));
    manifests = await calicoManifestPath();
    ({ kubectl: program = "kubectl" } = await ensureBinaries(["kubectl"]));
    cluster = await PluginCluster.start({ reader: [] });
    expect((await cluster.run(["install", "--timeout", "60s"])).code).toBe(0);
    await availableOnAll(flannel);
    // Of the target's name, and somebody else's.
    await cluster.client.create(clusterRoles, {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { ...shared, labels: { theirs: "yes" } },
      rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get"] }],
    });
    earlier = await everything();
  });

  afterAll(async () => {
    await cluster?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const daemonSet = (
    key: Required<ObjectKey>,
    what: string,
    holds: (status: NonNullable<DaemonSet["status"]>) => boolean,
  ) =>
    watchUntil(cluster.client, daemonSets, key, (found) => found?.status !== undefined && holds(found.status), {
      timeoutSeconds: 20,
      what: `daemonset ${key.name}: ${what}`,
    });
  const availableOnAll = (key: Required<ObjectKey>) =>
    daemonSet(key, "on all nodes", (status) => status.numberAvailable === names.length);

  const kubectl = (...args: string[]) =>
    promisify(execFile)(program, ["--kubeconfig", cluster.server.kubeconfigPath, ...args]);
  const start = (name: string) => cluster.run(["start", name, "--target", "calico", "-f", manifests, "-y"]);
  const backupAt = (name: string) => join(folder, name);
  const finalize = (...args: string[]) => cluster.run(["finalize", "-y", "--timeout", "30s", ...args]);

  /** Everything that is in the cluster, by name, as a person would write it; what passes by itself aside. */
  async function everything(): Promise<Record<string, UnknownObject>> {
    const passing = ["events", "endpoints", "endpointslices", "pods", "controllerrevisions", "replicasets", "leases"];
    const ask = async <T>(path: string) => JSON.parse(await cluster.client.raw(path)) as T;
    const { groups } = await ask<{ groups: { preferredVersion: { groupVersion: string } }[] }>("/apis");
    const found: Record<string, UnknownObject> = {};
    for (const version of ["v1", ...groups.map((g) => g.preferredVersion.groupVersion)]) {
      const root = version === "v1" ? "/api/v1" : `/apis/${version}`;
      const { resources } = await ask<{ resources: { name: string; verbs: string[] }[] }>(root);
      for (const { name, verbs } of resources) {
        if (!verbs.includes("list") || !verbs.includes("delete") || passing.includes(name)) continue;
        const { items } = await ask<{ items: UnknownObject[] }>(`${root}/${name}`);
        for (const item of items)
          found[`${name} ${item.metadata.namespace ?? ""}/${item.metadata.name}`] = essence(item);
      }
    }
    return found;
  }

  function without(found: Record<string, UnknownObject>, ...parts: RegExp[]) {
    return Object.fromEntries(Object.entries(found).filter(([name]) => !parts.some((part) => part.test(name))));
  }

  describe("refuses in one line and changes nothing", () => {
    async function refused(code: number, text: string | RegExp, ...args: string[]) {
      const before = await everything();
      const ran = await cluster.run(["finalize", "-y", "--backup", backupAt("refused.yaml"), ...args]);
      expect(ran).toMatchObject({ code, out: "" });
      expect(ran.err).toMatch(text);
      expect(ran.err.match(/\n/g)).toHaveLength(1);
      expect(await everything()).toEqual(before);
      expect(readdirSync(folder)).not.toContain("refused.yaml");
    }

    it("no migration, none of that name, nobody to ask", async () => {
      await refused(2, /^error: there is no migration; begin one with /);
      await refused(2, /^error: there is no migration "nope"\n/, "nope");
      const ran = await cluster.run(["finalize"]);
      expect(ran).toMatchObject({ code: 2, out: "" });
      expect(ran.err).toContain("pass -y");
    });

    it("one that goes on, and one that is stalled", async () => {
      const name = "flannel-to-calico";
      expect((await start(name)).code).toBe(0);
      await refused(3, /is not finished \(\w+\): wait for its end with kubectl cni-migrate status/);

      await setStatus(cluster.client, name, { message: "node n2 does not drain" }, "NodeFailed", []);
      const stalled = [condition("Stalled", "True", "NodeFailed"), condition("Succeeded", "False", "NodeFailed")];
      await cluster.client.patch(
        cniMigrations,
        { name },
        { status: { conditions: stalled } },
        { subresource: "status" },
      );
      await refused(3, /migration flannel-to-calico is stalled: node n2 does not drain; see /);
    });
  });

  describe("a migration that went back", () => {
    const name = "flannel-to-calico";

    beforeAll(async () => {
      writeFileSync(backupAt("custom.yaml"), customResources);
      await kubectl("apply", "-f", backupAt("custom.yaml"));
      await endReverted(cluster.client, name);
    });

    it("start joins the rules of a role that is there with those of the manifests", async () => {
      const role = await cluster.client.get(clusterRoles, shared);

      expect(role?.rules).toContainEqual({ apiGroups: [""], resources: ["configmaps"], verbs: ["get"] });
      expect(role?.rules?.length).toBeGreaterThan(3);
    });

    it("broken off, it goes on when run again", async () => {
      const stop = new AbortController();
      const running = cluster.run(["finalize", "-y", "--backup", backupAt("half.yaml")], { interrupt: stop.signal });
      await expect
        .poll(async () => await cluster.client.get(daemonSets, calico), { interval: 5, timeout: 20_000 })
        .toBe(undefined);
      stop.abort(new CliError("interrupted", "interrupted"));
      const { code, err } = await running;

      expect(code).toBe(130);
      expect(err).toContain("error: interrupted; go on with kubectl cni-migrate finalize flannel-to-calico\n");
      expect(readFileSync(backupAt("half.yaml"), "utf8")).toMatch(/kind: IPPool\nmetadata:\n {2}name: held\nspec:/);
      expect(readFileSync(backupAt("half.yaml"), "utf8")).toContain("sequenceNumber: 1745312345678901234\n");
    });

    it("removes what start made, puts back what it changed, and leaves flannel and all else as they were", async () => {
      const { code, err } = await finalize("--backup", backupAt("back.yaml"));
      const after = await everything();
      const migration = await cluster.client.get(cniMigrations, { name });

      expect({ code, err }).toMatchObject({ code: 0 });
      expect(without(after, /^cnimigrations /)).toEqual(earlier);
      expect(migration?.status?.conditions?.find((c) => c.type === "SourceRemoved")).toMatchObject({
        status: "True",
        reason: "Finalized",
        message: expect.stringContaining(`backup: ${backupAt("half.yaml")}, ${backupAt("back.yaml")}`),
      });
    });

    it("a second time it is refused", async () => {
      const again = await finalize(name);

      expect(again).toMatchObject({ code: 2, out: "", err: `error: migration ${name} is finalized already\n` });
    });
  });

  describe("a migration that went forward", () => {
    const name = "again";
    const backup = () => backupAt("flannel.yaml");
    let before: Record<string, UnknownObject>;
    /** On how many nodes Calico was to run, at every change. */
    const served: number[] = [];
    const watching = new AbortController();
    afterAll(() => watching.abort());

    beforeAll(async () => {
      await cluster.client.delete(clusterRoles, shared);
      await cluster.client.delete(cniMigrations, { name: "flannel-to-calico" });
      expect(await start(name)).toMatchObject({ code: 0 });
      await endForward(cluster.client, name, names);
      await availableOnAll(calico);
      await daemonSet(flannel, "without a pod", (status) => status.currentNumberScheduled === 0);
    }, 60_000);

    const refused = async (code: number, text: RegExp, ...args: string[]) => {
      const unchanged = await everything();
      const ran = await finalize("--backup", backupAt("refused.yaml"), ...args);
      expect(ran).toMatchObject({ code, out: "" });
      expect(ran.err).toMatch(text);
      expect(ran.err.match(/\n/g)).toHaveLength(1);
      expect(await everything()).toEqual(unchanged);
    };

    it("is refused while a node is on the other network", async () => {
      const label = (value: string) =>
        cluster.client.patch(nodes, { name: "n3" }, { metadata: { labels: { [networkLabel]: value } } });
      await label("none");
      await daemonSet(calico, "on two nodes", (status) => status.numberAvailable === 2);

      await refused(3, /^error: not on calico: n3 \(cni-migrate.io\/network=none\)/);

      await label("calico");
      await availableOnAll(calico);
    });

    it("is refused while an agent is not available", async () => {
      const { items } = await cluster.client.list(pods, {
        namespace: calico.namespace,
        labelSelector: "k8s-app=calico-node",
      });
      const [pod] = items;
      const key = { namespace: calico.namespace, name: pod?.metadata.name ?? "" };
      const ready = (status: string) => ({
        status: { conditions: [{ type: "Ready", status, lastTransitionTime: new Date().toISOString() }] },
      });
      await cluster.client.patch(pods, key, ready("False"), { subresource: "status", kind: "strategic" });
      await expect.poll(async () => (await cluster.client.get(daemonSets, calico))?.status?.numberAvailable).toBe(2);

      await refused(3, /^error: daemonset kube-system\/calico-node: 2 of 3 pods are available/);

      await cluster.client.patch(pods, key, ready("True"), { subresource: "status", kind: "strategic" });
      await availableOnAll(calico);
    });

    it("is refused for a file that is there", async () => {
      writeFileSync(backupAt("refused.yaml"), "mine");

      await refused(2, /refused.yaml: the file exists; give another name/);

      rmSync(backupAt("refused.yaml"));
    });

    it("is refused without rights, all of them by name", async () => {
      const metadata = { name: "test-reader" };
      const rules = [{ apiGroups: ["*"], resources: ["*"], verbs: ["get", "list", "watch"] }];
      const group = "rbac.authorization.k8s.io";
      const reads = { apiVersion: `${group}/v1`, kind: "ClusterRole", metadata, rules };
      await cluster.client.create(clusterRoles, reads);
      await cluster.client.create(clusterRoleBindings, {
        ...{ apiVersion: reads.apiVersion, kind: "ClusterRoleBinding", metadata },
        roleRef: { apiGroup: group, kind: "ClusterRole", name: metadata.name },
        subjects: [{ kind: "User", name: "reader", apiGroup: group }],
      });
      const unchanged = await everything();

      const kubeconfig = cluster.server.kubeconfigForUser("reader");
      const ran = await cluster.run(["finalize", "-y", "--backup", backup()], { kubeconfig });

      expect(ran).toMatchObject({ code: 3, out: "" });
      for (const right of [
        "delete daemonsets.apps in kube-flannel",
        "delete namespaces",
        "patch nodes",
        "patch cnimigrations.cni-migrate.io/status",
        "patch daemonsets.apps in kube-system",
      ])
        expect(ran.err).toContain(right);
      expect(ran.err.match(/\n/g)).toHaveLength(1);
      expect(await everything()).toEqual(unchanged);
    });

    it("--dry-run shows what would go and removes nothing", async () => {
      const unchanged = await everything();

      const client = await finalize("--dry-run=client", "-o", "yaml");
      const server = await finalize("--dry-run=server");

      expect([client.code, server.code]).toEqual([0, 0]);
      expect(server.err).toContain("daemonset.apps/kube-flannel-ds in kube-flannel\n");
      expect(server.out).toContain("namespace/kube-flannel deleted (server dry run)\n");
      expect(server.out).toContain("daemonset.apps/calico-node configured (server dry run)\n");
      expect(client.out).toContain("kind: DaemonSet\n");
      expect(await everything()).toEqual(unchanged);
    });

    it("asks on a terminal and takes no for an answer", async () => {
      const ran = await cluster.run(["finalize", "--backup", backup()], { tty: true, stdin: "n\n" });

      expect(ran.code).toBe(1);
      expect(ran.err).toContain("not confirmed; nothing was changed");
      expect(readdirSync(folder)).not.toContain("flannel.yaml");
    });

    it("broken off when the source's agent is gone, it has kept what it was about to remove", async () => {
      before = await everything();
      const stop = new AbortController();
      const store = new Reflector(cluster.client, daemonSets, { namespace: calico.namespace, signal: watching.signal });
      store.onChange(({ object: { metadata, status } }) => {
        if (metadata.name === calico.name) served.push(status?.desiredNumberScheduled ?? 0);
      });
      await store.synced();
      const running = cluster.run(["finalize", "-y", "--backup", backup()], { interrupt: stop.signal });
      await watchUntil(cluster.client, daemonSets, flannel, (found) => found === undefined, {
        timeoutSeconds: 20,
        what: "flannel's agent to be gone",
      });
      stop.abort(new CliError("interrupted", "interrupted"));

      expect((await running).code).toBe(130);
      expect(await cluster.client.get(namespaces, { name: "kube-flannel" })).toBeDefined();
      expect(readFileSync(backup(), "utf8")).toContain("kind: DaemonSet\n");
    });

    it("removes flannel from the API, and nothing of Calico or of others", async () => {
      const { code, err } = await finalize("--backup", backupAt("rest.yaml"));

      const after = await everything();
      const gone = Object.keys(before).filter((key) => after[key] === undefined);
      expect({ code, err }).toMatchObject({ code: 0 });
      // At no time is a node without Calico: it is let off the label before the label goes.
      expect([served.length > 1, ...new Set(served)]).toEqual([true, names.length]);
      expect(gone.filter((key) => !key.includes("cni-migrate")).sort()).toEqual([
        "clusterrolebindings /flannel",
        "clusterroles /flannel",
        "configmaps kube-flannel/kube-flannel-cfg",
        "configmaps kube-flannel/kube-root-ca.crt",
        "daemonsets kube-flannel/kube-flannel-ds",
        "ipamconfigs /default",
        "namespaces /kube-flannel",
        "serviceaccounts kube-flannel/default",
        "serviceaccounts kube-flannel/flannel",
      ]);
      expect(Object.keys(after).filter((key) => before[key] === undefined)).toEqual([]);
    });

    it("Calico is what its own manifests make, on every node", async () => {
      const found = await cluster.client.get(daemonSets, calico);
      const [given] = parseAllDocuments(readFileSync(manifests, "utf8"))
        .map((document) => document.toJS() as UnknownObject | null)
        .filter((object) => object?.kind === "DaemonSet");
      const spec = (given as unknown as NonNullable<typeof found>).spec;

      expect(found?.spec.updateStrategy).toMatchObject(spec.updateStrategy ?? {});
      expect(found?.spec.template.spec.nodeSelector).toEqual(spec.template.spec.nodeSelector);
      expect(found?.spec.template.spec.initContainers?.map((c) => c.name)).toEqual(
        spec.template.spec.initContainers?.map((c) => c.name),
      );
      expect(found?.status).toMatchObject({ updatedNumberScheduled: 3, numberAvailable: 3 });
      expect(await cluster.client.get(ipPools, { name: "default-ipv4-ippool" })).toBeDefined();
      expect(await cluster.client.get(felixConfigurations, { name: "default" })).toMatchObject({
        spec: { vxlanVNI: 1, vxlanPort: 8472 },
      });
      expect(await cluster.client.get(ipamConfigs, { name: "default" })).toBeUndefined();
    });

    it("nothing of the migration or of flannel is left on the nodes, and Calico's own is", async () => {
      const { items } = await cluster.client.list(nodes);

      for (const node of items as Node[]) {
        const keys = [...Object.keys(node.metadata.labels ?? {}), ...Object.keys(node.metadata.annotations ?? {})];
        expect(keys.filter((key) => /cni-migrate|flannel|during-migration/.test(key))).toEqual([]);
        expect(keys).toContain("projectcalico.org/IPv4Address");
        expect(node.spec?.taints ?? []).toEqual([]);
      }
    });

    it("its own roles and records are gone, and the migration says that it is over for good", async () => {
      const migration = await cluster.client.get(cniMigrations, { name });
      const left = await cluster.client.list(configMaps, { namespace: systemNamespace });
      const own = await cluster.client.list(roles, { labelSelector: `cni-migrate.io/migration=${name}` });

      expect(left.items.map((o) => o.metadata.name)).toEqual(["kube-root-ca.crt"]);
      expect(own.items).toEqual([]);
      expect(migration?.status?.undo).toBeUndefined();
      expect(migration?.status?.conditions?.find((c) => c.type === "SourceRemoved")).toMatchObject({
        status: "True",
        reason: "Finalized",
        message: expect.stringContaining(`${backup()}, ${backupAt("rest.yaml")}`),
      });
    });

    it("the backup is for its owner only, and kubectl apply brings back what was removed", async () => {
      await kubectl("apply", "-f", backup());

      const after = await everything();
      const removed = Object.entries(before).filter(
        ([key]) => key.includes("flannel") && !/^nodes |cni-migrate|\/default$|root-ca/.test(key),
      );
      expect(statSync(backup()).mode & 0o777).toBe(0o600);
      expect(removed).toHaveLength(6);
      for (const [key, object] of removed) expect(after[key], key).toEqual(object);
      await cluster.client.delete(namespaces, { name: "kube-flannel" });
    });
  });
});
