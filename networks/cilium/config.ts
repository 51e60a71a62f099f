import type { ConfigMap } from "../../kube/objects.ts";
import type { KubeObject, UnknownObject } from "../../kube/types.ts";
import type { OverlayFacts, SecondOverlay } from "../contract.ts";
import { secondPort } from "../dual-overlay.ts";
import { agentsIn, cilium } from "./facts.ts";

/** Reading and changing cilium-config: each setting is a key with a text, as the agent takes them. */
export type Settings = Readonly<Record<string, string>>;

/** The key the operator and agents take a setting from -> its value, and what that is for. */
const whileMixed: Settings = {
  // Nobody writes a CNI configuration but on the nodes a CiliumNodeConfig names.
  "custom-cni-conf": "true",
  // Files of the other network, and our hold, stay where they are; nothing is renamed to .cilium_bak.
  "cni-exclusive": "false",
  // Policies hold again when the migration is finalized: until then half of the pods are not Cilium's.
  "enable-policy": "never",
  // The operator would restart CoreDNS pods that are not on Cilium.
  "unmanaged-pod-watcher-interval": "0",
  // Packets go through the host's routing table, which knows the way into the other overlay.
  "enable-host-legacy-routing": "true",
  // Where masquerading is done in BPF, no rule of the host can exempt the other overlay's pods from it.
  "enable-bpf-masquerade": "false",
  // An agent that restarts would close its node to pods of the other network, too.
  "set-cilium-node-taints": "false",
  // Its jumps would be put in front of the rule that keeps pods' addresses each time an agent starts.
  "prepend-iptables-chains": "false",
};

/** With it, agents of all nodes write the CNI configuration. A node's own settings bring it back (node-config.ts). */
export const writeKey = "write-cni-conf-when-ready";

/** What the settings are made for: the overlay there is, and the one beside it. */
interface Beside {
  source: Pick<OverlayFacts, "port">;
  second: SecondOverlay;
}

/** What the overlay has for ever: changing it again would cut nodes off from each other. */
function lasting(own: Settings, { source, second }: Beside): Settings {
  const port = portOf(own, source);
  return {
    "cluster-pool-ipv4-cidr": second.cidrs.find((cidr) => !cidr.includes(":")) ?? "",
    "cluster-pool-ipv4-mask-size": String(second.subnetLen),
    ...(port === undefined || port === cilium.port ? {} : { "tunnel-port": String(port) }),
  };
}

/** The settings for the time of the migration. */
export function mixedSettings(own: Settings, beside: Beside): Record<string, string> {
  const { [writeKey]: _, ...rest } = own;
  return { ...rest, ...whileMixed, ...lasting(own, beside) };
}

/** The settings after it: the user's, on the overlay there is. */
export function finalSettings(own: Settings, beside: Beside): Record<string, string> {
  return { ...own, ...lasting(own, beside) };
}

/** The ConfigMap of the settings beside an agent of this namespace. */
export function configIn(objects: readonly UnknownObject[], namespace: string | undefined): ConfigMap | undefined {
  const found = objects.find(
    (o) => o.kind === "ConfigMap" && o.metadata.name === cilium.config && o.metadata.namespace === namespace,
  );
  return found as KubeObject | undefined as ConfigMap | undefined;
}

export function settingsOf(config: ConfigMap | undefined): Settings {
  return config?.data ?? {};
}

/** The port the settings ask for, or else Cilium's usual one where the source leaves it free; undefined for no port at all. */
export function portOf(own: Settings, source: Pick<OverlayFacts, "port">): number | undefined {
  const asked = own["tunnel-port"];
  if (asked === undefined || asked === "0") return secondPort(source, cilium.port);
  const port = Number(asked);
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
}

/** The port the tunnel has with these manifests; see contract.ts. */
export function tunnelPort(objects: readonly UnknownObject[], source: Pick<OverlayFacts, "port">): number | undefined {
  return portOf(settingsOf(configIn(objects, agentsIn(objects)[0]?.metadata.namespace)), source);
}
