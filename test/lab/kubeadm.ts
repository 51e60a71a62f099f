import { auditSettings } from "./audit.ts";
import { versions } from "./binaries.ts";
import type { LabState } from "./state.ts";
import { type LabNode, podCidrFamilies, serviceCidr, serviceCidr6 } from "./topology.ts";

/** kubeadm's input. The lab is reachable from its own namespaces only, so the join token is no secret. */
const token = "abcdef.0123456789abcdef";
const apiPort = 6443;
const kubeadmApi = "kubeadm.k8s.io/v1beta4";

export function initConfig(node: LabNode, { podCidr, nodeCidrs }: Pick<LabState, "podCidr" | "nodeCidrs">): string {
  // Without it the controller manager gives no node a range.
  const podSubnet = nodeCidrs ? { podSubnet: podCidr } : {};
  return documents([
    {
      apiVersion: kubeadmApi,
      kind: "InitConfiguration",
      bootstrapTokens: [{ token, ttl: "0s" }],
      localAPIEndpoint: { advertiseAddress: node.address },
      nodeRegistration: nodeRegistration(node),
    },
    {
      apiVersion: kubeadmApi,
      kind: "ClusterConfiguration",
      kubernetesVersion: `v${versions.kubernetes}`,
      networking: { ...podSubnet, serviceSubnet: serviceSubnet(podCidr) },
      // The host reaches it through a forwarder on loopback. Collecting garbage more often saves a fifth of its memory.
      apiServer: {
        certSANs: ["127.0.0.1", node.address],
        extraEnvs: [{ name: "GOGC", value: "50" }],
        ...auditSettings,
      },
      etcd: { local: { dataDir: "/var/lib/etcd", extraArgs: [{ name: "unsafe-no-fsync", value: "true" }] } },
    },
    kubeletConfig,
    {
      apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
      kind: "KubeProxyConfiguration",
      mode: "iptables",
      // Conntrack limits are the host's, which a node may not change.
      conntrack: { maxPerCore: 0, min: 0 },
    },
  ]);
}

export function joinConfig(node: LabNode, controlPlane: LabNode): string {
  return documents([
    {
      apiVersion: kubeadmApi,
      kind: "JoinConfiguration",
      discovery: {
        bootstrapToken: {
          token,
          apiServerEndpoint: `${controlPlane.address}:${apiPort}`,
          unsafeSkipCAVerification: true,
        },
      },
      nodeRegistration: nodeRegistration(node),
    },
  ]);
}

/** Probe, eviction and pod life cycle settings stay stock: what the lab measures must be what users see. */
const kubeletConfig = {
  apiVersion: "kubelet.config.k8s.io/v1beta1",
  kind: "KubeletConfiguration",
  cgroupDriver: "cgroupfs",
  cgroupsPerQOS: false,
  enforceNodeAllocatable: ["none"],
  failSwapOn: false,
  oomScoreAdj: 0,
  resolvConf: "/etc/resolv.conf",
  // All nodes share one disk, and images come from archives only: nothing may be collected.
  imageGCHighThresholdPercent: 100,
  evictionHard: {
    "memory.available": "50Mi",
    "nodefs.available": "0%",
    "imagefs.available": "0%",
    "nodefs.inodesFree": "0%",
  },
  nodeStatusUpdateFrequency: "4s",
};

function nodeRegistration(node: LabNode): unknown {
  return {
    name: node.name,
    criSocket: "unix:///run/containerd/containerd.sock",
    imagePullPolicy: "Never",
    ignorePreflightErrors: ["all"],
    kubeletExtraArgs: [{ name: "node-ip", value: [node.address, node.address6 ?? []].flat().join(",") }],
  };
}

/** Services have the families pods have. */
function serviceSubnet(podCidr: string): string {
  return podCidrFamilies(podCidr).v6 === undefined ? serviceCidr : `${serviceCidr},${serviceCidr6}`;
}

/** JSON is YAML. */
function documents(objects: readonly unknown[]): string {
  return objects.map((object) => JSON.stringify(object, null, 2)).join("\n---\n");
}

export const apiServerPort = apiPort;
