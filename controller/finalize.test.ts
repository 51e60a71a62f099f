import { describe, expect, it } from "vitest";
import type { NodeMigration } from "../crds/index.ts";
import { finalizer } from "../crds/names.ts";
import { ApiError } from "../kube/errors.ts";
import type { ObjectKey } from "../kube/types.ts";
import { hold, releaseMigration, releaseNode } from "./finalize.ts";
import type { MigrationContext } from "./migration/phase.ts";
import { condition, migration, node, nodeMigration, testScope } from "./testing.ts";

const deletionTimestamp = "2030-01-01T00:00:00Z";

/** A scope with node n1 that writes down every write, "patch nodemigrations n1 []" with the finalizers that stay. */
function recording() {
  const writes: string[] = [];
  const scope = testScope({
    patch: async ({ plural }: { plural: string }, { name }: ObjectKey, patch: unknown) => {
      const { finalizers } = (patch as NodeMigration).metadata;
      writes.push(`patch ${plural} ${name} ${JSON.stringify(finalizers)}`);
      return { ...migration(), metadata: { ...migration().metadata, finalizers } } as never;
    },
    delete: async ({ plural }: { plural: string }, { name }: ObjectKey) => {
      writes.push(`delete ${plural} ${name}`);
      return true;
    },
  });
  scope.stores.nodes.put(node("n1"));
  return { scope, writes };
}

function deleted(of: NodeMigration): NodeMigration {
  return { ...of, metadata: { ...of.metadata, deletionTimestamp, finalizers: ["other", finalizer] } };
}

const stopped = nodeMigration("n1", "Drain", {
  status: { step: "Drain", conditions: [condition("Stalled", "True"), condition("Cordoned", "False")] },
});

describe("hold", () => {
  it("keeps a migration once, beside what others keep it for", async () => {
    const { scope, writes } = recording();
    const before = migration({}, undefined, { finalizers: ["other"] });

    const held = await hold(scope, before);
    await hold(scope, held);

    expect(writes).toEqual([`patch cnimigrations flannel-to-calico ["other","${finalizer}"]`]);
  });
});

describe("releaseNode", () => {
  it.each<[string, NodeMigration, boolean]>([
    ["lets go of one that has not begun", deleted(nodeMigration("n1", "Pending")), true],
    ["lets go of one that is done", deleted(nodeMigration("n1", "Done")), true],
    ["keeps one that is half-way", deleted(nodeMigration("n1", "JoinTarget")), false],
    ["keeps one half-way that is stalled", deleted(nodeMigration("n1", "Drain", { stalled: "stuck" })), false],
    ["lets go of one whose drain has stopped and given its cordon back", deleted(stopped), true],
    ["lets go of one half-way whose node is gone", deleted(nodeMigration("n2", "Drain", { stalled: "gone" })), true],
    [
      "lets go of one half-way whose node was made anew",
      deleted(nodeMigration("n1", "Drain", { stalled: "replaced", nodeUID: "uid-earlier" })),
      true,
    ],
    ["does nothing to one that nobody deletes", nodeMigration("n1", "Done"), false],
  ])("%s", async (_title, of, released) => {
    const { scope, writes } = recording();

    expect(await releaseNode(scope, of)).toBe(released);
    expect(writes).toEqual(released ? [`patch nodemigrations ${of.metadata.name} ["other"]`] : []);
  });

  it("is content when it is gone already", async () => {
    const scope = testScope({
      patch: async () => {
        throw new ApiError("not found", { status: 404, reason: "NotFound", request: "PATCH" });
      },
    });

    expect(await releaseNode(scope, deleted(nodeMigration("n1", "Done")))).toBe(true);
  });
});

describe("releaseMigration", () => {
  function context(parts: NodeMigration[]) {
    const { scope, writes } = recording();
    const recorded: unknown[] = [];
    const of: MigrationContext = {
      scope,
      migration: migration({}, undefined, { deletionTimestamp, finalizers: [finalizer] }),
      nodes: [node("n1", { taints: [{ key: "cni-migrate.io/pending", effect: "PreferNoSchedule" }] })],
      nodeMigrations: parts,
      record: async (status) => {
        recorded.push(status);
      },
    };
    return { of, writes, recorded };
  }

  const kept = (of: NodeMigration) => ({ ...of, metadata: { ...of.metadata, finalizers: [finalizer] } });

  it.each([
    ["they come to their end first", kept(nodeMigration("n1", "Verify"))],
    ["kubectl cni-migrate retry brings a stalled one on", kept(nodeMigration("n1", "Verify", { stalled: "stuck" }))],
  ])("waits for nodes half-way: %s", async (what, part) => {
    const { of, writes, recorded } = context([part]);

    expect(await releaseMigration(of)).toEqual({ afterSeconds: 15 });
    expect(recorded).toEqual([{ summary: "Deleting", message: `nodes half-way: n1; ${what}` }]);
    expect(writes).toEqual([]);
  });

  it("takes away what was for the time of the migration, then its nodes' parts, then itself", async () => {
    const { of, writes } = context([kept(nodeMigration("n1", "Done"))]);

    expect(await releaseMigration(of)).toBeUndefined();
    expect(writes).toEqual([
      "patch nodes n1 undefined",
      "patch nodemigrations n1 []",
      "delete nodemigrations n1",
      "patch cnimigrations flannel-to-calico []",
    ]);
  });
});
