import { beforeAnnotation, networkLabel, pendingTaint } from "../../crds/names.ts";
import { cniMigrations, daemonSets, felixConfigurations, ipamConfigs, ipPools, nodes } from "../../kube/resources.ts";
import type { KubeClient, UnknownObject } from "../../kube/types.ts";

/** Stands in for the controller: makes the API look as it does when a migration from flannel to Calico has come to an end. */

const migrationLabel = "projectcalico.org/node-network-during-migration";
const flannelKey = { namespace: "kube-flannel", name: "kube-flannel-ds" };
const calicoKey = { namespace: "kube-system", name: "calico-node" };
const crd = "crd.projectcalico.org/v1";
const time = "2026-11-21T12:00:00Z";

const facts = {
  sourceAgent: { namespace: flannelKey.namespace, daemonSets: [flannelKey.name], podLabels: { app: "flannel" } },
  targetAgent: {
    namespace: calicoKey.namespace,
    daemonSets: [calicoKey.name],
    podLabels: { "k8s-app": "calico-node" },
  },
};

const made: UnknownObject[] = [
  {
    apiVersion: crd,
    kind: "FelixConfiguration",
    metadata: { name: "default" },
    spec: { vxlanVNI: 1, vxlanPort: 8472 },
  },
  {
    apiVersion: crd,
    kind: "IPPool",
    metadata: { name: "default-ipv4-ippool" },
    spec: { cidr: "10.244.0.0/16", blockSize: 26, vxlanMode: "Always", ipipMode: "Never", natOutgoing: true },
  },
  {
    apiVersion: crd,
    kind: "IPAMConfig",
    metadata: { name: "default" },
    spec: { strictAffinity: true, autoAllocateBlocks: true, maxBlocksPerHost: 4 },
  },
];

/** As at the end of the way forward: every node on Calico, flannel without a pod. */
export async function endForward(client: KubeClient, name: string, nodeNames: readonly string[]): Promise<void> {
  await client.patch(daemonSets, flannelKey, {
    spec: {
      updateStrategy: { type: "OnDelete", rollingUpdate: null },
      template: { spec: { nodeSelector: { [networkLabel]: "flannel" } } },
    },
  });
  for (const [index, node] of nodeNames.entries()) await moveNode(client, node, index);
  for (const object of made) await client.create(resourceOf(object), object);
  const undo = made.map(({ apiVersion, kind, metadata }) => ({
    apiVersion,
    kind,
    name: metadata.name,
    action: "Delete",
    ...(kind === "IPAMConfig" ? { transient: true } : {}),
  }));
  await setStatus(client, name, { facts, undo, progress: "3/3", detected: [] }, "Succeeded", [
    condition("NodesMigrated", "True", "NodesMigrated"),
    condition("SourceRemoved", "True", "SourceRemoved"),
  ]);
}

/** As at the end of the way back: nothing of the controller's own is left, the target's manifests are, without a pod. */
export async function endReverted(client: KubeClient, name: string): Promise<void> {
  await client.patch(cniMigrations, { name }, { spec: { direction: "Revert" } });
  await setStatus(client, name, { facts, progress: "3/3", detected: [] }, "Reverted", [
    condition("NodesMigrated", "False", "Reverted"),
    condition("Reverted", "True", "Reverted"),
    condition("SourceRemoved", "False", "SourceKept"),
  ]);
}

export function condition(type: string, status: string, reason: string) {
  return { type, status, reason, message: "", lastTransitionTime: time };
}

/** What the controller says of where a migration stands. */
export async function setStatus(
  client: KubeClient,
  name: string,
  status: Record<string, unknown>,
  reason: string,
  conditions: ReturnType<typeof condition>[],
): Promise<void> {
  const generation = (await client.get(cniMigrations, { name }))?.metadata.generation;
  const course = [
    condition("Succeeded", "True", reason),
    condition("Stalled", "False", reason),
    condition("Reconciling", "False", reason),
  ];
  const whole = { ...status, summary: reason, observedGeneration: generation, conditions: [...course, ...conditions] };
  await client.patch(cniMigrations, { name }, { status: whole }, { subresource: "status" });
}

async function moveNode(client: KubeClient, name: string, index: number): Promise<void> {
  const before = {
    labels: { [networkLabel]: null, [migrationLabel]: null },
    annotations: { "projectcalico.org/IPv4Address": null },
  };
  const node = await client.get(nodes, { name });
  await client.patch(
    nodes,
    { name },
    {
      metadata: {
        labels: { [networkLabel]: "calico", [migrationLabel]: "calico" },
        annotations: {
          [beforeAnnotation]: JSON.stringify(before),
          "projectcalico.org/IPv4Address": `192.0.2.${index + 1}/24`,
        },
      },
      spec: { taints: [...(node?.spec?.taints ?? []), { key: pendingTaint, effect: "PreferNoSchedule" }] },
    },
  );
}

function resourceOf({ kind }: UnknownObject) {
  const found = [felixConfigurations, ipPools, ipamConfigs].find((resource) => resource.kind === kind);
  if (found === undefined) throw new Error(`no resource for ${kind}`);
  return found;
}
