import type { NetworkPolicy, Node, Pod } from "../../kube/objects.ts";
import { namespaces, networkPolicies, pods, services } from "../../kube/resources.ts";
import type { RequestOptions } from "../../kube/types.ts";
import type { ClusterSnapshot, Finding, Network, NetworkFacts, NetworkId, Overrides } from "../../networks/contract.ts";
import { networkById } from "../../networks/index.ts";
import { type Strategy, strategyOf } from "../../networks/overlays.ts";
import { preflight } from "../../networks/preflight.ts";
import { gatherSnapshot } from "../../networks/snapshot.ts";
import type { Io } from "../io.ts";
import { namedAgents, overridesOf } from "../request/overrides.ts";
import type { MigrationRequest } from "../request/request.ts";
import type { Session } from "../session.ts";
import { beginsToEnforce, checkCidr, checkPolicies, refuseUnknownNodes } from "./checks.ts";
import { endingPolicies } from "./ending.ts";
import { readHosts } from "./hosts.ts";
import { type PolicyImpact, policyImpact } from "./policies/impact.ts";

/** What was found in the cluster for one request. */
export interface ClusterFacts {
  target: Network;
  /** undefined when there is none, or not one; the findings say why. */
  source: { network: Network; facts: NetworkFacts; strategy: Strategy | undefined } | undefined;
  findings: Finding[];
  snapshot: ClusterSnapshot;
  nodes: readonly Node[];
  pods: readonly Pod[];
  /** undefined: no policy begins to hold. */
  policies: PolicyImpact | undefined;
}

/** Reads the cluster and judges it. Changes nothing. */
export async function gatherFacts(session: Session, io: Io, request: MigrationRequest): Promise<ClusterFacts> {
  const options = { signal: io.interrupt };
  const agents = namedAgents(request.spec);
  const [snapshot, podList, policyList] = await Promise.all([
    gatherSnapshot(session.client, { agents, ...options }),
    session.client.list(pods, options),
    session.client.list(networkPolicies, options),
  ]);
  const serviceIP = request.spec.cidr === undefined ? undefined : await addressOfService(session, options);
  const nodes = snapshot.nodes as readonly Node[];
  refuseUnknownNodes(request, nodes);
  const first = judge(snapshot, request, policyList.items, serviceIP);
  const facts = { ...first, target: request.target, nodes, pods: podList.items };
  if (first.source === undefined) return { ...facts, snapshot, policies: undefined };
  const { hosts, findings } = await readHosts(session, first.source.facts.agent, facts.nodes, podList.items);
  const whole: ClusterSnapshot = { ...snapshot, host: (name) => hosts[name] };
  const second = judge(whole, request, policyList.items, serviceIP);
  const networks = { source: first.source.network, target: request.target };
  const ending = await endingPolicies(session.client, networks, policyList.items, options);
  const begins = policyList.items.length > 0 && beginsToEnforce(first.source.network, request.target);
  const policies = begins
    ? policyImpact(policyList.items, podList.items, (await session.client.list(namespaces, options)).items)
    : undefined;
  return { ...facts, ...second, findings: [...second.findings, ...ending, ...findings], snapshot: whole, policies };
}

/** Of the API server's own Service, which is in every cluster: it tells where Services have their addresses. */
async function addressOfService({ client }: Session, options: RequestOptions): Promise<string | undefined> {
  const service = await client.get(services, { name: "kubernetes", namespace: "default" }, options);
  return service?.spec?.clusterIP;
}

/** Pure: everything that is to be said about one reading of the cluster. */
function judge(
  snapshot: ClusterSnapshot,
  request: MigrationRequest,
  policies: readonly NetworkPolicy[],
  serviceIP: string | undefined,
): Pick<ClusterFacts, "source" | "findings"> {
  const { target } = request;
  const overrides: Partial<Record<NetworkId, Overrides>> = overridesOf(request.spec);
  const named = request.source === undefined ? {} : { source: request.source.id };
  const { source: facts, findings } = preflight({ snapshot, ...named, target: target.id, overrides });
  if (facts === undefined) return { source: undefined, findings };
  const network = networkById(facts.network);
  const strategy = strategyOf(network.id, target.id);
  const shared = strategy === "SharedOverlay" ? facts : undefined;
  const fits = request.manifests.length === 0 ? [] : target.checkManifests(request.manifests, shared);
  const more = [
    ...fits,
    ...checkCidr(request.spec.cidr, facts, strategy, serviceIP),
    ...checkPolicies(network, target, policies),
  ];
  return { source: { network, facts, strategy }, findings: [...findings, ...more] };
}
