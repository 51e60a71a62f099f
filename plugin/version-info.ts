import { crdObjects } from "../crds/index.ts";
import { apiGroup, controllerName, schemaVersionAnnotation, systemNamespace } from "../crds/names.ts";
import type { Deployment } from "../kube/objects.ts";
import { customResourceDefinitions, deployments } from "../kube/resources.ts";
import type { RequestOptions } from "../kube/types.ts";
import type { Session } from "./session.ts";

/** Version of the schemas this plugin was made with. */
export const clientSchemaVersion = Math.max(...crdObjects.map((crd) => schemaVersionOf(crd) ?? 0));

/** The schema's version on a CRD; undefined when it carries none. */
function schemaVersionOf(crd: { metadata: { annotations?: Record<string, string> } }): number | undefined {
  const text = crd.metadata.annotations?.[schemaVersionAnnotation] ?? "";
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** The lower version of both CRDs counts: an upgrade that broke off half-way is no upgrade. */
export async function installedSchemaVersion(
  session: Session,
  options: RequestOptions = {},
): Promise<number | undefined> {
  const names = ["cnimigrations", "nodemigrations"].map((plural) => `${plural}.${apiGroup}`);
  const crds = await Promise.all(names.map((name) => session.client.get(customResourceDefinitions, { name }, options)));
  const versions = crds.map((crd) => (crd === undefined ? undefined : (schemaVersionOf(crd) ?? 0)));
  return versions.includes(undefined) ? undefined : Math.min(...versions.map((version) => version ?? 0));
}

export async function installedController(
  session: Session,
  options: RequestOptions = {},
): Promise<Deployment | undefined> {
  return session.client.get(deployments, { name: controllerName, namespace: systemNamespace }, options);
}

/** Image of the controller. */
export function imageOf(deployment: Deployment | undefined): string | undefined {
  return deployment?.spec.template?.spec.containers.find((c) => c.name === "controller")?.image;
}

/** The tag of an image reference; undefined for a digest or none. "host:5000/a/b:1.2@sha256:..." -> "1.2". */
export function tagOf(image: string | undefined): string | undefined {
  const last = image?.split("@")[0]?.split("/").at(-1);
  return last?.includes(":") ? last.slice(last.indexOf(":") + 1) : undefined;
}

export type Skew = "none" | "not installed" | "older" | "newer";

/** How the cluster's schemas compare with the plugin's. */
export function schemaSkew(installed: number | undefined): Skew {
  if (installed === undefined) return "not installed";
  return installed === clientSchemaVersion ? "none" : installed < clientSchemaVersion ? "older" : "newer";
}
