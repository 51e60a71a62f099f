import { describe, expect, it } from "vitest";
import type { NodeMigration, StepName } from "../../crds/index.ts";
import { systemNamespace } from "../../crds/names.ts";
import type { Pod } from "../../kube/objects.ts";
import { condition, nodeMigration, testScope } from "../testing.ts";
import { turnRound } from "./turn.ts";

type Direction = NonNullable<NodeMigration["spec"]["direction"]>;

/** A node that walks one way in this step and is asked to go another. */
function asked(step: StepName, walks: Direction, wanted: Direction, status: NodeMigration["status"] = {}) {
  const nm = nodeMigration("n1", step, { status: { step, direction: walks, attempts: 2, ...status } });
  return { ...nm, spec: { ...nm.spec, direction: wanted } };
}

function taskPod(name: string, phase: string, more: Partial<Pod["metadata"]> = {}): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: systemNamespace,
      uid: `uid-${name}`,
      ownerReferences: [{ apiVersion: "v1", kind: "NodeMigration", name: "n1", uid: "uid-nm-n1" }],
      ...more,
    },
    spec: { containers: [] },
    status: { phase },
  } as unknown as Pod;
}

/** Turns it round; what was written and deleted meanwhile. */
async function turn(nm: NodeMigration, pods: readonly Pod[] = []) {
  const deleted: unknown[] = [];
  const written: NodeMigration["status"][] = [];
  const scope = testScope({
    delete: async (_: unknown, key: { name: string }, options: unknown) => {
      deleted.push([key.name, options]);
      return true;
    },
    patch: async (_: unknown, __: unknown, patch: unknown) => {
      const { status } = patch as NodeMigration;
      written.push(status);
      return { ...nm, status: { ...nm.status, ...status } } as never;
    },
  });
  for (const pod of pods) scope.stores.pods.put(pod);
  return { result: await turnRound(scope, nm), deleted, written };
}

describe("turnRound", () => {
  it.each<[StepName, StepName]>([
    ["Cordon", "Uncordon"],
    ["Drain", "Uncordon"],
    ["LeaveSource", "LeaveSource"],
    ["AdoptPods", "LeaveSource"],
    ["JoinTarget", "LeaveSource"],
    ["RecyclePods", "Cordon"],
    ["Verify", "Cordon"],
    ["CleanUp", "Cordon"],
    ["Uncordon", "Cordon"],
    ["Done", "Cordon"],
  ])("in %s begins the way back with %s, both ways", async (step, entry) => {
    for (const [walks, wanted] of [
      ["Forward", "Revert"],
      ["Revert", "Forward"],
    ] as const) {
      const { result, written } = await turn(asked(step, walks, wanted));

      expect(result).toBe("turned");
      expect(written).toHaveLength(1);
      // The same step is no change of the field.
      expect(written[0]).toMatchObject({ direction: wanted, attempts: 3, ...(step === entry ? {} : { step: entry }) });
      expect(written[0]?.steps).toEqual([{ name: entry, startTime: expect.any(String) }]);
    }
  });

  it.each<[string, NodeMigration]>([
    ["one that has not begun", asked("Pending", "Forward", "Revert")],
    ["one that walks as asked", asked("Verify", "Revert", "Revert")],
  ])("leaves %s alone", async (_title, nm) => {
    expect(await turn(nm)).toEqual({ result: undefined, deleted: [], written: [] });
  });

  it("ends tasks that still work first, once and by UID, and turns when they are gone", async () => {
    const nm = asked("JoinTarget", "Forward", "Revert", {
      tasks: [
        { name: "switch", step: "LeaveSource", podName: "switch-n1" },
        { name: "join", step: "JoinTarget", podName: "join-n1" },
      ],
    });
    const ended = taskPod("switch-n1", "Succeeded");
    const ending = { deletionTimestamp: "2030-01-01T00:00:00Z" };

    const first = await turn(nm, [ended, taskPod("join-n1", "Running")]);
    const second = await turn(nm, [ended, taskPod("join-n1", "Running", ending)]);
    const third = await turn(nm, [ended]);

    expect(first).toMatchObject({ result: { afterSeconds: expect.any(Number) }, written: [] });
    expect(first.deleted).toEqual([["join-n1", { preconditions: { uid: "uid-join-n1" } }]]);
    expect(second).toMatchObject({ result: { afterSeconds: expect.any(Number) }, written: [], deleted: [] });
    expect(third).toMatchObject({ result: "turned", deleted: [] });
  });

  it("does not touch a pod of that name that is somebody else's", async () => {
    const nm = asked("JoinTarget", "Forward", "Revert", {
      tasks: [{ name: "join", step: "JoinTarget", podName: "join-n1" }],
    });

    const { result, deleted } = await turn(nm, [taskPod("join-n1", "Running", { ownerReferences: [] })]);

    expect({ result, deleted }).toEqual({ result: "turned", deleted: [] });
  });

  it("forgets what was true of the earlier way only, the stall too, and keeps whose cordon it is", async () => {
    const nm = asked("Verify", "Forward", "Revert", {
      cordonedByUs: true,
      recycle: [{ namespace: "a", name: "p", uid: "u" }],
      tasks: [{ name: "join", step: "JoinTarget", podName: "join-n1" }],
      evidence: { leftovers: ["link flannel.1"] },
      blockedBy: "a budget",
      conditions: [
        condition("Cordoned", "True", "Cordoned"),
        condition("Switched", "True", "Switched"),
        condition("Stalled", "True", "ConnectivityFailed", "no way"),
      ] as NonNullable<NonNullable<NodeMigration["status"]>["conditions"]>,
    });

    const { written } = await turn(nm);

    // A merge patch: null takes a field away, an absent one stays.
    expect(written[0]).toMatchObject({ recycle: null, tasks: null, evidence: null, blockedBy: null });
    expect(written[0]).not.toHaveProperty("cordonedByUs");
    const says = Object.fromEntries((written[0]?.conditions ?? []).map((c) => [c.type, `${c.status} ${c.reason}`]));
    expect(says).toEqual({
      Cordoned: "True Cordoned",
      Drained: "False NotStarted",
      Switched: "False NotStarted",
      PodsRestarted: "False NotStarted",
      ConnectivityVerified: "False NotStarted",
      CleanedUp: "False NotStarted",
      Stalled: "False Progressing",
      Reconciling: "True Reverting",
      Succeeded: "Unknown Reverting",
    });
  });
});
