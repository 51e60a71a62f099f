import { selects } from "../../../kube/labels.ts";
import type { Namespace, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from "../../../kube/objects.ts";
import { contains, parseCidr } from "../../../networks/cidr.ts";
import type { Endpoint } from "./endpoints.ts";
import { type Ports, portsOf, union } from "./ports.ts";

export type Direction = "Ingress" | "Egress";

/** One rule, with the peers it takes looked up. */
interface Rule {
  ports: readonly NetworkPolicyPort[] | undefined;
  /** undefined: everybody, inside and outside. */
  peers: ReadonlySet<Endpoint> | undefined;
  /** Ranges of addresses it takes. */
  blocks: readonly string[];
}

/** A NetworkPolicy, read. */
export interface Policy {
  /** "shop/deny". */
  name: string;
  selected: ReadonlySet<Endpoint>;
  directions: readonly Direction[];
  rules: Readonly<Record<Direction, readonly Rule[]>>;
}

/** Pure: what the API documents of networking.k8s.io/v1 say a policy means. */
export function readPolicy(
  { metadata, spec }: NetworkPolicy,
  endpoints: readonly Endpoint[],
  namespaces: readonly Namespace[],
): Policy {
  const { namespace = "", name } = metadata;
  const rule = (peers: readonly NetworkPolicyPeer[] | undefined, ports: readonly NetworkPolicyPort[] | undefined) => ({
    ports,
    peers: peers === undefined || peers.length === 0 ? undefined : taken(peers, namespace, endpoints, namespaces),
    blocks: (peers ?? []).flatMap(({ ipBlock }) => (ipBlock === undefined ? [] : [blockText(ipBlock)])),
  });
  return {
    name: `${namespace}/${name}`,
    selected: new Set(endpoints.filter((e) => e.namespace === namespace && selects(spec.podSelector, e.labels))),
    directions: directionsOf(spec),
    rules: {
      Ingress: (spec.ingress ?? []).map(({ from, ports }) => rule(from, ports)),
      Egress: (spec.egress ?? []).map(({ to, ports }) => rule(to, ports)),
    },
  };
}

/** The API server fills policyTypes in: always Ingress, and Egress where there are egress rules. */
function directionsOf({ policyTypes, egress = [] }: NetworkPolicy["spec"]): Direction[] {
  if (policyTypes !== undefined && policyTypes.length > 0) return policyTypes;
  return egress.length > 0 ? ["Ingress", "Egress"] : ["Ingress"];
}

function taken(
  peers: readonly NetworkPolicyPeer[],
  own: string,
  endpoints: readonly Endpoint[],
  namespaces: readonly Namespace[],
): Set<Endpoint> {
  return new Set(peers.flatMap((peer) => endpoints.filter(takes(peer, own, namespaces))));
}

function takes(
  { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer,
  own: string,
  namespaces: readonly Namespace[],
): (endpoint: Endpoint) => boolean {
  if (ipBlock !== undefined) return inBlock(ipBlock);
  const chosen =
    namespaceSelector === undefined
      ? new Set([own])
      : new Set(
          namespaces
            .filter(({ metadata }) => selects(namespaceSelector, metadata.labels))
            .map(({ metadata }) => metadata.name),
        );
  return ({ namespace, labels }) => chosen.has(namespace) && selects(podSelector ?? {}, labels);
}

/** Whether all its present addresses are in the block: a pod made anew may get another's. */
function inBlock({ cidr, except = [] }: NonNullable<NetworkPolicyPeer["ipBlock"]>): (endpoint: Endpoint) => boolean {
  const range = parseCidr(cidr);
  const holes = except.flatMap((text) => parseCidr(text) ?? []);
  return ({ addresses }) => {
    if (range === undefined) return false;
    const family = addresses.filter((address) => address.family === range.family);
    const isIn = (address: (typeof family)[number]) => {
      const host = { family: address.family, base: address.value, prefix: address.family === 4 ? 32 : 128 };
      return contains(range, host) && !holes.some((hole) => contains(hole, host));
    };
    return family.length > 0 && family.every(isIn);
  };
}

function blockText({ cidr, except = [] }: NonNullable<NetworkPolicyPeer["ipBlock"]>): string {
  return except.length === 0 ? cidr : `${cidr} without ${except.join(", ")}`;
}

/** What the policies that select a pod for a direction let pass: any rule of any one of them is enough. */
export class Door {
  readonly #rules: readonly Rule[];
  readonly #direction: Direction;
  readonly #pod: Endpoint;
  /** The ports of rules that do not depend on the peer, as they do where it is the receiver and its ports have names. */
  readonly #fixed = new Map<Rule, Ports>();

  constructor(policies: readonly Policy[], direction: Direction, pod: Endpoint) {
    this.#rules = policies.flatMap(({ rules }) => rules[direction]);
    this.#direction = direction;
    this.#pod = pod;
    for (const rule of this.#rules)
      if (direction === "Ingress" || !rule.ports?.some(({ port }) => typeof port === "string"))
        this.#fixed.set(rule, portsOf(rule.ports, direction === "Ingress" ? pod.named : []));
  }

  /** Between the pod and a peer. */
  passing(peer: Endpoint): Ports {
    const named = this.#direction === "Ingress" ? this.#pod.named : peer.named;
    let ports: Ports = [];
    for (const rule of this.#rules) {
      if (rule.peers?.has(peer) === false) continue;
      const more = this.#fixed.get(rule) ?? portsOf(rule.ports, named);
      ports = ports.length === 0 ? more : union(ports, more);
    }
    return ports;
  }

  /** Between the pod and addresses that are no pod's; `blocks` are ranges some rule takes, on some ports at least. */
  outside(): { ports: Ports; blocks: string[] } {
    const open = this.#rules.filter((rule) => rule.peers === undefined || rule.blocks.some(isEverything));
    const named = this.#direction === "Ingress" ? this.#pod.named : [];
    return {
      ports: open.map((rule) => portsOf(rule.ports, named)).reduce(union, []),
      blocks: this.#rules.flatMap(({ blocks }) => blocks).filter((block) => !isEverything(block)),
    };
  }
}

function isEverything(block: string): boolean {
  return block === "0.0.0.0/0" || block === "::/0";
}
