import { parseManifests } from "../manifests.ts";

/** A Calico install of this project's own words, with the fields its reading and changing are about: BGP, IPIP, a pool. */
export const calicoManifests = parseManifests(
  `
apiVersion: v1
kind: ConfigMap
metadata: { name: calico-config, namespace: kube-system }
data:
  calico_backend: bird
  veth_mtu: "0"
  typha_service_name: none
  cni_network_config: '{"name": "k8s-pod-network", "plugins": [{"type": "calico", "ipam": {"type": "calico-ipam"}}]}'
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: ippools.crd.projectcalico.org }
---
apiVersion: crd.projectcalico.org/v1
kind: IPPool
metadata: { name: own-pool }
spec: { cidr: 192.168.0.0/16 }
---
apiVersion: crd.projectcalico.org/v1
kind: FelixConfiguration
metadata: { name: default }
spec: { vxlanVNI: 4096, vxlanEnabled: false, prometheusMetricsEnabled: true }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: calico-kube-controllers, namespace: kube-system }
---
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: calico-node, namespace: kube-system }
spec:
  selector: { matchLabels: { k8s-app: calico-node } }
  updateStrategy: { type: RollingUpdate, rollingUpdate: { maxUnavailable: 1 } }
  template:
    metadata: { labels: { k8s-app: calico-node } }
    spec:
      hostNetwork: true
      nodeSelector: { kubernetes.io/os: linux }
      initContainers:
        - name: upgrade-ipam
          image: example.org/cni:v1
        - name: mount-bpffs
          image: example.org/node:v1
        - name: install-cni
          image: example.org/cni:v1
          env:
            - { name: CNI_CONF_NAME, value: 10-calico.conflist }
            - name: CNI_NETWORK_CONFIG
              valueFrom: { configMapKeyRef: { name: calico-config, key: cni_network_config } }
            - name: CNI_MTU
              valueFrom: { configMapKeyRef: { name: calico-config, key: veth_mtu } }
          volumeMounts:
            - { name: bin, mountPath: /host/opt/cni/bin }
            - { name: conf, mountPath: /host/etc/cni/net.d }
      containers:
        - name: calico-node
          image: example.org/node:v1
          env:
            - { name: DATASTORE_TYPE, value: kubernetes }
            - name: CALICO_NETWORKING_BACKEND
              valueFrom: { configMapKeyRef: { name: calico-config, key: calico_backend } }
            - { name: IP, value: autodetect }
            - { name: CALICO_IPV4POOL_IPIP, value: Always }
            - { name: CALICO_IPV4POOL_CIDR, value: 192.168.0.0/16 }
            - { name: CALICO_IPV6POOL_VXLAN, value: Never }
            - name: FELIX_VXLANMTU
              valueFrom: { configMapKeyRef: { name: calico-config, key: veth_mtu } }
            - { name: FELIX_VXLANPORT, value: "4789" }
            - { name: FELIX_LOGSEVERITYSCREEN, value: info }
          livenessProbe:
            exec: { command: [/bin/calico-node, -felix-live, -bird-live] }
            periodSeconds: 10
          readinessProbe:
            exec: { command: [/bin/calico-node, -felix-ready, -bird-ready] }
      volumes:
        - { name: bin, hostPath: { path: /opt/cni/bin, type: DirectoryOrCreate } }
        - { name: conf, hostPath: { path: /etc/cni/net.d } }
`,
  "Calico fixture",
);
