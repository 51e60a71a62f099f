import type { VxlanMarks } from "../../networks/host-ops.ts";
import { type HostDeps, HostError, isRecord, jsonList, must } from "./deps.ts";

/** A network device as `ip -details` tells it. */
export interface Link {
  name: string;
  up: boolean;
  mtu: number;
  /** Lower case. */
  mac: string;
  /** bridge, vxlan, veth, ...; "" for a physical one. */
  kind: string;
  /** Of a VXLAN device. An external one (flow based) has no VNI of its own: 0. */
  vxlan?: { vni: number; port: number; external: boolean };
}

/** All devices, or those of one kind. */
export async function readLinks(deps: HostDeps, kind?: "vxlan"): Promise<Link[]> {
  const filter = kind === undefined ? [] : ["type", kind];
  const entries = await jsonList(deps, ["ip", "-json", "-details", "link", "show", ...filter]);
  return entries.filter((entry) => typeof entry.ifname === "string").map(linkOf);
}

async function findLink(deps: HostDeps, name: string): Promise<Link | undefined> {
  return (await readLinks(deps)).find((link) => link.name === name);
}

/** In what a device differs from its marks, naming both values; undefined when it is the one. */
export function marksProblem(link: Link, marks: VxlanMarks): string | undefined {
  if (link.vxlan === undefined) return `${link.name} is ${link.kind === "" ? "no" : `a ${link.kind}, no`} VXLAN device`;
  const found: Record<string, unknown> = { vni: link.vxlan.vni, port: link.vxlan.port, mac: link.mac };
  const differing = Object.entries(marks).filter(([name, wanted]) => wanted !== undefined && found[name] !== wanted);
  if (differing.length === 0) return undefined;
  return `${link.name} has ${differing.map(([name, wanted]) => `${name} ${found[name]} instead of ${wanted}`).join(", ")}`;
}

/** Deletes a link of this kind. False when absent; one of another kind is refused. */
export async function deleteLink(deps: HostDeps, name: string, kind: string): Promise<boolean> {
  const link = await findLink(deps, name);
  if (link === undefined) return false;
  if (link.kind !== kind) throw new HostError(`link ${name} is of kind ${link.kind || "physical"}, not ${kind}`);
  await must(deps, ["ip", "link", "delete", "dev", name, "type", kind]);
  return true;
}

function linkOf(entry: Record<string, unknown>): Link {
  const info = isRecord(entry.linkinfo) ? entry.linkinfo : {};
  const data = isRecord(info.info_data) ? info.info_data : {};
  const kind = typeof info.info_kind === "string" ? info.info_kind : "";
  const flags = Array.isArray(entry.flags) ? entry.flags : [];
  const link: Link = {
    name: String(entry.ifname),
    up: flags.includes("UP"),
    mtu: Number(entry.mtu ?? 0),
    mac: String(entry.address ?? "").toLowerCase(),
    kind,
  };
  if (kind === "vxlan")
    link.vxlan = { vni: Number(data.id ?? 0), port: Number(data.port ?? 0), external: data.external === true };
  return link;
}
