import type { OverlayFacts, PlanContext } from "./contract.ts";
import { footprintOf } from "./footprints.ts";
import type { Footprint } from "./host-ops.ts";

/**
 * Two overlays side by side: each network keeps a device, a range and a UDP port of its own, both agents run on every node until
 * the last node has moved, and the routing table alone tells them apart. See docs/decisions/0007-two-overlays-side-by-side.md.
 */

/**
 * What the second network has of its own. Its port is not here: it follows from the target's manifests and the source's overlay
 * (`secondPort`), which every transformation of the manifests is given.
 */
export interface SecondOverlay {
  /** Ranges of its pods, IPv4 first: spec.cidr. */
  cidrs: string[];
  /** Prefix length of a node's IPv4 range. */
  subnetLen: number;
}

/** A plan of a pair of this strategy. */
export type DualPlan = PlanContext & { second?: SecondOverlay };

/** The target's overlay. A plan of the other strategy has none, and must not come here: throws TypeError. */
export function secondOf({ migration, second }: DualPlan): SecondOverlay {
  if (second === undefined) throw new TypeError(`the plan of ${migration} has no second overlay`);
  return second;
}

/** The port of the second tunnel: what the target's manifests ask for, else its usual one, else the next that is free. */
export function secondPort(source: Pick<OverlayFacts, "port">, usual: number, asked?: number): number {
  return asked ?? (usual === source.port ? usual + 1 : usual);
}

/** Packets from one range of pods to the other, which are to keep their source address. */
export interface Exemption {
  from: string;
  to: string;
}

/** Comment of the rules below: their mark, by which they are found again and removed. */
export const exemptionComment = "cni-migrate: pods keep their own address";

/**
 * Ways between the two overlays. Each network takes the other's pods for the world outside and would put a node's address in the
 * place of the pod's.
 */
export function exemptions({ overlay, ...plan }: DualPlan): Exemption[] {
  const isIPv4 = (cidr: string) => !cidr.includes(":");
  const ranges = overlay.cidrs.flatMap((first) =>
    secondOf({ overlay, ...plan })
      .cidrs.filter((second) => isIPv4(first) === isIPv4(second))
      .map((second) => [first, second] as const),
  );
  return ranges.flatMap(([first, second]) => [
    { from: first, to: second },
    { from: second, to: first },
  ]);
}

/**
 * The rule of one way, as iptables takes it, for the head of nat POSTROUTING. kube-proxy marks with 0x4000 what it wants to be
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
