import type { OverlayFacts, PlanContext, SecondOverlay } from "./contract.ts";
import { footprintOf } from "./footprints.ts";
import type { Exemption, Footprint } from "./host-ops.ts";
import type { Strategy } from "./overlays.ts";

/**
 * Two overlays side by side: each network keeps a device, a range and a UDP port of its own, both agents run on every node until
 * the last node has moved, and the routing table alone tells them apart. See docs/decisions/0007-two-overlays-side-by-side.md.
 */

/** Prefix length of a node's share: the source's, but no smaller than what has room for the 110 pods a node has by default. */
export function shareOf({ subnetLen }: Pick<OverlayFacts, "subnetLen">): number {
  return Math.min(subnetLen, 24);
}

/** The second overlay of a pair of this strategy: spec.cidr ("10.245.0.0/16"), and each node's share of it. */
export function secondOverlay(
  strategy: Strategy | undefined,
  cidr: string | undefined,
  overlay: Pick<OverlayFacts, "subnetLen">,
): SecondOverlay | undefined {
  if (strategy !== "DualOverlay" || cidr === undefined) return undefined;
  return { cidrs: cidr.split(","), subnetLen: shareOf(overlay) };
}

/** The target's overlay. A plan of the other strategy has none, and must not come here: throws TypeError. */
export function secondOf({ migration, second }: PlanContext): SecondOverlay {
  if (second === undefined) throw new TypeError(`the plan of ${migration} has no second overlay`);
  return second;
}

/** The port of the second tunnel: what the target's manifests ask for, else its usual one, else the next that is free. */
export function secondPort(source: Pick<OverlayFacts, "port">, usual: number, asked?: number): number {
  return asked ?? (usual === source.port ? usual + 1 : usual);
}

/** Comment of the rules below: their mark, by which they are found again and removed. */
export const exemptionComment = "cni-migrate: pods keep their own address";

/**
 * Ways between the two overlays. Each network takes the other's pods for the world outside and would put a node's address in the
 * place of the pod's.
 */
export function exemptions(plan: PlanContext): Exemption[] {
  const isIPv4 = (cidr: string) => !cidr.includes(":");
  const ranges = plan.overlay.cidrs.flatMap((first) =>
    secondOf(plan)
      .cidrs.filter((second) => isIPv4(first) === isIPv4(second))
      .map((second) => [first, second] as const),
  );
  return ranges.flatMap(([first, second]) => [
    { from: first, to: second },
    { from: second, to: first },
  ]);
}

/**
 * Chains whose head the rules stand at. In nat POSTROUTING they keep source addresses. In filter FORWARD they stand before
 * kube-proxy's "ctstate INVALID -j DROP": each way goes through the overlay of its receiver, and where an overlay hands packets to
 * pods past the host's stack, the host's conntrack has seen one way only.
 */
export const exemptionChains = [
  { table: "nat", chain: "POSTROUTING" },
  { table: "filter", chain: "FORWARD" },
] as const;

/**
 * The rule of one way, as iptables takes it. kube-proxy marks with 0x4000 what it wants to be
 * masqueraded (its --iptables-masquerade-bit is 14 by default): that goes on as before.
 */
export function exemptionRule({ from, to }: Exemption): string[] {
  return [
    ...["-s", from, "-d", to],
    ...["-m", "mark", "!", "--mark", "0x4000/0x4000"],
    ...["-m", "comment", "--comment", exemptionComment],
    ...["-j", "ACCEPT"],
  ];
}

/** What the rules leave on a node: removed and looked for like anything a network leaves. */
export const exemptionFootprint: Footprint = footprintOf("cni-migrate", { comments: [exemptionComment] });

/**
 * The part of a footprint that is one node's own affair: configurations the container runtime reads, and what plugins keep of
 * pods that are gone. All else an agent needs as long as it runs, and it goes on until the last node has moved.
 */
export function nodesOwn(footprint: Footprint, cniConfDir: string): Footprint {
  return footprintOf(footprint.network, {
    files: footprint.files.filter((path) => path.startsWith(`${cniConfDir}/`)),
    filePrefixes: footprint.filePrefixes.filter(({ dir }) => dir.startsWith("/var/lib/cni/")),
  });
}
