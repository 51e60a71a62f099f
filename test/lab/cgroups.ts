import { existsSync, readdirSync, rmdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { poll } from "./run.ts";

/** Everything of the lab hangs below this cgroup, one level a lab, one a node. */
const root = "cni-migrate-lab";

/** A node's cgroup, below every controller's root. */
export function cgroupOf(lab: string, node: string): string {
  return join(root, lab, node);
}

/**
 * Removes the cgroups of a lab, or of one node of it. They are empty once their processes are gone, which the kernel
 * may take a moment to notice.
 */
export async function removeCgroups(lab: string, node = ""): Promise<void> {
  const controllers = ["/sys/fs/cgroup", ...readdirSync("/sys/fs/cgroup").map((name) => join("/sys/fs/cgroup", name))];
  const trees = controllers.map((path) => join(path, root, lab, node)).filter((path) => existsSync(path));
  await poll(() => trees.every(removeTree), { timeoutMs: 3000, intervalMs: 50 });
  if (node === "") trees.map(dirname).forEach(removeEmpty);
}

function removeTree(path: string): boolean {
  if (!existsSync(path)) return true;
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(join(path, entry.name));
  }
  return removeEmpty(path);
}

/** False while something lives in it. */
function removeEmpty(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch {
    return !existsSync(path);
  }
}
