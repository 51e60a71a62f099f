import { pluginFieldManager } from "../../crds/names.ts";
import { createClient } from "../../kube/client.ts";
import { systemClock } from "../../kube/clock.ts";
import { loadConnection } from "../../kube/config.ts";
import type { Node } from "../../kube/objects.ts";
import { nodes } from "../../kube/resources.ts";
import type { KubeClient, UnknownObject } from "../../kube/types.ts";
import { applyAll } from "../../plugin/apply.ts";
import { connect } from "../../plugin/connect.ts";
import { readFlags } from "../../plugin/flags.ts";
import { globalFlags } from "../../plugin/global-flags.ts";
import { patientClient } from "../../plugin/patient-client.ts";
import { runProgram } from "../../plugin/program.ts";
import type { Session } from "../../plugin/session.ts";
import { testIo } from "../../plugin/testing/io.ts";
import { verbs } from "../../plugin/verbs/index.ts";
import { networkObjects } from "../lab/manifests.ts";
import { type KubeletOptions, type PodRuntime, startKubelets } from "./kubelets.ts";
import { type ApiServer, startApiServer } from "./server.ts";

export interface Ran {
  code: number;
  out: string;
  err: string;
}

interface RunOptions {
  /** Default: the administrator's. */
  kubeconfig?: string;
  stdin?: string;
  interrupt?: AbortSignal;
  tty?: boolean;
}

/** What calico-node makes when the first one comes up over VXLAN. */
const calicosOwnObjects: readonly UnknownObject[] = [
  {
    kind: "IPPool",
    name: "default-ipv4-ippool",
    spec: { cidr: "10.244.0.0/16", blockSize: 26, vxlanMode: "CrossSubnet", ipipMode: "Never", natOutgoing: true },
  },
  { kind: "FelixConfiguration", name: "default", spec: { logSeverityScreen: "Info" } },
  { kind: "IPAMConfig", name: "default", spec: { strictAffinity: false, autoAllocateBlocks: true } },
].map(({ kind, name, spec }) => ({ apiVersion: "crd.projectcalico.org/v1", kind, metadata: { name }, spec }));

/** Makes the nodes of a cluster and keeps them going until the signal of the options fires. */
export type StartNodes = (client: KubeClient, options: KubeletOptions, server: ApiServer) => Promise<void>;

/** A real control plane whose nodes look as flannel leaves them, and the plugin to run against it. */
export class PluginCluster {
  readonly server: ApiServer;
  readonly client: KubeClient;
  /** How many requests the last command line sent. */
  requests = 0;
  readonly #stop = new AbortController();

  private constructor(server: ApiServer, client: KubeClient) {
    this.server = server;
    this.client = client;
  }

  /**
   * `runtime`: what its nodes do with pods, see kubelets.ts. `startNodes`: who stands in for their kubelets. `network`: as whose
   * agents the nodes are left.
   */
  static async start(
    users: Record<string, string[]>,
    runtime?: PodRuntime,
    startNodes: StartNodes = startKubelets,
    network: "flannel" | "calico" = "flannel",
  ): Promise<PluginCluster> {
    const server = await startApiServer({ controllerManager: true, scheduler: true, users });
    const around = { env: {}, interactive: false, clock: systemClock };
    const connection = await loadConnection({ kubeconfig: server.kubeconfigPath }, around);
    const plain = createClient(connection, { fieldManager: "test" });
    const client = patientClient(plain, systemClock, new AbortController().signal);
    const cluster = new PluginCluster(server, client);
    const times = { startMs: 100, endMs: 50, signal: cluster.#stop.signal };
    const options = { nodes: ["n1", "n2", "n3"], ...times, ...(runtime === undefined ? {} : { runtime }) };
    await startNodes(client, options, server);
    for (const [index, name] of ["n1", "n2", "n3"].entries())
      await (network === "flannel" ? cluster.becomeFlannelNode(name, index) : cluster.becomeCalicoNode(name, index));
    await cluster.apply((await networkObjects(network, "10.244.0.0/16")) as unknown as UnknownObject[]);
    if (network === "calico") await cluster.apply(calicosOwnObjects);
    return cluster;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.server.stop();
  }

  /** Runs one command line of the plugin, without a terminal unless asked for. */
  async run(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    const io = testIo({
      clock: systemClock,
      env: { KUBECONFIG: options.kubeconfig ?? this.server.kubeconfigPath },
      ...(options.stdin === undefined ? {} : { stdin: options.stdin }),
      ...(options.interrupt === undefined ? {} : { interrupt: options.interrupt }),
      ...(options.tty === undefined ? {} : { tty: options.tty }),
    });
    let session: Session | undefined;
    const code = await runProgram(args, verbs, io, async (global) => {
      session = await connect(global, io);
      return session;
    });
    this.requests = session?.client.requestCount ?? 0;
    return { code, out: io.out(), err: io.err() };
  }

  async apply(objects: readonly UnknownObject[]): Promise<void> {
    const io = testIo({ clock: systemClock, env: { KUBECONFIG: this.server.kubeconfigPath } });
    const session = await connect(readFlags(globalFlags, {}), io);
    await applyAll(objects, { session, io, dryRun: false, report: () => {} });
  }

  /**
   * Every object the plugin (or another manager) ever wrote, as a line: its name, its UID, and what was written. Two
   * inventories are equal when it made, changed and deleted nothing between them.
   */
  async inventory(manager = pluginFieldManager): Promise<string[]> {
    const groups = JSON.parse(await this.client.raw("/apis")) as {
      groups: { preferredVersion: { groupVersion: string } }[];
    };
    const versions = ["v1", ...groups.groups.map((group) => group.preferredVersion.groupVersion)];
    const lists = await Promise.all(versions.map((version) => this.#listAll(version, manager)));
    return lists.flat().sort();
  }

  async #listAll(groupVersion: string, by: string): Promise<string[]> {
    const root = groupVersion === "v1" ? "/api/v1" : `/apis/${groupVersion}`;
    const { resources } = JSON.parse(await this.client.raw(root)) as { resources: { name: string; verbs: string[] }[] };
    const listed = resources.filter(({ verbs: can }) => can.includes("list") && can.includes("create"));
    const found = await Promise.all(
      listed.map(async ({ name }) => {
        const { items } = JSON.parse(await this.client.raw(`${root}/${name}`)) as { items: UnknownObject[] };
        return items.flatMap(({ metadata }) => {
          const { managedFields = [] } = metadata as { managedFields?: { manager?: string }[] };
          const ours = managedFields.filter(({ manager }) => manager === by);
          const key = `${name}.${groupVersion} ${metadata.namespace ?? ""}/${metadata.name}`;
          return ours.length === 0 ? [] : [`${key} ${metadata.uid} ${JSON.stringify(ours)}`];
        });
      }),
    );
    return found.flat();
  }

  /** What the controller manager and flanneld write on a node. */
  async becomeFlannelNode(name: string, index: number): Promise<void> {
    const annotations = {
      "flannel.alpha.coreos.com/backend-type": "vxlan",
      "flannel.alpha.coreos.com/backend-data": JSON.stringify({ VNI: 1, VtepMAC: `aa:bb:cc:00:00:0${index}` }),
      "flannel.alpha.coreos.com/kube-subnet-manager": "true",
      "flannel.alpha.coreos.com/public-ip": `192.0.2.${index + 1}`,
    };
    await this.#becomeNode(name, index, annotations);
  }

  /** What the controller manager and calico-node write on a node. */
  becomeCalicoNode(name: string, index: number): Promise<void> {
    return this.#becomeNode(name, index, {
      "projectcalico.org/IPv4Address": `192.0.2.${index + 1}/24`,
      "projectcalico.org/IPv4VXLANTunnelAddr": `10.244.20${index}.0`,
    });
  }

  async #becomeNode(name: string, index: number, annotations: Record<string, string>): Promise<void> {
    const podCIDR = `10.244.${index}.0/24`;
    const role = index === 0 ? { "node-role.kubernetes.io/control-plane": "" } : {};
    const labels = { "kubernetes.io/os": "linux", ...role };
    await this.client.patch(
      nodes,
      { name },
      { metadata: { annotations, labels }, spec: { podCIDR, podCIDRs: [podCIDR] } },
    );
    const status: Node["status"] = { addresses: [{ type: "InternalIP", address: `192.0.2.${index + 1}` }] };
    await this.client.patch(nodes, { name }, { status }, { subresource: "status" });
  }
}
