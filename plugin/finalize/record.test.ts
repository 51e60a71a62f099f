import { describe, expect, it } from "vitest";
import type { UnknownObject } from "../../kube/types.ts";
import type { Applied } from "../apply.ts";
import { recordEntries, withUids } from "../start/record.ts";
import { withRulesOf } from "../start/roles.ts";
import { type Difference, withDifference } from "./difference.ts";
import { entriesIn, type RecordEntry, recordObjects } from "./record.ts";

const role = (rules: unknown[], uid?: string): UnknownObject => ({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRole",
  metadata: { name: "agent", ...(uid === undefined ? {} : { uid, resourceVersion: "7" }) },
  rules,
});
const tried = (object: UnknownObject, before?: UnknownObject): Applied => ({
  object,
  before,
  name: "",
  outcome: before === undefined ? "created" : "configured",
});
const get = { apiGroups: [""], resources: ["pods"], verbs: ["get"] };
const list = { apiGroups: [""], resources: ["nodes"], verbs: ["list"] };

describe("what start records for finalize", () => {
  it("what was not there, and what was in that which was", () => {
    const [made] = recordEntries([tried(role([get]))], [], []);
    const [changed] = recordEntries([tried(role([get, list], "u1"), role([list], "u1"))], [], []);
    const [same] = recordEntries([tried(role([get], "u1"), role([get], "u1"))], [], []);

    expect(made).toEqual({ apiVersion: role([]).apiVersion, kind: "ClusterRole", name: "agent", created: true });
    expect(withDifference(role([get, list], "u1"), changed?.before as Difference)).toMatchObject({ rules: [list] });
    expect(same).not.toHaveProperty("created");
    expect(same).not.toHaveProperty("before");
  });

  it.each<[string, Partial<RecordEntry>, boolean]>([
    ["made by a start that was broken off before it knew the UID", { created: true }, true],
    ["made by an earlier start", { created: true, uid: "u1" }, true],
    ["made, deleted and made by somebody else", { created: true, uid: "u0" }, false],
    ["changed by an earlier start", { uid: "u1", before: { kind: "gone" } }, false],
  ])("an object that is there now: %s", (_what, earlier, created) => {
    const known = { apiVersion: role([]).apiVersion, kind: "ClusterRole", name: "agent", ...earlier };

    const [entry] = recordEntries([tried(role([get, list], "u1"), role([list], "u1"))], [], [known]);

    expect(entry?.created ?? false).toBe(created);
    if (earlier.before !== undefined) expect(entry?.before).toEqual(earlier.before);
  });

  it("of a Secret which one it is, and nothing of what is in it", () => {
    const secret = (value: string, uid?: string): UnknownObject => ({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { namespace: "kube-system", name: "ca", ...(uid === undefined ? {} : { uid }) },
      data: { "ca.key": value },
    });
    const identity = { apiVersion: "v1", kind: "Secret", namespace: "kube-system", name: "ca" };
    const change: Difference = { kind: "value", to: secret("bmV3") };
    const entryOf = (after: UnknownObject, before?: UnknownObject, earlier: RecordEntry[] = []) =>
      recordEntries([tried(after, before)], [{ object: after, change }], earlier)[0];

    expect(entryOf(secret("bmV3"))).toEqual({ ...identity, created: true });
    expect(entryOf(secret("bmV3", "u1"), secret("b2xk", "u1"))).toEqual({ ...identity, uid: "u1", rekeyed: true });
    expect(entryOf(secret("bmV3", "u1"), secret("bmV3", "u1"))).toEqual({ ...identity, uid: "u1" });
    // A second start finds its own data there.
    const known = { ...identity, uid: "u1", rekeyed: true } as const;
    expect(entryOf(secret("bmV3", "u1"), secret("bmV3", "u1"), [known])).toEqual(known);
  });

  it("final forms and UIDs go with their objects", () => {
    const change: Difference = { kind: "value", to: 1 };
    const entries = recordEntries([tried(role([get]))], [{ object: role([get]), change }], []);

    expect(withUids(entries, [role([get], "u9")])).toEqual([{ ...entries[0], final: change, uid: "u9" }]);
  });

  it("is read back whole, in as many ConfigMaps as it needs", () => {
    const entries = Array.from({ length: 40 }, (_, i): RecordEntry => {
      const before: Difference = { kind: "value", to: "x".repeat(60_000) };
      return { apiVersion: "v1", kind: "ConfigMap", name: `c${i}`, before };
    });

    const objects = recordObjects("m", entries);

    expect(objects.length).toBeGreaterThan(3);
    expect(new Set(objects.map((o) => o.metadata.name)).size).toBe(objects.length);
    expect(entriesIn(objects)).toEqual(entries);
    expect(entriesIn([{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "other" } }])).toEqual([]);
  });

  it("a role both networks use has the rules of both, each once", () => {
    const joined = withRulesOf([role([list, get], "u1")], role([get]));

    expect(joined).toEqual(role([get, list]));
    expect(withRulesOf([role([get], "u1")], role([get]))).toEqual(role([get]));
    expect(withRulesOf([], role([get]))).toEqual(role([get]));
  });
});
