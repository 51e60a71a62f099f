import { setMaxListeners } from "node:events";
import { join } from "node:path";
import type { Node, Pod } from "../../kube/objects.ts";
import { Reflector } from "../../kube/reflector.ts";
import { nodes, pods } from "../../kube/resources.ts";
import type { KubeClient } from "../../kube/types.ts";
import { ignoringEnd, type KubeletOptions, keyOf, type PodRuntime, setEnded } from "../api/kubelets.ts";
import type { StartNodes } from "../api/plugin-cluster.ts";
import type { ApiServer } from "../api/server.ts";
import { ensureBinaries } from "../lab/build.ts";
import { endComponents, startComponent } from "../lab/component.ts";

/**
 * Nodes whose kubelets are kwok's: it keeps them Ready, makes pods Running once they have an address, and lets deleted pods
 * go. What kwok has no idea of comes from a runtime: addresses, agents, host tasks and probes.
 */
export class SimulatedNodes {
  /** UIDs of pods that were begun, with what ends them in the middle. */
  #begun = new Map<string, AbortController>();
  #run = newRun();
  #watch: Reflector<Pod> | undefined;

  readonly start: StartNodes = async (client, options, server) => {
    for (const name of options.nodes) await register(client, name);
    await startKwok(server, options.signal);
    this.#watch = new Reflector(client, pods, { signal: options.signal });
    this.#watch.onChange(({ type, object }) => {
      if (type === "deleted") this.#end(object, options);
      else this.#begin(client, object, options);
    });
    await this.#watch.synced();
  };

  /** What was under way on the nodes ends in the middle; from now on these pods count as begun already. */
  interrupt(): void {
    this.#run.abort();
  }

  /** Goes on after `interrupt`. Pods with an address, and those that have ended, were begun in another life. */
  resume(): void {
    this.#run = newRun();
    const running = this.#watch?.list().filter(hasBegun) ?? [];
    this.#begun = new Map(running.map((pod) => [uidOf(pod), new AbortController()]));
  }

  #begin(client: KubeClient, pod: Pod, { nodes: names, runtime }: KubeletOptions): void {
    const uid = uidOf(pod);
    const here = names.includes(pod.spec.nodeName ?? "") && pod.metadata.deletionTimestamp === undefined;
    if (!here || runtime === undefined || this.#run.signal.aborted || this.#begun.has(uid)) return;
    const end = new AbortController();
    this.#begun.set(uid, end);
    const signal = AbortSignal.any([this.#run.signal, end.signal]);
    void ignoringEnd(signal, () => live(client, pod, runtime, signal));
  }

  #end(pod: Pod, { runtime }: KubeletOptions): void {
    this.#begun.get(uidOf(pod))?.abort();
    runtime?.stopped(pod);
  }
}

/** Every pod listens to its end. */
function newRun(): AbortController {
  const run = new AbortController();
  setMaxListeners(0, run.signal);
  return run;
}

/** A pod's life as far as it is not kwok's: it gets an address, or does its work and ends. */
async function live(client: KubeClient, pod: Pod, runtime: PodRuntime, signal: AbortSignal): Promise<void> {
  const podIP = await runtime.address(pod, signal);
  signal.throwIfAborted();
  const end = runtime.run(pod, signal);
  if (pod.spec.restartPolicy !== "Never") {
    const status = { podIP, podIPs: [{ ip: podIP }] };
    await client.patch(pods, keyOf(pod), { metadata: { uid: uidOf(pod) }, status }, { subresource: "status" });
  }
  const ended = await end;
  signal.throwIfAborted();
  if (ended !== undefined) await setEnded(client, pod, ended, podIP);
}

function hasBegun({ status }: Pod): boolean {
  return status?.podIP !== undefined || status?.phase === "Succeeded" || status?.phase === "Failed";
}

function uidOf({ metadata }: Pod): string {
  return metadata.uid ?? "";
}

async function register(client: KubeClient, name: string): Promise<void> {
  const metadata = { name, labels: { "kubernetes.io/hostname": name } };
  const node: Node = { apiVersion: "v1", kind: "Node", metadata };
  await client.create(nodes, node);
}

/** Runs until the signal fires. */
async function startKwok(server: ApiServer, signal: AbortSignal): Promise<void> {
  const { kwok } = await ensureBinaries(["kwok"]);
  const args = [
    `--kubeconfig=${server.kubeconfigPath}`,
    `--config=${join(import.meta.dirname, "stages.yaml")}`,
    "--manage-all-nodes=true",
    "--node-lease-duration-seconds=40",
  ];
  const component = startComponent("kwok", [kwok, ...args], join(server.logs, "kwok.log"));
  signal.addEventListener("abort", () => void endComponents([component]), { once: true });
}
