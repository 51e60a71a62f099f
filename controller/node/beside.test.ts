import { describe, expect, it } from "vitest";
import type { NodeMigration } from "../../crds/index.ts";
import { ApiError } from "../../kube/errors.ts";
import type { Pod } from "../../kube/objects.ts";
import { node, nodeMigration, testScope } from "../testing.ts";
import { replaceAgent } from "./beside.ts";
import type { NodeContext } from "./context.ts";

const agent = { namespace: "kube-system", daemonSets: ["cilium"], podLabels: { "k8s-app": "cilium" } };

function agentPod(name: string, nodeName = "n1", labels: Record<string, string> = agent.podLabels): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "kube-system", uid: `uid-${name}`, labels },
    spec: { nodeName, containers: [] },
  };
}

function setting(pods: Pod[], status: NodeMigration["status"] = {}, refusal?: ApiError) {
  const done: string[] = [];
  const scope = testScope({
    evict: async ({ name }: { name: string }, options: { uid?: string }) => {
      done.push(`evict ${name} ${options.uid}`);
      if (refusal !== undefined) throw refusal;
    },
  } as never);
  for (const pod of pods) scope.stores.pods.put(pod);
  const context = {
    scope,
    node: node("n1"),
    nodeMigration: nodeMigration("n1", "JoinTarget", { status: { step: "JoinTarget", ...status } }),
    record: async (more: NodeMigration["status"]) => {
      done.push(`record ${JSON.stringify(more)}`);
      context.nodeMigration = { ...context.nodeMigration, status: { ...context.nodeMigration.status, ...more } };
    },
  } as Partial<NodeContext> as NodeContext;
  return { context, done };
}

describe("replacing a node's agent", () => {
  it("records which pod it is before it evicts that one", async () => {
    const others = [agentPod("b", "n2"), agentPod("operator", "n1", { name: "cilium-operator" })];
    const { context, done } = setting([agentPod("a"), ...others]);

    expect(await replaceAgent(context, "JoinTarget", agent)).toBe("waiting for pod kube-system/a to be replaced");
    expect(done).toEqual(['record {"restart":{"step":"JoinTarget","uid":"uid-a"}}', "evict a uid-a"]);
  });

  it("leaves the pod that follows alone", async () => {
    const { context, done } = setting([agentPod("next")], { restart: { step: "JoinTarget", uid: "uid-a" } });

    expect(await replaceAgent(context, "JoinTarget", agent)).toBeUndefined();
    expect(done).toEqual([]);
  });

  it("asks no more while the pod ends", async () => {
    const ending = agentPod("a");
    ending.metadata.deletionTimestamp = "2030-01-01T00:00:00Z";
    const { context, done } = setting([ending], { restart: { step: "JoinTarget", uid: "uid-a" } });

    expect(await replaceAgent(context, "JoinTarget", agent)).toBe("waiting for pod kube-system/a to be replaced");
    expect(done).toEqual([]);
  });

  it("does so once a step: what an earlier step replaced does not count", async () => {
    const { context, done } = setting([agentPod("b")], { restart: { step: "LeaveSource", uid: "uid-a" } });

    await replaceAgent(context, "JoinTarget", agent);

    expect(done.at(-1)).toBe("evict b uid-b");
  });

  it("has nothing to do where no agent was, and evicts none that comes", async () => {
    const { context, done } = setting([]);

    expect(await replaceAgent(context, "JoinTarget", agent)).toBeUndefined();
    context.scope.stores.pods.put(agentPod("first"));

    expect(await replaceAgent(context, "JoinTarget", agent)).toBeUndefined();
    expect(done).toEqual(['record {"restart":{"step":"JoinTarget","uid":""}}']);
  });

  it("says what keeps it, and for how long", async () => {
    const budget = new ApiError("Cannot evict pod as it would violate the pod's disruption budget.", {
      status: 429,
      reason: "TooManyRequests",
      request: "POST",
      causes: [{ reason: "DisruptionBudget", message: "The disruption budget cilium needs 3 healthy pods" }],
    });
    const { context } = setting([agentPod("a")], {}, budget);

    await expect(replaceAgent(context, "JoinTarget", agent)).rejects.toMatchObject({
      kind: "wait",
      reason: "AgentNotReady",
      message: expect.stringContaining("pod kube-system/a cannot be replaced yet"),
    });
  });
});
