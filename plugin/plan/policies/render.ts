import { type Paint, someOf, table } from "../../output.ts";
import type { EndingPolicy } from "../ending.ts";
import type { CutRow, PolicyImpact } from "./impact.ts";

const mostRows = 50;

/** Which policies begin to hold, and what they cut off; "" when there are none. */
export function renderPolicies({ policies, cutOff }: PolicyImpact, paint: Paint): string {
  if (policies.length === 0) return "";
  const held = table(
    ["NETWORKPOLICY", "DIRECTIONS", "PODS"],
    policies.map(({ policy, directions, selects }) => [policy, directions.join(", "), someOf(selects.map(counted))]),
    paint,
  );
  if (cutOff.length === 0) return `${held}\nNo connection between the pods there are is cut off.\n`;
  const shown = cutOff.slice(0, mostRows);
  const cut = table(
    ["PODS", "CUT-OFF", "PORTS", "BY"],
    shown.map((row) => [someOf(row.workloads), peersText(row), row.ports, someOf(row.policies)]),
    paint,
  );
  const rest = cutOff.length - shown.length;
  const more = rest > 0 ? `and ${rest} more: -o json has all of them\n` : "";
  return `${held}\n${cut}${more}Judged by labels and present addresses; a node always reaches its own pods.\n`;
}

/** Which policies do not go on to hold, each by its name; "" when there are none. */
export function renderEnding(ending: readonly EndingPolicy[], paint: Paint): string {
  if (ending.length === 0) return "";
  const shown = ending.slice(0, mostRows);
  const rows = shown.map(({ kind, policy, again }) => [policy, kind, again]);
  const rest = ending.length - shown.length;
  const more = rest > 0 ? `and ${rest} more: -o json has all of them\n` : "";
  return `${table(["ENDS-TO-HOLD", "KIND", "HOLDS-AGAIN"], rows, paint)}${more}`;
}

function counted({ workload, pods }: { workload: string; pods: number }): string {
  return pods === 1 ? workload : `${workload} (${pods} pods)`;
}

/** "from every pod but deployment shop/web, from outside but 10.0.0.0/8" */
function peersText({ direction, peers }: CutRow): string {
  const word = direction === "Ingress" ? "from" : "to";
  const but = (spared: readonly string[]) => (spared.length === 0 ? "" : ` but ${someOf(spared)}`);
  const inside = peers.pods.length === 0 ? [] : [`${word} ${someOf(peers.pods)}${but(peers.butPods)}`];
  const outside = peers.outside ? [`${word} nodes and outside${but(peers.butOutside)}`] : [];
  return [...inside, ...outside].join(", ");
}
