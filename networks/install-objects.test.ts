import { describe, expect, it } from "vitest";
import type { KubeObject, UnknownObject } from "../kube/types.ts";
import type { Belongings } from "./contract.ts";
import { type InstallPart, partsOfInstall } from "./install-objects.ts";
import { parseManifests } from "./manifests.ts";
import { snapshotOf } from "./snapshot.ts";

const none: Belongings = { crdGroups: [], objects: [], namespaces: [], annotationPrefixes: [] };
const agent = { namespace: "net", daemonSets: ["agent"], podLabels: {} };

const install = `
kind: DaemonSet
apiVersion: apps/v1
metadata: { name: agent, namespace: net }
spec:
  selector: { matchLabels: { app: agent } }
  template:
    metadata: { labels: { app: agent } }
    spec:
      serviceAccountName: agent
      imagePullSecrets: [{ name: registry }]
      volumes:
        - { name: conf, configMap: { name: conf } }
        - { name: certs, secret: { secretName: certs } }
        - { name: all, projected: { sources: [{ secret: { name: token } }, { configMap: { name: kube-root-ca.crt } }] } }
      initContainers: [{ name: install, envFrom: [{ configMapRef: { name: endpoint, optional: true } }] }]
      containers:
        - name: agent
          env: [{ name: MTU, valueFrom: { configMapKeyRef: { name: settings, key: mtu } } }]
---
kind: Deployment
apiVersion: apps/v1
metadata: { name: controllers, namespace: net }
spec:
  selector: { matchLabels: { app: controllers } }
  template:
    metadata: { labels: { app: controllers } }
    spec: { serviceAccountName: controllers, containers: [{ name: c }] }
---
kind: ClusterRoleBinding
apiVersion: rbac.authorization.k8s.io/v1
metadata: { name: agent }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: agent }
subjects: [{ kind: ServiceAccount, name: agent, namespace: net }]
---
kind: RoleBinding
apiVersion: rbac.authorization.k8s.io/v1
metadata: { name: agent-config, namespace: kube-system }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: config-reader }
subjects: [{ kind: ServiceAccount, name: agent, namespace: net }]
---
kind: ClusterRoleBinding
apiVersion: rbac.authorization.k8s.io/v1
metadata: { name: agent-proxier }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:node-proxier" }
subjects: [{ kind: ServiceAccount, name: agent, namespace: net }]
---
kind: CustomResourceDefinition
apiVersion: apiextensions.k8s.io/v1
metadata: { name: pools.net.example }
spec: { group: net.example, scope: Cluster, names: { plural: pools, kind: Pool }, versions: [] }
---
kind: CustomResourceDefinition
apiVersion: apiextensions.k8s.io/v1
metadata: { name: others.example }
spec: { group: example, scope: Cluster, names: { plural: others, kind: Other }, versions: [] }
`;

function parts(more = "", belongings: Partial<Belongings> = {}, keeps: (part: InstallPart) => boolean = () => false) {
  const objects: UnknownObject[] = parseManifests(`${install}\n---\n${more || "{}"}`.replace(/---\n\{\}$/, ""), "test");
  const world = snapshotOf({ objects: objects as KubeObject[] });
  return partsOfInstall({ agent, belongings: { ...none, ...belongings }, keeps }, world).map(
    ({ resource, key }) => `${resource.kind} ${key.namespace === undefined ? "" : `${key.namespace}/`}${key.name}`,
  );
}

const whole = [
  "DaemonSet net/agent",
  "ClusterRoleBinding agent",
  "ClusterRoleBinding agent-proxier",
  "RoleBinding kube-system/agent-config",
  "ClusterRole agent",
  "Role kube-system/config-reader",
  "ServiceAccount net/agent",
  "ConfigMap net/conf",
  "ConfigMap net/endpoint",
  "ConfigMap net/settings",
  "Secret net/certs",
  "Secret net/token",
];

const pod = (spec: string) => `
kind: Pod
apiVersion: v1
metadata: { name: stray, namespace: net, labels: { app: mine } }
spec: ${spec}
`;
const binding = (subjects: string) => `
kind: ClusterRoleBinding
apiVersion: rbac.authorization.k8s.io/v1
metadata: { name: also }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: agent }
subjects: ${subjects}
`;

describe("networks/install-objects", () => {
  it("follows references from the agent to all that is its own, those who work with others first", () => {
    expect(parts()).toEqual(whole);
  });

  it("takes what no reference leads to, what that refers to, its definitions and its namespace", () => {
    const belongings: Partial<Belongings> = {
      crdGroups: ["net.example"],
      objects: [
        { kind: "Deployment", name: "controllers" },
        { kind: "PodDisruptionBudget", name: "controllers" },
        { kind: "ServiceAccount", name: "plugin" },
      ],
      namespaces: ["net", "elsewhere"],
    };

    const more = parts("", belongings).filter((part) => !whole.includes(part));

    expect(more).toEqual([
      "Deployment net/controllers",
      "PodDisruptionBudget net/controllers",
      "ServiceAccount net/controllers",
      "ServiceAccount net/plugin",
      "CustomResourceDefinition pools.net.example",
      "Namespace net",
    ]);
  });

  it.each([
    [
      "a pod's account, with its bindings and roles",
      pod("{ serviceAccountName: agent, containers: [] }"),
      [
        "ClusterRoleBinding agent",
        "ClusterRoleBinding agent-proxier",
        "RoleBinding kube-system/agent-config",
        "ClusterRole agent",
        "Role kube-system/config-reader",
        "ServiceAccount net/agent",
      ],
    ],
    [
      "a pod's settings",
      pod("{ containers: [{ name: c, envFrom: [{ configMapRef: { name: settings } }] }] }"),
      ["ConfigMap net/settings"],
    ],
    ["a role of another binding", binding("[{ kind: Group, name: admins }]"), ["ClusterRole agent"]],
    [
      "a role of a binding with another subject",
      binding("[{ kind: ServiceAccount, name: agent, namespace: net }, { kind: User, name: jane }]"),
      ["ClusterRole agent"],
    ],
  ])("leaves what others use: %s", (_what, more, kept) => {
    expect(parts(more)).toEqual(whole.filter((part) => !kept.includes(part)));
  });

  it("leaves pods of the agent itself out of the account", () => {
    const own = pod("{ serviceAccountName: agent, containers: [] }").replace("app: mine", "app: agent");

    expect(parts(own)).toEqual(whole);
  });

  it("leaves what is to stay, and what only that uses", () => {
    const isKept = ({ resource, key }: InstallPart) => resource.kind === "DaemonSet" && key.name === "agent";

    expect(parts("", {}, isKept)).toEqual([]);
  });
});
