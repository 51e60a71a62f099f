import type { DaemonSet } from "../../kube/objects.ts";
import type { KubeObject, Resource, UnknownObject } from "../../kube/types.ts";
import { containersOf } from "../workloads.ts";

/** Cilium's names and defaults. Read in its source and its chart (v1.18.0, the version the lab builds). */
export const cilium = {
  /** ConfigMap of all settings, in the agent's namespace. */
  config: "cilium-config",
  /** UDP, where tunnel-protocol is vxlan and tunnel-port is not set. */
  port: 8472,
  /** Name of the device, of every VNI: the agent's BPF programs set it for each packet. */
  link: "cilium_vxlan",
  conflist: "05-cilium.conflist",
  /** Where the agent sees the directory of CNI configurations, wherever it is on the node. */
  confMount: "/host/etc/cni/net.d",
  /** Answers 200 when the agent is up; since 1.16 not before it has written the CNI configuration it is to write. */
  health: "http://127.0.0.1:9879/healthz",
  groups: ["cilium.io"],
  /** The first version whose agents know CiliumNodeConfig in v2: [major, minor]. */
  oldest: [1, 16],
  /** Oldest kernel of 1.18: [major, minor]. */
  kernel: [5, 10],
  /** A chart this project was proved with; for cures. */
  chart: "1.18",
} as const;

/** On the pod templates for the time of the migration. Taking it off lets the pods take the settings they are to stay with. */
export const formAnnotation = "cni-migrate.io/form";

function resource(plural: string, kind: string, namespaced: boolean): Resource {
  return { group: "cilium.io", version: "v2", plural, kind, namespaced };
}

/** Settings of single nodes, by label; its definition is made by the operator when it starts, not by the manifests. */
export const ciliumNodeConfigs = resource("ciliumnodeconfigs", "CiliumNodeConfig", true);
export const ciliumNodes = resource("ciliumnodes", "CiliumNode", false);
export const ciliumEndpoints = resource("ciliumendpoints", "CiliumEndpoint", true);
export const ciliumIdentities = resource("ciliumidentities", "CiliumIdentity", false);

/** By container name, which charts and installers share, or image. */
export function isAgent(daemonSet: KubeObject): boolean {
  return containersOf(daemonSet).some(
    (c) => c.name === "cilium-agent" || /(^|\/)cilium\/cilium(:[^/]*)?(@[^/]*)?$/.test(c.image ?? ""),
  );
}

/** Cilium's agents among the objects of a file, or what the cluster has. */
export function agentsIn(objects: readonly UnknownObject[]): DaemonSet[] {
  return objects.filter((o) => o.kind === "DaemonSet" && isAgent(o)) as KubeObject[] as DaemonSet[];
}

/** The Deployment that gives each node its range. */
export function isOperator(object: KubeObject): boolean {
  return object.kind === "Deployment" && containersOf(object).some((c) => c.name === "cilium-operator");
}

/** The DaemonSet of Envoy, which agents send to what policies of layer 7 are about; on by default since 1.16. */
export function isProxy(object: KubeObject): boolean {
  return object.kind === "DaemonSet" && containersOf(object).some((c) => c.name === "cilium-envoy");
}

/** One device for every VNI. */
export function linkName(): string {
  return cilium.link;
}
