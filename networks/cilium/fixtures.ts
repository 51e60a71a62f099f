import type { UnknownObject } from "../../kube/types.ts";
import type { PlanContext } from "../contract.ts";
import { parseManifests } from "../manifests.ts";
import { planOfRecording } from "../testing.ts";

/** A Cilium install of this project's own words, with the fields its reading and changing are about. */
export const ciliumManifests: UnknownObject[] = parseManifests(
  `
apiVersion: v1
kind: ServiceAccount
metadata: { name: cilium, namespace: kube-system }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: cilium-config, namespace: kube-system }
data:
  ipam: cluster-pool
  cluster-pool-ipv4-cidr: 10.0.0.0/8
  cluster-pool-ipv4-mask-size: "24"
  routing-mode: tunnel
  tunnel-protocol: vxlan
  enable-ipv4: "true"
  enable-ipv6: "false"
  enable-policy: default
  custom-cni-conf: "false"
  write-cni-conf-when-ready: /host/etc/cni/net.d/05-cilium.conflist
  cni-exclusive: "true"
  kube-proxy-replacement: "false"
  unmanaged-pod-watcher-interval: "15"
  debug: "false"
---
apiVersion: v1
kind: ConfigMap
metadata: { name: cilium-config, namespace: elsewhere }
data: { ipam: none-of-ours }
---
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: cilium, namespace: kube-system, labels: { k8s-app: cilium } }
spec:
  selector: { matchLabels: { k8s-app: cilium } }
  updateStrategy: { type: RollingUpdate, rollingUpdate: { maxUnavailable: 2 } }
  template:
    metadata: { labels: { k8s-app: cilium } }
    spec:
      hostNetwork: true
      nodeSelector: { kubernetes.io/os: linux }
      tolerations: [{ operator: Exists }]
      initContainers:
        - { name: config, image: "example.org/cilium/cilium:v1.18.0", command: [cilium-dbg, build-config] }
        - name: mount-cgroup
          image: example.org/cilium/cilium:v1.18.0
          env: [{ name: BIN_PATH, value: /opt/cni/bin }]
          volumeMounts: [{ name: cni-path, mountPath: /hostbin }]
        - name: install-cni-binaries
          image: example.org/cilium/cilium:v1.18.0
          volumeMounts: [{ name: cni-path, mountPath: /host/opt/cni/bin }]
      containers:
        - name: cilium-agent
          image: example.org/cilium/cilium:v1.18.0
          volumeMounts: [{ name: etc-cni-netd, mountPath: /host/etc/cni/net.d }]
      volumes:
        - { name: cni-path, hostPath: { path: /opt/cni/bin } }
        - { name: etc-cni-netd, hostPath: { path: /etc/cni/net.d } }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: cilium-operator, namespace: kube-system }
spec:
  replicas: 2
  template:
    metadata: { labels: { name: cilium-operator } }
    spec:
      tolerations: [{ key: node-role.kubernetes.io/control-plane, operator: Exists }]
      containers: [{ name: cilium-operator, image: "example.org/cilium/operator-generic:v1.18.0" }]
`,
  "Cilium fixture",
);

/** A migration of the recorded flannel cluster (VXLAN port 8472) to Cilium. */
export function ciliumPlan(changes: Partial<PlanContext> = {}): PlanContext {
  return {
    ...planOfRecording("flannel"),
    migration: "flannel-to-cilium",
    target: {
      network: "cilium",
      agent: { namespace: "kube-system", daemonSets: ["cilium"], podLabels: { "k8s-app": "cilium" } },
    },
    second: { cidrs: ["10.245.0.0/16"], subnetLen: 24 },
    ...changes,
  };
}
