import { describe, expect, it } from "vitest";
import type { NodeMigration, StepName } from "../../crds/index.ts";
import { migration, node, nodeMigration, testScope } from "../testing.ts";
import type { MigrationContext } from "./phase.ts";
import type { Direction } from "./places.ts";
import { admit, countNodes, rolloutPhase } from "./rollout.ts";

const n1 = node("n1", { labels: { "node-role.kubernetes.io/control-plane": "" } });
const [n2, n3, n4] = [node("n2"), node("n3"), node("n4")];
const four = [n1, n2, n3, n4];
const at = nodeMigration;
const failed = (name: string) => at(name, "Drain", { stalled: "it took too long" });

describe("countNodes", () => {
  const counts = (...numbers: number[]) => {
    const [total, pending, inProgress, migrated, failed, skipped] = numbers;
    return { total, pending, inProgress, migrated, failed, skipped };
  };
  const replaced = (name: string, step: Parameters<typeof at>[1]) => at(name, step, { nodeUID: "uid-earlier" });

  it.each<[string, { selected?: typeof four; nodes?: typeof four; parts: NodeMigration[] }, object]>([
    ["all wait before the first has a part", { parts: [] }, counts(4, 4, 0, 0, 0, 0)],
    [
      "one of each",
      { selected: [n2, n3, n4], parts: [at("n2", "Done"), at("n3", "Drain"), failed("n4")] },
      counts(4, 0, 1, 1, 1, 1),
    ],
    [
      "a step before Pending was written counts as waiting",
      { parts: [{ ...at("n1"), status: {} }] },
      counts(4, 4, 0, 0, 0, 0),
    ],
    [
      "a node that is gone after it was done counts no more",
      { nodes: [n1, n2], parts: [at("n3", "Done")] },
      counts(2, 2, 0, 0, 0, 0),
    ],
    [
      "a node that goes before it begins counts no more",
      { nodes: [n1, n2], parts: [at("n3")] },
      counts(2, 2, 0, 0, 0, 0),
    ],
    [
      "a node that failed counts also when it is gone",
      { nodes: [n1, n2], parts: [failed("n3")] },
      counts(3, 2, 0, 0, 1, 0),
    ],
    [
      "a node left out after it was done counts as skipped",
      { selected: [n1], parts: [at("n2", "Done")] },
      counts(4, 1, 0, 0, 0, 3),
    ],
    [
      "a node left out while it is moved counts to its end",
      { selected: [n1], parts: [at("n2", "Verify")] },
      counts(4, 1, 1, 0, 0, 2),
    ],
    [
      "another node under the name of one that is done waits",
      { parts: [replaced("n2", "Done")] },
      counts(4, 4, 0, 0, 0, 0),
    ],
    [
      "a node made anew while it was moved counts as what stands in the way",
      { parts: [replaced("n2", "Drain")] },
      counts(4, 3, 1, 0, 0, 0),
    ],
  ])("%s", (_title, { nodes = four, selected = nodes, parts }, expected) => {
    const found = countNodes(selected, nodes, parts, "Forward");
    const { total, ...places } = found;

    expect(found).toEqual(expected);
    expect(Object.values(places).reduce((sum, n) => sum + n)).toBe(total);
  });
});

describe("admit", () => {
  const parts = four.map((n) => at(n.metadata.name));
  const withSteps = (steps: Record<string, NodeMigration>) => parts.map((nm) => steps[nm.metadata.name] ?? nm);
  const base = {
    nodes: four,
    nodeMigrations: parts,
    nodeOrder: [] as string[],
    limit: 1,
    pauseAfter: undefined as number | undefined,
    wanted: "Forward" as Direction,
  };
  const back = (name: string, step: StepName) => {
    const nm = at(name, step, { status: { step, direction: "Revert" } });
    return { ...nm, spec: { ...nm.spec, direction: "Revert" as const } };
  };

  it.each<[string, Partial<typeof base>, string]>([
    ["one, the first worker", {}, "n2"],
    ["as many as the batch has room for, the control plane last", { limit: 4 }, "n2 n3 n4 n1"],
    ["the node that is to go first", { nodeOrder: ["n4"] }, "n4"],
    ["none while the batch is full", { nodeMigrations: withSteps({ n2: at("n2", "Drain") }) }, ""],
    ["one beside another that is moved", { limit: 2, nodeMigrations: withSteps({ n2: at("n2", "Drain") }) }, "n3"],
    ["the next when one is done", { nodeMigrations: withSteps({ n2: at("n2", "Done") }) }, "n3"],
    ["none once one has failed", { limit: 4, nodeMigrations: withSteps({ n3: failed("n3") }) }, ""],
    ["none that is not Ready", { nodes: [n1, node("n2", { ready: false }), n3] }, "n3"],
    ["none without a part", { nodeMigrations: parts.filter((nm) => nm.metadata.name !== "n2") }, "n3"],
    ["none whose part is that of an earlier node of its name", { nodes: [node("n2", { uid: "uid-later" }), n3] }, "n3"],
    ["none that is left out", { nodes: [n1] }, "n1"],
    ["as many as may be done before the pause", { limit: 4, pauseAfter: 2 }, "n2 n3"],
    [
      "none beyond the pause: those done and those moved count",
      { limit: 4, pauseAfter: 2, nodeMigrations: withSteps({ n2: at("n2", "Done"), n3: at("n3", "Verify") }) },
      "",
    ],
    [
      "none when more are done than the pause asks for now",
      { pauseAfter: 1, nodeMigrations: withSteps({ n2: at("n2", "Done"), n3: at("n3", "Done") }) },
      "",
    ],
    [
      "none when the batch was made smaller than what is moved",
      { limit: 1, nodeMigrations: withSteps({ n2: at("n2", "Drain"), n3: at("n3", "Drain") }) },
      "",
    ],
    [
      "on the way back, those that are on the target",
      { wanted: "Revert", limit: 4, nodeMigrations: withSteps({ n2: at("n2", "Done"), n4: at("n4", "Done") }) },
      "n2 n4",
    ],
    [
      "on the way back, one beside another only as the batch allows",
      { wanted: "Revert", nodeMigrations: withSteps({ n2: at("n2", "Done"), n3: at("n3", "Drain") }) },
      "",
    ],
    [
      "on the way back, none that is back",
      { wanted: "Revert", limit: 4, nodeMigrations: withSteps({ n2: back("n2", "Done"), n3: at("n3", "Done") }) },
      "n3",
    ],
    [
      "forward again, those that had come back and those that had not begun",
      { limit: 4, nodeMigrations: withSteps({ n2: back("n2", "Done"), n3: at("n3", "Done") }) },
      "n2 n4 n1",
    ],
  ])("lets begin %s", (_title, change, expected) => {
    const names = admit({ ...base, ...change }).map((nm) => nm.metadata.name);
    expect(names.join(" ")).toBe(expected);
  });

  it("lets none begin beside one it has to wait for, nor overtake one that waits", () => {
    const asked: string[] = [];
    const holds = (of: { metadata: { name: string } }, moving: ReadonlySet<string>) => {
      asked.push(`${of.metadata.name} beside ${[...moving].join(" ")}`);
      return of.metadata.name === "n3" ? "waits for node n2" : undefined;
    };

    const first = admit({ ...base, limit: 4, holds });
    const second = admit({ ...base, limit: 4, holds, nodeMigrations: withSteps({ n2: at("n2", "Drain") }) });

    expect([first.map((nm) => nm.metadata.name), second]).toEqual([["n2"], []]);
    expect(asked).toEqual(["n2 beside ", "n3 beside n2", "n3 beside n2"]);
  });
});

describe("the rollout", () => {
  /** What a pass says with these parts, and the names of nodes it let begin. */
  async function pass(parts: NodeMigration[], spec: Parameters<typeof migration>[0] = {}, nodes = [n1, n2, n3]) {
    const begun: string[] = [];
    const scope = testScope({
      patch: async (_: unknown, key: { name: string }, patch: unknown) => {
        begun.push(key.name);
        const before = parts.find((nm) => nm.metadata.name === key.name);
        const { status } = patch as NodeMigration;
        return { ...before, status: { ...before?.status, ...status } } as never;
      },
    });
    for (const nm of parts) scope.stores.nodeMigrations.put(nm);
    const context: MigrationContext = {
      scope,
      migration: migration(spec),
      nodes,
      get nodeMigrations() {
        return scope.stores.nodeMigrations.list();
      },
      record: async () => undefined,
    };
    return { result: await rolloutPhase.run(context), begun };
  }

  const waiting = [at("n1"), at("n2"), at("n3")];

  it("lets the first node begin and says so", async () => {
    expect(await pass(waiting)).toEqual({
      begun: ["n2"],
      result: { outcome: "wait", summary: "Migrating", reason: "Migrating", message: "node n2 in Cordon" },
    });
  });

  it.each<[string, NodeMigration[], Parameters<typeof migration>[0], object]>([
    [
      "where the nodes that move are",
      [at("n1"), at("n2", "Drain"), at("n3", "Verify")],
      { batchSize: 2 },
      { outcome: "wait", reason: "Migrating", message: "node n2 in Drain, node n3 in Verify" },
    ],
    [
      "how to go on when it is paused",
      [at("n1"), at("n2", "Done"), at("n3")],
      { paused: true },
      {
        outcome: "wait",
        summary: "Paused",
        reason: "Paused",
        message: "paused with 1 of 3 nodes done; kubectl cni-migrate resume flannel-to-calico",
      },
    ],
    [
      "that the canary is done",
      [at("n1"), at("n2", "Done"), at("n3")],
      { pauseAfter: 1 },
      {
        outcome: "wait",
        summary: "Paused",
        reason: "Paused",
        message: "paused after 1 nodes as spec.pauseAfter asks; raise or remove it to go on",
      },
    ],
    [
      "which node failed, where and why",
      [at("n1"), at("n2", "Done"), failed("n3")],
      {},
      { outcome: "stalled", reason: "NodeFailed", message: "node n3 failed in Drain: it took too long" },
    ],
    [
      "of several that failed the first, and how many there are",
      [at("n1"), failed("n2"), failed("n3")],
      {},
      {
        outcome: "stalled",
        reason: "NodeFailed",
        message: "node n2 failed in Drain: it took too long (and 1 more nodes)",
      },
    ],
    [
      "that no node is meant",
      waiting,
      { nodeSelector: { matchLabels: { pool: "x" } } },
      {
        outcome: "stalled",
        reason: "NoNodes",
        message: "spec.nodeSelector matches no node; correct it or remove it",
        afterSeconds: 30,
      },
    ],
    [
      "which nodes it waits for and why",
      [at("n1", "Done")],
      {},
      {
        outcome: "wait",
        reason: "NodeNotReady",
        message: "waiting for flannel to be up on node n2, flannel to be up on node n3",
      },
    ],
  ])("says %s", async (_title, parts, spec, expected) => {
    const { result, begun } = await pass(parts, spec);
    expect(result).toMatchObject(expected);
    expect(begun).toEqual([]);
  });

  it("waits for nodes that are not Ready, and names them", async () => {
    const late = node("n3", { ready: false });
    const { result } = await pass([at("n1", "Done"), at("n2", "Done"), at("n3")], {}, [n1, n2, late]);
    expect(result).toMatchObject({ reason: "NodeNotReady", message: "waiting for node n3 to be Ready" });
  });

  it("is over when every node that takes part is done", async () => {
    const over = { outcome: "next" };
    expect((await pass([at("n1", "Done"), at("n2", "Done"), at("n3", "Done")])).result).toEqual(over);
    expect((await pass([at("n1", "Done"), at("n2", "Done"), at("n4", "Done")], {}, [n1, n2])).result).toEqual(over);
  });

  it("is not over while a node that takes part no more is half-way", async () => {
    const { result } = await pass([at("n1", "Done"), at("n2", "Done"), at("n4", "Verify")], {}, [n1, n2]);
    expect(result).toMatchObject({ outcome: "wait", message: "node n4 in Verify" });
  });
});
