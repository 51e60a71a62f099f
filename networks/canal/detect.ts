import type { DaemonSet } from "../../kube/objects.ts";
import { daemonSets } from "../../kube/resources.ts";
import { poolsOf, specOf } from "../calico/settings.ts";
import type { ClusterSnapshot, Detected, Detection, NetworkFacts, Overrides } from "../contract.ts";
import { detectInstalled } from "../flannel/detect.ts";
import { isWindows, planNodes } from "../nodes.ts";
import { checkPolicySide } from "./checks.ts";
import { isAgent } from "./facts.ts";

/** Canal's DaemonSets, or the one the user named if it is one. */
function agentsOf(snapshot: ClusterSnapshot, { daemonSet: named }: Overrides): DaemonSet[] {
  return snapshot
    .list(daemonSets)
    .filter(isAgent)
    .filter(
      ({ metadata }) => named === undefined || (metadata.name === named.name && metadata.namespace === named.namespace),
    );
}

/**
 * Finds Canal by its DaemonSet. The overlay, its settings and its ends are flanneld's, and looked for where flannel's are; which
 * pool Calico's half runs with is said beside them, for a target that goes on with it. See contract.ts.
 */
export function detect(snapshot: ClusterSnapshot, overrides: Overrides): Detection {
  const [first, ...others] = agentsOf(snapshot, overrides);
  if (first === undefined) return { state: "absent" };
  const nodes = planNodes(snapshot).filter((node) => !isWindows(node));
  const found = detectInstalled(snapshot, overrides, nodes, [first, ...others]);
  if (found.state === "absent") return found;
  const facts: NetworkFacts = { ...found.facts, network: "canal" };
  return {
    state: "found",
    facts: { ...facts, detected: [...facts.detected, ...ownPool(snapshot, facts)] },
    findings: [...found.findings, ...checkPolicySide(snapshot, first, facts)],
  };
}

/** The enabled pool of the overlay's range. With addresses from host-local it only says what is masqueraded. */
function ownPool(snapshot: ClusterSnapshot, { overlay }: NetworkFacts): Detected[] {
  return poolsOf(snapshot)
    .filter((pool) => overlay.cidrs.includes(String(specOf(pool).cidr)))
    .slice(0, 1)
    .map(({ metadata }) => ({ name: "ipPool", value: metadata.name, from: `ippool ${metadata.name}, cidr` }));
}
