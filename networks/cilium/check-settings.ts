import type { DaemonSet } from "../../kube/objects.ts";
import type { UnknownObject } from "../../kube/types.ts";
import type { Finding, NetworkFacts } from "../contract.ts";
import { blocker, when } from "../findings.ts";
import { placeOf } from "../objects.ts";
import { configIn, portOf, type Settings, settingsOf } from "./config.ts";
import { cilium } from "./facts.ts";

interface Requirement {
  accepts: (value: string | undefined) => boolean;
  why: string;
  cure: string;
}

/** Key of cilium-config -> what it must be, why another value will not do, and the chart's value that makes it so. */
const requirements: Record<string, Requirement> = {
  "kube-proxy-replacement": {
    accepts: (v) => v === undefined || v === "false" || v === "disabled",
    why: "Services of pods on the other network are kube-proxy's until the migration is finalized",
    cure: "--set kubeProxyReplacement=false; replace kube-proxy afterwards",
  },
  "routing-mode": {
    accepts: (v) => v === undefined || v === "tunnel",
    why: "only a tunnel keeps the two networks apart",
    cure: "--set routingMode=tunnel",
  },
  "tunnel-protocol": {
    accepts: (v) => v === undefined || v === "vxlan",
    why: "only VXLAN was proved",
    cure: "--set tunnelProtocol=vxlan",
  },
  ipam: {
    accepts: (v) => v === "cluster-pool",
    why: "nodes need ranges of their own beside their podCIDR",
    cure: "--set ipam.mode=cluster-pool",
  },
  "enable-ipv4": {
    accepts: (v) => v !== "false",
    why: "IPv6 alone is not supported yet",
    cure: "--set ipv4.enabled=true",
  },
  "enable-ipv6": {
    accepts: (v) => v !== "true",
    why: "IPv6 beside IPv4 is not supported yet",
    cure: "--set ipv6.enabled=false",
  },
  "cni-chaining-mode": {
    accepts: (v) => v === undefined || v === "none" || v === "portmap",
    why: "chained to another plugin it gives pods no addresses of its own",
    cure: "--set cni.chainingMode=none",
  },
  "enable-wireguard": {
    accepts: (v) => v !== "true",
    why: "only an open tunnel was proved",
    cure: "--set encryption.enabled=false; encrypt afterwards",
  },
  "enable-ipsec": {
    accepts: (v) => v !== "true",
    why: "only an open tunnel was proved",
    cure: "--set encryption.enabled=false; encrypt afterwards",
  },
  "cni-uninstall": {
    accepts: (v) => v !== "true",
    why: "a node would be without CNI configuration whenever its agent ends",
    cure: "--set cni.uninstall=false",
  },
  "clean-cilium-state": {
    accepts: (v) => v !== "true",
    why: "each restart of an agent would cut its pods off",
    cure: "--set cleanState=false",
  },
  "clean-cilium-bpf-state": {
    accepts: (v) => v !== "true",
    why: "each restart of an agent would cut its pods off",
    cure: "--set cleanBpfState=false",
  },
};

/** Findings against the settings in cilium-config beside the agent. */
export function checkSettings(
  objects: readonly UnknownObject[],
  agent: DaemonSet,
  source: NetworkFacts | undefined,
): Finding[] {
  const config = configIn(objects, agent.metadata.namespace);
  if (config === undefined)
    return [
      unusable(
        `ConfigMap ${cilium.config} is not in them`,
        "the given manifests",
        "give all that helm template writes",
      ),
    ];
  const where = placeOf(config);
  const own = settingsOf(config);
  return [
    ...Object.entries(requirements)
      .filter(([key, { accepts }]) => !accepts(own[key]))
      .map(([key, { why, cure }]) => unusable(`${key} is ${own[key] ?? "not set"}: ${why}`, where, cure)),
    ...when(
      own["custom-cni-conf"] === "true" && own["read-cni-conf"] !== undefined,
      unusable(
        "cni.customConf and cni.configMap are both set: agents of all nodes would write the CNI configuration at once",
        where,
        "leave cni.customConf out",
      ),
    ),
    ...(source === undefined ? [] : checkPort(own, source, where)),
  ];
}

/** Two VXLAN devices cannot have one port: the second agent would end again and again. */
function checkPort(own: Settings, { overlay, network }: NetworkFacts, where: string): Finding[] {
  const port = portOf(own, overlay);
  if (port === undefined)
    return [unusable(`tunnel-port is ${own["tunnel-port"]}, which is no port`, where, "leave tunnelPort out")];
  return when(
    port === overlay.port,
    unusable(
      `tunnel-port is ${port}, which is ${network}'s own`,
      where,
      `leave tunnelPort out, or choose another: --set tunnelPort=${port + 1}`,
    ),
  );
}

function unusable(what: string, where: string, cure: string): Finding {
  return blocker("ManifestsUnusable", what, where, cure);
}
