import type { CniMigration } from "../../crds/index.ts";
import { setCondition } from "../../kube/conditions.ts";
import type { Condition, Node } from "../../kube/objects.ts";
import type { Finding } from "../../networks/contract.ts";
import type { HostFacts } from "../../networks/host-ops.ts";
import { isReady } from "../../networks/nodes.ts";
import { strategyOf } from "../../networks/overlays.ts";
import { preflight } from "../../networks/preflight.ts";
import { gatherServiceRanges } from "../../networks/service-ranges.ts";
import { gatherSnapshot } from "../../networks/snapshot.ts";
import { MigrationError } from "../errors.ts";
import { namedAgents, overridesOf, selectedNodes, sourceOverrides } from "../plan.ts";
import type { Scope } from "../scope.ts";
import { ensureTask, ownerOf, removeEndedPods } from "../tasks.ts";
import { type MigrationContext, next, type Phase, type PhaseResult } from "./phase.ts";

/**
 * Seconds until a blocked preflight is looked at again, nodes included; a person may have mended what was wrong. Each look
 * lists the whole cluster, so that it is not made anew for every pod that changes.
 */
const recheckSeconds = 30;

/**
 * Reads the cluster and every node once, refuses what cannot be carried through, and keeps what was found in status.facts:
 * later steps go by it. The inspection of a node also proves that the image is there and host pods may run.
 */
export const preflightPhase: Phase = {
  name: "Preflight",
  async run(context) {
    if (context.migration.status?.facts !== undefined) return next;
    const standing = await standingBlock(context);
    if (standing !== undefined && standing.forSeconds > 0) return blocked(standing.message, standing.forSeconds);
    const hosts = await inspectNodes(context);
    if (typeof hosts !== "string") return judge(context, hosts);
    if (standing !== undefined) return blocked(standing.message);
    return { outcome: "wait", summary: "Preflight", reason: "Preflight", message: hosts, afterSeconds: 15 };
  },
};

function blocked(message: string, afterSeconds = recheckSeconds): PhaseResult {
  return { outcome: "stalled", reason: "PreflightBlocked", message, afterSeconds };
}

/** What the last look said of this very spec, and for how long it stands; then what nodes said of themselves is dropped, too. */
async function standingBlock(context: MigrationContext): Promise<{ message: string; forSeconds: number } | undefined> {
  const { metadata, status } = context.migration;
  const { looks } = context.scope;
  const said = status?.conditions?.find((c) => c.type === "PreflightPassed" && c.status === "False");
  if (said === undefined || said.observedGeneration !== metadata.generation) return undefined;
  const uid = metadata.uid ?? "";
  const forSeconds = looks.dueInSeconds(`${uid} preflight`, recheckSeconds);
  if (forSeconds === undefined) return { message: said.message, forSeconds: 0 };
  if (forSeconds > 0) return { message: said.message, forSeconds };
  looks.forget(`${uid} preflight`);
  await removeEndedPods(context.scope, uid);
  // Looked at again when their end is seen.
  return { message: said.message, forSeconds: 1 };
}

/** What every Ready node says of itself, or what is still waited for. */
async function inspectNodes(context: MigrationContext): Promise<Record<string, HostFacts> | string> {
  const { migration, scope } = context;
  const nodes = selectedNodes(migration, context.nodes).filter(isReady);
  const states = await Promise.all(nodes.map((node) => inspectNode(scope, migration, node)));
  const facts: Record<string, HostFacts> = {};
  const waiting: string[] = [];
  for (const [i, node] of nodes.entries()) {
    const found = states[i];
    if (found === undefined) waiting.push(node.metadata.name);
    else facts[node.metadata.name] = found;
  }
  if (waiting.length === 0) return facts;
  const more = waiting.length > 3 ? ` and ${waiting.length - 3} more` : "";
  return `looking at ${nodes.length} nodes: waiting for ${waiting.slice(0, 3).join(", ")}${more}`;
}

async function inspectNode(scope: Scope, migration: CniMigration, node: Node): Promise<HostFacts | undefined> {
  const overrides = sourceOverrides(migration.spec);
  const task = await ensureTask(scope, {
    task: "inspect",
    nodeName: node.metadata.name,
    ops: [
      {
        op: "inspect",
        cniConfDir: overrides.cniConfDir ?? "/etc/cni/net.d",
        cniBinDir: overrides.cniBinDir ?? "/opt/cni/bin",
        subnetEnvPath: "/run/flannel/subnet.env",
      },
    ],
    deadlineSeconds: 60,
    owner: ownerOf(migration),
    attempt: "preflight",
  });
  if (task.state === "running") return undefined;
  if (task.result.facts === undefined)
    throw new MigrationError("HostTaskFailed", `pod ${task.podName} said nothing about node ${node.metadata.name}`, {
      kind: "stalled",
    });
  return task.result.facts;
}

async function judge(context: MigrationContext, hosts: Record<string, HostFacts>): Promise<PhaseResult> {
  const { migration, scope } = context;
  const { source, target, cidr } = migration.spec;
  const strategy = strategyOf(source, target);
  const [snapshot, services] = await Promise.all([
    gatherSnapshot(scope.client, { hosts, agents: namedAgents(migration.spec) }),
    strategy === "DualOverlay" ? gatherServiceRanges(scope.client) : [],
  ]);
  const verdict = preflight({ snapshot, source, target, cidr, services, overrides: overridesOf(migration.spec) });
  const blockers = verdict.findings.filter((f) => f.severity === "blocker");
  if (blockers.length > 0 || verdict.source === undefined) {
    const message = sentence(blockers);
    await context.record({
      conditions: preflightCondition(migration, "False", "PreflightBlocked", message, scope.now()),
    });
    scope.looks.note(`${migration.metadata.uid ?? ""} preflight`);
    return blocked(message);
  }
  const facts = verdict.source;
  const warnings = verdict.findings.filter((f) => f.severity === "warning").length;
  const message = `${context.nodes.length} nodes looked at, nothing in the way${warnings > 0 ? `, ${warnings} warnings (kubectl cni-migrate plan shows them)` : ""}`;
  await context.record({
    ...(strategy === undefined ? {} : { strategy }),
    detected: facts.detected,
    facts: {
      sourceAgent: facts.agent,
      overlay: facts.overlay,
      cniConfDir: facts.cniConfDir,
      cniBinDir: facts.cniBinDir,
    },
    conditions: preflightCondition(migration, "True", "PreflightPassed", message, scope.now()),
  });
  return next;
}

function preflightCondition(
  migration: CniMigration,
  status: Condition["status"],
  reason: string,
  message: string,
  now: Date,
): NonNullable<NonNullable<CniMigration["status"]>["conditions"]> {
  return setCondition(
    (migration.status?.conditions ?? []) as Condition[],
    { type: "PreflightPassed", status, reason, message, observedGeneration: migration.metadata.generation ?? 0 },
    now,
  );
}

/** All blockers in one message, the first three in full. */
export function sentence(findings: readonly Finding[]): string {
  if (findings.length === 0) return "the source network was not found; kubectl cni-migrate plan says more";
  const shown = findings.slice(0, 3).map((f) => `${f.where}: ${f.what}; ${f.cure}`);
  const more = findings.length > 3 ? ` (and ${findings.length - 3} more: kubectl cni-migrate plan lists them)` : "";
  return `${shown.join(" | ")}${more}`;
}
