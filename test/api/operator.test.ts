import { exec } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createClient } from "../../kube/client.ts";
import { systemClock } from "../../kube/clock.ts";
import { loadConnection } from "../../kube/config.ts";
import { daemonSets, deployments, namespaces } from "../../kube/resources.ts";
import type { KubeClient, UnknownObject } from "../../kube/types.ts";
import { calico } from "../../networks/calico/index.ts";
import { snapshotOf } from "../../networks/snapshot.ts";
import { recorded } from "../../networks/testing.ts";
import { ensureBinaries } from "../lab/index.ts";
import { type ApiServer, startApiServer } from "./server.ts";

const run = promisify(exec);
const finalizers = ["tigera.io/operator-cleanup", "operator.tigera.io/installation-controller"];
const installation = { apiVersion: "operator.tigera.io/v1", kind: "Installation", metadata: { name: "default" } };

/** The commands `plan` gives for a Calico its operator manages, on a real control plane with its garbage collector. */
describe("Calico's operator steps aside", () => {
  let server: ApiServer;
  let client: KubeClient;
  let kubectl: string;

  beforeAll(async () => {
    server = await startApiServer({ controllerManager: true });
    ({ kubectl = "kubectl" } = await ensureBinaries(["kubectl"]));
    const around = { env: {}, interactive: false, clock: systemClock };
    client = createClient(await loadConnection({ kubeconfig: server.kubeconfigPath }, around), {
      fieldManager: "test",
    });
  });
  afterAll(() => server?.stop());

  const sh = (line: string) =>
    run(line.replaceAll("kubectl ", `${kubectl} --kubeconfig ${server.kubeconfigPath} `), { timeout: 30_000 });

  it("its object goes, finalizers or not, and nothing of what it owned goes with it", { timeout: 90_000 }, async () => {
    const definition = JSON.stringify({
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "installations.operator.tigera.io" },
      spec: {
        group: "operator.tigera.io",
        scope: "Cluster",
        names: { kind: "Installation", plural: "installations", singular: "installation" },
        versions: [
          {
            name: "v1",
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
          },
        ],
      },
    });
    await sh(`echo '${definition}' | kubectl apply -f - && kubectl wait --for=condition=Established crd --all`);
    await sh(
      `echo '${JSON.stringify({ ...installation, metadata: { name: "default", finalizers } })}' | kubectl create -f -`,
    );
    const { stdout: uid } = await sh(
      "kubectl get installations.operator.tigera.io default -o jsonpath={.metadata.uid}",
    );
    for (const name of ["calico-system", "tigera-operator"])
      await client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
    const parts = (app: string) => ({
      selector: { matchLabels: { app } },
      template: { metadata: { labels: { app } }, spec: { containers: [{ name: app, image: "none" }] } },
    });
    const owner = {
      apiVersion: "operator.tigera.io/v1",
      kind: "Installation",
      name: "default",
      uid,
      controller: true,
      blockOwnerDeletion: true,
    };
    await client.create(daemonSets, {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata: { name: "calico-node", namespace: "calico-system", ownerReferences: [owner] },
      spec: parts("calico-node"),
    });
    await client.create(deployments, {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "tigera-operator", namespace: "tigera-operator" },
      spec: { replicas: 1, ...parts("tigera-operator") },
    });
    const found = calico.detect(snapshotOf({ objects: [...recorded("calico-3.28.5"), installation] }), {});
    const cure = found.state === "found" ? (found.findings[0]?.cure ?? "") : "";
    await sh(cure.slice(cure.indexOf("kubectl ")));

    const left = await sh("kubectl get installations.operator.tigera.io -o name");
    const agent = await client.get(daemonSets, { namespace: "calico-system", name: "calico-node" });
    const operator = await client.get(deployments, { namespace: "tigera-operator", name: "tigera-operator" });
    expect(left.stdout).toBe("");
    expect(agent?.metadata.deletionTimestamp).toBeUndefined();
    expect(agent?.metadata.ownerReferences ?? []).toEqual([]);
    expect((operator as UnknownObject | undefined)?.spec).toMatchObject({ replicas: 0 });
  });
});
