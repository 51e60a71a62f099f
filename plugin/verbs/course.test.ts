import { describe, expect, it } from "vitest";
import type { CniMigration, NodeMigration } from "../../crds/index.ts";
import { retryAnnotation } from "../../crds/names.ts";
import type { KubeObject } from "../../kube/types.ts";
import { runProgram } from "../program.ts";
import { condition, migration, node, nodes, withStatus } from "../status/fixtures.ts";
import { testIo } from "../testing/io.ts";
import { type TestSession, testSession } from "../testing/session.ts";
import { verbs } from "./index.ts";

/** Commands that change the course of a migration under way. */
describe("plugin/verbs", () => {
  async function run(words: string, session: TestSession) {
    const io = testIo({ now: "2026-11-21T12:00:00.250Z" });
    const code = await runProgram(words.split(" "), verbs, io, async () => session);
    return { code, out: io.out(), err: io.err(), patches: session.patches };
  }

  const paused = { ...migration, spec: { ...migration.spec, paused: true } };
  const finished: CniMigration = {
    ...withStatus({ conditions: [condition("Succeeded", "True", "Succeeded")] }),
    metadata: { name: "earlier", uid: "m0", generation: 1, creationTimestamp: "2026-11-20T11:58:00Z" },
  };
  const second = { ...migration, metadata: { ...migration.metadata, name: "another", uid: "m2" } };

  function withCanary(pauseAfter: number, more: { paused?: boolean } = {}): CniMigration {
    return { ...migration, spec: { ...migration.spec, ...more, pauseAfter } };
  }

  it.each<{ what: string; words: string; objects: KubeObject[]; spec: object; line: string }>([
    {
      what: "pause: the unfinished migration",
      words: "pause",
      objects: [finished, migration],
      spec: { paused: true },
      line: "migration flannel-to-calico is paused: no further node begins; go on with: kubectl cni-migrate resume flannel-to-calico\n",
    },
    {
      what: "resume: the one named",
      words: "resume flannel-to-calico",
      objects: [second, paused],
      spec: { paused: false },
      line: "migration flannel-to-calico goes on; follow it with: kubectl cni-migrate status flannel-to-calico -w\n",
    },
    {
      what: "resume: a canary that is done, too",
      words: "resume",
      objects: [withCanary(1)],
      spec: { paused: false, pauseAfter: null },
      line: "migration flannel-to-calico goes on; follow it with: kubectl cni-migrate status flannel-to-calico -w\n",
    },
    {
      what: "resume: not a canary that is still to come",
      words: "resume",
      objects: [withCanary(2, { paused: true })],
      spec: { paused: false },
      line: "migration flannel-to-calico goes on; follow it with: kubectl cni-migrate status flannel-to-calico -w\n",
    },
  ])("$what", async ({ words, objects, spec, line }) => {
    const { code, out, err, patches } = await run(words, testSession(objects));

    expect({ code, out, err }).toEqual({ code: 0, out: "", err: line });
    expect(patches).toEqual([
      { object: "CniMigration flannel-to-calico", patch: { metadata: { uid: migration.metadata.uid }, spec } },
    ]);
  });

  it.each<{ what: string; words: string; objects: KubeObject[] | undefined; code: number; line: string }>([
    {
      what: "pause of a paused one",
      words: "pause",
      objects: [paused],
      code: 2,
      line: "error: migration flannel-to-calico is paused already; go on with: kubectl cni-migrate resume flannel-to-calico\n",
    },
    {
      what: "resume of one that is not paused",
      words: "resume",
      objects: [migration],
      code: 2,
      line: "error: migration flannel-to-calico is not paused (Stalled)\n",
    },
    {
      what: "resume before the canary is done",
      words: "resume",
      objects: [withCanary(2)],
      code: 2,
      line: "error: migration flannel-to-calico is not paused (Stalled)\n",
    },
    {
      what: "pause with nothing unfinished",
      words: "pause",
      objects: [finished],
      code: 2,
      line: "error: there is no unfinished migration\n",
    },
    {
      what: "pause of a finished one",
      words: "pause earlier",
      objects: [finished, migration],
      code: 2,
      line: "error: migration earlier is finished\n",
    },
    {
      what: "resume of one that is not there",
      words: "resume nope",
      objects: [migration],
      code: 2,
      line: 'error: there is no migration "nope"; there is flannel-to-calico\n',
    },
    {
      what: "pause where a name is needed",
      words: "pause",
      objects: [migration, second],
      code: 2,
      line: "error: several migrations are not finished, give the NAME of one: another, flannel-to-calico\n",
    },
    ...["pause", "resume", "retry", "revert"].map((words) => ({
      what: `${words} where nothing is installed`,
      words,
      objects: undefined,
      code: 3,
      line: "error: cni-migrate is not installed in this cluster: run kubectl cni-migrate install\n",
    })),
    {
      what: "retry of a node that is not stalled",
      words: "retry n1",
      objects: nodes,
      code: 2,
      line: "error: node n1 is not stalled (Done); stalled: n3\n",
    },
    {
      what: "retry of a node no migration has come to",
      words: "retry n9",
      objects: nodes,
      code: 2,
      line: 'error: no migration has come to a node "n9"; stalled: n3\n',
    },
    {
      what: "retry with no node stalled",
      words: "retry",
      objects: nodes.slice(0, 2),
      code: 2,
      line: "error: no node is stalled: there is nothing to retry; see kubectl cni-migrate status\n",
    },
  ])("$what: one line and no write", async ({ words, objects, code, line }) => {
    expect(await run(words, testSession(objects))).toEqual({ code, out: "", err: line, patches: [] });
  });

  /** A stalled node as the API server has it. */
  function stalled(name: string, lastTransitionTime: string): NodeMigration {
    const since = { ...condition("Stalled", "True", "DrainTimeout"), lastTransitionTime };
    const held = node(name, { step: "Drain", conditions: [since] });
    return { ...held, metadata: { ...held.metadata, resourceVersion: "7" } };
  }

  const asked = (name: string, time: string) => ({
    object: `NodeMigration ${name}`,
    patch: { metadata: { uid: `u-${name}`, resourceVersion: "7", annotations: { [retryAnnotation]: time } } },
  });

  it("retry NODE asks for that node alone, now, and only for the version it saw", async () => {
    const both = [stalled("n2", "2026-11-21T11:59:00Z"), stalled("n3", "2026-11-21T11:59:00Z")];

    const { code, err, patches } = await run("retry n3", testSession(both));

    expect({ code, err }).toEqual({
      code: 0,
      err: "node n3: Drain is tried again\nfollow it with: kubectl cni-migrate status -w\n",
    });
    expect(patches).toEqual([asked("n3", "2026-11-21T12:00:00.250Z")]);
  });

  it("retry asks for every stalled node, by name", async () => {
    const all = [stalled("n3", "2026-11-21T11:59:00Z"), ...nodes.slice(0, 1), stalled("n2", "2026-11-21T11:59:00Z")];

    const { patches } = await run("retry", testSession(all));

    expect(patches.map(({ object }) => object)).toEqual(["NodeMigration n2", "NodeMigration n3"]);
  });

  it("retry counts although the controller's clock is ahead", async () => {
    const { patches } = await run("retry n2", testSession([stalled("n2", "2026-11-21T12:05:00Z")]));

    expect(patches).toEqual([asked("n2", "2026-11-21T12:05:00.000Z")]);
  });

  it("retry of all reaches the others when one has changed meanwhile", async () => {
    const session = testSession([stalled("n2", "2026-11-21T11:59:00Z"), stalled("n3", "2026-11-21T11:59:00Z")]);
    session.conflictOn = "n2";

    const { code, err, patches } = await run("retry", session);

    expect(code).toBe(1);
    expect(err).toBe(
      "node n3: Drain is tried again\nerror: node n2 has changed meanwhile: see kubectl cni-migrate status\n",
    );
    expect(patches).toHaveLength(1);
  });
});
