/**
 * Host work as data. A network says what is to be done on a node as a list of these; the host task
 * (controller/host) is the one place that carries them out. The set is closed: no command, no shell, and
 * only paths below the roots of `allowedPaths`.
 */

/** Marks of a VXLAN device, used to make sure the right one is touched. */
export interface VxlanMarks {
  vni: number;
  /** UDP port. */
  port: number;
  /** Lower case, colon separated. Not compared when absent. */
  mac?: string;
}

/** Packets from one range of pods to the other, which are to keep their source address. */
export interface Exemption {
  from: string;
  to: string;
}

export type HostOp =
  /** Waits until no process with one of these names (/proc/PID/comm or basename of argv[0]) runs on the host. */
  | { op: "awaitProcessGone"; names: readonly string[]; timeoutSeconds: number }
  /** Written to a temporary file beside it, synced, renamed over `path`. Does nothing when it has this content. */
  | { op: "writeFile"; path: string; content: string; mode: number }
  /** Removes regular files only; absent is fine. */
  | { op: "removeFile"; path: string }
  /**
   * Renames a VXLAN device that is up; routes, neighbours and forwarding entries stay with it. Where the kernel cannot
   * (before 6.2, EBUSY) it is set down, renamed, set up, and what it carried is put back in one batch. Done already
   * (`to` is there with these marks, `from` is not) is fine; both there, or other marks, fails. Neither, as after a reboot,
   * is fine: the next agent makes its own.
   */
  | { op: "renameVxlan"; from: string; to: string; marks: VxlanMarks }
  /** Deletes a link of this kind; absent is fine; another kind fails. */
  | { op: "deleteLink"; name: string; kind: "bridge" | "vxlan" | "veth" }
  /** Deletes routes of one protocol number; `blackholeOnly` leaves those that carry traffic. */
  | { op: "deleteRoutes"; protocol: number; blackholeOnly: boolean }
  /** Polls a URL on the host's loopback until its status is one of `statuses`. Source of readiness sooner than a probe. */
  | { op: "awaitHttp"; url: string; statuses: readonly number[]; timeoutSeconds: number }
  /** Waits for a regular file, newer than the task's start less `maxAgeSeconds` when that is given. */
  | { op: "awaitFile"; path: string; timeoutSeconds: number; maxAgeSeconds?: number }
  /** Waits until a link of this name has these marks and is up. */
  | { op: "awaitVxlan"; name: string; marks: VxlanMarks; timeoutSeconds: number }
  /** Waits until a device has a route to each of these ranges ("10.244.1.0/24"), 64 at most: its agent knows other nodes. */
  | { op: "awaitRoutes"; device: string; destinations: readonly string[]; timeoutSeconds: number }
  /**
   * Puts the rules of these ways (networks/dual-overlay.ts) at the head of nat POSTROUTING, behind Felix's own jump at most, where
   * they are not there yet. Gone by their comment, like anything of a footprint.
   */
  | { op: "exempt"; ways: readonly Exemption[] }
  /** Removes all that the footprint names, in the order: rules, sets, routes, links, filters, files, mounts, directories. */
  | { op: "removeFootprint"; footprint: Footprint }
  /** Reads the node again; the result's `leftovers` names what it found. */
  | { op: "scanFootprint"; footprint: Footprint }
  /** Reads facts without changing anything; the result's `facts`. */
  | { op: "inspect"; cniConfDir: string; cniBinDir: string; subnetEnvPath: string };

/**
 * Routes to ranges of exactly this prefix length inside `within`, by way of a gateway that is inside it, too: another node's end of
 * the overlay. `straight`: by way of one outside it, another node itself, and of no protocol (boot).
 */
export interface TunnelRoutes {
  within: string;
  prefix: number;
  straight?: true;
}

/**
 * What a network leaves on a node. Names are exact, or end in `*` for a prefix. Nothing else is ever touched.
 */
export interface Footprint {
  network: string;
  /** Links to delete; kind is checked before. */
  links: readonly { name: string; kind: "vxlan" | "bridge" | "veth" }[];
  /**
   * iptables chains, looked for in nft and legacy, v4 and v6, in every table. `jumps` are rules in other chains that go:
   * those that jump to one of the chains, and those whose comment is one of `comments` (exact or prefix*). Chains of single
   * containers (CNI-<hash>, made by the bridge and portmap plugins) go with the rules when nothing else leads to them.
   */
  chains: readonly string[];
  comments: readonly string[];
  /** Whole nft tables, "ip flannel-ipv4". */
  nftTables: readonly string[];
  ipsets: readonly string[];
  /** Route protocols owned by this network alone (numbers, /etc/iproute2/rt_protos). */
  routeProtocols: readonly number[];
  tunnelRoutes: readonly TunnelRoutes[];
  /**
   * Rules of the routing policy by their preference and table (`ip rule`), and all that is in the table. One of the table local is
   * the kernel's own, which an agent moved from preference 0: it is put back there before it goes from here.
   */
  policyRules: readonly { preference: number; table: number }[];
  /**
   * BPF filters (tc) by name, on every link: links of the node itself do not go. clsact goes with the last of them, where no other
   * filter hangs on it. Programs held by a pinned link (tcx) go with the pin, a file.
   */
  bpfFilters: readonly string[];
  /** Regular files. */
  files: readonly string[];
  /** Mount points an agent made, unmounted on the node before directories go: what is mounted there is never walked into. */
  mounts: readonly string[];
  /** Directories removed with all they hold. */
  directories: readonly string[];
  /** Regular files inside `dir` whose name starts with `prefix`, e.g. CNI result caches of one network. */
  filePrefixes: readonly { dir: string; prefix: string }[];
}

/** One thing the scan found, in words a person can act on. */
export interface Leftover {
  /** link, chain, rule, nft table, ipset, route, policy rule, BPF filter, file, mount, directory */
  kind: string;
  /** "flannel.1", "nat FLANNEL-POSTRTG (iptables-nft)", "/run/flannel/subnet.env" */
  name: string;
}

export interface HostFacts {
  /** "6.18.44" */
  kernel: string;
  /** File names in the CNI configuration directory, sorted. */
  cniConfFiles: string[];
  /** Executable names in the CNI binary directory, sorted. */
  cniBinaries: string[];
  /** VXLAN devices with their marks. */
  vxlans: {
    name: string;
    vni: number;
    port: number;
    mac: string;
    mtu: number;
    external: boolean;
    addresses: string[];
  }[];
  bridges: string[];
  /** subnet.env as key -> value; absent when there is no such file. */
  subnetEnv?: Record<string, string>;
  /** "iptables-nft", "iptables-legacy", "nft": which have rules. */
  packetFilters: string[];
  architecture: string;
}

/** What a host task leaves in its termination message (JSON, at most 4096 bytes: lists are cut, `truncated` counts). */
export interface HostResult {
  ok: boolean;
  /** The op that failed and why; absent when ok. */
  error?: { op: string; message: string };
  facts?: HostFacts;
  leftovers?: Leftover[];
  /** Names of what was removed or changed, for NodeMigration.status.evidence. */
  changes?: string[];
  /** Entries left out to stay below the limit. */
  truncated?: number;
  /** Milliseconds from start to end. */
  elapsedMs: number;
}

/** Where host tasks may write or delete. Everything but this and the lists below is refused by the task itself. */
export const allowedPaths = [
  "/etc/cni/net.d",
  "/run/flannel",
  "/var/lib/cni",
  "/var/lib/calico",
  "/var/run/calico",
  "/run/calico",
  "/var/run/nodeagent",
  "/var/log/calico",
  "/opt/cni/bin",
] as const;

/** Where they may delete or unmount, and write nothing. */
export const removablePaths = [
  "/run/cilium",
  "/var/run/cilium",
  "/sys/fs/bpf/cilium",
  "/sys/fs/bpf/tc/globals",
] as const;

/** Single files they may delete, in directories that are not theirs. */
export const removableFiles = ["/etc/sysctl.d/99-zzz-override_cilium.conf"] as const;
