import { parseManifests } from "../manifests.ts";

/** A flannel install of this project's own words, with the fields its reading and changing are about. */
export const flannelManifests = parseManifests(
  `
apiVersion: v1
kind: Namespace
metadata: { name: kube-flannel }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: flannel-settings, namespace: kube-flannel }
data:
  cni-conf.json: |
    {"name": "cbr0", "cniVersion": "0.3.1", "plugins": [{"type": "flannel"}]}
  net-conf.json: |
    {"Network": "10.244.0.0/16", "Backend": {"Type": "vxlan"}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: kube-flannel-ds, namespace: kube-flannel }
spec:
  selector: { matchLabels: { app: flannel } }
  template:
    metadata: { labels: { app: flannel } }
    spec:
      hostNetwork: true
      initContainers:
        - name: install-cni
          image: example.org/flannel:v1
          volumeMounts:
            - { name: cni, mountPath: /etc/cni/net.d }
            - { name: settings, mountPath: /etc/kube-flannel/ }
      containers:
        - name: kube-flannel
          image: example.org/flannel:v1
          command: [/opt/bin/flanneld]
          args: [--ip-masq, --kube-subnet-mgr]
          volumeMounts:
            - { name: settings, mountPath: /etc/kube-flannel/ }
      volumes:
        - { name: cni, hostPath: { path: /etc/cni/net.d } }
        - { name: settings, configMap: { name: flannel-settings } }
`,
  "flannel fixture",
);
