import { networkLabel } from "../../crds/names.ts";
import type { ConfigMap } from "../../kube/objects.ts";
import type { KubeObject, UnknownObject } from "../../kube/types.ts";
import type { PlanContext } from "../contract.ts";
import { secondOf } from "../dual-overlay.ts";
import { allContainersOf, envOf, holdTo, podSpecOf, redirectHostPath } from "../workloads.ts";
import { finalSettings, mixedSettings, settingsOf } from "./config.ts";
import { agentsIn, cilium, formAnnotation, isOperator, isProxy } from "./facts.ts";

/**
 * The user's manifests as they are applied for the migration. Agents wait until all is prepared; then they run on every node, make
 * the second overlay, and give no pod an address but on nodes their CiliumNodeConfig names; nothing restarts them but the engine.
 * The operator runs wherever there is a node, proxies where a node is on Cilium. Everything else stays as it is.
 * The final form is the user's own, on the range and the port the overlay has by then. Its pod templates lack an annotation the
 * first form has: so each agent and the operator restart once, in the way the user's own update strategy says.
 */
export function transformManifests(
  objects: readonly UnknownObject[],
  context: PlanContext,
  form?: "final",
): UnknownObject[] {
  const copies = objects.map((o) => structuredClone(o));
  const agents = agentsIn(copies) as KubeObject[];
  const namespaces = agents.map((agent) => agent.metadata.namespace);
  for (const object of copies) {
    if (agents.includes(object)) useDirectories(object, context);
    if (
      object.kind === "ConfigMap" &&
      object.metadata.name === cilium.config &&
      namespaces.includes(object.metadata.namespace)
    )
      setSettings(object, context, form);
    if (form === "final") continue;
    if (agents.includes(object)) holdAgent(object);
    if (isOperator(object)) runAnywhere(object);
    if (isProxy(object)) followNodes(object);
  }
  return copies;
}

function setSettings(object: KubeObject, context: PlanContext, form: "final" | undefined): void {
  const config = object as ConfigMap;
  const own = settingsOf(config);
  const beside = { source: context.overlay, second: secondOf(context) };
  config.data = form === "final" ? finalSettings(own, beside) : mixedSettings(own, beside);
}

/** Where the node's container runtime looks for plugins and their configuration. Two init containers run programs from there. */
function useDirectories(agent: KubeObject, { source }: PlanContext): void {
  redirectHostPath(agent, cilium.confMount, source.cniConfDir);
  redirectHostPath(agent, "/host/opt/cni/bin", source.cniBinDir);
  for (const container of allContainersOf(agent)) {
    const env = envOf(container, "BIN_PATH");
    if (env !== undefined) env.value = source.cniBinDir;
  }
}

interface Workload extends KubeObject {
  spec?: { template?: { metadata?: { annotations?: Record<string, string> } } };
}

/**
 * Held to nodes of the network while nothing is prepared for it. The engine lets it onto all nodes then, and the label goes on
 * telling it from an install of somebody else's.
 */
function holdAgent(agent: KubeObject): void {
  const label = { [networkLabel]: "cilium" };
  agent.metadata.labels = { ...agent.metadata.labels, ...label };
  holdTo(agent, label);
  markForm(agent);
}

/** The proxies serve policies, of which none holds yet: where no node is on Cilium none of their files is to be either. */
function followNodes(proxy: KubeObject): void {
  const spec = podSpecOf(proxy);
  spec.nodeSelector = { ...spec.nodeSelector, [networkLabel]: "cilium" };
}

function runAnywhere(object: KubeObject): void {
  const spec = podSpecOf(object);
  spec.tolerations = [{ operator: "Exists" }];
  markForm(object);
}

function markForm(object: KubeObject): void {
  const template = (object as Workload).spec?.template;
  if (template === undefined) return;
  template.metadata = {
    ...template.metadata,
    annotations: { ...template.metadata?.annotations, [formAnnotation]: "migration" },
  };
}
