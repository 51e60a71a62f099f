import { type HostDeps, must } from "./deps.ts";
import { mountPoints } from "./files.ts";
import { realPath } from "./walk.ts";

/** Those of the wanted places where something is mounted, as often as it is. */
export async function findMounts(deps: HostDeps, wanted: readonly string[]): Promise<string[]> {
  if (wanted.length === 0) return [];
  const present = mountPoints();
  const places = await Promise.all(wanted.map(async (path) => ({ path, real: await realPath(deps, path) })));
  return places.flatMap(({ path, real }) => present.filter((point) => point === real).map(() => path));
}

/**
 * Unmounts what is mounted there, and names it. For the node itself, too: the pod of such a task shares its mounts in both
 * directions (pod.ts). One that is in use is an error that names it.
 */
export async function unmount(deps: HostDeps, wanted: readonly string[]): Promise<string[]> {
  const found = await findMounts(deps, wanted);
  // No helper program, and the path as it is: it was compared with the kernel's own list.
  for (const path of found)
    await must(deps, ["umount", "--internal-only", "--no-canonicalize", await realPath(deps, path)]);
  return found;
}
