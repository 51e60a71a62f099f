import { firstOfFamily, formatAddress, parseAddress } from "../cidr.ts";
import type { PlanNode, Vtep } from "../contract.ts";
import { annotationKey } from "./facts.ts";
import type { NetConf } from "./install.ts";

/** flannel's backend: in its code "udp" when the configuration names none, whatever its documentation says. */
export function backendTypeOf(netConf: NetConf | undefined): string {
  const type = netConf?.backend?.type;
  return typeof type === "string" && type !== "" ? type.toLowerCase() : "udp";
}

/** The backend flanneld says it runs on the node; undefined where it never ran. */
export function annotatedBackend(node: PlanNode, prefix: string): string | undefined {
  return node.annotations[annotationKey(prefix, "backend-type")];
}

export function vniOf(node: PlanNode, prefix: string): number | undefined {
  const vni = backendData(node, prefix)?.VNI;
  return typeof vni === "number" ? vni : undefined;
}

/**
 * The node's end of the overlay as flanneld wrote it on the Node: device address = first of the podCIDR, MAC of
 * backend-data, outer address of public-ip. Undefined while one of them is missing.
 */
export function vtepOf(node: PlanNode, prefix: string): Vtep | undefined {
  const podCIDR = firstOfFamily(node.podCIDRs, 4);
  const mac = backendData(node, prefix)?.VtepMAC;
  const publicIP = node.annotations[annotationKey(prefix, "public-ip")];
  if (podCIDR === undefined || typeof mac !== "string" || parseAddress(publicIP ?? "") === undefined) return undefined;
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(mac)) return undefined;
  return { ip: formatAddress(4, podCIDR.base), mac: mac.toLowerCase(), publicIP: publicIP ?? "" };
}

function backendData(node: PlanNode, prefix: string): Record<string, unknown> | undefined {
  try {
    const data: unknown = JSON.parse(node.annotations[annotationKey(prefix, "backend-data")] ?? "");
    return typeof data === "object" && data !== null ? (data as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
