import type { NetworkPolicy } from "../../kube/objects.ts";
import type { Finding, Network, NetworkFacts } from "../../networks/contract.ts";
import { blocker, warning } from "../../networks/findings.ts";
import type { Strategy } from "../../networks/overlays.ts";
import { enforcesPolicies } from "../../networks/policies.ts";
import { someOf } from "../output.ts";

/** A finding of this reason needs consent: --accept-policy-changes, or the answer to the question. */
export const policyReason = "PolicyWouldApply";

/** On a shared overlay the target has the source's range; another one cannot be had. */
export function checkCidr(cidr: string | undefined, facts: NetworkFacts, strategy: Strategy | undefined): Finding[] {
  const shared = facts.overlay.cidrs.join(",");
  if (cidr === undefined || strategy !== "SharedOverlay" || cidr === shared) return [];
  return [
    blocker(
      "CIDRConflict",
      `${cidr} is not the range of the source, ${shared}, which both networks share`,
      "spec.cidr",
      "leave --cidr out",
    ),
  ];
}

/** Policies nobody has ever seen at work may cut connections as soon as they hold. */
export function checkPolicies(source: Network, target: Network, policies: readonly NetworkPolicy[]): Finding[] {
  if (policies.length === 0 || enforcesPolicies[source.id] || !enforcesPolicies[target.id]) return [];
  const names = policies.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).sort();
  return [
    warning(
      policyReason,
      `${names.length === 1 ? "1 NetworkPolicy" : `${names.length} NetworkPolicies`} that ${source.displayName} does not enforce will hold under ${target.displayName}: ${someOf(names)}`,
      "networkpolicies",
      "look at them with kubectl get networkpolicies -A; start --accept-policy-changes goes on",
    ),
  ];
}
