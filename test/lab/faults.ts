import { readdirSync } from "node:fs";
import type { NodeMigration } from "../../crds/index.ts";
import { systemNamespace } from "../../crds/names.ts";
import type { Node, Pod } from "../../kube/objects.ts";
import { pods } from "../../kube/resources.ts";
import type { KubeClient } from "../../kube/types.ts";
import type { Course } from "./course.ts";
import { LabError } from "./errors.ts";
import type { Lab } from "./index.ts";
import { getJson } from "./product.ts";
import { poll } from "./run.ts";
import { replicas } from "./workload.ts";

const manifest = "kube-apiserver.yaml";
const [manifests, aside] = ["/etc/kubernetes/manifests", "/etc/kubernetes"];

/** Takes the API server away for so long, as its administrator would, and waits until it answers again; gives when it did. */
export async function withoutApiServer(lab: Lab, seconds: number): Promise<{ gone: Date; back: Date }> {
  await move(lab, manifests, aside);
  if ((await poll(async () => !(await answers(lab)), { timeoutMs: 60_000 })) === undefined)
    throw new LabError("the API server does not end when its manifest is gone");
  const gone = new Date();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  await move(lab, aside, manifests);
  if ((await poll(() => answers(lab), { timeoutMs: 120_000 })) === undefined)
    throw new LabError("the API server does not come back with its manifest");
  return { gone, back: new Date() };
}

async function move(lab: Lab, from: string, to: string): Promise<void> {
  const { code, stderr } = await lab.exec("n1", ["mv", `${from}/${manifest}`, `${to}/${manifest}`]);
  if (code !== 0) throw new LabError(`moving ${manifest}: ${stderr.trim()}`);
}

async function answers(lab: Lab): Promise<boolean> {
  return (await lab.kubectl(["get", "--raw", "/readyz", "--request-timeout=2s"])).code === 0;
}

/** Until the pod of a node's host task, as its NodeMigration names it, runs or has run. */
export async function untilTaskRuns(course: Course, client: KubeClient, node: string, task: string): Promise<void> {
  const named = (nm: NodeMigration) => nm.spec.nodeName === node && nm.status?.tasks?.find((t) => t.name === task);
  const seen = await course.until(`${task} of ${node} is armed`, ({ nodes }) => nodes.some(named), 60);
  const name = seen.nodes.flatMap((nm) => named(nm) || [])[0]?.podName ?? "";
  const phase = async () => (await client.get(pods, { namespace: systemNamespace, name }))?.status?.phase ?? "Pending";
  const runs = await poll(async () => (await phase()) !== "Pending", { timeoutMs: 60_000, intervalMs: 50 });
  if (runs === undefined) throw new LabError(`pod ${name} does not start`);
}

/** CNI configurations of a node as the container runtime sees them: it goes by the first. */
export function cniConfigurations(lab: Lab, node: string): string[] {
  const folder = `/proc/${lab.nodePid(node)}/root/etc/cni/net.d`;
  return readdirSync(folder)
    .filter((name) => /\.(conf|conflist|json)$/.test(name))
    .sort();
}

/** What a cluster that has come through still lacks, a line each: replicas, cordons, taints, pods of the migration, CNI configurations. */
export async function defects(lab: Lab, configuration: string): Promise<string[]> {
  const list = async <T>(args: string[]) => (await getJson<{ items: T[] }>(lab, args)).items;
  const web = await list<Pod>(["pods", "-n", "default", "-l", "app=web"]);
  const nodes = await list<Node>(["nodes"]);
  const ours = await list<Pod>(["pods", "-n", systemNamespace]);
  const ready = web.filter((pod) => pod.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True"));
  const taints = nodes.flatMap(({ metadata, spec }) =>
    (spec?.taints ?? [])
      .filter(({ key }) => key.startsWith("cni-migrate.io/"))
      .map((t) => `${metadata.name}: ${t.key}`),
  );
  const cordoned = nodes.filter((node) => node.spec?.unschedulable === true);
  const configurations = lab.nodes.map(({ name }) => [name, cniConfigurations(lab, name).join(" ")]);
  return [
    ...(ready.length === replicas && web.length === replicas
      ? []
      : [`${ready.length} of ${web.length} replicas Ready`]),
    ...cordoned.map(({ metadata }) => `${metadata.name} is cordoned`),
    ...taints,
    ...ours
      .map(({ metadata }) => metadata.name)
      .filter((name) => !name.startsWith("cni-migrate-controller"))
      .map((name) => `pod ${name} is left`),
    ...configurations.filter(([, found]) => found !== configuration).map(([name, found]) => `${name} has ${found}`),
  ];
}
