import { describe, expect, it } from "vitest";
import type { UnknownObject } from "../../kube/types.ts";
import { difference, linesOf } from "./end-state.ts";
import { judge, referenceOf } from "./judge.ts";
import type { Outcome } from "./run.ts";

const node = (status: object, metadata: object = {}): UnknownObject =>
  ({ apiVersion: "v1", kind: "Node", metadata: { name: "n1", uid: "u", ...metadata }, status }) as UnknownObject;

const stateOf = (...objects: UnknownObject[]) =>
  new Map(objects.flatMap((o) => linesOf("nodes", o)).map((line) => [line, 1]));

const outcome = (changes: Partial<Outcome> = {}): Outcome => ({
  points: ["a", "b"],
  cuts: [],
  ended: true,
  end: stateOf(node({ message: "5 s", step: "Done" })),
  census: { "web-* on n2": 4, "probe-n1-flannel-* on n1": 1 },
  evictions: { "web-* on n2": 2 },
  problems: [],
  seconds: 1,
  recoverySeconds: 0,
  ...changes,
});

describe("the end state", () => {
  it("does not know times, UIDs, revisions, or who wrote what", () => {
    const a = node(
      { at: "2026-11-21T10:00:00Z", of: "0f0f0f0f-1111-2222-3333-444444444444" },
      { resourceVersion: "5" },
    );
    const b = node(
      { at: "2026-11-21T11:22:33.5Z", of: "ffffffff-1111-2222-3333-444444444444" },
      { managedFields: [{}] },
    );

    expect(difference(stateOf(a), stateOf(b))).toEqual([]);
  });

  it("knows a field that is another one or gone, whatever the order of conditions", () => {
    const a = node({
      conditions: [
        { type: "A", status: "True" },
        { type: "B", status: "True" },
      ],
      left: 1,
    });
    const b = node({
      conditions: [
        { type: "B", status: "True" },
        { type: "A", status: "False" },
      ],
    });

    expect(difference(stateOf(a), stateOf(b))).toEqual([
      '+ nodes /n1: status.conditions[A].status = "False"',
      '- nodes /n1: status.conditions[A].status = "True"',
      "- nodes /n1: status.left = 1",
    ]);
  });
});

describe("a verdict", () => {
  const slower = outcome({ end: stateOf(node({ message: "6 s", step: "Done" })) });
  const reference = referenceOf([outcome(), slower]);

  it("leaves out what differs between undisturbed runs", () => {
    expect(judge(reference, outcome({ end: stateOf(node({ message: "7 s", step: "Done" })) }))).toEqual([]);
  });

  it.each([
    [
      "another end",
      { end: stateOf(node({ message: "5 s", step: "Drain" })) },
      ['end state: - nodes /n1: status.step = "Done"', 'end state: + nodes /n1: status.step = "Drain"'],
    ],
    [
      "a pod made twice",
      { census: { "web-* on n2": 5, "probe-n1-flannel-* on n1": 1 } },
      ["pods made: web-* on n2: 5 instead of 4"],
    ],
    [
      "two probe servers",
      { census: { "web-* on n2": 4, "probe-n1-flannel-* on n1": 2 } },
      ["pods made: probe-n1-flannel-* on n1: 2 instead of 0 to 1"],
    ],
    ["an eviction too few", { evictions: {} }, ["evictions: web-* on n2: 0 instead of 2"]],
    ["what was wrong by itself", { problems: ["n1: no configuration"] }, ["n1: no configuration"]],
    ["no end, and nothing beside it", { ended: false, problems: ["no end"], evictions: {} }, ["no end"]],
  ] satisfies [string, Partial<Outcome>, string[]][])("names %s", (_, changes, expected) => {
    expect(judge(reference, outcome(changes))).toEqual(expected);
  });

  it("does not mind a number that lies between those of undisturbed runs", () => {
    const either = referenceOf([outcome(), outcome({ evictions: { "web-* on n2": 4 } })]);

    expect(judge(either, outcome({ evictions: { "web-* on n2": 3 } }))).toEqual([]);
    expect(judge(either, outcome({ evictions: { "web-* on n2": 5 } }))).toEqual([
      "evictions: web-* on n2: 5 instead of 2 to 4",
    ]);
  });

  it("does not mind a probe server that was not needed", () => {
    expect(judge(reference, outcome({ census: { "web-* on n2": 4 } }))).toEqual([]);
  });

  it.each([
    ["went wrong", [outcome({ problems: ["two cordoned"] })], "an undisturbed run went wrong: two cordoned"],
    ["are none", [], "no undisturbed run"],
  ])("needs undisturbed runs: refuses those that %s", (_, runs, message) => {
    expect(() => referenceOf(runs)).toThrow(message);
  });
});
