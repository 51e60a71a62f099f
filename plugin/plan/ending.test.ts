import { describe, expect, it } from "vitest";
import { ApiError } from "../../kube/errors.ts";
import type { NetworkPolicy } from "../../kube/objects.ts";
import { calicoPolicies } from "../../kube/resources.ts";
import type { KubeClient, KubeObject, Resource } from "../../kube/types.ts";
import type { Network } from "../../networks/contract.ts";
import { networkById } from "../../networks/index.ts";
import { strategyOf } from "../../networks/overlays.ts";
import { painter } from "../output.ts";
import type { Pair } from "./checks.ts";
import { endingFindings, endingPolicies, endingReason } from "./ending.ts";
import { renderEnding } from "./policies/render.ts";

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

const [flannel, canal, calico, cilium] = (["flannel", "canal", "calico", "cilium"] as const).map(networkById) as [
  Network,
  Network,
  Network,
  Network,
];
const policies = [named("deny", "shop"), named("allow-dns", "shop")] as NetworkPolicy[];
const pair = (source: Network, target: Network): Pair => ({
  source,
  target,
  strategy: strategyOf(source.id, target.id),
});

describe("plugin/plan/ending", () => {
  it("names every policy that ends with the source, its own kinds too", async () => {
    const ending = await endingPolicies(client, pair(calico, flannel), policies, {});
    const findings = endingFindings(pair(calico, flannel), ending);

    expect(ending.map(({ policy, again }) => `${policy} ${again}`)).toEqual([
      "shop/deny-egress never",
      "shop/allow-dns never",
      "shop/deny never",
    ]);
    expect(findings.map(({ severity, reason, what }) => `${severity} ${reason} ${what}`)).toEqual([
      "warning PolicyWouldEnd 1 Calico NetworkPolicy that Calico enforces will not hold under flannel, and lets pass what it denied: shop/deny-egress",
      "warning PolicyWouldEnd 2 NetworkPolicies that Calico enforces will not hold under flannel, and lets pass what it denied: shop/allow-dns, shop/deny",
    ]);
    expect(findings[0]?.cure).toContain("--accept-policy-changes");
  });

  it.each([calico, canal])(
    "beside Cilium a policy of $id holds for pods that have not moved, until the end",
    async (source) => {
      const ending = await endingPolicies(client, pair(source, cilium), policies, {});
      const findings = endingFindings(pair(source, cilium), ending);

      expect(ending).toEqual([
        { kind: `${source.displayName} NetworkPolicy`, policy: "shop/deny-egress", again: "never" },
        { kind: "NetworkPolicy", policy: "shop/allow-dns", again: "after finalize" },
        { kind: "NetworkPolicy", policy: "shop/deny", again: "after finalize" },
      ]);
      expect(findings.map(({ what }) => what)).toEqual([
        `1 ${source.displayName} NetworkPolicy that ${source.displayName} enforces will not hold under Cilium, and lets pass what it denied: shop/deny-egress`,
        `2 NetworkPolicies that ${source.displayName} enforces will hold only for pods that have not moved, and under Cilium from finalize on: shop/allow-dns, shop/deny`,
      ]);
      expect(findings.every(({ reason }) => reason === endingReason)).toBe(true);
    },
  );

  it("lists each by its name, with the kind and when it holds again", async () => {
    const ending = await endingPolicies(client, pair(calico, cilium), policies, {});

    expect(renderEnding(ending, painter(false))).toMatchInlineSnapshot(`
      "ENDS-TO-HOLD       KIND                   HOLDS-AGAIN
      shop/deny-egress   Calico NetworkPolicy   never
      shop/allow-dns     NetworkPolicy          after finalize
      shop/deny          NetworkPolicy          after finalize
      "
    `);
    expect(renderEnding([], painter(false))).toBe("");
    const many = Array.from({ length: 60 }, () => ending[0] as (typeof ending)[number]);
    expect(renderEnding(many, painter(false))).toMatch(/\nand 10 more: -o json has all of them\n$/);
  });

  it("has nothing to say where they hold on, or never held", async () => {
    expect(await endingPolicies(client, pair(canal, calico), policies, {})).toEqual([]);
    expect(await endingPolicies(client, pair(flannel, calico), policies, {})).toEqual([]);
    expect(await endingPolicies(client, pair(flannel, cilium), policies, {})).toEqual([]);
  });
});
