import type { CniMigration } from "../crds/index.ts";
import { selects } from "../kube/labels.ts";
import type { Node } from "../kube/objects.ts";
import type { NetworkFacts, NetworkId, Overrides, PlanContext, Vtep } from "../networks/contract.ts";
import { secondOverlay } from "../networks/dual-overlay.ts";
import { planNode } from "../networks/nodes.ts";
import { strategyOf } from "../networks/overlays.ts";

/**
 * What the networks' pure functions are given, rebuilt from CniMigration.status.facts (written once, after preflight) and the
 * nodes as they are. `vteps` are needed only where a node is prepared.
 */
export function planContext(
  migration: CniMigration,
  nodes: readonly Node[],
  vteps: Record<string, Vtep> = {},
): PlanContext {
  const facts = migration.status?.facts;
  if (facts?.sourceAgent === undefined || facts.overlay === undefined)
    throw new Error(`CniMigration ${migration.metadata.name} has no facts yet`);
  const source: NetworkFacts = {
    network: migration.spec.source,
    agent: facts.sourceAgent,
    overlay: facts.overlay,
    vteps,
    cniConfDir: facts.cniConfDir ?? "/etc/cni/net.d",
    cniBinDir: facts.cniBinDir ?? "/opt/cni/bin",
    detected: migration.status?.detected ?? [],
  };
  const { spec } = migration;
  const second = secondOverlay(strategyOf(spec.source, spec.target), spec.cidr, facts.overlay);
  const noAgent = { namespace: "", daemonSets: [], podLabels: {} };
  return {
    migration: migration.metadata.name,
    source,
    target: { network: migration.spec.target, agent: facts.targetAgent ?? noAgent },
    overlay: facts.overlay,
    ...(second === undefined ? {} : { second }),
    nodes: nodes.map(planNode),
  };
}

/** Overrides of the source in the spec. Canal's come with flannel's. */
export function sourceOverrides(spec: CniMigration["spec"]): Overrides {
  return (spec.source === "calico" ? spec.calico : spec.flannel) ?? {};
}

/** DaemonSets the user names as agents, whatever their look. */
export function namedAgents(spec: CniMigration["spec"]): { namespace: string; name: string }[] {
  const { daemonSet } = sourceOverrides(spec);
  return daemonSet === undefined ? [] : [daemonSet];
}

/** All overrides of the spec, by network. */
export function overridesOf({ flannel, calico, cilium }: CniMigration["spec"]): Partial<Record<NetworkId, Overrides>> {
  return {
    ...(flannel === undefined ? {} : { flannel }),
    ...(calico === undefined ? {} : { calico }),
    ...(cilium === undefined ? {} : { cilium }),
  };
}

/** Nodes this migration moves; the others stay as they are and count as skipped. */
export function selectedNodes(migration: CniMigration, nodes: readonly Node[]): Node[] {
  const selector = migration.spec.nodeSelector;
  if (selector === undefined) return [...nodes];
  return nodes.filter((node) => selects(selector, node.metadata.labels));
}
