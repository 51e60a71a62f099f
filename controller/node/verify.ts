import { probePort, systemNamespace } from "../../crds/names.ts";
import { isApiError } from "../../kube/errors.ts";
import type { Pod } from "../../kube/objects.ts";
import { pods } from "../../kube/resources.ts";
import { familiesOf, mtuOf } from "../../networks/overlays.ts";
import { durationSeconds } from "../drain/policy.ts";
import { MigrationError } from "../errors.ts";
import { nodePart, shortHash } from "../hash.ts";
import { walked } from "../migration/places.ts";
import { oneShotProbePod, parseProbeReport } from "../probe/pods.ts";
import type { ProbeCheck, ProbePeer, ProbeSpec } from "../probe/spec.ts";
import { ensureServer, peersOf, probeToken, serviceCheck } from "../probes.ts";
import { ownerOf } from "../tasks.ts";
import { done, type NodeContext, type StepResult, wait } from "./context.ts";

/** Seconds a probe has for all its checks, within spec.verify.timeout. */
const probeSeconds = 20;

/**
 * Tries, from a pod on the switched node and from the node itself, all that has to work: pods and nodes of both networks both
 * ways, a Service, DNS, the API server, full-size packets, the source address a peer sees.
 */
export async function verify(context: NodeContext): Promise<StepResult> {
  const settings = context.migration.spec.verify;
  if (settings?.enabled === false) return done("VerifyOff", "not checked: spec.verify.enabled is false");
  const { scope, node } = context;
  const { pod, host } = await startProbes(context);
  const fromPod = checksOf(context, pod);
  const fromNode = checksOf(context, host);
  const limit = durationSeconds(settings?.timeout ?? "2m");
  const seconds = (scope.now().getTime() - context.stepStartedAt.getTime()) / 1000;
  if (fromPod === undefined || fromNode === undefined) {
    if (seconds <= limit) return wait("Verifying", "probing the network from the node and from a pod on it");
    return failed(context, `the probes on node ${node.metadata.name} did not end within ${limit} s`, []);
  }
  const checks = [...fromPod, ...fromNode];
  const bad = checks.filter((check) => !check.ok);
  if (bad.length > 0) return failed(context, describe(bad), checks);
  return done("ConnectivityVerified", `${checks.length} checks passed`, { evidence: evidence(context, checks) });
}

/**
 * Makes sure that both probes run, and the node's probe server for the nodes that follow. The two try the way between the
 * node and its pods with each other, so that neither waits for a third pod. Called ahead of the step too, while old pods still end: the switch is done by then, and starting takes seconds.
 */
export async function startProbes(context: NodeContext): Promise<{ pod: Pod | undefined; host: Pod | undefined }> {
  const { scope, migration, node, to } = context;
  const peers = peersOf(scope, node);
  const own = [context.planNode.internalIPs[0] ?? "", nodeIP6(context) ?? []].flat();
  const self = own.map((ip): ProbePeer => ({ node: node.metadata.name, podIP: ip, nodeIP: ip, onNode: true }));
  const [pod, host] = await Promise.all([
    ensureProbe(context, "pod", [...peers, ...self]),
    ensureProbe(context, "node", peers),
    ensureServer(scope, migration, node.metadata.name, to.id),
  ]);
  return { pod, host };
}

/** The node's IPv6 address where pods have IPv6 addresses too. */
function nodeIP6({ plan, planNode }: NodeContext): string | undefined {
  return familiesOf(plan.overlay).includes(6) ? planNode.internalIPs.find((ip) => ip.includes(":")) : undefined;
}

/** The probe's checks; undefined while it runs. A probe that cannot say anything is an error of its own. */
function checksOf(context: NodeContext, pod: Pod | undefined): ProbeCheck[] | undefined {
  if (pod === undefined) return undefined;
  const state = parseProbeReport(pod);
  if (state.state === "done") return state.report.checks;
  if (state.state === "running" || (state.state === "waiting" && !state.stuck)) return undefined;
  const name = `pod ${systemNamespace}/${pod.metadata.name}`;
  throw new MigrationError("ConnectivityFailed", `${name} could not probe: ${state.message}`, {
    kind: "stalled",
    object: name,
    hint: `then kubectl cni-migrate retry ${context.node.metadata.name}`,
  });
}

async function ensureProbe(
  context: NodeContext,
  network: ProbeSpec["network"],
  peers: ProbePeer[],
): Promise<Pod | undefined> {
  const name = probeName(context, network);
  const known = context.scope.stores.pods.get({ name, namespace: systemNamespace });
  return known ?? startProbe(context, name, network, peers);
}

async function startProbe(
  context: NodeContext,
  name: string,
  network: ProbeSpec["network"],
  peers: ProbePeer[],
): Promise<Pod | undefined> {
  const { scope, migration, plan, node, planNode } = context;
  const service = serviceCheck(scope);
  const external = migration.spec.verify?.externalTarget;
  const ipv6 = nodeIP6(context);
  const spec: ProbeSpec = {
    node: node.metadata.name,
    nodeIP: planNode.internalIPs[0] ?? "",
    ...(ipv6 === undefined ? {} : { nodeIP6: ipv6, mtu6: mtuOf(plan.overlay, 6) }),
    network,
    peers,
    port: probePort,
    token: probeToken(migration),
    mtu: plan.overlay.mtu,
    api: true,
    deadlineSeconds: probeSeconds,
    ...(service === undefined ? {} : { service }),
    ...(network === "pod" ? { dns: "kubernetes.default.svc" } : { awaitsPod: true }),
    ...(external === undefined ? {} : { external }),
  };
  const wanted = oneShotProbePod({
    name,
    namespace: systemNamespace,
    image: scope.image,
    owner: ownerOf(context.nodeMigration),
    spec,
  });
  try {
    const made = await scope.client.create(pods, wanted);
    scope.stores.pods.put(made);
    return made;
  } catch (error) {
    if (isApiError(error, "AlreadyExists")) return undefined;
    throw error;
  }
}

function probeName({ nodeMigration, node, uid }: NodeContext, network: string): string {
  const attempt = `${uid}/${walked(nodeMigration)}/${nodeMigration.status?.attempts ?? 0}`;
  return `verify-${network}-${nodePart(node.metadata.name, 40)}-${shortHash(attempt)}`;
}

function failed(context: NodeContext, message: string, checks: readonly ProbeCheck[]): StepResult {
  return {
    outcome: "failed",
    reason: "ConnectivityFailed",
    message,
    hint: `mend the path, then kubectl cni-migrate retry ${context.node.metadata.name}`,
    status: { evidence: evidence(context, checks) },
  };
}

function describe(bad: readonly ProbeCheck[]): string {
  const shown = bad.slice(0, 3).map((check) => `${check.path} (${check.kind}): ${check.detail}`);
  return `${bad.length} paths fail: ${shown.join("; ")}${bad.length > 3 ? ` and ${bad.length - 3} more` : ""}`;
}

function evidence(context: NodeContext, checks: readonly ProbeCheck[]) {
  const list = checks.map(({ path, kind, ok, detail }) => ({
    path: `${path} (${kind})`.slice(0, 512),
    ok,
    detail: detail.slice(0, 2048),
  }));
  return { ...context.nodeMigration.status?.evidence, checks: list.slice(0, 200) };
}
