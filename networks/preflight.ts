import { networkLabel } from "../crds/names.ts";
import { daemonSets } from "../kube/resources.ts";
import { checkAllNodes } from "./check-nodes.ts";
import { formatCidr } from "./cidr.ts";
import type {
  ClusterSnapshot,
  Detection,
  Finding,
  Network,
  NetworkFacts,
  NetworkId,
  Overrides,
  PlanNode,
} from "./contract.ts";
import {
  checkFamiliesOf,
  checkSecondRange,
  checkShares,
  rangesOfCluster,
  type TakenRange,
  takenRanges,
  wantedBeside,
} from "./dual-overlay-ranges.ts";
import { blocker, sortFindings } from "./findings.ts";
import { networkById, networks } from "./index.ts";
import { isWindows, planNodes } from "./nodes.ts";
import { rangeOf, type Strategy, strategyOf } from "./overlays.ts";
import { heldTo } from "./workloads.ts";

interface PreflightInput {
  snapshot: ClusterSnapshot;
  /** The network that is to be left; found by itself when absent. */
  source?: NetworkId;
  target: NetworkId;
  /** spec.flannel, spec.calico, spec.cilium of the CniMigration. */
  overrides?: Partial<Record<NetworkId, Overrides>>;
  /** Default: what the pair allows. */
  strategy?: Strategy;
  /** spec.cidr: the range of a second overlay. Where there is to be one and this is absent, none is looked at. */
  cidr?: string | undefined;
  /** Where that was given: "--cidr". Default: "spec.cidr". */
  cidrFrom?: string;
  /** What Services use (networks/service-ranges.ts). */
  services?: readonly TakenRange[];
}

interface PreflightResult {
  /** What is known of the source; undefined when there is none, or not one. */
  source: NetworkFacts | undefined;
  /** Everything at once, blockers first. */
  findings: Finding[];
}

type Found = Extract<Detection, { state: "found" }>;

/** Looks at all that can stand in the way of a migration, and says all of it. Pure: the snapshot is the cluster. */
export function preflight(input: PreflightInput): PreflightResult {
  const { snapshot, target, overrides = {} } = input;
  const chosen = chooseSource(input, foundNetworks(snapshot, overrides));
  if ("finding" in chosen) return { source: undefined, findings: [chosen.finding] };
  const { facts, findings } = chosen.found;
  const support = checkSupport(networkById(facts.network), networkById(target), facts);
  if (support !== undefined) return { source: facts, findings: [support] };
  const nodes = planNodes(snapshot).filter((node) => !isWindows(node));
  const strategy = input.strategy ?? strategyOf(facts.network, target);
  return {
    source: facts,
    findings: sortFindings([
      ...findings,
      ...checkFamilies(networkById(facts.network), networkById(target), facts),
      ...checkAllNodes(snapshot, nodes),
      ...(strategy === "SharedOverlay" ? networkById(facts.network).checkAsSource(snapshot, facts) : []),
      ...(strategy === "DualOverlay" ? checkRange(input, facts, nodes) : []),
      ...networkById(target).checkAsTarget(snapshot, facts),
    ]),
  };
}

/** All that is in use, as far as a snapshot and what Services use can tell. */
export function rangesInUse(
  { snapshot, services = [] }: Pick<PreflightInput, "snapshot" | "services">,
  source: NetworkFacts,
  nodes: readonly PlanNode[],
): TakenRange[] {
  return takenRanges(source, nodes, [...rangesOfCluster(snapshot), ...services]);
}

function checkRange(input: PreflightInput, source: NetworkFacts, nodes: readonly PlanNode[]): Finding[] {
  const { cidr, cidrFrom = "spec.cidr" } = input;
  const wanted = wantedBeside(nodes, source.overlay);
  const shares = checkShares(input.snapshot, wanted.subnetLen);
  if (cidr === undefined) return shares;
  return [
    ...shares,
    ...checkFamiliesOf(cidr, cidrFrom, source.overlay),
    ...checkSecondRange(cidr, cidrFrom, rangesInUse(input, source, nodes), wanted),
  ];
}

/** Canal is configured through spec.flannel: the overlay is flannel's. */
function foundNetworks(snapshot: ClusterSnapshot, overrides: Partial<Record<NetworkId, Overrides>>): Found[] {
  return networks
    .map((network: Network) =>
      network.detect(snapshot, overrides[network.id === "canal" ? "flannel" : network.id] ?? {}),
    )
    .filter((detection) => detection.state === "found");
}

/** The one network that runs, the target's own install aside; or why that cannot be said. */
function chooseSource(
  { snapshot, source, target }: PreflightInput,
  all: readonly Found[],
): { found: Found } | { finding: Finding } {
  const installed = all.filter(({ facts }) => facts.agent.daemonSets.length > 0);
  const running = installed.filter(({ facts }) => facts.network !== target || !isHeld(snapshot, facts));
  // Marks without a DaemonSet count only where nothing else is found: they outlive the network that made them.
  const candidates = installed.length > 0 ? running : all;
  const names = candidates.map(({ facts }) => networkById(facts.network).displayName);
  const where = candidates
    .flatMap(({ facts }) => facts.agent.daemonSets.map((ds) => `daemonset ${facts.agent.namespace}/${ds}`))
    .join(", ");
  const [only, second] = candidates;
  if (only === undefined)
    return {
      finding: blocker(
        "SourceNotFound",
        "no network of ours was found: no DaemonSet of flannel, Canal, Calico or Cilium",
        "the cluster",
        "if it runs under another name, give its DaemonSet: spec.flannel.daemonSet or spec.calico.daemonSet",
      ),
    };
  if (second !== undefined)
    return {
      finding: blocker(
        "SourceAmbiguous",
        `${names.length} networks were found at once: ${names.join(" and ")}`,
        where,
        "remove the one that is not in use, its DaemonSet first",
      ),
    };
  if (source !== undefined && only.facts.network !== source)
    return {
      finding: blocker(
        "SourceNotFound",
        `the source is to be ${source}, but the cluster runs ${names[0]}`,
        where || "the cluster",
        `give --source ${only.facts.network}, or leave it out`,
      ),
    };
  return { found: only };
}

/** Whether a network's DaemonSets are those `start` installed: held to nodes of the migration. */
function isHeld(snapshot: ClusterSnapshot, { network, agent }: NetworkFacts): boolean {
  const own = snapshot
    .list(daemonSets)
    .filter((ds) => agent.namespace === ds.metadata.namespace && agent.daemonSets.includes(ds.metadata.name));
  // One that was let onto all nodes keeps the label of its own.
  return own.every((ds) => heldTo(ds) === network || ds.metadata.labels?.[networkLabel] === network);
}

/** IPv6 beside IPv4 is a second overlay, which both sides must know how to hand over. */
function checkFamilies(source: Network, target: Network, { agent, overlay }: NetworkFacts): Finding[] {
  const parts = [
    [source, "source"],
    [target, "target"],
  ] as const;
  const lacking = parts.filter(([network, part]) => network.plays.dualStack !== part);
  const range = rangeOf(overlay, 6);
  if (range === undefined || lacking.length === 0) return [];
  return [
    blocker(
      "NotSupportedYet",
      `pods have IPv6 addresses too (${formatCidr(range)}), which is not supported yet with ${lacking.map(([network, part]) => `${network.displayName} as the ${part}`).join(" and ")}`,
      agent.daemonSets.map((ds) => `daemonset ${agent.namespace}/${ds}`).join(", "),
      "migrate an IPv4 cluster, or choose another target",
    ),
  ];
}

/** One line for what this version does not do at all; nothing else matters then. */
function checkSupport(source: Network, target: Network, facts: NetworkFacts): Finding | undefined {
  const where =
    facts.agent.daemonSets.map((ds) => `daemonset ${facts.agent.namespace}/${ds}`).join(", ") || "the cluster";
  if (source.id === target.id)
    return blocker(
      "TargetAlreadyRuns",
      `the cluster runs ${target.displayName} already`,
      where,
      "choose another target",
    );
  if (strategyOf(source.id, target.id) === undefined)
    return blocker(
      "NotSupportedYet",
      `there is no way from ${source.displayName} to ${target.displayName}`,
      where,
      "choose another target",
    );
  const missing = [
    ...(source.plays.source ? [] : [`migrating from ${source.displayName}`]),
    ...(target.plays.target ? [] : [`migrating to ${target.displayName}`]),
  ];
  if (missing.length === 0) return undefined;
  const can = networks
    .filter((n) => n.plays.source)
    .flatMap((from) =>
      networks
        .filter((to) => to.plays.target && strategyOf(from.id, to.id))
        .map((to) => `${from.displayName} to ${to.displayName}`),
    );
  return blocker(
    "NotSupportedYet",
    `${missing.join(" and ")} is not supported yet`,
    where,
    `this version can go from ${can.join(", ")}`,
  );
}
