import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, Option } from "commander";
import { main } from "../../scripts/project.ts";
import { Continuity, type ContinuityReport } from "./continuity.ts";
import { LabError } from "./errors.ts";
import { calicoManifestPath, ciliumManifestPath, downLab, flannelManifest, type Lab, upLab } from "./index.ts";
import { calicoLeftovers, canalLeftovers, flannelLeftovers, leftoversBeforeCilium } from "./leftovers.ts";
import { PolicyProbes, type PolicyReport } from "./policy-probes.ts";
import { cniMigrate, installProduct, migrationState, stepSeconds, succeed } from "./product.ts";

interface DemoOptions {
  source: Source;
  target: Target | undefined;
  nodes: number;
  keep?: true;
}

type Source = "flannel" | "canal" | "calico";
type Target = "calico" | "flannel" | "cilium";

const labName = "demo";

const program = new Command("npm run demo --")
  .description("A real cluster changes its network while a Service on it is probed from every node.")
  .addOption(
    new Option("--source <network>", "network the cluster starts with")
      .choices(["flannel", "canal", "calico"])
      .default("flannel"),
  )
  .addOption(
    new Option("--target <network>", "network it goes to (default: calico, from calico: flannel)").choices([
      "calico",
      "flannel",
      "cilium",
    ]),
  )
  .addOption(new Option("--nodes <n>", "nodes of the cluster, 2 to 9").default(3).argParser(nodeCount))
  .option("--keep", "leave the cluster up at the end")
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

function nodeCount(text: string): number {
  const nodes = Number(text);
  if (Number.isInteger(nodes) && nodes >= 2 && nodes <= 9) return nodes;
  process.stderr.write(`demo: --nodes ${text}: give a whole number from 2 to 9\n`);
  process.exit(2);
}

/** Where each network goes, and what it must not leave there. The first is where it goes when nothing else is said. */
const ways: Record<Source, Partial<Record<Target, (lab: Lab) => Promise<string[]>>>> = {
  flannel: { calico: flannelLeftovers, cilium: leftoversBeforeCilium.flannel },
  canal: { calico: canalLeftovers, cilium: leftoversBeforeCilium.canal },
  calico: { flannel: calicoLeftovers, cilium: leftoversBeforeCilium.calico },
};

interface Way {
  source: Source;
  target: Target;
  leftovers: (lab: Lab) => Promise<string[]>;
}

function wayOf({ source, target }: DemoOptions): Way {
  const targets = Object.keys(ways[source]) as Target[];
  const chosen = target ?? targets[0] ?? "calico";
  const leftovers = ways[source][chosen];
  if (leftovers !== undefined) return { source, target: chosen, leftovers };
  process.stderr.write(`demo: there is no demo from ${source} to ${chosen}: give --target ${targets.join(" or ")}\n`);
  process.exit(2);
}

/** The target's own manifests as a user has them: what the command says, the file, and what goes to standard input. */
const manifests: Record<Target, (lab: Lab) => Promise<{ said: string; file: string; input?: string }>> = {
  calico: async () => ({ said: "-f calico-vxlan.yaml", file: await calicoManifestPath() }),
  flannel: async () => ({ said: "-f - <kube-flannel.yml", file: "-", input: await flannelManifest() }),
  cilium: async ({ name }) => ({ said: "-f cilium.yaml # of helm template", file: await ciliumManifestPath(name) }),
};

await main("demo", async () => {
  const options = program.parse().opts<DemoOptions>();
  const way = wayOf(options);
  const lab = await upLab({
    name: labName,
    nodes: options.nodes,
    network: way.source,
    ready: [way.source, way.target],
  });
  const interrupted = () => void downLab(labName).finally(() => process.exit(130));
  process.once("SIGINT", interrupted);
  let good = false;
  try {
    good = await demonstrate(lab, way);
  } finally {
    if (options.keep)
      process.stderr.write(
        `the cluster stays: export KUBECONFIG=${lab.kubeconfigPath}; npm run lab -- down --name ${labName} takes it down\n`,
      );
    else await lab.down();
  }
  if (!good) process.exitCode = 1;
});

async function demonstrate(lab: Lab, way: Way): Promise<boolean> {
  await installProduct(lab);
  const continuity = new Continuity(lab);
  await continuity.deploy();
  // flannel enforces no policy: there is nothing to hold until the end. Cilium enforces none until the migration is finalized.
  const policies = way.source === "canal" && way.target === "calico" ? new PolicyProbes(lab) : undefined;
  await policies?.deploy();
  heading("Before");
  process.stdout.write((await lab.kubectl(["get", "nodes,deployments,daemonsets", "-A"])).stdout);
  await continuity.start();
  await policies?.start();
  let report: ContinuityReport;
  let policyReport: PolicyReport | undefined;
  try {
    await start(lab, way.target);
    heading("kubectl cni-migrate status -w");
    await cniMigrate(lab, ["status", "-w"], { show: true });
  } finally {
    policyReport = await policies?.stop();
    report = await continuity.stop();
  }
  const leftovers = await way.leftovers(lab);
  const held = policyReport === undefined || showPolicies(policyReport);
  return (await show(lab, way.source, report, leftovers)) && held;
}

async function start(lab: Lab, target: Target): Promise<void> {
  const { said, file, input } = await manifests[target](lab);
  heading(`kubectl cni-migrate start --target ${target} ${said}`);
  const folder = mkdtempSync(join(tmpdir(), "cni-migrate-demo-"));
  const flags = ["--target", target, "-f", file, "--backup", join(folder, "source.yaml"), "-y"];
  const options = { show: true, ...(input === undefined ? {} : { input }) };
  await succeed(cniMigrate(lab, ["start", ...flags], options), "start").finally(() =>
    rmSync(folder, { recursive: true }),
  );
}

function showPolicies({ denied, allowed, passed, lost }: PolicyReport): boolean {
  const tries = (flows: readonly { tried: number }[]) => flows.reduce((sum, { tried }) => sum + tried, 0);
  heading("What NetworkPolicies let through (one try each 50 ms between the pods of all pairs of nodes)");
  line(`denied     ${String(tries(denied)).padStart(6)} tries     ${passed.length} passed`);
  line(`allowed    ${String(tries(allowed)).padStart(6)} tries     ${lost.length} failed`);
  for (const each of [...passed, ...lost].slice(0, 20)) line(`  ${each.at.toISOString()} ${each.probe}: ${each.what}`);
  return passed.length + lost.length === 0;
}

async function show(lab: Lab, source: Source, report: ContinuityReport, leftovers: string[]): Promise<boolean> {
  const { migration, nodes } = await migrationState(lab);
  heading("What the probes lost (one request each 50 ms from every node, answered within 1 s)");
  for (const { probe, ok, failed } of report.nodes)
    line(`${probe.padEnd(10)} ${String(ok + failed).padStart(6)} requests  ${failed} lost`);
  const pods = report.pods.reduce((sum, p) => sum + p.ok + p.failed, 0);
  line(
    `pods       ${String(pods).padStart(6)} requests  ${report.losses.filter((l) => l.probe.startsWith("pod")).length} lost where neither end was moved`,
  );
  line(
    `long-lived TCP connections: ${report.connections.held} held (longest gap ${report.connections.worstGapMs} ms), ${report.connections.brokenUnmoved} broken between ends that were not moved`,
  );
  for (const loss of report.losses.slice(0, 20)) line(`  ${loss.at.toISOString()} ${loss.probe}: ${loss.what}`);
  heading(`What is left of ${source} on the nodes`);
  for (const each of leftovers.length === 0 ? ["nothing"] : leftovers) line(each);
  heading("Where the time went (s); JoinTarget is the start of the node's agent");
  for (const { node, total, steps } of stepSeconds(nodes))
    line(
      `${node}  ${total.toFixed(1).padStart(5)}  ${Object.entries(steps)
        .map(([name, s]) => `${name} ${s.toFixed(1)}`)
        .join(", ")}`,
    );
  heading("Conditions of the CniMigration");
  for (const c of migration.status?.conditions ?? [])
    line(`${c.type.padEnd(21)} ${c.status.padEnd(8)} ${c.reason.padEnd(21)} ${c.message}`);
  const succeeded = migration.status?.conditions?.some((c) => c.type === "Succeeded" && c.status === "True") ?? false;
  if (!succeeded)
    throw new LabError(`the migration did not succeed: ${migration.status?.message ?? ""}`, { exitCode: 1 });
  return report.losses.length === 0 && leftovers.length === 0;
}

function heading(text: string): void {
  process.stdout.write(`\n== ${text}\n`);
}

function line(text: string): void {
  process.stdout.write(`${text}\n`);
}
