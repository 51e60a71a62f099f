import { basename, dirname } from "node:path";
import { renderResult } from "../../controller/host/result.ts";
import { imageRole } from "../../controller/images/pod.ts";
import { renderReport } from "../../controller/probe/report.ts";
import { type ProbeCheck, type ProbePeer, type ProbeSpec, readSpec } from "../../controller/probe/spec.ts";
import { roleLabel } from "../../crds/names.ts";
import { systemClock } from "../../kube/clock.ts";
import type { Pod } from "../../kube/objects.ts";
import type { Footprint, HostFacts, HostOp, HostResult, Leftover, VxlanMarks } from "../../networks/host-ops.ts";
import type { Ended, PodRuntime } from "./kubelets.ts";

const confDir = "/etc/cni/net.d";
const holdFile = `${confDir}/00-cni-migrate-hold.conflist`;

/** One object a device: renamed, it stays the same. */
interface Link extends VxlanMarks {
  kind: "vxlan" | "bridge";
}

interface NodeState {
  name: string;
  /** Third octet of its pods' addresses. */
  index: number;
  files: Map<string, string>;
  links: Map<string, Link>;
  chains: Set<string>;
  /** Process name by the UID of its pod. */
  processes: Map<string, string>;
  pods: number;
}

/** A HostModel's content. */
export interface SavedHosts {
  nodes: NodeState[];
  servers: [string, string][];
  networkOf: [string, string][];
  devices: [string, Link | undefined][];
  tasks: string[];
}

/** What an agent does on its node when it starts. */
const agents: Record<
  string,
  { process: string; link: (vni: number) => string; files: readonly string[]; chains: readonly string[] }
> = {
  "kube-flannel": {
    process: "flanneld",
    link: (vni) => `flannel.${vni}`,
    files: [`${confDir}/10-flannel.conflist`, "/opt/cni/bin/flannel", "/run/flannel/subnet.env"],
    chains: ["FLANNEL-POSTRTG", "FLANNEL-FWD"],
  },
  "calico-node": {
    process: "calico-node",
    link: () => "vxlan.calico",
    files: [`${confDir}/10-calico.conflist`, `${confDir}/calico-kubeconfig`, "/opt/cni/bin/calico"],
    chains: ["cali-FORWARD"],
  },
};

/** What nodes send to each other with, and the MAC of each node's device. */
export interface Overlay {
  vni: number;
  port: number;
  macOf(node: string, index: number): string;
}

const flannelsOverlay: Overlay = { vni: 1, port: 8472, macOf: (_, index) => `aa:bb:cc:00:00:0${index}` };

/** The migration's own short lives are worth a moment, so that somebody may come in between. */
const workSeconds = 0.02;

/**
 * Small models of nodes, and what runs on them: agents that write their configuration and make their device, host tasks whose
 * operations change the model, probes that see what the model holds. `violations` collects every moment in which a node
 * could not have been like that: no or two active CNI configurations outside the hold, two devices of one VXLAN port.
 */
export class HostModel implements PodRuntime {
  readonly violations: string[] = [];
  /** Names of the host task pods that were run, in their order. */
  readonly tasks: string[] = [];
  /** The network that gave each pod its address, by the pod's UID. */
  readonly networkOf = new Map<string, string>();
  /** Images a node cannot get, as "n2 calico/node:v1", and what its kubelet says of each. */
  readonly missingImages = new Map<string, string>();
  readonly #nodes = new Map<string, NodeState>();
  readonly #servers = new Map<string, string>();
  readonly #failures = new Map<string, { op: HostOp["op"]; message: string }>();
  readonly #waiters = new Set<() => void>();
  readonly #devices = new Map<string, Link | undefined>();
  #watching = false;

  readonly #overlay: Overlay;

  constructor(names: readonly string[], overlay: Overlay = flannelsOverlay) {
    this.#overlay = overlay;
    for (const name of names) this.add(name);
  }

  /** One more node, with nothing on it; that it has no network yet counts as a violation. */
  add(name: string): void {
    this.#nodes.set(name, {
      name,
      index: this.#nodes.size,
      files: new Map(),
      links: new Map(),
      chains: new Set(),
      processes: new Map(),
      pods: 1,
    });
  }

  /** From now on each change is looked at. */
  watch(): void {
    this.#watching = true;
    for (const node of this.#nodes.values()) this.#devices.set(node.name, this.#device(node));
  }

  /** The nodes as a boot leaves them: what agents wrote is gone. Nothing counts as a violation until `watch`. */
  reset(): void {
    this.#watching = false;
    for (const node of this.#nodes.values()) {
      node.files.clear();
      node.links.clear();
      node.chains.clear();
    }
    for (const uid of this.networkOf.keys()) this.networkOf.set(uid, "earlier");
    this.tasks.length = 0;
    this.violations.length = 0;
  }

  /** Nodes, addresses and tasks as they are now, for `restore`. */
  save(): SavedHosts {
    return structuredClone({
      nodes: [...this.#nodes.values()],
      servers: [...this.#servers],
      networkOf: [...this.networkOf],
      devices: [...this.#devices],
      tasks: this.tasks,
    });
  }

  /** As it was when `save` was called; what was seen since is forgotten. */
  restore(saved: SavedHosts): void {
    const { nodes, servers, networkOf, devices, tasks } = structuredClone(saved);
    for (const node of nodes) this.#nodes.set(node.name, node);
    refill(this.#servers, servers);
    refill(this.networkOf, networkOf);
    refill(this.#devices, devices);
    this.tasks.splice(0, this.tasks.length, ...tasks);
    this.violations.length = 0;
    this.#failures.clear();
    this.#changed();
  }

  /** The next task of that name on the node fails at this operation. */
  failOnce(task: string, node: string, op: HostOp["op"], message: string): void {
    this.#failures.set(`${task}-${node}-`, { op, message });
  }

  /** What is on a node, in words. */
  describe(name: string): { conflists: string[]; links: string[]; chains: string[]; files: string[] } {
    const { files, links, chains } = this.#node(name);
    return {
      conflists: this.#conflists(name),
      links: [...links.keys()].sort(),
      chains: [...chains].sort(),
      files: [...files.keys()].sort(),
    };
  }

  /** Whether the node's VXLAN device is the one it had when `watch` began, whatever it is called now. */
  wasHandedOver(name: string): boolean {
    const device = this.#device(this.#node(name));
    return device !== undefined && device === this.#devices.get(name);
  }

  async address(pod: Pod, signal: AbortSignal): Promise<string> {
    const node = this.#node(pod.spec.nodeName ?? "");
    if (pod.spec.hostNetwork === true) return `192.0.2.${node.index + 1}`;
    await this.#until(() => this.#activeNetwork(node) !== undefined, signal);
    const network = this.#activeNetwork(node) ?? "";
    this.networkOf.set(pod.metadata.uid ?? "", network);
    if (network === "flannel" && !node.links.has("cni0")) node.links.set("cni0", { kind: "bridge", vni: 0, port: 0 });
    node.pods++;
    return `10.244.${node.index}.${(node.pods % 250) + 1}`;
  }

  async run(pod: Pod, signal: AbortSignal): Promise<Ended | undefined> {
    const node = this.#node(pod.spec.nodeName ?? "");
    const agent = pod.spec.containers.map(({ name }) => agents[name]).find((found) => found !== undefined);
    if (agent !== undefined) this.#startAgent(node, pod, agent);
    const [what, ...args] = pod.spec.containers[0]?.args ?? [];
    if (pod.metadata.labels?.[roleLabel] === undefined) return undefined;
    if (pod.metadata.labels[roleLabel] === imageRole) return this.#pull(pod);
    if (what === "host-task") return this.#hostTask(node, pod.metadata.name, JSON.parse(args.at(-1) ?? ""), signal);
    if (what === "probe") return this.#probe(JSON.parse(args.at(-1) ?? ""));
    if (what === "probe-server") this.#servers.set(pod.metadata.uid ?? "", pod.spec.nodeName ?? "");
    return undefined;
  }

  stopped(pod: Pod): void {
    this.#servers.delete(pod.metadata.uid ?? "");
    if (this.#nodes.get(pod.spec.nodeName ?? "")?.processes.delete(pod.metadata.uid ?? "")) this.#changed();
  }

  #node(name: string): NodeState {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new Error(`the model has no node ${name}`);
    return node;
  }

  #startAgent(node: NodeState, pod: Pod, agent: (typeof agents)[string]): void {
    node.processes.set(pod.metadata.uid ?? "", agent.process);
    for (const file of agent.files) if (!node.files.has(file)) node.files.set(file, "{}");
    for (const chain of agent.chains) node.chains.add(chain);
    const { vni, port } = this.#overlay;
    const link = agent.link(vni);
    if (!node.links.has(link)) node.links.set(link, { kind: "vxlan", vni, port });
    this.#changed();
  }

  /** Its containers have a command that no image has. */
  #pull({ spec }: Pod): Ended {
    const waiting = spec.containers.flatMap(({ name, image }) => {
      const message = this.missingImages.get(`${spec.nodeName} ${image}`);
      return message === undefined ? [] : [[name, { reason: "ErrImagePull", message }] as const];
    });
    return { exitCode: 128, message: "no such file or directory", waiting: Object.fromEntries(waiting) };
  }

  #device({ links }: NodeState): Link | undefined {
    return [...links.values()].find((link) => link.kind === "vxlan");
  }

  async #hostTask(node: NodeState, name: string, ops: readonly HostOp[], signal: AbortSignal): Promise<Ended> {
    this.tasks.push(name);
    await systemClock.sleep(workSeconds, signal);
    const result: HostResult = { ok: true, changes: [], elapsedMs: 1 };
    const [prefix = "", planned] = [...this.#failures].find(([start]) => name.startsWith(start)) ?? [];
    this.#failures.delete(prefix);
    for (const op of ops) {
      if (signal.aborted) return ended({ ...result, ok: false, error: { op: op.op, message: "stopped" } });
      const error = planned?.op === op.op ? planned.message : await this.#perform(node, op, result, signal);
      if (error !== undefined) return ended({ ...result, ok: false, error: { op: op.op, message: error } });
    }
    return ended(result);
  }

  /** What went wrong, in words; undefined when nothing did. */
  async #perform(node: NodeState, op: HostOp, result: HostResult, signal: AbortSignal): Promise<string | undefined> {
    const { files, links, processes } = node;
    const until = (holds: () => boolean) => this.#until(holds, signal);
    const changed = (what: string) => {
      result.changes?.push(what);
      this.#changed();
    };
    switch (op.op) {
      case "awaitProcessGone":
        await until(() => ![...processes.values()].some((name) => op.names.includes(name)));
        return undefined;
      case "writeFile":
        files.set(op.path, op.content);
        changed(`wrote ${op.path}`);
        return undefined;
      case "removeFile":
        if (files.delete(op.path)) changed(`removed ${op.path}`);
        return undefined;
      case "renameVxlan": {
        const link = links.get(op.from);
        if (link === undefined) return links.has(op.to) ? undefined : `neither ${op.from} nor ${op.to} is there`;
        if (links.has(op.to)) return `both ${op.from} and ${op.to} are there`;
        if (link.vni !== op.marks.vni || link.port !== op.marks.port) return `${op.from} has other marks`;
        links.delete(op.from);
        links.set(op.to, link);
        changed(`renamed ${op.from} to ${op.to}`);
        return undefined;
      }
      case "deleteLink":
        if (links.delete(op.name)) changed(`deleted link ${op.name}`);
        return undefined;
      case "awaitHttp":
        await until(() => [...processes.values()].includes("calico-node"));
        return undefined;
      case "awaitFile":
        await until(() => files.has(op.path));
        return undefined;
      case "awaitVxlan":
        await until(() => links.has(op.name));
        return undefined;
      case "removeFootprint":
        for (const { kind, name } of found(node, op.footprint)) {
          for (const things of [files, links, node.chains]) things.delete(name);
          changed(`removed ${kind} ${name}`);
        }
        return undefined;
      case "scanFootprint":
        result.leftovers = found(node, op.footprint);
        return undefined;
      case "inspect":
        result.facts = factsOf(node, this.#overlay);
        return undefined;
      case "deleteRoutes":
      case "awaitRoutes":
        return undefined;
    }
  }

  /** Every path that the spec names is tried in the model: a peer is there when its server is, on its node. */
  #probe(input: unknown): Ended {
    const read = readSpec(input);
    if ("problem" in read) return { exitCode: 1, message: JSON.stringify({ error: read.problem }) };
    const { spec } = read;
    const checks = spec.peers.map((peer) => this.#try(spec, peer));
    const api: ProbeCheck = {
      path: `pod on ${spec.node} -> API`,
      kind: "api",
      ok: true,
      detail: "401",
      ms: 1,
      tries: 1,
    };
    return { exitCode: checks.every(({ ok }) => ok) ? 0 : 1, message: renderReport([...checks, api]) };
  }

  #try(spec: ProbeSpec, peer: ProbePeer): ProbeCheck {
    const ok = "onNode" in peer || [...this.#servers.values()].includes(peer.node);
    const path = `${spec.network} on ${spec.node} -> pod on ${peer.node} (${peer.podIP})`;
    return { path, kind: "pod-to-pod", ok, detail: ok ? "answered" : "no answer", ms: 1, tries: 1 };
  }

  #activeNetwork(node: NodeState): string | undefined {
    const [first] = this.#conflists(node.name);
    if (first === undefined || node.files.has(holdFile)) return undefined;
    return first.includes("flannel") ? "flannel" : "calico";
  }

  /** CNI configurations, the hold aside. */
  #conflists(name: string): string[] {
    return confFiles(this.#node(name)).filter((file) => file.endsWith(".conflist") && file !== basename(holdFile));
  }

  #changed(): void {
    for (const node of this.#nodes.values()) if (this.#watching) this.#look(node);
    for (const waiter of [...this.#waiters]) waiter();
  }

  #look(node: NodeState): void {
    const conflists = this.#conflists(node.name);
    if (!node.files.has(holdFile) && conflists.length !== 1)
      this.violations.push(`${node.name}: active configurations: ${conflists.join(", ") || "none"}`);
    const devices = [...node.links].filter(([, link]) => link.kind === "vxlan").map(([name]) => name);
    if (devices.length !== 1) this.violations.push(`${node.name}: devices: ${devices.join(", ") || "none"}`);
  }

  #until(holds: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!holds() && !signal.aborted) return;
        this.#waiters.delete(look);
        resolve();
      };
      signal.addEventListener("abort", look, { once: true });
      this.#waiters.add(look);
      look();
    });
  }
}

function refill<K, V>(map: Map<K, V>, entries: readonly [K, V][]): void {
  map.clear();
  for (const [key, value] of entries) map.set(key, value);
}

function ended(result: HostResult): Ended {
  return { exitCode: result.ok ? 0 : 1, message: renderResult(result) };
}

function confFiles({ files }: NodeState): string[] {
  return [...files.keys()]
    .filter((path) => dirname(path) === confDir)
    .map((path) => basename(path))
    .sort();
}

/** What of a footprint is on the node. */
function found(node: NodeState, footprint: Footprint): Leftover[] {
  const owns = (path: string) =>
    footprint.files.includes(path) ||
    footprint.directories.some((directory) => path.startsWith(`${directory}/`)) ||
    footprint.filePrefixes.some(({ dir, prefix }) => dirname(path) === dir && basename(path).startsWith(prefix));
  return [
    ...[...node.chains].filter((name) => footprint.chains.includes(name)).map((name) => ({ kind: "chain", name })),
    ...footprint.links.filter(({ name }) => node.links.has(name)).map(({ name }) => ({ kind: "link", name })),
    ...[...node.files.keys()].filter(owns).map((name) => ({ kind: "file", name })),
  ];
}

function factsOf(node: NodeState, { macOf }: Overlay): HostFacts {
  const binaries = [...node.files.keys()]
    .filter((path) => dirname(path) === "/opt/cni/bin")
    .map((path) => basename(path));
  const ofKind = (kind: Link["kind"]) => [...node.links].filter(([, link]) => link.kind === kind);
  const subnet = { FLANNEL_NETWORK: "10.244.0.0/16", FLANNEL_SUBNET: `10.244.${node.index}.1/24`, FLANNEL_MTU: "1450" };
  return {
    kernel: "6.18.44",
    cniConfFiles: confFiles(node),
    cniBinaries: [...binaries, "bridge", "host-local", "loopback", "portmap"].sort(),
    vxlans: ofKind("vxlan").map(([name, { vni, port }]) => {
      const mac = macOf(node.name, node.index);
      return { name, vni, port, mac, mtu: 1450, external: false, addresses: [`10.244.${node.index}.0`] };
    }),
    bridges: ofKind("bridge").map(([name]) => name),
    ...(node.files.has("/run/flannel/subnet.env") ? { subnetEnv: { ...subnet, FLANNEL_IPMASQ: "true" } } : {}),
    packetFilters: ["iptables-nft"],
    architecture: "amd64",
  };
}
