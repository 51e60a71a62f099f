import type { UnknownObject } from "../../kube/types.ts";
import type { Finding, NetworkFacts, Overrides } from "../contract.ts";
import type { HostFacts } from "../host-ops.ts";
import { parseManifests } from "../manifests.ts";
import { snapshotOf } from "../snapshot.ts";
import { patched, recorded } from "../testing.ts";
import { detect } from "./detect.ts";

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

export const cluster = () => recorded("flannel-0.28.10");
export const configMap = { kind: "ConfigMap", name: "kube-flannel-cfg" };
export const daemonSet = { kind: "DaemonSet", name: "kube-flannel-ds" };

export function found(objects: UnknownObject[], overrides: Overrides = {}, hosts: Record<string, HostFacts> = {}) {
  const detection = detect(snapshotOf({ objects, hosts }), overrides);
  if (detection.state === "absent") throw new Error("flannel was not found");
  return detection;
}

export function blockersOf(
  objects: UnknownObject[],
  overrides?: Overrides,
  hosts?: Record<string, HostFacts>,
): Finding[] {
  return found(objects, overrides, hosts).findings.filter((f) => f.severity === "blocker");
}

export function origin(facts: NetworkFacts, name: string): string {
  const detected = facts.detected.find((d) => d.name === name);
  return `${detected?.value} <- ${detected?.from}`;
}

export function withNetConf(conf: unknown): UnknownObject[] {
  return patched(cluster(), configMap, { data: { "net-conf.json": JSON.stringify(conf) } });
}

export function withContainer(container: Record<string, unknown>): UnknownObject[] {
  const mounts = [{ name: "flannel-cfg", mountPath: "/etc/kube-flannel/" }];
  return patched(cluster(), daemonSet, {
    spec: { template: { spec: { containers: [{ name: "kube-flannel", volumeMounts: mounts, ...container }] } } },
  });
}

export const vxlan = { Network: "10.244.0.0/16", Backend: { Type: "vxlan" } };
