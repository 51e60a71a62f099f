import { isApiError } from "../../kube/errors.ts";
import type { SelfSubjectRulesReview } from "../../kube/objects.ts";
import { selfSubjectRulesReviews } from "../../kube/resources.ts";
import type { RequestOptions } from "../../kube/types.ts";
import type { Session } from "../session.ts";
import type { Right } from "./rights.ts";

type Rule = NonNullable<SelfSubjectRulesReview["status"]>["resourceRules"][number];

/** No namespace can have this name, so that no rule of a namespace is among the answers: what is left holds everywhere. */
const nowhere = "no.namespace";

/** By session and namespace: asked for once. */
const known = new WeakMap<Session, Map<string, Promise<readonly Rule[]>>>();

/** Rules that give the user rights in a namespace, or (undefined) everywhere. None where they cannot be told for sure. */
export function rulesIn(
  session: Session,
  namespace: string | undefined,
  options: RequestOptions,
): Promise<readonly Rule[]> {
  const asked = known.get(session) ?? new Map<string, Promise<readonly Rule[]>>();
  known.set(session, asked);
  const place = namespace ?? nowhere;
  const rules = asked.get(place) ?? review(session, place, options);
  asked.set(place, rules);
  return rules;
}

async function review(session: Session, namespace: string, options: RequestOptions): Promise<readonly Rule[]> {
  const question: SelfSubjectRulesReview = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectRulesReview",
    // A review is never stored and has no name.
    metadata: {} as { name: string },
    spec: { namespace },
  };
  try {
    const { status } = await session.client.create(selfSubjectRulesReviews, question, options);
    // Of a list with gaps nothing is sure: one that is missing from it may come first and refuse.
    return status === undefined || status.incomplete ? [] : status.resourceRules;
  } catch (error) {
    if (isApiError(error, 403, 404, 405)) return [];
    throw error;
  }
}

/** Pure: whether one of the rules gives the right, for objects of any name. */
export function gives(rules: readonly Rule[], { verb, resource, subresource }: Right): boolean {
  const { group, plural } = resource;
  const names = subresource === undefined ? ["*", plural] : ["*", `${plural}/${subresource}`, `*/${subresource}`];
  return rules.some(
    ({ verbs, apiGroups = [], resources = [], resourceNames = [] }) =>
      resourceNames.length === 0 &&
      (verbs.includes("*") || verbs.includes(verb)) &&
      (apiGroups.includes("*") || apiGroups.includes(group)) &&
      names.some((name) => resources.includes(name)),
  );
}
