import type { NetworkPolicy, Node } from "../../kube/objects.ts";
import { contains, parseCidr } from "../../networks/cidr.ts";
import type { Finding, Network, NetworkFacts } from "../../networks/contract.ts";
import { blocker, warning } from "../../networks/findings.ts";
import type { Strategy } from "../../networks/overlays.ts";
import { enforcesPolicies } from "../../networks/policies.ts";
import { usageError } from "../errors.ts";
import { someOf } from "../output.ts";
import type { MigrationRequest } from "../request/request.ts";
import { programName } from "../verb.ts";

/** The networks of a migration, and how they live side by side. */
export interface Pair {
  source: Network;
  target: Network;
  strategy: Strategy | undefined;
}

/** A finding of this reason needs consent: --accept-policy-changes, or the answer to the question. */
export const policyReason = "PolicyWouldApply";

/**
 * On a shared overlay the target has the source's range; another one cannot be had while the nodes are registered. `serviceIP`: an
 * address of a Service. The range of an overlay of its own is looked at by preflight.
 */
export function checkCidr(
  cidr: string | undefined,
  facts: NetworkFacts,
  strategy: Strategy | undefined,
  serviceIP?: string,
): Finding[] {
  const shared = facts.overlay.cidrs.join(",");
  if (strategy !== "SharedOverlay" || cidr === undefined || cidr === shared) return [];
  const services = parseCidr(`${serviceIP}/${serviceIP?.includes(":") === true ? 128 : 32}`);
  const taken = cidr.split(",").find((text) => {
    const range = parseCidr(text);
    return range !== undefined && services !== undefined && contains(range, services);
  });
  if (taken !== undefined)
    return [
      blocker(
        "CIDRConflict",
        `${taken} holds addresses of Services, such as ${serviceIP} of service default/kubernetes`,
        "spec.cidr",
        "leave --cidr out",
      ),
    ];
  return [
    blocker(
      "CIDRConflict",
      `${cidr} is not the range of the source, ${shared}, which both networks share`,
      "spec.cidr",
      "leave --cidr out; another range takes new podCIDRs: give kube-controller-manager that --cluster-cidr, then drain, delete and register each node anew",
    ),
  ];
}

/** Whether policies begin to hold that nobody has ever seen at work. */
export function beginsToEnforce(source: Network, target: Network): boolean {
  return !enforcesPolicies[source.id] && enforcesPolicies[target.id];
}

/** They may cut connections as soon as they hold: with each node that moves, or all at once when a second overlay is settled. */
export function checkPolicies({ source, target, strategy }: Pair, policies: readonly NetworkPolicy[]): Finding[] {
  if (policies.length === 0 || !beginsToEnforce(source, target)) return [];
  const names = policies.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).sort();
  const from = strategy === "DualOverlay" ? " from finalize on" : "";
  return [
    warning(
      policyReason,
      `${names.length === 1 ? "1 NetworkPolicy" : `${names.length} NetworkPolicies`} that ${source.displayName} does not enforce will hold under ${target.displayName}${from}: ${someOf(names)}`,
      "networkpolicies",
      `${programName} plan shows what they cut off; start --accept-policy-changes goes on`,
    ),
  ];
}

/** A name nobody has in spec.nodeOrder is a slip of the pen: the node meant would not go first. */
export function refuseUnknownNodes({ spec }: Pick<MigrationRequest, "spec">, nodes: readonly Node[]): void {
  const names = nodes.map(({ metadata }) => metadata.name).sort();
  const unknown = (spec.nodeOrder ?? []).filter((name) => !names.includes(name));
  if (unknown.length === 0) return;
  throw usageError(
    `spec.nodeOrder names ${unknown.length === 1 ? "a node" : "nodes"} the cluster does not have: ${someOf(unknown, 10)}; its nodes are ${someOf(names, 10)}`,
  );
}
