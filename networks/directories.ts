import type { Finding } from "./contract.ts";
import { blocker } from "./findings.ts";
import { allowedPaths } from "./host-ops.ts";

/** Where CNI plugins and their configuration are unless a DaemonSet mounts others. */
export const defaultDirs = { conf: "/etc/cni/net.d", bin: "/opt/cni/bin" } as const;

/** Host tasks write below a few directories only: another CNI directory cannot be migrated. */
export function checkDirectories(dirs: { cniConfDir: string; cniBinDir: string }, where: string): Finding[] {
  const [confDir, binDir] = [allowed(dirs.cniConfDir), allowed(dirs.cniBinDir)];
  const wrong = [...(confDir ? [] : [dirs.cniConfDir]), ...(binDir ? [] : [dirs.cniBinDir])];
  return wrong.map((dir) =>
    blocker(
      "NotSupportedYet",
      `its CNI directory on the nodes is ${dir}, where nothing may be written`,
      where,
      `use ${defaultDirs.conf} and ${defaultDirs.bin}, or links to them, in kubelet, container runtime and DaemonSet`,
    ),
  );
}

function allowed(dir: string): boolean {
  return allowedPaths.some((root) => dir === root || dir.startsWith(`${root}/`));
}
