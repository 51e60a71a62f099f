import { describe, expect, test } from "vitest";
import type { Pod } from "../../kube/objects.ts";
import { node, pod } from "../drain/testing.ts";
import { accepts } from "./accepts.ts";

type Spec = Partial<Pod["spec"]>;

const requires = (...terms: object[]): Spec => ({
  affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } } },
});
const zone = (operator: string, ...values: string[]) => ({ matchExpressions: [{ key: "zone", operator, values }] });
const dedicated = [{ key: "dedicated", value: "db", effect: "NoSchedule" as const }];

describe("accepts", () => {
  test.each<[string, boolean, ReturnType<typeof node>, Spec]>([
    ["a Ready node of the network", true, node("n1"), {}],
    ["a node that is not Ready", false, node("n1", { ready: false }), {}],
    ["a cordoned node", false, node("n1", { cordoned: true }), {}],
    ["a node of another network", false, node("n1", { network: "flannel" }), {}],
    ["a taint", false, node("n1", { taints: dedicated }), {}],
    ["a taint that only asks", true, node("n1", { taints: [{ key: "busy", effect: "PreferNoSchedule" }] }), {}],
    [
      "a tolerated taint",
      true,
      node("n1", { taints: dedicated }),
      { tolerations: [{ key: "dedicated", operator: "Equal", value: "db", effect: "NoSchedule" }] },
    ],
    [
      "a taint tolerated with another value",
      false,
      node("n1", { taints: dedicated }),
      { tolerations: [{ key: "dedicated", value: "web" }] },
    ],
    [
      "a taint tolerated with another effect",
      false,
      node("n1", { taints: dedicated }),
      { tolerations: [{ key: "dedicated", operator: "Exists", effect: "NoExecute" }] },
    ],
    ["every taint tolerated", true, node("n1", { taints: dedicated }), { tolerations: [{ operator: "Exists" }] }],
    ["a nodeSelector that holds", true, node("n1", { labels: { zone: "a" } }), { nodeSelector: { zone: "a" } }],
    ["a nodeSelector that does not", false, node("n1"), { nodeSelector: { zone: "a" } }],
    ["an affinity that holds", true, node("n1", { labels: { zone: "a" } }), requires(zone("In", "a", "b"))],
    ["an affinity that does not", false, node("n1", { labels: { zone: "c" } }), requires(zone("In", "a", "b"))],
    ["one of two terms", true, node("n1", { labels: { zone: "a" } }), requires(zone("NotIn", "a"), zone("Exists"))],
    ["a term for a missing label", true, node("n1"), requires(zone("DoesNotExist"))],
    ["a number that is greater", true, node("n1", { labels: { zone: "7" } }), requires(zone("Gt", "5"))],
    ["a number that is not less", false, node("n1", { labels: { zone: "7" } }), requires(zone("Lt", "5"))],
    ["an empty term", false, node("n1"), requires({})],
    [
      "the node's name",
      true,
      node("n1"),
      requires({ matchFields: [{ key: "metadata.name", operator: "In", values: ["n1"] }] }),
    ],
  ])("%s: %s", (_, expected, subject, spec) => {
    expect(accepts(subject, pod("p", { spec }), "calico")).toBe(expected);
  });
});
