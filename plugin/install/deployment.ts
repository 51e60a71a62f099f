import {
  controllerEnv,
  controllerName,
  managedBy,
  managedByLabel,
  probePort,
  probeService,
  roleLabel,
  systemNamespace,
} from "../../crds/names.ts";
import type { UnknownObject } from "../../kube/types.ts";

export interface ControllerSettings {
  /** Image of the controller, its host tasks and its probes. */
  image: string;
  /** TCP port on the node's loopback of /healthz, /readyz and /metrics. */
  healthPort: number;
}

/** Namespace of the controller, its host tasks (privileged) and probes. */
export function namespaceObject(): UnknownObject {
  const level = "privileged";
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name: systemNamespace,
      labels: {
        [managedByLabel]: managedBy,
        "pod-security.kubernetes.io/enforce": level,
        "pod-security.kubernetes.io/audit": level,
        "pod-security.kubernetes.io/warn": level,
      },
    },
  };
}

/** Service in front of the probe servers. It has endpoints while a migration is under way. */
export function probeServiceObject(): UnknownObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: probeService, namespace: systemNamespace, labels: { [managedByLabel]: managedBy } },
    spec: {
      selector: { [managedByLabel]: managedBy, [roleLabel]: "probe-server" },
      ports: [{ name: "probe", protocol: "TCP", port: probePort, targetPort: probePort }],
    },
  };
}

/**
 * Nothing keeps the controller off a node, and losing the pod network does not evict it (not-ready). Only a node that
 * cannot be reached does, so that its replica is made anew elsewhere.
 */
const tolerations = [
  { operator: "Exists", effect: "NoSchedule" },
  ...[
    "node.kubernetes.io/not-ready",
    "node-role.kubernetes.io/control-plane",
    "node-role.kubernetes.io/master",
    "node-role.kubernetes.io/controlplane",
    "node-role.kubernetes.io/etcd",
    "CriticalAddonsOnly",
  ].map((key) => ({ key, operator: "Exists", effect: "NoExecute" })),
];

/**
 * The controller: two replicas on different nodes (their host port keeps them apart), one at work, the other ready to
 * take the Lease. On the host's network, since pods lose theirs while it works.
 */
export function deploymentObject(settings: ControllerSettings): UnknownObject {
  const name = controllerName;
  const labels = { "app.kubernetes.io/name": name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: systemNamespace, labels: { ...labels, [managedByLabel]: managedBy } },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      // A surplus pod would find no free host port where every node runs one; one replica is enough to be available.
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
      template: {
        metadata: { labels: { ...labels, [managedByLabel]: managedBy } },
        spec: {
          serviceAccountName: name,
          automountServiceAccountToken: true,
          hostNetwork: true,
          dnsPolicy: "Default",
          enableServiceLinks: false,
          priorityClassName: "system-cluster-critical",
          terminationGracePeriodSeconds: 30,
          tolerations,
          nodeSelector: { "kubernetes.io/os": "linux" },
          affinity: { podAntiAffinity: spread(labels) },
          securityContext: {
            runAsNonRoot: true,
            runAsUser: 65_532,
            runAsGroup: 65_532,
            seccompProfile: { type: "RuntimeDefault" },
          },
          containers: [container(settings)],
        },
      },
    },
  };
}

function container({ image, healthPort }: ControllerSettings) {
  const probe = (path: string) => ({ httpGet: { host: "127.0.0.1", path, port: healthPort, scheme: "HTTP" } });
  const fromPod = (fieldPath: string) => ({ valueFrom: { fieldRef: { apiVersion: "v1", fieldPath } } });
  return {
    name: "controller",
    image,
    imagePullPolicy: "IfNotPresent",
    args: ["controller"],
    env: [
      { name: controllerEnv.podName, ...fromPod("metadata.name") },
      { name: controllerEnv.podNamespace, ...fromPod("metadata.namespace") },
      { name: controllerEnv.nodeName, ...fromPod("spec.nodeName") },
      { name: controllerEnv.image, value: image },
      { name: controllerEnv.healthPort, value: String(healthPort) },
    ],
    ports: [{ name: "health", containerPort: healthPort, hostPort: healthPort, protocol: "TCP" }],
    startupProbe: { ...probe("/healthz"), periodSeconds: 1, failureThreshold: 60, timeoutSeconds: 2 },
    livenessProbe: { ...probe("/healthz"), periodSeconds: 20, failureThreshold: 3, timeoutSeconds: 5 },
    readinessProbe: { ...probe("/readyz"), periodSeconds: 5, failureThreshold: 2, timeoutSeconds: 2 },
    resources: { requests: { cpu: "50m", memory: "96Mi" }, limits: { memory: "256Mi" } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
    terminationMessagePolicy: "FallbackToLogsOnError",
  };
}

function spread(labels: Record<string, string>) {
  return {
    preferredDuringSchedulingIgnoredDuringExecution: [
      {
        weight: 100,
        podAffinityTerm: { labelSelector: { matchLabels: labels }, topologyKey: "kubernetes.io/hostname" },
      },
    ],
  };
}
