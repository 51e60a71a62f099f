import { describe, expect, it } from "vitest";
import { ApiError } from "../../kube/errors.ts";
import type { SelfSubjectAccessReview, SelfSubjectRulesReview } from "../../kube/objects.ts";
import { cniMigrations, daemonSets, nodes, pods } from "../../kube/resources.ts";
import type { Session } from "../session.ts";
import { missingRights, type Right } from "./rights.ts";
import { gives } from "./rules.ts";

type Rules = NonNullable<SelfSubjectRulesReview["status"]>["resourceRules"];

interface Server {
  /** By namespace; "" for the rules of the whole cluster, which every answer holds. */
  rules?: Record<string, Rules>;
  incomplete?: boolean;
  /** What single reviews allow: "list nodes". */
  allowed?: string[];
  /** The API server has no rules reviews. */
  refuses?: number;
}

describe("plugin/start/rights", () => {
  const options = { signal: new AbortController().signal };

  function serverOf({ rules = {}, incomplete = false, allowed = [], refuses }: Server) {
    const asked: string[] = [];
    const answer = {
      rules({ spec }: SelfSubjectRulesReview) {
        asked.push(`rules ${spec.namespace}`);
        if (refuses !== undefined)
          throw new ApiError("no", { status: refuses, reason: "", request: "POST selfsubjectrulesreviews" });
        return { status: { resourceRules: [...(rules[""] ?? []), ...(rules[spec.namespace] ?? [])], incomplete } };
      },
      access({ spec }: SelfSubjectAccessReview) {
        const { verb, resource } = spec.resourceAttributes ?? {};
        asked.push(`${verb} ${resource}`);
        return { status: { allowed: allowed.includes(`${verb} ${resource}`) } };
      },
    };
    const create = async (_: unknown, object: SelfSubjectRulesReview & SelfSubjectAccessReview) =>
      object.kind === "SelfSubjectRulesReview" ? answer.rules(object) : answer.access(object);
    return { session: { client: { create }, namespace: "default" } as unknown as Session, asked };
  }

  const listNodes: Right = { verb: "list", resource: nodes };
  const patchAgent: Right = { verb: "patch", resource: daemonSets, namespace: "kube-flannel" };
  const everything: Rules = [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"] }];
  const inFlannel: Rules = [{ verbs: ["get", "patch"], apiGroups: ["apps"], resources: ["daemonsets"] }];

  it.each<{ what: string; server: Server; missing: Right[]; asked: string[] }>([
    {
      what: "an administrator: one request",
      server: { rules: { "": everything } },
      missing: [],
      asked: ["rules no.namespace"],
    },
    {
      what: "rules of a namespace: one more, and only for what is still open",
      server: {
        rules: { "": [{ verbs: ["list"], apiGroups: [""], resources: ["nodes"] }], "kube-flannel": inFlannel },
      },
      missing: [],
      asked: ["rules no.namespace", "rules kube-flannel"],
    },
    {
      what: "a right no rule gives is asked for by itself",
      server: { rules: { "kube-flannel": inFlannel }, allowed: ["list nodes"] },
      missing: [],
      asked: ["rules no.namespace", "rules kube-flannel", "list nodes"],
    },
    {
      what: "a rule of a namespace is none for the cluster",
      server: { rules: { "kube-flannel": everything } },
      missing: [listNodes],
      asked: ["rules no.namespace", "rules kube-flannel", "list nodes"],
    },
    {
      what: "a list with gaps counts for nothing",
      server: { rules: { "": everything }, incomplete: true, allowed: ["list nodes"] },
      missing: [patchAgent],
      asked: ["rules no.namespace", "rules kube-flannel", "list nodes", "patch daemonsets"],
    },
    {
      what: "no list to be had",
      server: { refuses: 403, allowed: ["list nodes", "patch daemonsets"] },
      missing: [],
      asked: ["rules no.namespace", "rules kube-flannel", "list nodes", "patch daemonsets"],
    },
  ])("$what", async ({ server, missing, asked }) => {
    const { session, asked: log } = serverOf(server);

    expect(await missingRights(session, [listNodes, patchAgent, listNodes], options)).toEqual(missing);
    expect(log).toEqual(asked);
  });

  it("asks for the same rules once", async () => {
    const { session, asked } = serverOf({ rules: { "": everything } });

    await missingRights(session, [listNodes], options);
    await missingRights(session, [patchAgent], options);

    expect(asked).toEqual(["rules no.namespace"]);
  });

  it("hands on what went wrong", async () => {
    const { session } = serverOf({ refuses: 500 });

    await expect(missingRights(session, [listNodes], options)).rejects.toThrow("no");
  });

  const status: Right = { verb: "patch", resource: cniMigrations, subresource: "status" };

  it.each<[string, Rules[number], Right, boolean]>([
    ["the right itself", { verbs: ["list"], apiGroups: [""], resources: ["nodes"] }, listNodes, true],
    ["another verb", { verbs: ["get"], apiGroups: [""], resources: ["nodes"] }, listNodes, false],
    ["another group", { verbs: ["list"], apiGroups: ["apps"], resources: ["nodes"] }, listNodes, false],
    ["another resource", { verbs: ["list"], apiGroups: [""], resources: ["pods"] }, listNodes, false],
    [
      "some names only",
      { verbs: ["list"], apiGroups: [""], resources: ["nodes"], resourceNames: ["n1"] },
      listNodes,
      false,
    ],
    [
      "a subresource for the resource",
      { verbs: ["*"], apiGroups: ["*"], resources: ["nodes/status"] },
      listNodes,
      false,
    ],
    ["the resource for a subresource", { verbs: ["*"], apiGroups: ["*"], resources: ["cnimigrations"] }, status, false],
    [
      "the subresource",
      { verbs: ["patch"], apiGroups: ["cni-migrate.io"], resources: ["cnimigrations/status"] },
      status,
      true,
    ],
    ["the subresource of all", { verbs: ["patch"], apiGroups: ["*"], resources: ["*/status"] }, status, true],
    ["all resources", { verbs: ["patch"], apiGroups: ["*"], resources: ["*"] }, status, true],
    ["a rule for URLs", { verbs: ["*"] }, { verb: "list", resource: pods }, false],
  ])("%s: does the rule give it?", (_what, rule, right, expected) => {
    expect(gives([rule], right)).toBe(expected);
  });
});
