/**
 * The lab's container images, as a table. They carry the names the networks' own manifests ask for, and the programs
 * the lab built. Images of one bundle travel in one archive and share its base layer.
 */
import { type BinarySetId, type LabNetwork, versions } from "./binaries.ts";

/** One thing put into an image's own layer. */
export type LayerEntry =
  /** A program of the lab's build, in `folder` or at the full path `to`. */
  | { readonly program: string; readonly to: string }
  /** A program of this host with the libraries it needs, at the path it has here. */
  | { readonly hostProgram: string }
  /** A file or folder of this host. */
  | { readonly host: string; readonly to: string }
  /** A file or folder out of a fetched Go module; `executable` marks its files (modules lose that bit). */
  | { readonly module: BinarySetId; readonly from: string; readonly to: string; readonly executable?: boolean }
  /** A C file of native/, compiled without shared libraries. */
  | { readonly native: string; readonly to: string }
  /** A file of native/ as it is. */
  | { readonly script: string; readonly to: string }
  | { readonly link: string; readonly target: string }
  | { readonly folder: string };

export interface ImageSpec {
  readonly ref: string;
  /** Stands on the shared base layer (shell, ip, iptables, ...); the pause image does not. */
  readonly base: boolean;
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly layer: readonly LayerEntry[];
}

const kubernetesTag = `v${versions.kubernetes}`;
const calicoTag = `v${versions.calico}`;
const ciliumTag = `v${versions.cilium}`;

/** The image a pod of a lab test runs: bash, busybox, and /served, the server that is probed (native/served.c). */
export const probeImage = "lab.local/probe:1";
/** flannel's CNI plugin for both families (flannel-cni/), which dual-stack labs have instead of flannel's own. */
export const dualStackCniImage = "lab.local/flannel-cni-plugin:1";
const pauseImage = "registry.k8s.io/pause:3.10.1";

/** An image that holds one program, found on PATH. */
function programImage(program: string, ref: string): ImageSpec {
  return { ref, base: true, cmd: [program], layer: [{ program, to: `/usr/local/bin/${program}` }] };
}

const flanneld: LayerEntry[] = [
  { program: "flanneld", to: "/opt/bin/flanneld" },
  { program: "install-conf", to: "/opt/bin/install-conf" },
];

const kubeControllers: LayerEntry[] = [
  { program: "kube-controllers", to: "/usr/bin/kube-controllers" },
  { program: "check-status", to: "/usr/bin/check-status" },
  { folder: "/status" },
];

const cniPlugins = ["bridge", "host-local", "loopback", "portmap", "tuning", "bandwidth"];

export const bundles = {
  cluster: [
    { ref: pauseImage, base: false, entrypoint: ["/pause"], layer: [{ native: "pause.c", to: "/pause" }] },
    programImage("kube-apiserver", `registry.k8s.io/kube-apiserver:${kubernetesTag}`),
    programImage("kube-controller-manager", `registry.k8s.io/kube-controller-manager:${kubernetesTag}`),
    programImage("kube-scheduler", `registry.k8s.io/kube-scheduler:${kubernetesTag}`),
    programImage("kube-proxy", `registry.k8s.io/kube-proxy:${kubernetesTag}`),
    // The tags kubeadm of this release asks for; the programs inside are the ones the lab builds.
    programImage("etcd", "registry.k8s.io/etcd:3.6.5-0"),
    {
      ref: "registry.k8s.io/coredns/coredns:v1.12.1",
      base: true,
      entrypoint: ["/coredns"],
      layer: [{ program: "coredns", to: "/coredns" }],
    },
    { ref: probeImage, base: true, cmd: ["sleep", "infinity"], layer: [{ native: "served.c", to: "/served" }] },
  ],
  flannel: [
    {
      ref: `ghcr.io/flannel-io/flannel:v${versions.flannel}`,
      base: true,
      entrypoint: ["/opt/bin/flanneld"],
      layer: flanneld,
    },
    {
      ref: "ghcr.io/flannel-io/flannel-cni-plugin:v1.9.1-flannel3",
      base: true,
      layer: [{ program: "flannel-cni", to: "/flannel" }],
    },
  ],
  "flannel-dual-stack": [
    { ref: dualStackCniImage, base: true, layer: [{ program: "flannel-cni-dual-stack", to: "/flannel" }] },
  ],
  "canal-flannel": [
    { ref: "docker.io/flannel/flannel:v0.24.3", base: true, entrypoint: ["/opt/bin/flanneld"], layer: flanneld },
  ],
  calico: [
    {
      ref: `docker.io/calico/node:${calicoTag}`,
      base: true,
      cmd: ["start_runit"],
      layer: [
        { program: "calico-node", to: "/bin/calico-node" },
        { program: "mountns", to: "/bin/mountns" },
        { module: "calico", from: "node/filesystem", to: "/", executable: true },
      ],
    },
    {
      ref: `docker.io/calico/cni:${calicoTag}`,
      base: true,
      cmd: ["/opt/cni/bin/install"],
      layer: [
        { program: "calico", to: "/opt/cni/bin/calico" },
        { link: "/opt/cni/bin/calico-ipam", target: "calico" },
        { program: "install", to: "/usr/libexec/calico-install" },
        { script: "calico-install.sh", to: "/opt/cni/bin/install" },
        { program: "flannel-cni", to: "/opt/cni/bin/flannel" },
        ...cniPlugins.map((name) => ({ host: `/usr/lib/cni/${name}`, to: `/opt/cni/bin/${name}` })),
      ],
    },
    {
      ref: `docker.io/calico/kube-controllers:${calicoTag}`,
      base: true,
      entrypoint: ["/usr/bin/kube-controllers"],
      layer: kubeControllers,
    },
  ],
  /** Calico's own flannel migration, which the benchmark compares with. */
  "calico-flannel-migration": [
    {
      ref: `docker.io/calico/flannel-migration-controller:${calicoTag}`,
      base: true,
      entrypoint: ["/usr/bin/kube-controllers"],
      layer: [
        ...kubeControllers,
        { program: "kubectl", to: "/usr/bin/kubectl.real" },
        { script: "kubectl-old-flags.sh", to: "/usr/bin/kubectl" },
      ],
    },
  ],
  cilium: [
    {
      ref: `quay.io/cilium/cilium:${ciliumTag}`,
      base: true,
      cmd: ["/usr/bin/cilium-dbg"],
      layer: [
        { program: "cilium-agent", to: "/usr/bin/cilium-agent" },
        { program: "cilium-dbg", to: "/usr/bin/cilium-dbg" },
        { program: "cilium-health", to: "/usr/bin/cilium-health" },
        { program: "cilium-health-responder", to: "/usr/bin/cilium-health-responder" },
        { program: "cilium-mount", to: "/usr/bin/cilium-mount" },
        { program: "cilium-sysctlfix", to: "/usr/bin/cilium-sysctlfix" },
        { program: "cilium-cni", to: "/opt/cni/bin/cilium-cni" },
        { host: "/usr/lib/cni/loopback", to: "/cni/loopback" },
        { module: "cilium", from: "images/cilium/init-container.sh", to: "/init-container.sh", executable: true },
        { module: "cilium", from: "plugins/cilium-cni/install-plugin.sh", to: "/install-plugin.sh", executable: true },
        { module: "cilium", from: "plugins/cilium-cni/cni-uninstall.sh", to: "/cni-uninstall.sh", executable: true },
        { module: "cilium", from: "bpf", to: "/var/lib/cilium/bpf" },
        // The agent compiles its datapath when it starts.
        { hostProgram: "clang-19" },
        { hostProgram: "llc-19" },
        { link: "/usr/bin/clang", target: "clang-19" },
        { link: "/usr/bin/llc", target: "llc-19" },
        { host: "/usr/lib/llvm-19/lib/clang", to: "/usr/lib/llvm-19/lib/clang" },
        { hostProgram: "bpftool" },
        { hostProgram: "nsenter" },
        { link: "/bin/sh", target: "/usr/bin/bash" },
      ],
    },
    {
      ref: `quay.io/cilium/operator-generic:${ciliumTag}`,
      base: true,
      cmd: ["/usr/bin/cilium-operator-generic"],
      layer: [{ program: "cilium-operator", to: "/usr/bin/cilium-operator-generic" }],
    },
  ],
} as const satisfies Record<string, readonly ImageSpec[]>;

export type BundleId = keyof typeof bundles;

/** Bundles a node must have for each network, beside "cluster". */
const bundlesOfNetwork = {
  none: [],
  flannel: ["flannel"],
  canal: ["canal-flannel", "calico"],
  calico: ["calico"],
  cilium: ["cilium"],
} as const satisfies Record<LabNetwork, readonly BundleId[]>;

/** All bundles for a cluster with these networks, each once, in the table's order. */
export function bundlesFor(networks: readonly LabNetwork[], dualStack = false): BundleId[] {
  const wanted = new Set<BundleId>(["cluster", ...networks.flatMap((network) => bundlesOfNetwork[network])]);
  if (dualStack) wanted.add("flannel-dual-stack");
  return (Object.keys(bundles) as BundleId[]).filter((id) => wanted.has(id));
}

export function imagesOf(bundle: BundleId): readonly ImageSpec[] {
  return bundles[bundle];
}
