import { hasLabels } from "../../kube/labels.ts";
import type { Node, Pod } from "../../kube/objects.ts";
import type { AgentRef, Finding } from "../../networks/contract.ts";
import { info } from "../../networks/findings.ts";
import type { HostFacts } from "../../networks/host-ops.ts";
import type { Session } from "../session.ts";

/** Where flanneld writes what it really uses on a node; the MTU stands nowhere else. */
const folder = "/run/flannel";
const file = "subnet.env";
/** Commands at a time. */
const atOnce = 8;

/** Characters of a cause that are told; a kubelet's may hold a whole URL. */
const longestCause = 120;

export interface HostRead {
  hosts: Record<string, HostFacts>;
  findings: Finding[];
}

/**
 * Reads flannel's subnet.env through its own pods, where the source has such pods: one `cat` a node. Best effort: a node it
 * could not be read on is an info, and the controller reads every node again by itself.
 */
export async function readHosts(
  session: Session,
  agent: AgentRef,
  nodes: readonly Node[],
  pods: readonly Pod[],
): Promise<HostRead> {
  const queue = pods.filter((pod) => isRunningIn(pod, agent)).flatMap((pod) => readerIn(pod) ?? []);
  const hosts: Record<string, HostFacts> = {};
  const failed: { node: string; why: string }[] = [];
  const work = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { node, path, ...pod } = next;
      try {
        hosts[node] = factsOf(nodes, node, parseEnv(await session.exec(pod, ["cat", path])));
      } catch (error) {
        failed.push({ node, why: (error as Error).message.slice(0, longestCause) });
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return { hosts, findings: failed.length === 0 ? [] : [unread(failed)] };
}

function isRunningIn({ metadata, status }: Pod, { namespace, podLabels }: AgentRef): boolean {
  return metadata.namespace === namespace && status?.phase === "Running" && hasLabels(podLabels, metadata.labels);
}

interface Reader {
  node: string;
  namespace: string;
  name: string;
  container: string;
  path: string;
}

/** The container of a pod that sees the host's folder, or that writes the file, and the file's path inside it. */
function readerIn({ metadata, spec }: Pod): Reader | undefined {
  const volume = spec.volumes?.find(({ hostPath }) => hostPath?.path.replace(/\/+$/, "") === folder);
  for (const container of spec.containers) {
    const mount = container.volumeMounts?.find((candidate) => candidate.name === volume?.name);
    if (volume === undefined || mount === undefined || spec.nodeName === undefined) continue;
    const path = `${mount.mountPath.replace(/\/+$/, "")}/${file}`;
    return {
      node: spec.nodeName,
      namespace: metadata.namespace ?? "",
      name: metadata.name,
      container: container.name,
      path,
    };
  }
  // In Canal's pods the file is flanneld's own, not the host's.
  const own = spec.containers.find((container) => container.name === "kube-flannel");
  if (own === undefined || spec.nodeName === undefined) return undefined;
  const { namespace = "", name } = metadata;
  return { node: spec.nodeName, namespace, name, container: own.name, path: `${folder}/${file}` };
}

/** Lines KEY=VALUE. */
export function parseEnv(text: string): Record<string, string> {
  const pairs = text.split("\n").flatMap((line) => {
    const match = /^\s*([A-Z0-9_]+)=(.*?)\s*$/.exec(line);
    return match === null ? [] : [[match[1] ?? "", match[2] ?? ""]];
  });
  return Object.fromEntries(pairs);
}

/** What is known of a host without a task on it: this file, and what the kubelet says of the node. */
function factsOf(nodes: readonly Node[], name: string, subnetEnv: Record<string, string>): HostFacts {
  const node = nodes.find(({ metadata }) => metadata.name === name);
  const { kernelVersion = "", architecture = "" } = node?.status?.nodeInfo ?? {};
  const unknown = { cniConfFiles: [], cniBinaries: [], vxlans: [], bridges: [], packetFilters: [] };
  return { kernel: kernelVersion, architecture, subnetEnv, ...unknown };
}

function unread(failed: readonly { node: string; why: string }[]): Finding {
  const [first] = [...failed].sort((a, b) => (a.node < b.node ? -1 : 1));
  const nodes = failed.length === 1 ? `node ${first?.node}` : `${failed.length} nodes`;
  return info("ValueNotFound", `${folder}/${file} could not be read through the network's pods (${first?.why})`, nodes);
}
