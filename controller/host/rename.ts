import type { VxlanMarks } from "../../networks/host-ops.ts";
import { type HostDeps, HostError, lastWords, must } from "./deps.ts";
import { type Link, marksProblem, readLinks } from "./links.ts";
import { renameWhileDown } from "./rename-down.ts";

/**
 * Hands a VXLAN device over to another network by its name. Routes, neighbours and forwarding entries belong to the
 * interface index, so traffic goes on. True when something changed; already renamed is fine. A node that was rebooted has
 * neither: the next agent makes its own, with the same marks.
 */
export async function renameVxlan(deps: HostDeps, from: string, to: string, marks: VxlanMarks): Promise<boolean> {
  const links = await readLinks(deps);
  const source = links.find((link) => link.name === from);
  const target = links.find((link) => link.name === to);
  if (source !== undefined && target !== undefined)
    throw new HostError(`both ${from} and ${to} are there: one of them has to be removed by hand`);
  if (target !== undefined) return adopt(deps, target, marks);
  if (source === undefined) return refuseNamesake(links, marks, from);
  refuseOther(source, marks);
  if (!deps.renameWhileDown) {
    const renamed = await deps.run(["ip", "link", "set", "dev", from, "name", to]);
    if (renamed.code === 0) return true;
    // Kernels before 6.2 rename only a device that is down.
    if (!renamed.stderr.includes("busy")) throw new HostError(`renaming ${from} to ${to}: ${lastWords(renamed)}`);
  }
  await renameWhileDown(deps, from, to);
  return true;
}

/** Renamed before. A run that was ended half-way may have left the device down. */
async function adopt(deps: HostDeps, link: Link, marks: VxlanMarks): Promise<boolean> {
  refuseOther(link, marks);
  if (link.up) return false;
  await must(deps, ["ip", "link", "set", "dev", link.name, "up"]);
  return true;
}

/** Under another name it would stand in the way of the one the next agent makes. */
function refuseNamesake(links: readonly Link[], { vni, port }: VxlanMarks, from: string): false {
  const other = links.find((link) => marksProblem(link, { vni, port }) === undefined);
  if (other === undefined) return false;
  throw new HostError(`the overlay's device is called ${other.name}, not ${from}: give it that name, or remove it`);
}

function refuseOther(link: Link, marks: VxlanMarks): void {
  const problem = marksProblem(link, marks);
  if (problem !== undefined) throw new HostError(`not the overlay's device: ${problem}`);
}
