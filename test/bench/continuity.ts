import { auditEntries, isOurs } from "../lab/audit.ts";
import { calicoManifestPath, type Lab } from "../lab/index.ts";
import { flannelLeftovers } from "../lab/leftovers.ts";
import { cniMigrate, installProduct, migrationState, type StepSeconds, stepSeconds, succeed } from "../lab/product.ts";
import { lost, type Measured, measure } from "./measure.ts";

/** Ours: from `start` to its return with --wait. */
export async function measureOurs(): Promise<Measured & { steps: StepSeconds[] }> {
  let steps: StepSeconds[] = [];
  const measured = await measure("kubectl cni-migrate", {}, run, (lab) => installProduct(lab));
  return { ...measured, steps };

  async function run(lab: Lab) {
    const before = (await auditEntries(lab, isOurs)).length;
    const args = ["start", "--target", "calico", "-f", await calicoManifestPath(), "-y", "--wait", "--timeout", "5m"];
    const { seconds } = await succeed(cniMigrate(lab, args), "start --wait");
    steps = stepSeconds((await migrationState(lab)).nodes);
    return {
      seconds,
      requests: async () => (await auditEntries(lab, isOurs)).length - before,
      leftovers: () => flannelLeftovers(lab),
    };
  }
}

/** Runs ours alone. True when nothing was lost and nothing is left. */
export async function continuityBench(): Promise<boolean> {
  const ours = await measureOurs();
  showSteps(ours.steps, ours.podStartSeconds);
  const { sent, lost: failed } = lost(ours.report);
  const { connections, losses } = ours.report;
  process.stdout.write(
    `${ours.seconds.toFixed(1)} s, ${failed} of ${sent} requests lost, ${connections.brokenUnmoved} connections broken (${connections.held} held, longest gap ${connections.worstGapMs} ms), ${ours.leftovers.length} leftovers, ${ours.requests} API requests\n`,
  );
  for (const loss of losses.slice(0, 20))
    process.stdout.write(`  ${loss.at.toISOString()} ${loss.probe}: ${loss.what}\n`);
  return losses.length === 0 && ours.leftovers.length === 0;
}

/** Where the time went, step by step. */
export function showSteps(all: readonly StepSeconds[], podStartSeconds: number): void {
  const names = [...new Set(all.flatMap((s) => Object.keys(s.steps)))];
  const row = (cells: string[]) => `${cells.map((c) => c.padStart(12)).join("")}\n`;
  process.stdout.write(row(["seconds", ...all.map((s) => s.node)]));
  for (const name of names) process.stdout.write(row([name, ...all.map((s) => (s.steps[name] ?? 0).toFixed(1))]));
  process.stdout.write(row(["total", ...all.map((s) => s.total.toFixed(1))]));
  process.stdout.write(
    `a pod's own start on this lab, creation to Ready: ${podStartSeconds.toFixed(0)} s (whole seconds)\n`,
  );
}
