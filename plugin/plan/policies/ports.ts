import type { NetworkPolicyPort } from "../../../kube/objects.ts";

type Protocol = NonNullable<NetworkPolicyPort["protocol"]>;

export interface PortRange {
  protocol: Protocol;
  from: number;
  /** Included. */
  to: number;
}

/** What may pass. "all" is more than every port: it includes protocols without any, such as ICMP. */
export type Ports = "all" | readonly PortRange[];

/** A container's port that has a name. */
export interface NamedPort {
  name: string;
  protocol: Protocol;
  port: number;
}

const highest = 65_535;

/** The ports a rule names, on a receiver with these named ports. No list, or an empty one, stands for all. */
export function portsOf(rule: readonly NetworkPolicyPort[] | undefined, named: readonly NamedPort[]): Ports {
  if (rule === undefined || rule.length === 0) return "all";
  return merged(rule.flatMap((entry) => rangesOf(entry, named)));
}

function rangesOf({ protocol = "TCP", port, endPort }: NetworkPolicyPort, named: readonly NamedPort[]): PortRange[] {
  if (port === undefined) return [{ protocol, from: 0, to: highest }];
  if (typeof port === "number") return [{ protocol, from: port, to: endPort ?? port }];
  return named
    .filter((candidate) => candidate.name === port && candidate.protocol === protocol)
    .map((candidate) => ({ protocol, from: candidate.port, to: candidate.port }));
}

export function union(a: Ports, b: Ports): Ports {
  return a === "all" || b === "all" ? "all" : merged([...a, ...b]);
}

export function intersection(a: Ports, b: Ports): Ports {
  if (a === "all" || a === b) return b;
  if (b === "all") return a;
  const both = a.flatMap((one) =>
    b
      .filter(({ protocol }) => protocol === one.protocol)
      .map((other) => ({ ...one, from: Math.max(one.from, other.from), to: Math.min(one.to, other.to) })),
  );
  return merged(both.filter(({ from, to }) => from <= to));
}

/** Sorted, without overlaps, neighbours joined. */
function merged(ranges: readonly PortRange[]): PortRange[] {
  const sorted = [...ranges].sort((a, b) =>
    a.protocol < b.protocol ? -1 : a.protocol > b.protocol ? 1 : a.from - b.from,
  );
  const out: PortRange[] = [];
  for (const range of sorted) {
    const last = out.at(-1);
    if (last?.protocol === range.protocol && range.from <= last.to + 1) last.to = Math.max(last.to, range.to);
    else out.push({ ...range });
  }
  return out;
}

/** What no longer passes when only these ports do: "all", or "all but TCP 80, UDP 53"; undefined when everything passes. */
export function cutText(passing: Ports): string | undefined {
  if (passing === "all") return undefined;
  return passing.length === 0 ? "all" : `all but ${passing.map(rangeText).join(", ")}`;
}

function rangeText({ protocol, from, to }: PortRange): string {
  if (from === 0 && to === highest) return `all ${protocol}`;
  return `${protocol} ${from === to ? from : `${from}-${to}`}`;
}
