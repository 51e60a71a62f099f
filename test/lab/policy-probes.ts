import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Loss } from "./continuity.ts";
import type { Lab } from "./index.ts";
import { podNetns } from "./pod-netns.ts";
import { container } from "./workload.ts";

/** Who may reach `guarded`, and who may not: one pod of each on every node. */
const sources = { friend: "allow", stranger: "deny" } as const;
const target = "guarded";
const port = 8080;

export interface PolicyReport {
  /** Tries from each node, towards all nodes. */
  denied: { node: string; tried: number }[];
  allowed: { node: string; tried: number; answered: number }[];
  /** Denied tries that a guarded pod answered. */
  passed: Loss[];
  /** Allowed tries that failed while both ends lived. */
  lost: Loss[];
  /** Failures towards or from pods that were being made anew at that time. */
  excused: Loss[];
}

interface Seen {
  uid: string;
  name: string;
  app: string;
  node: string;
  ip: string;
  ready: boolean;
  /** Milliseconds since 1970. */
  seenAt: number;
  /** The same; undefined while it lives. */
  endedAt?: number;
}

interface Probe {
  source: Seen;
  kind: "allow" | "deny";
  child: ChildProcess;
  lines: Record<string, unknown>[];
  ended: Promise<void>;
}

/**
 * A matrix of flows under a NetworkPolicy: from a pod on every node to a pod on every node, one try each 50 ms, one allowed and
 * one denied. Pods that come later take part as soon as their address is known.
 */
export class PolicyProbes {
  readonly #lab: Lab;
  readonly #probes = new Map<string, Probe>();
  readonly #seen = new Map<string, Seen>();
  #watch: ChildProcess | undefined;
  /** Each event after the other: a probe is begun once. */
  #turn: Promise<void> = Promise.resolve();

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  /** Deploys pods and policy and waits until the denied flow is denied on every node. */
  async deploy(): Promise<void> {
    const apply = { input: JSON.stringify({ apiVersion: "v1", kind: "List", items: objects() }) };
    await checked(this.#lab, ["apply", "-f", "-"], apply);
    const names = [target, ...Object.keys(sources)].map((name) => `daemonset/${name}`);
    await checked(this.#lab, ["rollout", "status", ...names, "--timeout=120s"]);
  }

  async start(): Promise<void> {
    const selector = `app in (${[target, ...Object.keys(sources)].join(",")})`;
    const args = ["get", "pods", "-n", "default", "-l", selector, "--watch", "--output-watch-events", "-o", template];
    const env = { ...process.env, KUBECONFIG: this.#lab.kubeconfigPath };
    const watch = spawn(`${this.#lab.bin}/kubectl`, args, { env, stdio: ["ignore", "pipe", "inherit"] });
    endWithThis(watch);
    this.#watch = watch;
    createInterface({ input: watch.stdout }).on("line", (line) => {
      this.#turn = this.#turn.then(() => this.#take(line));
    });
    const wanted = this.#lab.nodes.length * Object.keys(sources).length;
    for (const began = Date.now(); this.#probes.size < wanted; await new Promise((resolve) => setTimeout(resolve, 100)))
      if (Date.now() - began > 30_000)
        throw new Error(`${this.#probes.size} of ${wanted} policy probes could be begun`);
  }

  /** Ends all probes and judges them by when pods were made anew. */
  async stop(): Promise<PolicyReport> {
    if (this.#watch?.exitCode !== null) throw new Error("the watch of the probed pods ended before the probes did");
    this.#watch.kill("SIGTERM");
    await this.#turn;
    const probes = [...this.#probes.values()];
    await Promise.all(probes.map(end));
    return judge(probes, [...this.#seen.values()]);
  }

  async #take(line: string): Promise<void> {
    const event = eventOf(line);
    if (event === undefined) return;
    const known = this.#seen.get(event.pod.uid);
    const pod = Object.assign(known ?? event.pod, { ...event.pod, seenAt: known?.seenAt ?? event.pod.seenAt });
    this.#seen.set(pod.uid, pod);
    if (event.ended) pod.endedAt ??= Date.now();
    if (event.ended) void end(this.#probes.get(pod.uid));
    else if (pod.ready) await this.#ensureProbe(pod);
    const targets = [...this.#seen.values()].filter((p) => p.app === target && p.endedAt === undefined);
    const peers = (which: readonly Seen[]) => `${JSON.stringify(which.map(({ ip }) => `${ip}:${port}`))}\n`;
    // What is denied is tried from the first moment on; what is allowed, as soon as there is somebody to answer.
    const lists = { deny: peers(targets), allow: peers(targets.filter(({ ready }) => ready)) };
    for (const { child, kind } of this.#probes.values()) if (child.exitCode === null) child.stdin?.write(lists[kind]);
  }

  async #ensureProbe(source: Seen): Promise<void> {
    const kind = (sources as Partial<Record<string, Probe["kind"]>>)[source.app];
    if (kind === undefined || this.#probes.has(source.uid)) return;
    const netns = await podNetns(this.#lab, source.node, source.ip);
    if (netns === undefined) return;
    const script = fileURLToPath(new URL("./probes/policy.mjs", import.meta.url));
    const child = spawn("nsenter", [`--net=${netns}`, process.execPath, script, kind], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    endWithThis(child);
    child.stdin.on("error", () => {});
    const lines: Probe["lines"] = [];
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
    createInterface({ input: child.stdout }).on("line", (line) => lines.push(JSON.parse(line)));
    this.#probes.set(source.uid, { source, kind, child, lines, ended });
  }
}

/** Whatever becomes of this process, its probes end with it. */
function endWithThis(child: ChildProcess): void {
  process.setMaxListeners(0);
  process.once("exit", () => child.kill("SIGKILL"));
}

/** One line an event; the plugin annotates a pod's address before the kubelet says it. */
const fields = [
  "type",
  "object.metadata.uid",
  "object.metadata.name",
  "object.metadata.labels.app",
  "object.spec.nodeName",
  "object.status.podIP",
  "object.metadata.annotations.cni\\.projectcalico\\.org/podIP",
  "object.metadata.deletionTimestamp",
  'object.status.conditions[?(@.type=="Ready")].status',
];
const template = `jsonpath=${fields.map((field) => `{.${field}}`).join("|")}{"\\n"}`;

/** A pod with an address. One that is being deleted counts as ended: its server may go any moment. */
function eventOf(line: string): { pod: Seen; ended: boolean } | undefined {
  const [type, uid = "", name = "", app = "", node = "", podIP = "", annotated = "", deleted, ready] = line.split("|");
  const ip = podIP === "" ? (annotated.split("/")[0] ?? "") : podIP;
  const ended = type === "DELETED" || deleted !== "";
  if (ip === "" && !ended) return undefined;
  return { pod: { uid, name, app, node, ip, ready: ready === "True", seenAt: Date.now() }, ended };
}

async function end(probe: Probe | undefined): Promise<void> {
  if (probe === undefined) return;
  if (probe.child.exitCode === null && probe.child.signalCode === null) probe.child.kill("SIGTERM");
  await probe.ended;
}

async function checked(lab: Lab, args: readonly string[], options: { input?: string } = {}): Promise<void> {
  const result = await lab.kubectl(args, options);
  if (result.code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${result.stderr.trim()}`);
}

function objects(): object[] {
  const daemonSet = (name: string) => ({
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name, namespace: "default" },
    spec: {
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          tolerations: [{ operator: "Exists" }],
          terminationGracePeriodSeconds: 1,
          containers: [container()],
        },
      },
    },
  });
  const policy = {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: target, namespace: "default" },
    spec: {
      podSelector: { matchLabels: { app: target } },
      policyTypes: ["Ingress"],
      ingress: [{ from: [{ podSelector: { matchLabels: { app: "friend" } } }] }],
    },
  };
  return [policy, ...[target, ...Object.keys(sources)].map(daemonSet)];
}

/**
 * How long before it was seen that a pod ends it may have ended, a try of 1 s included, in milliseconds. Until then it has to
 * answer, whatever happens to its node.
 */
const seenLateMs = 2500;

function judge(probes: readonly Probe[], pods: readonly Seen[]): PolicyReport {
  const report: PolicyReport = { denied: [], allowed: [], passed: [], lost: [], excused: [] };
  const ending = (pod: Seen | undefined, at: number) =>
    pod === undefined || (pod.endedAt !== undefined && at > pod.endedAt - seenLateMs);
  for (const { source, kind, lines } of probes)
    for (const line of lines) {
      const { tried, answered, at, peer, answer, error } = line;
      if (typeof tried === "number" && kind === "deny") report.denied.push({ node: source.node, tried });
      if (typeof tried === "number" && kind === "allow")
        report.allowed.push({ node: source.node, tried, answered: Number(answered) });
      if (typeof at !== "number") continue;
      const to = pods.findLast((pod) => `${pod.ip}:${port}` === peer && pod.seenAt <= at);
      const probe = `${source.name} on ${source.node}`;
      const loss = { probe, at: new Date(at), what: `${peer} (${to?.name}): ${String(answer ?? error)}` };
      // An address may be another pod's by now: the pod that answers says who it is.
      if (kind === "deny" && String(answer).startsWith(`${target}-`)) report.passed.push(loss);
      if (kind === "allow") (ending(source, at) || ending(to, at) ? report.excused : report.lost).push(loss);
    }
  return report;
}
