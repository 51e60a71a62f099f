import { isApiError } from "../../kube/errors.ts";
import type { NetworkPolicy } from "../../kube/objects.ts";
import type { KubeClient, KubeObject, RequestOptions } from "../../kube/types.ts";
import type { Finding } from "../../networks/contract.ts";
import { compare, warning } from "../../networks/findings.ts";
import { nameOf } from "../../networks/objects.ts";
import { enforcesPolicies, ownPolicies } from "../../networks/policies.ts";
import { someOf } from "../output.ts";
import { programName } from "../verb.ts";
import type { Pair } from "./checks.ts";

/** A finding of this reason needs consent, too. */
export const endingReason = "PolicyWouldEnd";

/** A policy that holds now, and not all the time from the first node that moves. */
export interface EndingPolicy {
  /** "NetworkPolicy", "Calico GlobalNetworkPolicy": kinds of a network's own carry its name. */
  kind: string;
  /** "shop/deny". */
  policy: string;
  /**
   * after finalize: until then it holds for pods that have not moved, as long as two overlays stand side by side. never: the target
   * does not know it.
   */
  again: "after finalize" | "never";
}

/** Policies that hold now and will not under the target, or not at once, by kind and name; the source's own kinds too. */
export async function endingPolicies(
  client: KubeClient,
  { source, target, strategy }: Pair,
  policies: readonly NetworkPolicy[],
  options: RequestOptions,
): Promise<EndingPolicy[]> {
  if (!enforcesPolicies[source.id]) return [];
  const again = enforcesPolicies[target.id] ? "after finalize" : "never";
  const standard = again === "never" || strategy === "DualOverlay" ? policies : [];
  const own = ownPolicies[source.id].filter((resource) => !ownPolicies[target.id].includes(resource));
  const found = await Promise.all(
    own.map(async (resource) =>
      (await listed(resource)).map((object): EndingPolicy => {
        return { kind: `${source.displayName} ${resource.kind}`, policy: nameOf(object), again: "never" };
      }),
    ),
  );
  return [
    ...standard.map((object): EndingPolicy => ({ kind: "NetworkPolicy", policy: nameOf(object), again })),
    ...found.flat(),
  ].sort((a, b) => compare(a.kind, b.kind) || compare(a.policy, b.policy));

  async function listed(resource: (typeof own)[number]): Promise<readonly KubeObject[]> {
    try {
      return (await client.list(resource, options)).items;
    } catch (error) {
      if (isApiError(error, 404)) return [];
      throw error;
    }
  }
}

/** What is to be said of them, once a kind. Pure. */
export function endingFindings(pair: Pair, ending: readonly EndingPolicy[]): Finding[] {
  const kinds = [...new Set(ending.map(({ kind }) => kind))];
  return kinds.flatMap((kind) => {
    const own = ending.filter((policy) => policy.kind === kind);
    const [first] = own;
    return first === undefined
      ? []
      : [
          findingOf(
            pair,
            first,
            own.map(({ policy }) => policy),
          ),
        ];
  });
}

function findingOf({ source, target }: Pair, { kind, again }: EndingPolicy, names: readonly string[]): Finding {
  const count = names.length === 1 ? `1 ${kind}` : `${names.length} ${kind.replace(/y$/, "ies")}`;
  const then =
    again === "never"
      ? `will not hold under ${target.displayName}, and lets pass what it denied`
      : `will hold only for pods that have not moved, and under ${target.displayName} from finalize on`;
  return warning(
    endingReason,
    `${count} that ${source.displayName} enforces ${then}: ${someOf(names)}`,
    kind.split(" ").at(-1)?.toLowerCase().replace(/y$/, "ies") ?? "",
    `${programName} plan lists them; see that nothing depends on them; start --accept-policy-changes goes on`,
  );
}
