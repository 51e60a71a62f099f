import { auditEntries, isHarness } from "../lab/audit.ts";
import { Continuity, type ContinuityReport } from "../lab/continuity.ts";
import { type Lab, type LabOptions, upLab } from "../lab/index.ts";

/** What one migration under probes cost and lost. */
export interface Measured {
  name: string;
  /** Wall time of the migration, from the command that begins it to its end. */
  seconds: number;
  /** Requests of the migration's own programs, by the audit log. */
  requests: number;
  /** Requests of the whole cluster meanwhile, by the API server's counter; those of the benchmark itself are left out. */
  clusterRequests: number;
  report: ContinuityReport;
  leftovers: string[];
  /** Seconds from a pod's creation to Ready, as the lab's kubelets do it: the floor of every step that starts a pod. */
  podStartSeconds: number;
}

/** Seconds of probing before and after, so that a loss at the edges is seen. */
const marginSeconds = 3;

/** A fresh lab with the probed workload, all replicas on one node; `migrate` runs while it is probed. */
export async function measure(
  name: string,
  options: LabOptions,
  migrate: (lab: Lab) => Promise<{ seconds: number; requests(): Promise<number>; leftovers(): Promise<string[]> }>,
  before: (lab: Lab) => Promise<void>,
): Promise<Measured> {
  const lab = await upLab({ name: "bench", ...options });
  try {
    await before(lab);
    const continuity = new Continuity(lab);
    await continuity.deploy({ oneNode: "n2" });
    const podStartSeconds = await podStart(lab);
    await continuity.start();
    await wait(marginSeconds);
    const requestsBefore = await requestTotals(lab);
    const outcome = await migrate(lab);
    const requestsAfter = await requestTotals(lab);
    await wait(marginSeconds);
    const report = await continuity.stop();
    const { seconds } = outcome;
    const clusterRequests = requestsAfter.all - requestsBefore.all - (requestsAfter.harness - requestsBefore.harness);
    const [requests, leftovers] = [await outcome.requests(), await outcome.leftovers()];
    return { name, seconds, requests, clusterRequests, report, leftovers, podStartSeconds };
  } finally {
    await lab.down();
  }
}

function wait(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

/** The API server's own count of requests, and how many of them are kubectl's by this benchmark. */
async function requestTotals(lab: Lab): Promise<{ all: number; harness: number }> {
  const { stdout } = await lab.kubectl(["get", "--raw", "/metrics"]);
  const counts = stdout.matchAll(/^apiserver_request_total\{.*\} ([\d.e+]+)$/gm);
  const all = [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
  return { all, harness: (await auditEntries(lab, isHarness)).length };
}

/** Median over the workload's pods, from their conditions (whole seconds). */
async function podStart(lab: Lab): Promise<number> {
  const { stdout } = await lab.kubectl(["get", "pods", "-n", "default", "-l", "app=web", "-o", "json"]);
  const items: {
    metadata: { creationTimestamp: string };
    status: { conditions: { type: string; lastTransitionTime: string }[] };
  }[] = JSON.parse(stdout).items;
  const times = items.map((p) => {
    const ready = p.status.conditions.find((c) => c.type === "Ready")?.lastTransitionTime ?? "";
    return (Date.parse(ready) - Date.parse(p.metadata.creationTimestamp)) / 1000;
  });
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN;
}

/** Requests of nodes and pods, and how many of them were lost. */
export function lost(report: ContinuityReport): { sent: number; lost: number } {
  const sent = [...report.nodes, ...report.pods].reduce((sum, p) => sum + p.ok + p.failed, 0);
  return { sent, lost: report.losses.filter((l) => !l.what.includes(":")).length };
}
