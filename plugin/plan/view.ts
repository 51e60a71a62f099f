import { selects } from "../../kube/labels.ts";
import type { LabelSelector, Node, Pod } from "../../kube/objects.ts";
import type { Detected, Finding } from "../../networks/contract.ts";
import { isReady } from "../../networks/nodes.ts";
import { inOrder, isControlPlane } from "../../networks/order.ts";
import { someOf } from "../output.ts";
import type { MigrationRequest } from "../request/request.ts";
import type { EndingPolicy } from "./ending.ts";
import type { ClusterFacts } from "./gather.ts";
import { fateOf, type PodFate } from "./pods.ts";
import type { CutRow, PolicyRow } from "./policies/impact.ts";
import type { SecondPlan } from "./second.ts";

export interface PlanNodeRow {
  name: string;
  role: "worker" | "control plane";
  /** Why it is left out; absent when it is moved. */
  skipped?: string;
  ready: boolean;
  /** A person cordoned it: it stays so. */
  cordoned: boolean;
  pods: Record<"drained" | "recreated" | "stays", number>;
  /** "shop/debug": pods that stop the drain. */
  undecided: string[];
}

/** What `plan` shows, and its stable shape for programs. */
export interface PlanView {
  /** null with an unknown source. */
  name: string | null;
  source: string | null;
  target: string;
  strategy: string | null;
  /** The target's own overlay; null where the two share one. */
  second: SecondPlan | null;
  ready: boolean;
  batchSize: number | string;
  detected: Detected[];
  blockers: Finding[];
  warnings: Finding[];
  infos: Finding[];
  /** In the order they are moved. */
  nodes: PlanNodeRow[];
  /** Objects of -f, as far as it was given. */
  manifests: { objects: number; agent: string } | null;
  /** NetworkPolicies that begin to hold; empty where the source enforces them, too. */
  policies: PolicyRow[];
  /** What present pods can no longer do because of them. */
  cutOff: CutRow[];
  /** Policies that hold now, and not all the time from the first node that moves. */
  ending: readonly EndingPolicy[];
}

/** Pure: what was read into what is shown. */
export function planView(request: MigrationRequest, facts: ClusterFacts): PlanView {
  const { source, target } = facts;
  const sourceId = source?.network.id ?? request.source?.id;
  const nodes = inOrder(facts.nodes, request.spec.nodeOrder ?? []).map((node) => nodeRow(node, facts.pods, request));
  const findings: Finding[] = [
    ...facts.findings,
    ...nodes.filter((row) => row.skipped === undefined).flatMap(undecidedFinding),
  ];
  const of = (severity: Finding["severity"]) => findings.filter((finding) => finding.severity === severity);
  const agent = request.manifests.length === 0 ? undefined : target.agentOf(request.manifests);
  return {
    name: request.name ?? (sourceId === undefined ? null : `${sourceId}-to-${target.id}`),
    source: sourceId ?? null,
    target: target.id,
    strategy: source?.strategy ?? null,
    second: source?.second ?? null,
    ready: of("blocker").length === 0,
    batchSize: request.spec.batchSize ?? 1,
    detected: source?.facts.detected ?? [],
    blockers: of("blocker"),
    warnings: of("warning"),
    infos: of("info"),
    nodes,
    manifests:
      agent === undefined
        ? null
        : {
            objects: request.manifests.length,
            agent: agent.daemonSets.map((name) => `${agent.namespace}/${name}`).join(", "),
          },
    policies: facts.policies?.policies ?? [],
    cutOff: facts.policies?.cutOff ?? [],
    ending: facts.ending,
  };
}

function nodeRow(node: Node, pods: readonly Pod[], request: MigrationRequest): PlanNodeRow {
  const own = pods.filter((pod) => pod.spec.nodeName === node.metadata.name);
  const fates = own.map((pod) => ({ pod, fate: fateOf(pod, request.spec.drain) }));
  const count = (fate: PodFate) => fates.filter((entry) => entry.fate === fate).length;
  const undecided = fates.filter(({ fate }) => fate === "unmanaged" || fate === "emptyDir");
  const { nodeSelector } = request.spec;
  const selected = nodeSelector === undefined || selects(nodeSelector as LabelSelector, node.metadata.labels);
  return {
    name: node.metadata.name,
    role: isControlPlane(node) ? "control plane" : "worker",
    ...(selected ? {} : { skipped: "spec.nodeSelector leaves it out" }),
    ready: isReady(node),
    cordoned: node.spec?.unschedulable === true,
    pods: { drained: count("drained"), recreated: count("recreated"), stays: count("stays") },
    undecided: undecided.map(({ pod }) => `${pod.metadata.namespace}/${pod.metadata.name}`).sort(),
  };
}

/** The drain of the node would stop at these pods: better to know before. */
function undecidedFinding(row: PlanNodeRow): Finding[] {
  if (row.undecided.length === 0) return [];
  return [
    {
      severity: "warning",
      reason: "UnmanagedPod",
      what: `the drain will stop at pods that need a decision: ${someOf(row.undecided)}`,
      where: `node ${row.name}`,
      cure: "delete them before, or give a CniMigration with spec.drain (force, deleteEmptyDirData) with -f",
    },
  ];
}
