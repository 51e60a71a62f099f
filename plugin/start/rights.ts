import { selfSubjectAccessReviews } from "../../kube/resources.ts";
import type { KubeObject, RequestOptions, Resource } from "../../kube/types.ts";
import type { Session } from "../session.ts";

/** One thing a user may or may not do. */
export interface Right {
  verb: string;
  resource: Pick<Resource<KubeObject>, "group" | "version" | "plural">;
  /** undefined: in the whole cluster. */
  namespace?: string;
}

/** Reviews at a time: an API server answers each in a few milliseconds. */
const atOnce = 8;

/** The rights the API server says the user lacks; asked one by one, without a write. */
export async function missingRights(
  session: Session,
  rights: readonly Right[],
  options: RequestOptions,
): Promise<Right[]> {
  const distinct = [...new Map(rights.map((right) => [textOf(right), right])).values()];
  const missing: Right[] = [];
  const queue = [...distinct];
  const work = async () => {
    for (let right = queue.shift(); right !== undefined; right = queue.shift())
      if (!(await isAllowed(session, right, options))) missing.push(right);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return missing;
}

async function isAllowed(
  session: Session,
  { verb, resource, namespace }: Right,
  options: RequestOptions,
): Promise<boolean> {
  const { group, version, plural } = resource;
  const review = await session.client.create(
    selfSubjectAccessReviews,
    {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      // A review is never stored and has no name.
      metadata: {} as { name: string },
      spec: {
        resourceAttributes: {
          verb,
          group,
          version,
          resource: plural,
          ...(namespace === undefined ? {} : { namespace }),
        },
      },
    },
    options,
  );
  return review.status?.allowed ?? false;
}

/** "create,patch daemonsets.apps in kube-system", one entry a resource and namespace, sorted. */
export function describeRights(rights: readonly Right[]): string[] {
  const verbs = new Map<string, string[]>();
  for (const right of rights) {
    const where = `${nameOf(right.resource)}${right.namespace === undefined ? "" : ` in ${right.namespace}`}`;
    verbs.set(where, [...(verbs.get(where) ?? []), right.verb]);
  }
  return [...verbs]
    .map(([where, which]) => `${[...new Set(which)].sort().join(",")} ${where}`)
    .sort((a, b) => (lastWords(a) < lastWords(b) ? -1 : 1));
}

function lastWords(text: string): string {
  return text.slice(text.indexOf(" "));
}

function textOf({ verb, resource, namespace }: Right): string {
  return `${verb} ${nameOf(resource)} ${namespace ?? ""}`;
}

function nameOf({ group, plural }: Right["resource"]): string {
  return group === "" ? plural : `${plural}.${group}`;
}
