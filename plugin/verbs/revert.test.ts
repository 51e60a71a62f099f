import { describe, expect, it } from "vitest";
import type { CniMigration } from "../../crds/index.ts";
import type { KubeObject } from "../../kube/types.ts";
import { runProgram } from "../program.ts";
import { condition, migration, node, nodes, withStatus } from "../status/fixtures.ts";
import { testIo } from "../testing/io.ts";
import { testSession } from "../testing/session.ts";
import { verbs } from "./index.ts";

/** There and back again: `revert`, and `start NAME`. */
describe("plugin/verbs/revert", () => {
  async function run(
    words: string,
    objects: readonly KubeObject[] | undefined,
    given: Parameters<typeof testIo>[0] = {},
  ) {
    const io = testIo(given);
    const session = testSession(objects);
    const code = await runProgram(words.split(" "), verbs, io, async () => session);
    return { code, out: io.out(), err: io.err(), patches: session.patches };
  }

  type Change = { name?: string; spec?: Partial<CniMigration["spec"]>; conditions?: ReturnType<typeof condition>[] };

  function made({ name = "flannel-to-calico", spec = {}, conditions }: Change): CniMigration {
    const given = conditions === undefined ? migration : withStatus({ conditions });
    return { ...given, metadata: { ...given.metadata, name, uid: `u-${name}` }, spec: { ...given.spec, ...spec } };
  }

  const succeeded = [condition("Succeeded", "True", "Succeeded")];
  const finished = made({ conditions: succeeded });
  const finalized = made({ conditions: [...succeeded, condition("SourceRemoved", "True", "Finalized")] });
  const goingBack = made({
    spec: { direction: "Revert" },
    conditions: [condition("Reconciling", "True", "Reverting")],
  });
  const goneBack = made({ spec: { direction: "Revert" }, conditions: [condition("Succeeded", "True", "Reverted")] });
  const deleted: CniMigration = {
    ...migration,
    metadata: { ...migration.metadata, deletionTimestamp: "2026-11-21T12:00:00Z" },
  };
  const follow = "the controller has it; follow it with: kubectl cni-migrate status flannel-to-calico -w\n";

  it.each<{ what: string; words: string; objects: KubeObject[]; spec: object; line: string }>([
    {
      what: "a finished migration, by itself the only one",
      words: "revert",
      objects: [finished, ...nodes],
      spec: { direction: "Revert" },
      line: "migration flannel-to-calico goes back to flannel\n",
    },
    {
      what: "the unfinished one among others",
      words: "revert",
      objects: [made({ name: "earlier", conditions: succeeded }), made({}), ...nodes],
      spec: { direction: "Revert" },
      line: "migration flannel-to-calico goes back to flannel\n",
    },
    {
      what: "one that is paused: the pause is taken back",
      words: "revert flannel-to-calico",
      objects: [made({ spec: { paused: true, pauseAfter: 2 } }), ...nodes],
      spec: { direction: "Revert", paused: false, pauseAfter: null },
      line: "migration flannel-to-calico goes back to flannel; its pause is taken back\n",
    },
    {
      what: "one that went back and has just been sent forward again",
      words: "revert",
      objects: [made({}), node("n1", { step: "Done", direction: "Revert" })],
      spec: { direction: "Revert" },
      line: "migration flannel-to-calico goes back to flannel\n",
    },
  ])("reverts $what", async ({ words, objects, spec, line }) => {
    expect(await run(words, objects)).toEqual({
      code: 0,
      out: "",
      err: line + follow,
      patches: [
        { object: "CniMigration flannel-to-calico", patch: { metadata: { uid: "u-flannel-to-calico" }, spec } },
      ],
    });
  });

  it.each<{ what: string; words?: string; objects: KubeObject[]; code?: number; line: string }>([
    {
      what: "before start",
      objects: [],
      line: "there is no migration; begin one with kubectl cni-migrate start --target NETWORK -f FILE",
    },
    {
      what: "one that is not there",
      words: "revert nope",
      objects: [finished],
      line: 'there is no migration "nope"; there is flannel-to-calico',
    },
    {
      what: "without a name where several are finished",
      objects: [finished, made({ name: "earlier", conditions: succeeded })],
      line: "there are several migrations, give the NAME of one: earlier, flannel-to-calico",
    },
    {
      what: "with no NodeMigration yet",
      objects: [migration],
      line: "no node has begun to move in migration flannel-to-calico: there is nothing to revert; kubectl delete cnimigration flannel-to-calico ends it",
    },
    {
      what: "with every node Pending, and another migration's done",
      objects: [
        migration,
        node("n1", { step: "Pending" }),
        {
          ...node("n9", { step: "Done" }),
          spec: { migrationName: "other", nodeName: "n9", nodeUID: "u" },
        } as KubeObject,
      ],
      line: "no node has begun to move in migration flannel-to-calico: there is nothing to revert; kubectl delete cnimigration flannel-to-calico ends it",
    },
    {
      what: "after finalize",
      objects: [finalized, ...nodes],
      line: "migration flannel-to-calico is finalized and over for good: to change the network again, begin a new migration",
    },
    {
      what: "on its way back",
      objects: [goingBack, ...nodes],
      line: "migration flannel-to-calico is going back already: follow it with kubectl cni-migrate status flannel-to-calico -w; kubectl cni-migrate start flannel-to-calico goes forward again",
    },
    {
      what: "reverted",
      objects: [goneBack, ...nodes],
      line: "migration flannel-to-calico is reverted already: every node is on flannel; kubectl cni-migrate start flannel-to-calico goes forward again",
    },
    {
      what: "being deleted",
      objects: [deleted, ...nodes],
      line: "migration flannel-to-calico is being deleted: its direction can no longer be changed",
    },
    {
      what: "beside another one that is not finished",
      words: "revert earlier",
      objects: [made({ name: "earlier", conditions: succeeded }), migration, ...nodes],
      code: 3,
      line: "migration flannel-to-calico is not finished (Stalled), and there is one at a time: see kubectl cni-migrate status flannel-to-calico",
    },
    {
      what: "with a limit and no wait",
      words: "revert --timeout 5m",
      objects: [finished, ...nodes],
      line: "--timeout is for --wait: add --wait",
    },
  ])("refuses one $what: one line and no write", async ({ words = "revert", objects, code = 2, line }) => {
    expect(await run(words, objects)).toEqual({ code, out: "", err: `error: ${line}\n`, patches: [] });
  });

  it("start NAME sends it forward again, after a question", async () => {
    const { code, err, patches } = await run("start flannel-to-calico", [goneBack], { tty: true, stdin: "y\n" });

    expect({ code, err }).toEqual({
      code: 0,
      err: `Send migration flannel-to-calico forward again, to calico? [y/N] migration flannel-to-calico goes forward again, to calico\n${follow}`,
    });
    expect(patches).toEqual([
      {
        object: "CniMigration flannel-to-calico",
        patch: { metadata: { uid: "u-flannel-to-calico" }, spec: { direction: "Forward" } },
      },
    ]);
  });

  it.each<[string, string, KubeObject[], string]>([
    [
      "where nobody can answer",
      "start flannel-to-calico",
      [goneBack],
      "there is no terminal to ask on: pass -y (--yes) to go on without a question",
    ],
    [
      "one that goes forward",
      "start flannel-to-calico -y",
      [withStatus({ conditions: [condition("TargetInstalled", "True", "TargetInstalled")] })],
      "migration flannel-to-calico goes forward already; see kubectl cni-migrate status flannel-to-calico",
    ],
    [
      "one that lacks its target",
      "start flannel-to-calico -y",
      [migration],
      "migration flannel-to-calico goes forward already; to give it its target again, add --target calico -f FILE",
    ],
    [
      "one that has gone forward",
      "start flannel-to-calico -y",
      [finished],
      "migration flannel-to-calico is finished: every node is on calico already",
    ],
    [
      "a finalized one",
      "start flannel-to-calico -y",
      [{ ...finalized, spec: { ...finalized.spec, direction: "Revert" } } as KubeObject],
      "migration flannel-to-calico is finalized and over for good: to change the network again, begin a new migration",
    ],
    [
      "a name there is no migration of",
      "start nope -y",
      [goneBack],
      "--target is missing: give the network to go to; there is no migration nope that could go forward again",
    ],
  ])("start NAME refuses %s", async (_what, words, objects, line) => {
    expect(await run(words, objects)).toEqual({ code: 2, out: "", err: `error: ${line}\n`, patches: [] });
  });

  it("start NAME --dry-run=client shows what it would be, and writes nothing", async () => {
    const { code, out, patches } = await run("start flannel-to-calico --dry-run=client -o json", [goneBack]);

    expect(code).toBe(0);
    expect(JSON.parse(out).spec.direction).toBe("Forward");
    expect(patches).toEqual([]);
  });
});
