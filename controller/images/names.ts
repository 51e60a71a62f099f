import type { DaemonSet, Node } from "../../kube/objects.ts";

/** An image as a pod asks for it. */
export interface WantedImage {
  image: string;
  imagePullPolicy?: string;
}

/** Images of the pods these DaemonSets make, each once, in the order of the templates. */
export function imagesOf(daemonSets: readonly DaemonSet[]): WantedImage[] {
  const templates = daemonSets.map(({ spec }) => spec.template.spec);
  const containers = templates.flatMap(({ initContainers = [], containers: own }) => [...initContainers, ...own]);
  const wanted = new Map<string, WantedImage>();
  for (const { image, imagePullPolicy } of containers) {
    if (image === undefined) continue;
    const policy = imagePullPolicy === undefined ? {} : { imagePullPolicy };
    wanted.set(`${image} ${imagePullPolicy}`, { image, ...policy });
  }
  return [...wanted.values()];
}

/** Whether the pods of one of these are pulled with secrets of their own namespace, which no other has. */
export function usesPullSecrets(daemonSets: readonly DaemonSet[]): boolean {
  return daemonSets.some(({ spec }) => (spec.template.spec.imagePullSecrets ?? []).length > 0);
}

/**
 * Whether the node says of itself that the image is there, so that its pods will start. The kubelet names its largest images
 * only (nodeStatusMaxImages, 50): what it does not name may be there all the same. Policy Always needs the registry each time.
 */
export function isNamedBy({ status }: Node, { image, imagePullPolicy }: WantedImage): boolean {
  if (imagePullPolicy === "Always") return false;
  const wanted = canonicalName(image);
  return (status?.images ?? []).some(({ names = [] }) => names.some((name) => canonicalName(name) === wanted));
}

/** "calico/node" -> "docker.io/calico/node:latest": runtimes name it in full, manifests often do not. A digest outweighs a tag. */
export function canonicalName(image: string): string {
  const [name = "", digest] = image.split("@");
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(0, slash));
  const isHost = /[.:]/.test(first) || first === "localhost";
  const full = isHost ? name : `docker.io/${slash < 0 ? "library/" : ""}${name}`;
  const colon = full.indexOf(":", full.lastIndexOf("/"));
  const repository = colon < 0 ? full : full.slice(0, colon);
  return digest === undefined
    ? `${repository}:${colon < 0 ? "latest" : full.slice(colon + 1)}`
    : `${repository}@${digest}`;
}
