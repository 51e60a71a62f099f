/**
 * What the lab builds, as a table: every program comes from an ordinary Go module of the public proxy. A row's whole
 * content (and the Go version) names its cache folder, so changing anything here builds anew and nothing else does.
 */

/** One `go build`: programs that share their build settings. */
export interface GoBuild {
  /** Program name in the cache -> import path. */
  readonly programs: Readonly<Record<string, string>>;
  /** Variables set by the linker: import path with name -> value. */
  readonly stamps?: Readonly<Record<string, string>>;
  readonly cgo?: boolean;
  /** Linked without any shared library, C code included. */
  readonly static?: boolean;
  readonly tags?: readonly string[];
}

export interface BinarySet {
  readonly id: string;
  /** As people know it; `module` says what is really fetched. */
  readonly version: string;
  readonly module: string;
  /** Module version where it is not "v" + version. */
  readonly moduleVersion?: string;
  /**
   * How the build's go.mod gets its replace lines, which Go takes from the main module only:
   * "staging": every k8s.io module required at v0.0.0 is replaced by its published release of the same minor and patch;
   * "own": the module's own replace block is taken over;
   * "none".
   */
  readonly replaces: "staging" | "own" | "none";
  /** Replacements on top: module -> "module version". Win over taken ones. */
  readonly pins?: Readonly<Record<string, string>>;
  /** Our own source folder beside this file that holds package main; its import path is `sourceMain`. */
  readonly source?: string;
  readonly builds: readonly GoBuild[];
}

/** Import path of a set's own package main, for sets with `source`. */
export const sourceMain = ".";

const kubernetesVersion = "1.34.4";
const calicoVersion = "3.28.5";
const flannelVersion = "0.28.10";
const ciliumVersion = "1.18.0";

export const versions = {
  kubernetes: kubernetesVersion,
  calico: calicoVersion,
  flannel: flannelVersion,
  cilium: ciliumVersion,
} as const;

export const binarySets = [
  {
    id: "kubernetes",
    version: kubernetesVersion,
    module: "k8s.io/kubernetes",
    replaces: "staging",
    builds: [
      {
        programs: {
          "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
          "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
          "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
          kubelet: "k8s.io/kubernetes/cmd/kubelet",
          "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy",
          kubeadm: "k8s.io/kubernetes/cmd/kubeadm",
          kubectl: "k8s.io/kubernetes/cmd/kubectl",
        },
        stamps: {
          "k8s.io/component-base/version.gitVersion": `v${kubernetesVersion}`,
          "k8s.io/component-base/version.gitMajor": "1",
          "k8s.io/component-base/version.gitMinor": "34",
        },
      },
    ],
  },
  {
    id: "calico",
    version: calicoVersion,
    module: "github.com/projectcalico/calico",
    // Calico tags no Go module versions: this is the commit of the release as the proxy names it.
    moduleVersion: "v1.11.0-cni-plugin.0.20250813170300-a0db560f0520",
    replaces: "own",
    pins: { "github.com/projectcalico/api": "github.com/projectcalico/api v0.0.0-20240708202104-e3f70b269c2c" },
    builds: [
      {
        programs: {
          "calico-node": "github.com/projectcalico/calico/node/cmd/calico-node",
          calico: "github.com/projectcalico/calico/cni-plugin/cmd/calico",
          install: "github.com/projectcalico/calico/cni-plugin/cmd/install",
          "kube-controllers": "github.com/projectcalico/calico/kube-controllers/cmd/kube-controllers",
          "check-status": "github.com/projectcalico/calico/kube-controllers/cmd/check-status",
        },
        stamps: {
          "main.VERSION": `v${calicoVersion}`,
          "github.com/projectcalico/calico/node/pkg/lifecycle/startup.VERSION": `v${calicoVersion}`,
          "github.com/projectcalico/calico/felix/buildinfo.GitVersion": `v${calicoVersion}`,
        },
      },
      { programs: { mountns: "github.com/projectcalico/calico/node/cmd/mountns" }, cgo: true, static: true },
    ],
  },
  {
    id: "coredns",
    // The release built with the client libraries of this Kubernetes, so that most of it is compiled already.
    version: "1.13.1",
    module: "github.com/coredns/coredns",
    replaces: "none",
    pins: {
      "k8s.io/api": `k8s.io/api v0.${kubernetesVersion.slice(2)}`,
      "k8s.io/apimachinery": `k8s.io/apimachinery v0.${kubernetesVersion.slice(2)}`,
      "k8s.io/client-go": `k8s.io/client-go v0.${kubernetesVersion.slice(2)}`,
    },
    source: "coredns",
    builds: [{ programs: { coredns: sourceMain } }],
  },
  {
    id: "flannel",
    version: flannelVersion,
    module: "github.com/flannel-io/flannel",
    replaces: "none",
    // A cloud back end's modules, pinned to versions that can be downloaded.
    pins: {
      "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/vpc":
        "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/vpc v1.0.1000",
      "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common":
        "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common v1.3.209",
    },
    builds: [
      {
        programs: { flanneld: "github.com/flannel-io/flannel" },
        stamps: { "github.com/flannel-io/flannel/pkg/version.Version": `v${flannelVersion}` },
        // Its UDP back end is C on amd64.
        cgo: true,
      },
      { programs: { "install-conf": "github.com/flannel-io/flannel/cmd/install_conf" } },
    ],
  },
  {
    id: "flannel-cni",
    // The last version that is a Go module; it speaks CNI up to 0.4.0, so the lab's manifest asks for 0.3.1.
    version: "0.9.1",
    module: "github.com/containernetworking/plugins",
    replaces: "none",
    builds: [{ programs: { "flannel-cni": "github.com/containernetworking/plugins/plugins/meta/flannel" } }],
  },
  {
    // Our own, for labs of both families; the module is what it is written with.
    id: "flannel-cni-dual-stack",
    version: "1.3.0",
    module: "github.com/containernetworking/cni",
    replaces: "none",
    source: "flannel-cni",
    builds: [{ programs: { "flannel-cni-dual-stack": sourceMain } }],
  },
  {
    id: "etcd",
    version: "3.6.16",
    module: "go.etcd.io/etcd/server/v3",
    replaces: "none",
    builds: [{ programs: { etcd: "go.etcd.io/etcd/server/v3" } }],
  },
  {
    id: "helm",
    version: "3.18.6",
    module: "helm.sh/helm/v3",
    replaces: "none",
    builds: [{ programs: { helm: "helm.sh/helm/v3/cmd/helm" } }],
  },
  {
    id: "krew",
    version: "0.5.0",
    module: "sigs.k8s.io/krew",
    replaces: "none",
    builds: [
      {
        programs: {
          krew: "sigs.k8s.io/krew/cmd/krew",
          "validate-krew-manifest": "sigs.k8s.io/krew/cmd/validate-krew-manifest",
        },
      },
    ],
  },
  {
    // Kubelets of simulated nodes, for the crash runner.
    id: "kwok",
    version: "0.8.0",
    module: "sigs.k8s.io/kwok",
    replaces: "own",
    builds: [{ programs: { kwok: "sigs.k8s.io/kwok/cmd/kwok" } }],
  },
  {
    id: "cilium",
    // Newer ones need a module that the proxy does not serve.
    version: ciliumVersion,
    module: "github.com/cilium/cilium",
    replaces: "none",
    builds: [
      {
        programs: {
          "cilium-agent": "github.com/cilium/cilium/daemon",
          "cilium-operator": "github.com/cilium/cilium/operator",
          "cilium-cni": "github.com/cilium/cilium/plugins/cilium-cni",
          "cilium-dbg": "github.com/cilium/cilium/cilium-dbg",
          "cilium-health": "github.com/cilium/cilium/cilium-health",
          "cilium-health-responder": "github.com/cilium/cilium/cilium-health/responder",
          "cilium-mount": "github.com/cilium/cilium/tools/mount",
          "cilium-sysctlfix": "github.com/cilium/cilium/tools/sysctlfix",
        },
        stamps: { "github.com/cilium/cilium/pkg/version.ciliumVersion": ciliumVersion },
        tags: ["osusergo", "ipam_provider_operator"],
      },
    ],
  },
] as const satisfies readonly BinarySet[];

export type BinarySetId = (typeof binarySets)[number]["id"];

/** The networks a lab can start with or be made ready for. */
export const labNetworks = ["flannel", "canal", "calico", "cilium", "none"] as const;
export type LabNetwork = (typeof labNetworks)[number];

/** Sets each network needs on top of a bare cluster. Calico's images carry the flannel CNI plugin (for Canal). */
const setsOfNetwork = {
  none: [],
  flannel: ["flannel", "flannel-cni"],
  canal: ["calico", "flannel", "flannel-cni"],
  calico: ["calico", "flannel-cni"],
  cilium: ["cilium", "helm"],
} as const satisfies Record<LabNetwork, readonly BinarySetId[]>;

/** A cluster without any network. */
export const clusterSets = ["kubernetes", "etcd", "coredns"] as const satisfies readonly BinarySetId[];

/** All sets for a cluster with these networks, each once, in the table's order: the long builds first. */
export function setsFor(networks: readonly LabNetwork[]): BinarySet[] {
  const wanted = new Set<string>([...clusterSets, ...networks.flatMap((network) => setsOfNetwork[network])]);
  return binarySets.filter((set) => wanted.has(set.id));
}

export function programsOf(set: BinarySet): string[] {
  return set.builds.flatMap((build) => Object.keys(build.programs));
}

/** The set that builds a program; undefined for a name not in the table. */
export function setOfProgram(program: string): BinarySet | undefined {
  return binarySets.find((set) => programsOf(set).includes(program));
}

export function moduleVersionOf(set: BinarySet): string {
  return set.moduleVersion ?? `v${set.version}`;
}
