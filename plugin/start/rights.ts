import { selfSubjectAccessReviews } from "../../kube/resources.ts";
import type { KubeObject, RequestOptions, Resource } from "../../kube/types.ts";
import type { Session } from "../session.ts";
import { gives, rulesIn } from "./rules.ts";

/** One thing a user may or may not do. */
export interface Right {
  verb: string;
  resource: Pick<Resource<KubeObject>, "group" | "version" | "plural">;
  subresource?: string;
  /** undefined: in the whole cluster. */
  namespace?: string;
}

/** Reviews at a time: an API server answers each in a few milliseconds. */
const atOnce = 8;

/**
 * The rights the API server says the user lacks, without a write. One review lists the rules of the whole cluster, one more
 * those of each namespace that is still in question; what no rule gives is asked for one by one, since an API server may
 * allow more than its rules tell.
 */
export async function missingRights(
  session: Session,
  rights: readonly Right[],
  options: RequestOptions,
): Promise<Right[]> {
  const distinct = [...new Map(rights.map((right) => [textOf(right), right])).values()];
  const open = await notGiven(session, distinct, options);
  const missing: Right[] = [];
  const queue = [...open];
  const work = async () => {
    for (let right = queue.shift(); right !== undefined; right = queue.shift())
      if (!(await isAllowed(session, right, options))) missing.push(right);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return missing;
}

/** Those no rule gives, as far as rules can be had. */
async function notGiven(session: Session, rights: readonly Right[], options: RequestOptions): Promise<Right[]> {
  const everywhere = await rulesIn(session, undefined, options);
  const left = rights.filter((right) => !gives(everywhere, right));
  const places = [...new Set(left.flatMap(({ namespace }) => namespace ?? []))];
  const local = new Map(
    await Promise.all(places.map(async (place) => [place, await rulesIn(session, place, options)] as const)),
  );
  return left.filter((right) => right.namespace === undefined || !gives(local.get(right.namespace) ?? [], right));
}

async function isAllowed(
  session: Session,
  { verb, resource, subresource, namespace }: Right,
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
          ...(subresource === undefined ? {} : { subresource }),
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
    const where = `${nameOf(right)}${right.namespace === undefined ? "" : ` in ${right.namespace}`}`;
    verbs.set(where, [...(verbs.get(where) ?? []), right.verb]);
  }
  return [...verbs]
    .map(([where, which]) => `${[...new Set(which)].sort().join(",")} ${where}`)
    .sort((a, b) => (lastWords(a) < lastWords(b) ? -1 : 1));
}

function lastWords(text: string): string {
  return text.slice(text.indexOf(" "));
}

function textOf(right: Right): string {
  return `${right.verb} ${nameOf(right)} ${right.namespace ?? ""}`;
}

/** "cnimigrations.cni-migrate.io/status" */
function nameOf({ resource: { group, plural }, subresource }: Right): string {
  return `${group === "" ? plural : `${plural}.${group}`}${subresource === undefined ? "" : `/${subresource}`}`;
}
