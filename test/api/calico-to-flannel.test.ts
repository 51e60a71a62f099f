import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { networkLabel } from "../../crds/names.ts";
import {
  blockAffinities,
  clusterRoleBindings,
  clusterRoles,
  configMaps,
  customResourceDefinitions,
  daemonSets,
  deployments,
  ipamBlocks,
  ipamConfigs,
  ipPools,
  ipReservations,
  nodes,
  serviceAccounts,
} from "../../kube/resources.ts";
import type { KubeObject, Resource } from "../../kube/types.ts";
import { macOf } from "../../networks/calico/as-source.ts";
import { ControllerCluster } from "./controller-cluster.ts";

/** Calico with its own addresses goes to flannel and comes back, on a real control plane; hosts are models. */
const name = "calico-to-flannel";
const runTimeout = 90_000;

describe("Calico to flannel", () => {
  let cluster: ControllerCluster;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "cni-migrate-api-"));
    cluster = await ControllerCluster.startOnCalico();
  });

  afterAll(async () => {
    await cluster?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const names = async (resource: typeof ipamBlocks) =>
    (await cluster.client.list(resource)).items.map(({ metadata }) => metadata.name).sort();
  const tasksOf = (task: string) => cluster.model.tasks.filter((each) => each.startsWith(`${task}-`)).length;

  it("start writes Calico's own objects to a file, and holds flannel to nodes that have moved", async () => {
    const backup = join(folder, "calico.yaml");
    const ran = await cluster.startToFlannel("--backup", backup);

    expect(ran, ran.err).toMatchObject({ code: 0 });
    const text = readFileSync(backup, "utf8");
    for (const kind of ["IPPool", "FelixConfiguration", "IPAMConfig"]) expect(text).toContain(`kind: ${kind}\n`);
    const daemonSet = await cluster.client.get(daemonSets, { name: "kube-flannel-ds", namespace: "kube-flannel" });
    expect(daemonSet?.spec.template.spec.nodeSelector).toMatchObject({ [networkLabel]: "flannel" });
  });

  it("ends with every node on flannel, the device handed over, what led to Calico swept last", {
    timeout: runTimeout,
  }, async () => {
    await cluster.startController();
    const end = await cluster.migrationSays("Succeeded", "True", "Succeeded", name);
    await cluster.whole();

    expect(end.status).toMatchObject({ progress: "3/3", message: "3 nodes are on flannel" });
    for (const node of ["n1", "n2", "n3"]) {
      expect(cluster.model.describe(node).conflists).toEqual(["10-flannel.conflist"]);
      expect(cluster.model.describe(node).links).toContain("flannel.4096");
      expect(cluster.model.wasHandedOver(node)).toBe(true);
    }
    expect(cluster.model.violations).toEqual([]);
    expect([...cluster.journal.illegal]).toEqual([]);
    const order = cluster.model.tasks.map((task) => task.split("-")[0]);
    expect(tasksOf("sweep")).toBe(3);
    expect(order.lastIndexOf("cleanup")).toBeLessThan(order.indexOf("sweep"));
  });

  it("told flannel of every node, and made each podCIDR its node's own in Calico", async () => {
    const { items } = await cluster.client.list(nodes);
    const data = items.map(({ metadata }) => metadata.annotations?.["flannel.alpha.coreos.com/backend-data"]);

    expect(data).toEqual(
      items.map(({ metadata }) => `{"VNI":4096,"VtepMAC":"${macOf({ name: metadata.name, annotations: {} })}"}`),
    );
    expect((await names(ipamBlocks)).length).toBe(12);
    expect((await names(blockAffinities)).filter((affinity) => affinity.startsWith("n2-10-244-1-"))).toHaveLength(4);
    expect(await names(ipReservations)).toEqual(["cni-migrate"]);
    const config = await cluster.client.get(ipamConfigs, { name: "default" });
    expect(config?.spec).toMatchObject({ strictAffinity: true, autoAllocateBlocks: false });
  });

  it("comes back, and Calico's settings are what they were", { timeout: runTimeout }, async () => {
    await cluster.setSpec({ direction: "Revert" }, name);
    await cluster.migrationSays("Succeeded", "True", "Reverted", name);
    await cluster.whole();

    for (const node of ["n1", "n2", "n3"]) {
      expect(cluster.model.describe(node)).toMatchObject({
        conflists: ["10-calico.conflist"],
        links: ["vxlan.calico"],
      });
      expect(cluster.model.wasHandedOver(node)).toBe(true);
    }
    expect(cluster.model.violations).toEqual([]);
    expect([...cluster.journal.illegal]).toEqual([]);
    expect(await names(ipReservations)).toEqual([]);
    const config = await cluster.client.get(ipamConfigs, { name: "default" });
    expect(config?.spec).toMatchObject({ strictAffinity: false, autoAllocateBlocks: true });
    const { items } = await cluster.client.list(nodes);
    const keys = items.flatMap(({ metadata }) => Object.keys({ ...metadata.annotations, ...metadata.labels }));
    expect(
      keys.filter((key) => key.includes("flannel") || key.includes("cni-migrate") || key.includes("during-migration")),
    ).toEqual([]);
    const agent = await cluster.client.get(daemonSets, { name: "calico-node", namespace: "kube-system" });
    expect(agent?.spec.updateStrategy).toMatchObject({ type: "RollingUpdate" });
  });

  it("goes there again, and finalize takes Calico from the API: in an order in which nothing waits for what is gone", {
    timeout: 2 * runTimeout,
  }, async () => {
    await cluster.setSpec({ direction: "Forward" }, name);
    await cluster.migrationSays("Succeeded", "True", "Succeeded", name);
    await cluster.whole();
    // As Calico's controllers hold a pool that has blocks: they go before it.
    const held = { metadata: { finalizers: ["projectcalico.org/ippool-finalizer"] } };
    await cluster.client.patch(ipPools, { name: "default-ipv4-ippool" }, held);
    const backup = join(folder, "end.yaml");
    await cluster.run("finalize", "-y", "--backup", backup, "--timeout", "60s");

    const left = async (resource: Resource<KubeObject>) =>
      (await cluster.client.list(resource)).items.filter(({ metadata }) => /calico/.test(metadata.name));
    const kinds: Resource<KubeObject>[] = [
      customResourceDefinitions,
      clusterRoles,
      clusterRoleBindings,
      serviceAccounts,
      daemonSets,
      deployments,
      configMaps,
    ];
    for (const kind of kinds)
      expect(
        (await left(kind)).map(({ metadata }) => metadata.name),
        kind.plural,
      ).toEqual([]);
    const { items } = await cluster.client.list(nodes);
    const keys = items.flatMap(({ metadata }) => Object.keys({ ...metadata.annotations, ...metadata.labels }));
    expect(keys.filter((key) => /calico|cni-migrate|during-migration/.test(key))).toEqual([]);
    const agent = await cluster.client.get(daemonSets, { name: "kube-flannel-ds", namespace: "kube-flannel" });
    expect(agent?.spec.template.spec.nodeSelector).toBeUndefined();
    expect(agent?.spec.updateStrategy).toMatchObject({ type: "RollingUpdate" });
    const text = readFileSync(backup, "utf8");
    for (const kind of ["DaemonSet", "IPPool", "IPAMBlock", "CustomResourceDefinition"])
      expect(text).toContain(`kind: ${kind}\n`);
  });
});
