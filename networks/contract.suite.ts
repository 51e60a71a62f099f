import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { UnknownObject } from "../kube/types.ts";
import { type Part, type Test, testPart } from "./contract.part.suite.ts";
import type { Detected, Network, PlanContext } from "./contract.ts";
import { NetworkNotSupportedError } from "./detect-only.ts";
import { snapshotOf } from "./snapshot.ts";
import { deepFrozen, mayDo, recorded, recordings, withoutEachField } from "./testing.ts";

/** What a network brings to the tests every network has to pass. */
interface ContractFixtures {
  network: Network;
  /** Objects of a cluster that runs it. */
  installed: () => UnknownObject[];
  /** Recordings it must be found in; from all others it must be absent. */
  foundIn: readonly (typeof recordings)[number][];
  /** Absent for a network that is only known when seen. */
  part?: Omit<Part, "network" | "installed">;
  skip?: readonly { test: string; reason: string }[];
}

/** The tests of networks/contract.ts: what every member promises, whichever the network. */
export function runContract(fixtures: ContractFixtures): void {
  const { network, skip = [] } = fixtures;
  const used = new Set<string>();
  const test = (name: string, body: () => void): void => {
    used.add(name);
    const skipped = skip.find((s) => s.test === name);
    if (skipped === undefined) it(name, body);
    else it.skip(`${name} (${skipped.reason})`, body);
  };
  describe(`networks/${network.id}: contract`, () => {
    testShape(network, test);
    testDetection(fixtures, test);
    testRights(network, test);
    if (fixtures.part === undefined) testNoPart(network, test);
    else testPart({ ...fixtures.part, network, installed: fixtures.installed }, test);
    it("skips only tests that exist", () => {
      expect(skip.map((s) => s.test).filter((name) => !used.has(name))).toEqual([]);
    });
  });
}

function testShape(network: Network, test: Test): void {
  test("its folder bears its name and explains it", () => {
    const file = (path: string) => existsSync(new URL(`${network.id}/${path}`, import.meta.url));

    expect([file("index.ts"), file("README.md")]).toEqual([true, true]);
  });
}

function testDetection({ network, installed, foundIn }: ContractFixtures, test: Test): void {
  test("is absent from an empty cluster", () => {
    expect(network.detect(snapshotOf({ objects: [] }), {})).toEqual({ state: "absent" });
  });

  test("is found in the clusters that run it and in no other", () => {
    const states = recordings.map((r) => [r, network.detect(snapshotOf({ objects: recorded(r) }), {}).state]);

    expect(states).toEqual(recordings.map((r) => [r, foundIn.includes(r) ? "found" : "absent"]));
  });

  test("is found where it runs, the same each time, and changes nothing of what it looks at", () => {
    const snapshot = snapshotOf({ objects: deepFrozen(installed()) });

    const [first, second] = [network.detect(snapshot, {}), network.detect(snapshot, {})];

    expect(first).toMatchObject({ state: "found", facts: { network: network.id } });
    expect(second).toEqual(first);
    if (first.state === "found") expect(first.facts.agent.daemonSets.length).toBeGreaterThan(0);
  });

  test("gets by with any one field missing, in what it looks at", () => {
    for (const objects of withoutEachField(installed()))
      expect(() => network.detect(snapshotOf({ objects }), {})).not.toThrow();
  });

  test("says of each value where it was read", () => {
    const detected = detectedIn(network, installed());

    expect(detected.length).toBeGreaterThan(0);
    expect(detected.filter((d) => d.name === "" || d.value === "" || d.from === "")).toEqual([]);
    expect(new Set(detected.map((d) => d.name)).size).toBe(detected.length);
  });
}

function detectedIn(network: Network, objects: UnknownObject[]): Detected[] {
  const found = network.detect(snapshotOf({ objects }), {});
  return found.state === "found" ? found.facts.detected : [];
}

/** A network that plays no part says so, whatever it is asked for. */
function testNoPart(network: Network, test: Test): void {
  test("refuses every work, by a typed error", () => {
    const plan = { nodes: [] } as unknown as PlanContext;
    const members = [
      network.checkAsTarget,
      network.checkManifests,
      network.agentOf,
      network.prepare,
      network.leave,
      network.join,
    ];

    expect(network.plays).toEqual({ source: false, target: false });
    for (const member of members)
      expect(() => (member as (p: PlanContext) => unknown)(plan)).toThrow(NetworkNotSupportedError);
  });
}

const verbs = ["get", "list", "watch", "create", "update", "patch", "delete"];

function testRights(network: Network, test: Test): void {
  test("asks for named rights only, none on Secrets and none that grant rights", () => {
    const named = network.permissions.flatMap((r) => [...r.apiGroups, ...r.resources, ...r.verbs]);

    expect(named.filter((name) => name.includes("*"))).toEqual([]);
    expect(network.permissions.flatMap((r) => r.verbs).filter((verb) => !verbs.includes(verb))).toEqual([]);
    expect(network.permissions.filter((r) => r.resources.includes("secrets"))).toEqual([]);
    expect(network.permissions.filter((r) => r.apiGroups.includes("rbac.authorization.k8s.io"))).toEqual([]);
  });

  test("may list what it looks at", () => {
    expect(network.reads.filter((resource) => !mayDo(network, resource, "list"))).toEqual([]);
  });
}
