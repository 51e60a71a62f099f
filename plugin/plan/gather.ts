import type { NetworkPolicy, Node, Pod } from "../../kube/objects.ts";
import { namespaces, networkPolicies, pods, services } from "../../kube/resources.ts";
import type { RequestOptions } from "../../kube/types.ts";
import type { ClusterSnapshot, Finding, Network, NetworkFacts, NetworkId, Overrides } from "../../networks/contract.ts";
import type { TakenRange } from "../../networks/dual-overlay-ranges.ts";
import { networkById } from "../../networks/index.ts";
import { type Strategy, strategyOf } from "../../networks/overlays.ts";
import { preflight } from "../../networks/preflight.ts";
import { gatherServiceRanges } from "../../networks/service-ranges.ts";
import { gatherSnapshot } from "../../networks/snapshot.ts";
import type { Io } from "../io.ts";
import { namedAgents, overridesOf } from "../request/overrides.ts";
import type { MigrationRequest } from "../request/request.ts";
import type { Session } from "../session.ts";
import { beginsToEnforce, checkCidr, checkPolicies, refuseUnknownNodes } from "./checks.ts";
import { type EndingPolicy, endingFindings, endingPolicies } from "./ending.ts";
import { readHosts } from "./hosts.ts";
import { type PolicyImpact, policyImpact } from "./policies/impact.ts";
import { checkSecond, planSecond, type SecondPlan } from "./second.ts";

/** The network that is left, and how the target lives beside it. */
interface FoundSource {
  network: Network;
  facts: NetworkFacts;
  strategy: Strategy | undefined;
  /** Only with two overlays side by side. */
  second?: SecondPlan;
}

/** What was found in the cluster for one request. */
export interface ClusterFacts {
  target: Network;
  /** undefined when there is none, or not one; the findings say why. */
  source: FoundSource | undefined;
  findings: Finding[];
  snapshot: ClusterSnapshot;
  nodes: readonly Node[];
  pods: readonly Pod[];
  /** undefined: no policy begins to hold. */
  policies: PolicyImpact | undefined;
  /** Policies that do not go on to hold. */
  ending: readonly EndingPolicy[];
}

/** What is read of the cluster beside the snapshot. */
interface Read {
  policies: readonly NetworkPolicy[];
  /** An address of a Service, where a shared overlay is asked for a range. */
  serviceIP: string | undefined;
  /** Where there are two overlays. */
  services: readonly TakenRange[];
}

/** Reads the cluster and judges it. Changes nothing. */
export async function gatherFacts(session: Session, io: Io, request: MigrationRequest): Promise<ClusterFacts> {
  const { client } = session;
  const options = { signal: io.interrupt };
  const agents = namedAgents(request.spec);
  const [snapshot, podList, policyList] = await Promise.all([
    gatherSnapshot(client, { agents, ...options }),
    client.list(pods, options),
    client.list(networkPolicies, options),
  ]);
  const nodes = snapshot.nodes as readonly Node[];
  refuseUnknownNodes(request, nodes);
  const read: Read = { policies: policyList.items, serviceIP: undefined, services: [] };
  const { source, findings: early } = judge(snapshot, request, read);
  const facts = { target: request.target, nodes, pods: podList.items };
  if (source === undefined) return { ...facts, source, findings: early, snapshot, policies: undefined, ending: [] };
  const isDual = source.strategy === "DualOverlay";
  const [{ hosts, findings }, serviceIP, services] = await Promise.all([
    readHosts(session, source.facts.agent, nodes, podList.items),
    request.spec.cidr === undefined || isDual ? undefined : addressOfService(session, options),
    isDual ? gatherServiceRanges(client, options) : [],
  ]);
  const whole: ClusterSnapshot = { ...snapshot, host: (name) => hosts[name] };
  const judged = judge(whole, request, { ...read, serviceIP, services });
  const pair = { source: source.network, target: request.target, strategy: source.strategy };
  const ending = await endingPolicies(client, pair, policyList.items, options);
  const begins = policyList.items.length > 0 && beginsToEnforce(source.network, request.target);
  const policies = begins
    ? policyImpact(policyList.items, podList.items, (await client.list(namespaces, options)).items)
    : undefined;
  return {
    ...facts,
    ...judged,
    findings: [...judged.findings, ...endingFindings(pair, ending), ...findings],
    snapshot: whole,
    policies,
    ending,
  };
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
  { policies, serviceIP, services }: Read,
): Pick<ClusterFacts, "source" | "findings"> {
  const { target, manifests } = request;
  const { cidr } = request.spec;
  const overrides: Partial<Record<NetworkId, Overrides>> = overridesOf(request.spec);
  const named = request.source === undefined ? {} : { source: request.source.id };
  const from = request.cidrFrom === undefined ? {} : { cidrFrom: request.cidrFrom };
  const asked = { snapshot, ...named, target: target.id, overrides, cidr, ...from, services };
  const { source: facts, findings } = preflight(asked);
  if (facts === undefined) return { source: undefined, findings };
  const network = networkById(facts.network);
  const strategy = strategyOf(network.id, target.id);
  const second =
    strategy === "DualOverlay" ? planSecond(request, { source: facts, target }, { snapshot, services }) : undefined;
  const more = [
    ...(manifests.length === 0 ? [] : target.checkManifests(manifests, strategy === undefined ? undefined : facts)),
    ...checkCidr(cidr, facts, strategy, serviceIP),
    ...(second === undefined ? [] : checkSecond(second)),
    ...checkPolicies({ source: network, target, strategy }, policies),
  ];
  return {
    source: { network, facts, strategy, ...(second === undefined ? {} : { second }) },
    findings: [...findings, ...more],
  };
}
