import type { Container, DaemonSet } from "../../kube/objects.ts";
import type { UnknownObject } from "../../kube/types.ts";
import { allContainersOf, configMapKeyOf, containerNamed, envOf } from "../workloads.ts";

/** What Calico's manifests leave to the user of a dual-stack cluster; it stays when the migration is over. */

/** Variable of calico-node -> value where IPv6 goes beside IPv4. */
const settings = {
  FELIX_IPV6SUPPORT: "true",
  IP6: "autodetect",
  // The address peers send to already, as for IPv4.
  IP6_AUTODETECTION_METHOD: "kubernetes-internal-ip",
};

/** Members of `ipam` in the CNI configuration; Calico's IPAM gives an IPv4 address only when nothing is said. */
const families = { assign_ipv4: "true", assign_ipv6: "true" };

/** Switches IPv6 on beside IPv4: in Felix, in finding the node's address, and in what a pod gets. Changes its arguments. */
export function takeBothFamilies(agent: DaemonSet, objects: readonly UnknownObject[]): void {
  const node = containerNamed(agent, "calico-node");
  if (node !== undefined) {
    const others = (node.env ?? []).filter(({ name }) => !Object.hasOwn(settings, name));
    node.env = [...others, ...Object.entries(settings).map(([name, value]) => ({ name, value }))];
  }
  for (const container of allContainersOf(agent)) giveBoth(container, objects);
}

function giveBoth(container: Container, objects: readonly UnknownObject[]): void {
  const env = envOf(container, "CNI_NETWORK_CONFIG");
  const ref = configMapKeyOf(env);
  const data = objects.find((o) => o.kind === "ConfigMap" && o.metadata.name === ref?.name)?.data as
    | Record<string, string>
    | undefined;
  if (ref !== undefined && data?.[ref.key] !== undefined) data[ref.key] = withFamilies(data[ref.key] ?? "");
  else if (env?.value !== undefined) env.value = withFamilies(env.value);
}

/** The configuration is no JSON yet: it holds marks the installer fills in. Its other words stay as they are. */
function withFamilies(text: string): string {
  return text.replace(/("ipam"\s*:\s*\{)([^{}]*)/, (_, start: string, body: string) => {
    const kept = Object.entries(families).reduce((rest, [name, value]) => {
      const known = new RegExp(`("${name}"\\s*:\\s*)"[^"]*"`);
      return known.test(rest) ? rest.replace(known, `$1"${value}"`) : `"${name}": "${value}", ${rest.trimStart()}`;
    }, body);
    const gap = /^\s*/.exec(body)?.[0] ?? "";
    return `${start}${gap}${kept.trimStart()}`;
  });
}
