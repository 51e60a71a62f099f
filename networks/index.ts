import { calico } from "./calico/index.ts";
import { canal } from "./canal/index.ts";
import { cilium } from "./cilium/index.ts";
import type { Network, NetworkId } from "./contract.ts";
import { flannel } from "./flannel/index.ts";

/** Every network, one folder each. */
export const networks = [flannel, canal, calico, cilium] as const satisfies readonly Network[];

export function networkById(id: NetworkId): Network {
  const network: Network | undefined = networks.find((n) => n.id === id);
  if (network === undefined) throw new TypeError(`no network ${id}`);
  return network;
}
