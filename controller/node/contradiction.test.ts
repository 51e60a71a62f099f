import { describe, expect, it } from "vitest";
import type { NodeMigration, StepName } from "../../crds/index.ts";
import { cordonedByAnnotation, networkLabel } from "../../crds/names.ts";
import type { Node } from "../../kube/objects.ts";
import type { KubeClient, ObjectKey, PatchOptions, Resource } from "../../kube/types.ts";
import { node, nodeMigration, testScope } from "../testing.ts";
import type { NodeContext, NodeStatus } from "./context.ts";
import { contradiction, settleContradiction } from "./contradiction.ts";
import { nodeSteps } from "./steps.ts";

const labelled = (network: string | undefined, facts: Parameters<typeof node>[1] = {}): Node =>
  node("n1", { ...facts, labels: network === undefined ? {} : { [networkLabel]: network } });
const steps = (...names: StepName[]) => names.map((name) => ({ name }));
const at = (step: StepName, status: NodeStatus = {}): NodeMigration =>
  nodeMigration("n1", step, { status: { step, ...status } });

const found = (part: NodeMigration, of: Node, from: "flannel" | "calico" = "flannel") =>
  contradiction({ nodeMigration: part, node: of, from, to: from === "flannel" ? "calico" : "flannel" });

describe("a step pointer and a node", () => {
  const cordoned = { cordoned: true };

  it.each<[StepName, string, Parameters<typeof node>[1]]>([
    ["Pending", "flannel", {}],
    ["Cordon", "flannel", {}],
    ["Drain", "flannel", cordoned],
    ["LeaveSource", "flannel", cordoned],
    ["LeaveSource", "none", cordoned],
    ["AdoptPods", "none", cordoned],
    ["JoinTarget", "none", cordoned],
    ["JoinTarget", "calico", cordoned],
    ["RecyclePods", "calico", cordoned],
    ["Verify", "calico", cordoned],
    ["CleanUp", "calico", cordoned],
    ["Uncordon", "calico", cordoned],
    ["Done", "flannel", {}],
  ])("in %s, on %s, agree", (step, network, facts) => {
    expect(found(at(step), labelled(network, facts))).toBeUndefined();
  });

  it.each<[string, NodeMigration, Node]>([
    ["in the middle of the switch", at("LeaveSource", { direction: "Revert" }), labelled("flannel", cordoned)],
    ["before anything had changed", at("Uncordon", { direction: "Revert" }), labelled("flannel", cordoned)],
    ["after it was done", at("Cordon", { direction: "Revert" }), labelled("calico")],
  ])("that turned round %s agree", (_title, part, of) => {
    expect(found(part, of, "calico")).toBeUndefined();
  });

  it.each(["AdoptPods", "JoinTarget", "RecyclePods", "Verify", "CleanUp", "Uncordon"] as const)(
    "that was forged to %s begins where it stands",
    (step) => {
      expect(found(at(step, { steps: steps(step) }), labelled("flannel"))).toEqual({
        kind: "ahead",
        begins: "Pending",
      });
      const ours = labelled("flannel", { cordoned: true, annotations: { [cordonedByAnnotation]: "uid-nm-n1" } });
      expect(found(at(step, { steps: steps("Cordon", step) }), ours)).toEqual({ kind: "ahead", begins: "Cordon" });
    },
  );

  it("that was forged to LeaveSource without a cordon is not switched", () => {
    expect(found(at("LeaveSource"), labelled("flannel"))).toEqual({ kind: "ahead", begins: "Pending" });
  });

  it.each<[string, StepName, string | undefined, string]>([
    ["whose label is gone", "Verify", undefined, "calico"],
    ["whose label is gone before the switch", "Drain", undefined, "flannel"],
    ["whose label names the network it left", "Verify", "flannel", "calico"],
    ["that has another network's label", "JoinTarget", "cilium", "calico"],
  ])("%s: a person has to look", (_title, step, network, wanted) => {
    const answer = found(at(step, { steps: steps("LeaveSource", step) }), labelled(network, { cordoned: true }));

    const is = network === undefined ? "is gone" : `is "${network}"`;
    expect(answer).toMatchObject({ kind: "mismatch", error: { reason: "Conflict", kind: "stalled" } });
    expect(answer?.kind === "mismatch" && answer.error.text).toBe(
      `node n1: label cni-migrate.io/network ${is}, which does not go with step ${step}; if the step is right, kubectl label node n1 --overwrite cni-migrate.io/network=${wanted}, then kubectl cni-migrate retry n1`,
    );
  });

  it("are looked at in every step there is", () => {
    for (const { name } of nodeSteps) expect(found(at(name), labelled("cilium")), name).toBeDefined();
  });
});

describe("settleContradiction", () => {
  /** A pass whose copy of the node is `copy`, when the API server has `served`. */
  async function settle(part: NodeMigration, copy: Node, served: Node) {
    const patches: unknown[] = [];
    const client = {
      get: async () => served,
      async patch(_resource: Resource, _key: ObjectKey, patch: { status: object }, options: PatchOptions = {}) {
        patches.push([options.subresource, patch.status]);
        return { ...part, status: { ...part.status, ...patch.status } };
      },
    };
    const scope = testScope(client as unknown as Partial<KubeClient>);
    const context = { scope, nodeMigration: part, node: copy, from: { id: "flannel" }, to: { id: "calico" } };
    return { patches, result: await settleContradiction(context as unknown as NodeContext) };
  }

  const forged = at("JoinTarget", { steps: steps("JoinTarget"), recycle: [{ namespace: "a", name: "b", uid: "c" }] });

  it("puts a forged pointer back, and drops what came with it", async () => {
    const { patches, result } = await settle(forged, labelled("flannel"), labelled("flannel"));

    expect(result).toBe("moved");
    expect(patches).toEqual([
      [
        "status",
        {
          step: "Pending",
          steps: [],
          summary: "Pending",
          message: "its status said JoinTarget, but nothing of that has happened on the node",
          recycle: null,
        },
      ],
    ]);
  });

  it("looks at the node itself first: a copy may be behind", async () => {
    const { patches, result } = await settle(forged, labelled("flannel"), labelled("none", { cordoned: true }));

    expect([patches, result]).toEqual([[], undefined]);
  });

  it("throws where it cannot tell", async () => {
    const part = at("Verify", { steps: steps("LeaveSource", "JoinTarget", "Verify") });

    await expect(settle(part, labelled(undefined), labelled(undefined))).rejects.toMatchObject({ reason: "Conflict" });
  });
});
