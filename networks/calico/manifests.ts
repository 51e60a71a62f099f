import type { Container, DaemonSet } from "../../kube/objects.ts";
import type { KubeObject, UnknownObject } from "../../kube/types.ts";
import type { AgentRef, Finding } from "../contract.ts";
import { checkDirectories } from "../directories.ts";
import { blocker } from "../findings.ts";
import { checkKinds } from "../manifests.ts";
import { groupOf, placeOf } from "../objects.ts";
import { agentRefOf, allContainersOf, configMapKeyOf, containerNamed, envOf, hostPathOf } from "../workloads.ts";
import { calico, isAgent } from "./facts.ts";

/** Settings of the agent a migration depends on: variable -> what it must be, and why another value will not do. */
const requiredSettings: Record<string, { accepts: (value: string | undefined) => boolean; why: string }> = {
  DATASTORE_TYPE: { accepts: (v) => v === "kubernetes", why: "Calico must keep its data in the Kubernetes API" },
  USE_POD_CIDR: {
    accepts: (v) => v !== "true",
    why: "Calico must give out addresses itself, not from host-local ranges",
  },
  FELIX_BPFENABLED: { accepts: (v) => v !== "true", why: "the eBPF dataplane has no device to hand over" },
  FELIX_HEALTHPORT: {
    accepts: (v) => v === undefined || v === calico.healthPort,
    why: `its health port must be ${calico.healthPort}`,
  },
  FELIX_HEALTHHOST: {
    accepts: (v) => v === undefined || v === "localhost" || v === "127.0.0.1",
    why: "its health must be asked on the node's loopback",
  },
  CNI_CONF_NAME: {
    accepts: (v) => v === undefined || v === calico.conflist,
    why: `its CNI configuration must be named ${calico.conflist}`,
  },
};

/** Whether the objects install a Calico that can share an overlay: see contract.ts. */
export function checkManifests(objects: readonly UnknownObject[]): Finding[] {
  const operator = objects.find(
    (o) => groupOf(o.apiVersion) === "operator.tigera.io" || o.metadata.name === "tigera-operator",
  );
  const whole = "the given manifests";
  const cure = "give Calico's own for a cluster of this size, such as calico-vxlan.yaml";
  if (operator !== undefined)
    return [
      blocker(
        "ManifestsUnusable",
        "these install the Tigera operator, which undoes changes to Calico",
        placeOf(operator),
        cure,
      ),
    ];
  const [agent] = agentsIn(objects);
  if (agent === undefined || containerNamed(agent, "calico-node") === undefined)
    return [
      blocker("ManifestsUnusable", "these are not Calico's manifests: no DaemonSet calico-node in them", whole, cure),
    ];
  return [...checkKinds(objects, calico.groups), ...checkDefinitions(objects, whole), ...checkAgent(objects, agent)];
}

export function agentOf(objects: readonly UnknownObject[]): AgentRef {
  return agentRefOf(agentsIn(objects));
}

export function agentsIn(objects: readonly UnknownObject[]): DaemonSet[] {
  return objects.filter((o) => o.kind === "DaemonSet" && isAgent(o)) as KubeObject[] as DaemonSet[];
}

/** The objects a migration makes ahead are of group crd.projectcalico.org; an install may keep them in another. */
function checkDefinitions(objects: readonly UnknownObject[], where: string): Finding[] {
  const definitions = objects.filter((o) => o.kind === "CustomResourceDefinition").map((o) => o.metadata.name);
  if (definitions.includes("ippools.crd.projectcalico.org")) return [];
  const other = definitions.includes("ippools.projectcalico.org");
  const what = other
    ? "they keep Calico's data in group projectcalico.org, which is not supported yet"
    : "CustomResourceDefinition ippools.crd.projectcalico.org is not in them";
  return [
    blocker(
      "ManifestsUnusable",
      what,
      where,
      "give the whole install, definitions included, of Calico v3.28 or near it",
    ),
  ];
}

function checkAgent(objects: readonly UnknownObject[], agent: DaemonSet): Finding[] {
  const where = placeOf(agent);
  const installer = allContainersOf(agent).find((c) => c.name === "install-cni");
  if (installer === undefined)
    return [
      blocker(
        "ManifestsUnusable",
        "it installs no CNI plugin (no container install-cni): policy only",
        where,
        "give calico-vxlan.yaml",
      ),
    ];
  const dirs = {
    cniConfDir: hostPathOf(agent, "/host/etc/cni/net.d") ?? "",
    cniBinDir: hostPathOf(agent, "/host/opt/cni/bin") ?? "",
  };
  const findings = checkDirectories(dirs, where);
  for (const [name, { accepts, why }] of Object.entries(requiredSettings)) {
    const value = settingOf(objects, allContainersOf(agent), name);
    if (accepts(value)) continue;
    findings.push(
      blocker(
        "ManifestsUnusable",
        `${name} is ${value ?? "not set"}: ${why}`,
        where,
        `correct ${name} in the manifests`,
      ),
    );
  }
  const ipam = settingOf(objects, [installer], "CNI_NETWORK_CONFIG") ?? "";
  if (/"type":\s*"host-local"/.test(ipam))
    findings.push(
      blocker(
        "ManifestsUnusable",
        "its CNI configuration has host-local addresses",
        where,
        "give calico-vxlan.yaml, whose ipam is calico-ipam",
      ),
    );
  return findings;
}

/** A variable's value, literal or from a ConfigMap among the objects; undefined when no container has it. */
export function settingOf(
  objects: readonly UnknownObject[],
  containers: readonly Container[],
  name: string,
): string | undefined {
  const [env] = containers.flatMap((c) => envOf(c, name) ?? []);
  const ref = configMapKeyOf(env);
  if (ref === undefined) return env?.value;
  const configMap = objects.find((o) => o.kind === "ConfigMap" && o.metadata.name === ref.name);
  return (configMap?.data as Record<string, string> | undefined)?.[ref.key];
}
