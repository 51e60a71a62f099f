import { describe, expect, it } from "vitest";
import { ApiError } from "../../kube/errors.ts";
import type { NetworkPolicy } from "../../kube/objects.ts";
import { calicoPolicies } from "../../kube/resources.ts";
import type { KubeClient, KubeObject, Resource } from "../../kube/types.ts";
import { networkById } from "../../networks/index.ts";
import { endingPolicies } from "./ending.ts";

const named = (name: string, namespace?: string): KubeObject => ({
  apiVersion: "v1",
  kind: "NetworkPolicy",
  metadata: namespace === undefined ? { name } : { name, namespace },
});

/** An API server with policies of Calico's own in a namespace, and no other kind of them. */
const client = {
  list: async (resource: Resource<KubeObject>) => {
    if (resource === calicoPolicies) return { items: [named("deny-egress", "shop")], resourceVersion: "1" };
    throw new ApiError("not served", { status: 404, reason: "NotFound", request: `GET ${resource.plural}` });
  },
} as unknown as KubeClient;

const [flannel, canal, calico] = [networkById("flannel"), networkById("canal"), networkById("calico")];
const policies = [named("deny", "shop"), named("allow-dns", "shop")] as NetworkPolicy[];

describe("plugin/plan/ending", () => {
  it("names every policy that ends with the source, its own kinds too", async () => {
    const findings = await endingPolicies(client, { source: calico, target: flannel }, policies, {});

    expect(findings.map(({ severity, reason, what }) => `${severity} ${reason} ${what}`)).toEqual([
      "warning PolicyWouldEnd 2 NetworkPolicies that Calico enforces will not hold under flannel, and lets pass what it denied: shop/allow-dns, shop/deny",
      "warning PolicyWouldEnd 1 Calico NetworkPolicy that Calico enforces will not hold under flannel, and lets pass what it denied: shop/deny-egress",
    ]);
    expect(findings[0]?.cure).toContain("--accept-policy-changes");
  });

  it("has nothing to say where they hold on, or never held", async () => {
    expect(await endingPolicies(client, { source: canal, target: calico }, policies, {})).toEqual([]);
    expect(await endingPolicies(client, { source: flannel, target: calico }, policies, {})).toEqual([]);
  });
});
