import { auditEntries, isCalicos } from "../lab/audit.ts";
import { ensureBundle, type Lab } from "../lab/index.ts";
import { flannelLeftovers } from "../lab/leftovers.ts";
import { measureOurs, showSteps } from "./continuity.ts";
import { lost, type Measured, measure } from "./measure.ts";
import { runPeer } from "./peer-run.ts";

const limitSeconds = 400;

/** What is asked of ours, as shares of the peer's figures. */
const goals = { seconds: 1 / 3, requests: 1 / 2 };

/** Calico's own flannel-migration controller, then ours: same lab, same workload, same probes. True when the goals are met. */
export async function peerBench(): Promise<boolean> {
  const peer = await measure("Calico's controller", {}, run, async (lab) => {
    await lab.importImage(await ensureBundle("calico-flannel-migration"));
  });
  const ours = await measureOurs();
  showSteps(ours.steps, ours.podStartSeconds);
  table([peer, ours]);
  const met =
    ours.seconds <= peer.seconds * goals.seconds && ours.clusterRequests <= peer.clusterRequests * goals.requests;
  return met && ours.report.losses.length === 0 && ours.leftovers.length === 0;

  async function run(lab: Lab) {
    const seconds = await runPeer(lab, limitSeconds);
    return {
      seconds,
      requests: async () => (await auditEntries(lab, isCalicos)).length,
      leftovers: () => flannelLeftovers(lab),
    };
  }
}

function table(all: readonly Measured[]): void {
  const [peer, ours] = all;
  if (peer === undefined || ours === undefined) return;
  const ratio = (a: number, b: number) => (b === 0 ? "" : (a / b).toFixed(2));
  const share = (m: Measured) => {
    const { sent, lost: failed } = lost(m.report);
    return `${failed} of ${sent} (${((100 * failed) / sent).toFixed(1)} %)`;
  };
  const rows: [string, string, string, string][] = [
    ["", peer.name, ours.name, "ratio"],
    ["seconds", peer.seconds.toFixed(1), ours.seconds.toFixed(1), ratio(ours.seconds, peer.seconds)],
    ["requests lost", share(peer), share(ours), ""],
    [
      "connections broken",
      String(peer.report.connections.brokenUnmoved),
      String(ours.report.connections.brokenUnmoved),
      "",
    ],
    ["left on the nodes", String(peer.leftovers.length), String(ours.leftovers.length), ""],
    [
      "API requests",
      String(peer.clusterRequests),
      String(ours.clusterRequests),
      ratio(ours.clusterRequests, peer.clusterRequests),
    ],
    ["of its own", String(peer.requests), String(ours.requests), ratio(ours.requests, peer.requests)],
  ];
  for (const row of rows)
    process.stdout.write(
      `${row
        .map((cell, i) => cell.padEnd(i === 0 ? 20 : 24))
        .join("")
        .trimEnd()}\n`,
    );
}
