import { probeImage } from "./images.ts";

/** The probed workload: a Service of four replicas with readiness probes, and one pod a node that is never elsewhere. */
export const replicas = 4;
export const echoPort = 7;

/**
 * Seconds a pod goes on serving after it was told to end (its server ignores the signal). kube-proxy takes up changes once a
 * second at most: with less, requests would still be sent to pods that are gone, whoever drains.
 */
const graceSeconds = 2;

/** The probed server. */
export function container() {
  const readinessProbe = { httpGet: { port: 8080, path: "/" }, periodSeconds: 1 };
  return { name: "main", image: probeImage, imagePullPolicy: "IfNotPresent", command: ["/served"], readinessProbe };
}

/** Objects for `kubectl apply`; all in namespace default. */
export function workload(): object[] {
  return [
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web", namespace: "default" },
      spec: {
        replicas,
        selector: { matchLabels: { app: "web" } },
        template: {
          metadata: { labels: { app: "web" } },
          spec: { terminationGracePeriodSeconds: graceSeconds, containers: [container()] },
        },
      },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web", namespace: "default" },
      // In a cluster of both families it is reached by both.
      spec: {
        ipFamilyPolicy: "PreferDualStack",
        selector: { app: "web" },
        ports: [{ port: 80, targetPort: 8080 }],
      },
    },
    {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata: { name: "echo", namespace: "default" },
      spec: {
        selector: { matchLabels: { app: "echo" } },
        template: {
          metadata: { labels: { app: "echo" } },
          spec: {
            tolerations: [{ operator: "Exists" }],
            terminationGracePeriodSeconds: 1,
            containers: [container()],
          },
        },
      },
    },
  ];
}
