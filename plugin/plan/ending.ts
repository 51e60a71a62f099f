import { isApiError } from "../../kube/errors.ts";
import type { NetworkPolicy } from "../../kube/objects.ts";
import type { KubeClient, KubeObject, RequestOptions } from "../../kube/types.ts";
import type { Finding, Network } from "../../networks/contract.ts";
import { warning } from "../../networks/findings.ts";
import { nameOf } from "../../networks/objects.ts";
import { enforcesPolicies, ownPolicies } from "../../networks/policies.ts";
import { someOf } from "../output.ts";

/** A finding of this reason needs consent, too. */
export const endingReason = "PolicyWouldEnd";

/** Policies that hold now and will not under the target, by name: NetworkPolicies, and the source's own kinds. */
export async function endingPolicies(
  client: KubeClient,
  { source, target }: { source: Network; target: Network },
  policies: readonly NetworkPolicy[],
  options: RequestOptions,
): Promise<Finding[]> {
  const [all, standard] = [enforcesPolicies[source.id], !enforcesPolicies[target.id]];
  if (!all) return [];
  const own = ownPolicies[source.id].filter((resource) => !ownPolicies[target.id].includes(resource));
  const found = await Promise.all(
    own.map(async (resource) => ({ kind: `${source.displayName} ${resource.kind}`, objects: await listed(resource) })),
  );
  const kinds = [...(standard ? [{ kind: "NetworkPolicy", objects: policies }] : []), ...found];
  return kinds.flatMap(({ kind, objects }) => ending(kind, objects, source, target));

  async function listed(resource: (typeof own)[number]): Promise<readonly KubeObject[]> {
    try {
      return (await client.list(resource, options)).items;
    } catch (error) {
      if (isApiError(error, 404)) return [];
      throw error;
    }
  }
}

function ending(kind: string, objects: readonly KubeObject[], source: Network, target: Network): Finding[] {
  if (objects.length === 0) return [];
  const names = objects.map(nameOf).sort();
  return [
    warning(
      endingReason,
      `${objects.length === 1 ? `1 ${kind}` : `${objects.length} ${kind.replace(/y$/, "ies")}`} that ${source.displayName} enforces will not hold under ${target.displayName}, and lets pass what it denied: ${someOf(names)}`,
      kind.split(" ").at(-1)?.toLowerCase().replace(/y$/, "ies") ?? "",
      "see that nothing depends on them; start --accept-policy-changes goes on",
    ),
  ];
}
