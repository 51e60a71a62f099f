import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { binarySets, type LabNetwork } from "./binaries.ts";
import { downloadModule } from "./build.ts";
import { LabError } from "./errors.ts";
import { dualStackCniImage } from "./images.ts";
import { defaultPodCidr, podCidrFamilies } from "./topology.ts";

/** As much of a Kubernetes object as the edits below touch. */
export interface ManifestObject {
  kind: string;
  metadata: { name: string; namespace?: string };
  data?: Record<string, string>;
  spec?: { template?: { spec?: { containers?: ManifestContainer[]; initContainers?: ManifestContainer[] } } };
}

interface ManifestContainer {
  name: string;
  image?: string;
  env?: { name: string; value?: string }[];
}

/** Where each network's manifest is in its own Go module, and what the lab changes in it. */
const sources = {
  flannel: { set: "flannel", path: "Documentation/kube-flannel.yml", edit: flannelForLab },
  calico: { set: "calico", path: "manifests/calico-vxlan.yaml", edit: calicoForLab },
  canal: { set: "calico", path: "manifests/canal.yaml", edit: canalForLab },
} as const satisfies Partial<Record<LabNetwork, unknown>>;

type InstallableNetwork = keyof typeof sources;

/** Objects to apply for a network, or none for "none". */
export async function networkObjects(network: LabNetwork, podCidr: string): Promise<ManifestObject[]> {
  if (network === "none") return [];
  if (!(network in sources))
    throw new LabError(`the lab cannot start with ${network}: use flannel, canal, calico or none`);
  const { edit } = sources[network as InstallableNetwork];
  return edit(parseObjects(await readFile(await manifestPath(network as InstallableNetwork), "utf8")), podCidr);
}

/** Calico's own manifest of the version whose images the lab has: what a user gives to `start -f`. */
export function calicoManifestPath(): Promise<string> {
  return manifestPath("calico");
}

/** flannel's own manifest, as far as the lab's plugin takes it, for a cluster's pods: what a user gives to `start -f -`. */
export async function flannelManifest(podCidr: string = defaultPodCidr): Promise<string> {
  const objects = await networkObjects("flannel", podCidr);
  return objects.map((object) => `${JSON.stringify(object)}\n`).join("---\n");
}

async function manifestPath(network: InstallableNetwork): Promise<string> {
  const { set: id, path } = sources[network];
  const set = binarySets.find((candidate) => candidate.id === id);
  if (set === undefined) throw new LabError(`no module ${id} in test/lab/binaries.ts`);
  return join((await downloadModule(set)).folder, path);
}

export function parseObjects(text: string): ManifestObject[] {
  return parseAllDocuments(text).flatMap((document) => (document.toJS() as ManifestObject | null) ?? []);
}

/**
 * flannel with the cluster's CIDR, and a CNI version its plugin of the lab's build speaks. With an IPv6 network, too, it has
 * both families switched on and the lab's own plugin.
 */
export function flannelForLab(objects: ManifestObject[], podCidr: string): ManifestObject[] {
  const { v4, v6 } = podCidrFamilies(podCidr);
  const edited = objects
    .map((object) => withNetConf(object, v4))
    .map((object) => editData(object, "cni-conf.json", (conf) => ({ ...conf, cniVersion: "0.3.1" })));
  if (v6 === undefined) return edited;
  return edited
    .map((object) => editData(object, "net-conf.json", (conf) => ({ ...conf, EnableIPv6: true, IPv6Network: v6 })))
    .map((object) => withImage(object, "install-cni-plugin", dualStackCniImage));
}

function withImage(object: ManifestObject, initContainer: string, image: string): ManifestObject {
  const copy = structuredClone(object);
  for (const container of copy.spec?.template?.spec?.initContainers ?? [])
    if (container.name === initContainer) container.image = image;
  return copy;
}

/** Calico as shipped, its first pool being the cluster's CIDR. */
export function calicoForLab(objects: ManifestObject[], podCidr: string): ManifestObject[] {
  return objects.map((object) => withPoolCidr(object, "calico-node", podCidr));
}

/** Canal: flannel's network and Calico's pool are the same CIDR. */
export function canalForLab(objects: ManifestObject[], podCidr: string): ManifestObject[] {
  return objects
    .map((object) => withNetConf(object, podCidr))
    .map((object) => withPoolCidr(object, "calico-node", podCidr));
}

function withNetConf(object: ManifestObject, podCidr: string): ManifestObject {
  return editData(object, "net-conf.json", (conf) => ({ ...conf, Network: podCidr }));
}

/** Edits one JSON text in a ConfigMap's data; objects without it stay as they are. */
function editData(
  object: ManifestObject,
  key: string,
  edit: (value: Record<string, unknown>) => Record<string, unknown>,
): ManifestObject {
  const text = object.kind === "ConfigMap" ? object.data?.[key] : undefined;
  if (text === undefined) return object;
  const edited = JSON.stringify(edit(JSON.parse(text) as Record<string, unknown>), null, 2);
  return { ...object, data: { ...object.data, [key]: edited } };
}

function withPoolCidr(object: ManifestObject, containerName: string, podCidr: string): ManifestObject {
  const container = object.spec?.template?.spec?.containers?.find(({ name }) => name === containerName);
  if (object.kind !== "DaemonSet" || container === undefined) return object;
  const copy = structuredClone(object);
  for (const edited of copy.spec?.template?.spec?.containers ?? []) {
    if (edited.name !== containerName) continue;
    const others = (edited.env ?? []).filter(({ name }) => name !== "CALICO_IPV4POOL_CIDR");
    edited.env = [...others, { name: "CALICO_IPV4POOL_CIDR", value: podCidr }];
  }
  return copy;
}
