import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { removeCgroups } from "./cgroups.ts";
import { LabError } from "./errors.ts";
import { deleteNetns, netnsOfLab } from "./netns.ts";
import { endAll, type ProcessRecord, readRecord } from "./processes.ts";
import { run } from "./run.ts";
import { labFolder } from "./state.ts";

/**
 * Takes a lab down, whole or half: ends the recorded processes and whatever else lives in the lab's own namespaces,
 * removes namespaces, mounts, cgroups and the folder. Works from what is found, not from lab.json, so that the
 * remains of any crash go too. Nothing found is success.
 */
export async function removeLab(name: string): Promise<void> {
  const folder = labFolder(name);
  const namespaces = await netnsOfLab(name);
  const left = await endAll(recordsIn(folder));
  for (const namespace of namespaces) await deleteNetns(namespace);
  if (left.length > 0) {
    const pids = left.map(({ pid }) => pid).join(", ");
    throw new LabError(`lab ${name}: processes that do not end: ${pids}; its folder ${folder} is kept`, {
      exitCode: 1,
    });
  }
  await unmountBelow(folder);
  await removeCgroups(name);
  rmSync(folder, { recursive: true, force: true });
}

/** Records that lab daemons wrote about themselves: the forwarder's and every node's. */
function recordsIn(folder: string): ProcessRecord[] {
  if (!existsSync(folder)) return [];
  const nodes = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const files = [join(folder, "forwarder.pid"), ...nodes.map((entry) => join(folder, entry.name, "pid"))];
  return files.flatMap((file) => readRecord(file) ?? []);
}

/** A node's mounts are its own and go with it; this is for what a crash left. A folder with a mount is never deleted. */
async function unmountBelow(folder: string): Promise<void> {
  for (const mountPoint of mountsBelow(folder).reverse()) await run(["umount", "--lazy", mountPoint]);
  const [left] = mountsBelow(folder);
  if (left) throw new LabError(`cannot unmount ${left}: unmount it, then run lab down again`, { exitCode: 1 });
}

function mountsBelow(folder: string): string[] {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  const points = lines.map((line) => (line.split(" ")[4] ?? "").replaceAll("\\040", " "));
  return points.filter((point) => point.startsWith(`${folder}/`));
}
