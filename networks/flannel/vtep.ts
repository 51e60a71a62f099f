import { firstOfFamily, formatAddress, parseAddress } from "../cidr.ts";
import type { PlanNode, TunnelEnd, Vtep } from "../contract.ts";
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

/** Names of the annotations flanneld describes its end of a family's overlay with. */
export const endAnnotations = {
  4: { data: "backend-data", publicIP: "public-ip" },
  6: { data: "backend-v6-data", publicIP: "public-ipv6" },
} as const;

/**
 * The node's end of the overlay as flanneld wrote it on the Node: device address = first of the podCIDR, MAC of
 * backend-data, outer address of public-ip; that of IPv6 where there is one. Undefined while one of them is missing.
 */
export function vtepOf(node: PlanNode, prefix: string): Vtep | undefined {
  const end = endOf(node, prefix, 4);
  const v6 = endOf(node, prefix, 6);
  return end === undefined || v6 === undefined ? end : { ...end, v6 };
}

function endOf(node: PlanNode, prefix: string, family: 4 | 6): TunnelEnd | undefined {
  const names = endAnnotations[family];
  const podCIDR = firstOfFamily(node.podCIDRs, family);
  const mac = backendData(node, prefix, names.data)?.VtepMAC;
  const publicIP = node.annotations[annotationKey(prefix, names.publicIP)] ?? "";
  if (podCIDR === undefined || typeof mac !== "string" || parseAddress(publicIP)?.family !== family) return undefined;
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(mac)) return undefined;
  return { ip: formatAddress(family, podCIDR.base), mac: mac.toLowerCase(), publicIP };
}

function backendData(
  node: PlanNode,
  prefix: string,
  name: string = endAnnotations[4].data,
): Record<string, unknown> | undefined {
  try {
    const data: unknown = JSON.parse(node.annotations[annotationKey(prefix, name)] ?? "");
    return typeof data === "object" && data !== null ? (data as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
