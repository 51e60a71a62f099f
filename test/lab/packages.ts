import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { LabNetwork } from "./binaries.ts";
import { LabError, type Progress, timed } from "./errors.ts";
import { lastLine, run } from "./run.ts";

export interface DebianPackage {
  readonly name: string;
  /** What proves that it is there: a program on PATH, or a file when it starts with "/". */
  readonly proof: string;
  /** Only for labs with this network. */
  readonly network?: LabNetwork;
}

export const debianPackages = [
  { name: "containerd", proof: "containerd" },
  { name: "runc", proof: "runc" },
  { name: "iptables", proof: "xtables-legacy-multi" },
  { name: "nftables", proof: "nft" },
  { name: "ipset", proof: "ipset" },
  { name: "conntrack", proof: "conntrack" },
  { name: "iproute2", proof: "ip" },
  { name: "busybox-static", proof: "/bin/busybox" },
  { name: "containernetworking-plugins", proof: "/usr/lib/cni/portmap" },
  { name: "runit", proof: "runsvdir" },
  { name: "ethtool", proof: "ethtool" },
  { name: "kmod", proof: "modprobe" },
  { name: "procps", proof: "sysctl" },
  { name: "util-linux", proof: "nsenter" },
  { name: "gcc", proof: "gcc" },
  { name: "libc6-dev", proof: "/usr/include/unistd.h" },
  { name: "clang-19", proof: "clang-19", network: "cilium" },
  { name: "llvm-19", proof: "llc-19", network: "cilium" },
  { name: "bpftool", proof: "bpftool", network: "cilium" },
] as const satisfies readonly DebianPackage[];

/** Packages these networks need and this machine does not have. */
export function missingPackages(
  networks: readonly LabNetwork[],
  isThere: (proof: string) => boolean = isOnMachine,
): string[] {
  const needed: readonly DebianPackage[] = debianPackages;
  return needed
    .filter(({ network }) => network === undefined || networks.includes(network))
    .filter(({ proof }) => !isThere(proof))
    .map(({ name }) => name);
}

export function isOnMachine(proof: string): boolean {
  if (proof.startsWith("/")) return existsSync(proof);
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.some((folder) => isExecutable(join(folder, proof)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Installs what is missing with apt-get; where that is not possible, names it in one line. */
export async function ensurePackages(networks: readonly LabNetwork[], progress: Progress): Promise<void> {
  const missing = missingPackages(networks);
  if (missing.length === 0) return;
  const list = missing.join(" ");
  if (!isOnMachine("apt-get")) {
    throw new LabError(`the lab needs programs of these Debian packages, and there is no apt-get here: ${list}`);
  }
  await timed(progress, `installing Debian packages: ${list}`, "installed Debian packages", async () => {
    const env = { DEBIAN_FRONTEND: "noninteractive" };
    const updated = await run(["apt-get", "update", "-q"], { env });
    const installed = await run(["apt-get", "install", "-q", "-y", "--no-install-recommends", ...missing], { env });
    if (installed.code === 0) return;
    const reason = lastLine(installed.code === 0 ? updated : installed);
    throw new LabError(`apt-get could not install ${list}: ${reason}; install them by hand, then try again`);
  });
  const still = missingPackages(networks);
  if (still.length > 0) throw new LabError(`installed, but their programs are not on PATH: ${still.join(" ")}`);
}
