import { describe, expect, it } from "vitest";
import { controllerName, defaultHealthPort, systemNamespace } from "../../crds/names.ts";
import type { Deployment } from "../../kube/objects.ts";
import type { Network, PolicyRule } from "../../networks/contract.ts";
import { networks } from "../../networks/index.ts";
import { isAvailable } from "./available.ts";
import { deploymentObject } from "./deployment.ts";
import { installObjects } from "./objects.ts";
import { engineRules, mergeRules, ownNamespaceRules, rbacObjects } from "./rbac.ts";

const settings = { image: "example.com/cni-migrate:1", healthPort: defaultHealthPort };

describe("plugin/install", () => {
  const rulesOf = (kind: string, name: string): PolicyRule[] =>
    (rbacObjects(networks).find((object) => object.kind === kind && object.metadata.name === name)?.rules ??
      []) as PolicyRule[];

  it("sends CRDs and the namespace first, the controller last", () => {
    const kinds = installObjects(settings, networks).map((object) => object.kind);

    expect(kinds.slice(0, 3)).toEqual(["CustomResourceDefinition", "CustomResourceDefinition", "Namespace"]);
    expect(kinds.at(-1)).toBe("Deployment");
  });

  it("labels everything as ours, and keeps everything namespaced in known namespaces", () => {
    for (const { kind, metadata } of installObjects(settings, networks)) {
      expect(metadata.labels, kind).toMatchObject({ "app.kubernetes.io/managed-by": "cni-migrate" });
      expect([undefined, systemNamespace, "default", "kube-system"]).toContain(metadata.namespace);
    }
  });

  it("gives the controller the engine's and every network's rights", () => {
    const granted = JSON.stringify(rulesOf("ClusterRole", controllerName));

    for (const { resources } of [...engineRules, ...networks.flatMap((network: Network) => network.permissions)])
      for (const resource of resources) expect(granted).toContain(`"${resource}"`);
  });

  it("gives no right that would make the controller master of the cluster", () => {
    const all = [...rulesOf("ClusterRole", controllerName), ...ownNamespaceRules];
    const words = all.flatMap(({ apiGroups, resources, verbs }) => [...apiGroups, ...resources, ...verbs]);

    for (const forbidden of [
      "*",
      "secrets",
      "pods/exec",
      "pods/attach",
      "nodes/proxy",
      "serviceaccounts/token",
      "bind",
      "escalate",
      "impersonate",
    ])
      expect(words).not.toContain(forbidden);
    const writes = rulesOf("ClusterRole", controllerName).filter(({ verbs }) =>
      verbs.some((verb) => ["create", "update", "patch", "delete", "deletecollection"].includes(verb)),
    );
    const written = writes.flatMap(({ resources }) => resources);
    for (const readOnly of [
      "pods",
      "daemonsets",
      "deployments",
      "configmaps",
      "clusterroles",
      "roles",
      "customresourcedefinitions",
    ])
      expect(written).not.toContain(readOnly);
  });

  it("merges rules of the same groups, verbs and names, and no others", () => {
    const rule = (resources: string[], verbs: string[], resourceNames?: string[]): PolicyRule => ({
      apiGroups: ["g"],
      resources,
      verbs,
      ...(resourceNames === undefined ? {} : { resourceNames }),
    });

    expect(
      mergeRules([
        rule(["b"], ["list", "get"]),
        rule(["a", "b"], ["get", "list"]),
        rule(["a"], ["get", "list"], ["n"]),
      ]),
    ).toEqual([rule(["a"], ["get", "list"], ["n"]), rule(["a", "b"], ["get", "list"])]);
  });

  it("runs two restricted replicas on the host's network that nothing keeps off a node", () => {
    const { spec } = deploymentObject(settings) as unknown as Deployment;
    const pod = spec.template?.spec;
    const [container] = pod?.containers ?? [];

    expect(spec.replicas).toBe(2);
    expect(pod).toMatchObject({ hostNetwork: true, priorityClassName: "system-cluster-critical" });
    expect(pod?.tolerations).toContainEqual({ operator: "Exists", effect: "NoSchedule" });
    expect(pod?.tolerations).toContainEqual({
      key: "node.kubernetes.io/not-ready",
      operator: "Exists",
      effect: "NoExecute",
    });
    expect(container).toMatchObject({
      image: settings.image,
      args: ["controller"],
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      },
    });
    expect(container?.env).toContainEqual({ name: "CNI_MIGRATE_IMAGE", value: settings.image });
    // Its port on the host is what keeps two replicas apart and what the probes ask.
    expect(container?.ports).toMatchObject([{ hostPort: defaultHealthPort }]);
    expect(container?.readinessProbe).toMatchObject({ httpGet: { host: "127.0.0.1", port: defaultHealthPort } });
  });

  it("takes a Deployment for available only when its present template is", () => {
    const deployment = (status: NonNullable<Deployment["status"]>): Deployment => ({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "x", generation: 2 },
      spec: {},
      status,
    });
    const conditions = [{ type: "Available", status: "True" as const }];

    expect(isAvailable(deployment({ observedGeneration: 2, updatedReplicas: 1, conditions }))).toBe(true);
    expect(isAvailable(deployment({ observedGeneration: 1, updatedReplicas: 1, conditions }))).toBe(false);
    expect(isAvailable(deployment({ observedGeneration: 2, conditions }))).toBe(false);
    expect(isAvailable(undefined)).toBe(false);
  });
});
