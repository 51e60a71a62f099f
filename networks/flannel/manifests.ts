import { networkLabel } from "../../crds/names.ts";
import type { ConfigMap, DaemonSet } from "../../kube/objects.ts";
import type { KubeObject, UnknownObject } from "../../kube/types.ts";
import { formatCidr } from "../cidr.ts";
import type { AgentRef, Finding, NetworkFacts, PlanContext } from "../contract.ts";
import { blocker } from "../findings.ts";
import { checkKinds } from "../manifests.ts";
import { placeOf } from "../objects.ts";
import { rangeOf } from "../overlays.ts";
import { agentRefOf, flagOf, holdTo, redirectHostPath } from "../workloads.ts";
import { checkBackend, checkFit } from "./as-target.ts";
import { flannel, isAgent, routesDirectly } from "./facts.ts";
import { readInstall } from "./install.ts";

/** Whether the objects install a flannel that can share an overlay: see contract.ts. */
export function checkManifests(objects: readonly UnknownObject[], source?: NetworkFacts): Finding[] {
  const [first, ...others] = agentsIn(objects);
  if (first === undefined)
    return [
      blocker(
        "ManifestsUnusable",
        "these are not flannel's manifests: no DaemonSet that runs flanneld",
        "the given manifests",
        "give flannel's own, such as kube-flannel.yml",
      ),
    ];
  const install = readInstall(configMapsIn(objects), [first, ...others]);
  const fits = source === undefined ? [] : checkFit(install, source);
  const findings = [...checkKinds(objects, []), ...checkBackend(install), ...fits];
  if (install.netConf === undefined)
    findings.push(
      blocker(
        "ValueNotFound",
        `its net-conf.json cannot be read: ${install.netConfFrom}`,
        placeOf(first),
        "give flannel's manifests with their ConfigMap",
      ),
    );
  if (flagOf(install.container, "kube-annotation-prefix") !== undefined)
    findings.push(
      blocker(
        "ManifestsUnusable",
        "its Node annotations have a prefix of their own (--kube-annotation-prefix)",
        placeOf(first),
        `leave the flag out: ${flannel.annotationPrefix} is used`,
      ),
    );
  return findings;
}

export function agentOf(objects: readonly UnknownObject[]): AgentRef {
  return agentRefOf(agentsIn(objects));
}

/**
 * The agent only on nodes of this network, restarted by nothing but the label, and the overlay's numbers in net-conf.json.
 * All else stays as it is. The final form has the numbers only.
 */
export function transformManifests(
  objects: readonly UnknownObject[],
  context: PlanContext,
  form?: "final",
): UnknownObject[] {
  const agents = agentsIn(objects);
  const [leading] = agents;
  const volumes = leading?.spec.template.spec.volumes ?? [];
  const configs = volumes.flatMap((v) => v.configMap?.name ?? []);
  return objects.map((object) => {
    const copy = structuredClone(object);
    if (agents.some((ds) => ds === (object as KubeObject))) {
      if (form === undefined) holdTo(copy, { [networkLabel]: "flannel" });
      redirectHostPath(copy, "/etc/cni/net.d", context.source.cniConfDir);
      redirectHostPath(copy, "/opt/cni/bin", context.source.cniBinDir);
    }
    if (copy.kind === "ConfigMap" && configs.includes(copy.metadata.name)) shareOverlay(copy, context);
    return copy;
  });
}

function agentsIn(objects: readonly UnknownObject[]): DaemonSet[] {
  return objects.filter((o) => o.kind === "DaemonSet" && isAgent(o)) as KubeObject[] as DaemonSet[];
}

function configMapsIn(objects: readonly UnknownObject[]): ConfigMap[] {
  return objects.filter((o) => o.kind === "ConfigMap") as KubeObject[] as ConfigMap[];
}

/** Rewrites net-conf.json where it says something else; a text that says the same is left as it is. */
function shareOverlay(object: KubeObject, { overlay, source }: PlanContext): void {
  const { data } = object as ConfigMap;
  const text = data?.["net-conf.json"];
  if (data === undefined || text === undefined) return;
  const conf = JSON.parse(text) as { Network?: string; Backend?: Record<string, unknown> };
  const outer = overlay.mtu === 0 ? {} : { MTU: overlay.mtu + flannel.overheadBytes };
  // Established connections that are masqueraded end when their way changes from one device to another.
  const direct = routesDirectly(source) ? { DirectRouting: true } : {};
  const Backend = { ...conf.Backend, Type: "vxlan", VNI: overlay.vni, Port: overlay.port, ...outer, ...direct };
  const ipv6 = rangeOf(overlay, 6);
  const v6 = ipv6 === undefined ? {} : { EnableIPv6: true, IPv6Network: formatCidr(ipv6) };
  const wanted = { ...conf, Network: overlay.cidrs[0] ?? conf.Network, ...v6, Backend };
  if (JSON.stringify(wanted) !== JSON.stringify(conf)) data["net-conf.json"] = `${JSON.stringify(wanted, null, 2)}\n`;
}
