import type { Finding, Network, NetworkFacts, SecondOverlay } from "../../networks/contract.ts";
import { secondOverlay } from "../../networks/dual-overlay.ts";
import { proposeRange, wantedBeside } from "../../networks/dual-overlay-ranges.ts";
import { blocker } from "../../networks/findings.ts";
import { isWindows, planNodes } from "../../networks/nodes.ts";
import { rangesInUse } from "../../networks/preflight.ts";
import type { MigrationRequest } from "../request/request.ts";

/** What the target's own overlay will be, beside the source's. */
export interface SecondPlan {
  /** Ranges with a comma; null where none is given and none is free. */
  cidr: string | null;
  from: "proposed" | "--cidr" | "spec.cidr";
  /** Prefix length of a node's range. */
  nodePrefix: number;
  /** UDP port of its tunnel; null where the manifests ask for what is no port. */
  port: number | null;
}

/** Pure: the range that was asked for, else a free one. */
export function planSecond(
  { spec, cidrFrom, manifests }: Pick<MigrationRequest, "spec" | "cidrFrom" | "manifests">,
  { source, target }: { source: NetworkFacts; target: Network },
  input: Parameters<typeof rangesInUse>[0],
): SecondPlan {
  const nodes = planNodes(input.snapshot).filter((node) => !isWindows(node));
  const wanted = wantedBeside(nodes, source.overlay);
  const proposal = () => proposeRange(rangesInUse(input, source, nodes), wanted) ?? null;
  return {
    cidr: spec.cidr ?? proposal(),
    from: spec.cidr === undefined ? "proposed" : (cidrFrom ?? "spec.cidr"),
    nodePrefix: wanted.subnetLen,
    port: target.tunnelPort?.(manifests, source.overlay) ?? null,
  };
}

/** There is nothing to propose: a person knows more. */
export function checkSecond({ cidr }: SecondPlan): Finding[] {
  if (cidr !== null) return [];
  return [
    blocker(
      "CIDRMissing",
      "the target needs a range of its own for pods, and no private one is free",
      "--cidr",
      "give one that nothing uses with --cidr",
    ),
  ];
}

/** For the context of a plan. */
export function overlayOf({ cidr }: SecondPlan, { overlay }: NetworkFacts): SecondOverlay | undefined {
  return secondOverlay("DualOverlay", cidr ?? undefined, overlay);
}

/** "10.245.0.0/16 (proposed: nothing uses it), a /24 for each node, UDP port 8473" */
export function secondText({ cidr, from, nodePrefix, port }: SecondPlan): string {
  const origin = from === "proposed" ? "proposed: nothing uses it; --cidr chooses another" : from;
  return `${cidr === null ? "no range" : `${cidr} (${origin})`}, a /${nodePrefix} for each node, ${port === null ? "no port" : `UDP port ${port}`}`;
}
