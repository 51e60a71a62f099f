import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { NodeMigration } from "../../crds/index.ts";
import type { Lab } from "./index.ts";
import { podNetns } from "./pod-netns.ts";
import { echoPort, workload } from "./workload.ts";

/** A request or a connection that was lost. */
export interface Loss {
  probe: string;
  at: Date;
  what: string;
}

export interface ProbeTotals {
  probe: string;
  ok: number;
  failed: number;
  worstLagMs: number;
}

export interface ContinuityReport {
  /** One GET each 50 ms to the Service from each node's own network namespace, by each family it has. */
  nodes: ProbeTotals[];
  /** The same from inside pods, as long as the pod lived. */
  pods: ProbeTotals[];
  connections: { held: number; brokenUnmoved: number; movedAway: number; worstGapMs: number };
  /** What counts against the migration. */
  losses: Loss[];
  /** Ends that were moved: pods recycled with their node. They do not count. */
  excused: Loss[];
}

/** A probe that was starved sees losses of its own making: for the message of a failure. */
export function worstLag({ nodes, pods }: ContinuityReport): string {
  const worst = Math.max(0, ...[...nodes, ...pods].map((probe) => probe.worstLagMs));
  return `worst lag of a probe: ${worst} ms${worst > starvedMs ? ", which makes this run inconclusive" : ""}`;
}

const starvedMs = 500;

interface PodSeen {
  uid: string;
  name: string;
  node: string;
  /** IPv4 first. */
  ips: string[];
}

interface Probe {
  name: string;
  kind: "node-http" | "pod-http" | "connections";
  /** Whose network it uses. */
  node: string;
  startedAt: number;
  /** The pod it runs in, or undefined: a node's namespace. */
  from: PodSeen | undefined;
  child: ChildProcess;
  lines: Record<string, unknown>[];
  ended: Promise<void>;
}

/** Probes the workload from every node and from pods until `stop`. */
export class Continuity {
  readonly #lab: Lab;
  readonly #probes: Probe[] = [];
  /** Every echo pod ever seen, by address: peers are named by address. */
  readonly #pods = new Map<string, PodSeen>();
  /** Every way a node was seen to go: its record begins anew when the node turns round. */
  readonly #ways = new Map<string, NodeMigration>();
  /** One of each family. */
  #serviceURLs: string[] = [];
  /** Nodes whose power was cut, and when. */
  readonly #cuts: Cut[] = [];
  #watching: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  /** Deploys the workload and waits until it serves. With `oneNode`, all replicas begin on that node. */
  async deploy(options: { oneNode?: string } = {}): Promise<void> {
    const lab = this.#lab;
    const others = lab.nodes.map((n) => n.name).filter((n) => n !== options.oneNode);
    if (options.oneNode !== undefined) for (const node of others) await kubectl(lab, ["cordon", node]);
    await kubectl(lab, ["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items: workload() }));
    await kubectl(lab, ["rollout", "status", "deployment/web", "daemonset/echo", "--timeout=120s"]);
    if (options.oneNode !== undefined) for (const node of others) await kubectl(lab, ["uncordon", node]);
    const service = JSON.parse(await kubectl(lab, ["get", "service", "web", "-o", "json"]));
    this.#serviceURLs = (service.spec.clusterIPs as string[]).map((ip) => `http://${inURL(ip)}/`);
  }

  /** Starts a probe in each node's namespace and in each echo pod; pods that come later get theirs too. */
  async start(): Promise<void> {
    const seen = await this.#echoPods();
    const peers = seen.flatMap(peersOf);
    for (const { name } of this.#lab.nodes) {
      for (const url of this.#serviceURLs)
        this.#run(
          "node-http",
          `node ${name}${familyOf(url)}`,
          undefined,
          this.#nodeCommand(name, "http.mjs", [url]),
          name,
        );
      this.#run("connections", `node ${name}`, undefined, this.#nodeCommand(name, "tcp.mjs", peers), name);
    }
    for (const pod of seen) await this.#probeFrom(pod);
    this.#watching = this.#followPods();
  }

  /** To be called right before a node's power is cut: what was there then, or led there, does not count any more. */
  noteCut(node: string): void {
    this.#cuts.push({ node, at: Date.now() });
  }

  /** Ends all probes and judges what they saw by when each node was being switched. */
  async stop(): Promise<ContinuityReport> {
    this.#stopped = true;
    await this.#watching;
    await Promise.all(this.#probes.map((probe) => end(probe)));
    await this.#noteWays();
    return judge(this.#probes, this.#pods, [...this.#ways.values()], this.#cuts);
  }

  async #noteWays(): Promise<void> {
    const raw = await kubectl(this.#lab, ["get", "nodemigrations", "-o", "json"]).catch(() => '{"items":[]}');
    for (const nm of (JSON.parse(raw) as { items: NodeMigration[] }).items) {
      const { direction, attempts } = nm.status ?? {};
      this.#ways.set(`${nm.metadata.uid} ${direction} ${attempts}`, nm);
    }
  }

  async #echoPods(): Promise<PodSeen[]> {
    const list = JSON.parse(await kubectl(this.#lab, ["get", "pods", "-l", "app=echo", "-o", "json"]));
    const pods: PodSeen[] = list.items
      .filter(
        (p: { status: { podIP?: string; phase: string }; metadata: { deletionTimestamp?: string } }) =>
          p.status.podIP !== undefined && p.status.phase === "Running" && p.metadata.deletionTimestamp === undefined,
      )
      .map(
        (p: {
          metadata: { uid: string; name: string };
          spec: { nodeName: string };
          status: { podIPs: { ip: string }[] };
        }) => ({
          uid: p.metadata.uid,
          name: p.metadata.name,
          node: p.spec.nodeName,
          ips: p.status.podIPs.map(({ ip }) => ip),
        }),
      );
    for (const pod of pods) this.#pods.set(pod.uid, pod);
    return pods;
  }

  /** Pods come and go while nodes are switched: each gets a probe, which ends with it. */
  async #followPods(): Promise<void> {
    while (!this.#stopped) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      await this.#noteWays();
      const now = await this.#echoPods().catch(() => undefined);
      if (now === undefined) continue;
      const alive = new Set(now.map((p) => p.uid));
      for (const probe of this.#probes) if (probe.from !== undefined && !alive.has(probe.from.uid)) void end(probe);
      for (const pod of now) if (!this.#probes.some((p) => p.from?.uid === pod.uid)) await this.#probeFrom(pod);
    }
  }

  async #probeFrom(pod: PodSeen): Promise<void> {
    const netns = await podNetns(this.#lab, pod.node, pod.ips[0] ?? "");
    if (netns === undefined) return;
    const others = [...this.#pods.values()].filter((p) => p.node !== pod.node);
    const newest = new Map(others.map((p) => [p.node, p]));
    const enter = (script: string, args: string[]) => [
      "nsenter",
      `--net=${netns}`,
      process.execPath,
      scriptPath(script),
      ...args,
    ];
    for (const url of this.#serviceURLs)
      this.#run("pod-http", `pod ${pod.name} on ${pod.node}${familyOf(url)}`, pod, enter("http.mjs", [url]));
    const peers = [...newest.values()].flatMap(peersOf);
    this.#run("connections", `pod ${pod.name} on ${pod.node}`, pod, enter("tcp.mjs", peers));
  }

  #nodeCommand(node: string, script: string, args: string[]): string[] {
    return ["nsenter", `--net=${this.#lab.netnsPath(node)}`, process.execPath, scriptPath(script), ...args];
  }

  #run(kind: Probe["kind"], name: string, from: PodSeen | undefined, argv: string[], node = from?.node ?? ""): void {
    // Before others: a probe that does not get a CPU in time would take answers for lost.
    const child = spawn("nice", ["-n", "-10", ...argv], { stdio: ["ignore", "pipe", "inherit"] });
    // Whatever becomes of this process, its probes end with it.
    process.setMaxListeners(0);
    process.once("exit", () => child.kill("SIGKILL"));
    const probe: Probe = {
      name,
      kind,
      node,
      startedAt: Date.now(),
      from,
      child,
      lines: [],
      ended: new Promise((resolve) => child.once("close", () => resolve())),
    };
    createInterface({ input: child.stdout }).on("line", (line) => probe.lines.push(JSON.parse(line)));
    this.#probes.push(probe);
  }
}

/** The echo servers of a pod, as the probes take them and name them. */
function peersOf(pod: PodSeen): string[] {
  return pod.ips.map((ip) => `${ip}:${echoPort}`);
}

function inURL(ip: string): string {
  return ip.includes(":") ? `[${ip}]` : ip;
}

function familyOf(url: string): string {
  return url.includes("[") ? " by IPv6" : "";
}

function scriptPath(name: string): string {
  return fileURLToPath(new URL(`./probes/${name}`, import.meta.url));
}

async function end(probe: Probe): Promise<void> {
  if (probe.child.exitCode === null && probe.child.signalCode === null) probe.child.kill("SIGTERM");
  await probe.ended;
}

async function kubectl(lab: Lab, args: string[], input?: string): Promise<string> {
  const result = await lab.kubectl(args, input === undefined ? {} : { input });
  if (result.code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${result.stderr.trim()}`);
  return result.stdout;
}

/** A pod that was on its node when the node was switched: cut off from then on, and made anew. */
interface Moved {
  uid: string;
  from: number;
  /** When the last of the node's old pods was gone: from then on its address may be another pod's. */
  to: number;
}

/** A node's power was cut: its pods keep their names and get new networks. */
interface Cut {
  node: string;
  at: number;
}

/** A request may take so long: one that was under way when the power went. */
const answerMs = 1000;

function wasCut(
  cuts: readonly Cut[],
  probe: Probe,
  pods: Map<string, PodSeen>,
  at: number,
  peer: string | undefined,
): boolean {
  const peers = [...pods.values()].filter((pod) => peer !== undefined && peersOf(pod).includes(peer));
  const nodes = [probe.node, ...peers.map((pod) => pod.node)];
  return cuts.some((cut) => nodes.includes(cut.node) && probe.startedAt < cut.at && at + answerMs >= cut.at);
}

function movedPods(nodeMigrations: readonly NodeMigration[]): Moved[] {
  return nodeMigrations.flatMap((nm) => {
    const at = (step: string, which: "startTime" | "completionTime") =>
      nm.status?.steps?.find((s) => s.name === step)?.[which];
    const from = at("LeaveSource", "startTime");
    if (from === undefined) return [];
    const to = at("Uncordon", "completionTime");
    const times = { from: Date.parse(from), to: to === undefined ? Number.POSITIVE_INFINITY : Date.parse(to) };
    return (nm.status?.recycle ?? []).map(({ uid }) => ({ uid, ...times }));
  });
}

function judge(
  probes: readonly Probe[],
  pods: Map<string, PodSeen>,
  nodeMigrations: readonly NodeMigration[],
  cuts: readonly Cut[],
): ContinuityReport {
  const gone = movedPods(nodeMigrations);
  const moved = (pod: PodSeen | undefined, at: number) =>
    gone.some(({ uid, from, to }) => uid === pod?.uid && at >= from && at <= to);
  // The pod a probe runs in never comes back: until the probe is ended, too, it asks from a network that is being taken down.
  const cutOff = (pod: PodSeen | undefined, at: number) => gone.some(({ uid, from }) => uid === pod?.uid && at >= from);
  const losses: Loss[] = [];
  const excused: Loss[] = [];
  const connections = { held: 0, brokenUnmoved: 0, movedAway: 0, worstGapMs: 0 };
  for (const probe of probes)
    for (const line of probe.lines) {
      if (typeof line.worstGapMs === "number" && line.broken === false) {
        connections.held++;
        connections.worstGapMs = Math.max(connections.worstGapMs, line.worstGapMs);
      }
      if (typeof line.error !== "string" || typeof line.at !== "number") continue;
      const peer = typeof line.peer === "string" ? line.peer : undefined;
      const peerPod =
        peer === undefined
          ? undefined
          : [...pods.values()].find((p) => peersOf(p).includes(peer) && moved(p, line.at as number));
      const loss = {
        probe: probe.name,
        at: new Date(line.at),
        what: peer === undefined ? line.error : `${peer}: ${line.error}`,
      };
      const wasMoved = cutOff(probe.from, line.at) || peerPod !== undefined || wasCut(cuts, probe, pods, line.at, peer);
      if (probe.kind === "connections") connections[wasMoved ? "movedAway" : "brokenUnmoved"]++;
      (wasMoved ? excused : losses).push(loss);
    }
  const totals = (kind: Probe["kind"]): ProbeTotals[] =>
    probes
      .filter((p) => p.kind === kind)
      .map((p) => {
        const last = p.lines.find((l) => typeof l.ok === "number") as
          | { ok: number; failed: number; worstLagMs: number }
          | undefined;
        return { probe: p.name, ok: last?.ok ?? 0, failed: last?.failed ?? 0, worstLagMs: last?.worstLagMs ?? 0 };
      });
  return { nodes: totals("node-http"), pods: totals("pod-http"), connections, losses, excused };
}
