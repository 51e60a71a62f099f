import { describe, expect, it } from "vitest";
import type { CniMigration } from "../../crds/index.ts";
import { condition, migration, nodeMigration, testScope } from "../testing.ts";
import { claim } from "./claim.ts";
import type { MigrationContext } from "./phase.ts";

describe("controller/migration/claim", () => {
  function run(subject: CniMigration, others: readonly CniMigration[] = []) {
    const scope = testScope();
    for (const one of [subject, ...others]) scope.stores.migrations.put(one);
    return claim.run({ scope, migration: subject } as unknown as MigrationContext);
  }

  const made = (name: string, creationTimestamp: string, status?: CniMigration["status"]) =>
    migration({}, status, { name, uid: `uid-${name}`, creationTimestamp });
  const older = made("older", "2030-01-01T00:00:00Z");
  const newer = made("newer", "2030-01-01T00:00:01Z");

  it("lets the only one go on", async () => {
    expect(await run(newer)).toEqual({ outcome: "next" });
  });

  it("lets the oldest unfinished one go on and holds the others, with the way out of it", async () => {
    expect(await run(older, [newer])).toEqual({ outcome: "next" });
    expect(await run(newer, [older])).toEqual({
      outcome: "stalled",
      reason: "AnotherMigrationActive",
      message:
        "CniMigration older is not finished; this one begins when it is, or remove it with kubectl delete cnimigration newer",
      afterSeconds: 30,
    });
  });

  it("passes over finished ones", async () => {
    const done = made("done", "2029-01-01T00:00:00Z", {
      observedGeneration: 2,
      conditions: [condition("Succeeded", "True")],
    });

    expect(await run(newer, [done])).toEqual({ outcome: "next" });
  });

  it("counts a finished one that is asked to go back as unfinished", async () => {
    const asked = made("asked", "2029-01-01T00:00:00Z", {
      observedGeneration: 1,
      conditions: [condition("Succeeded", "True")],
    });

    expect(await run(newer, [asked])).toMatchObject({ outcome: "stalled", reason: "AnotherMigrationActive" });
    expect(await run(asked, [newer])).toEqual({ outcome: "next" });
  });

  it("refuses the way back once the source is removed, in a line", async () => {
    const status = { conditions: [condition("SourceRemoved", "True", "Finalized")] };

    expect(await run(migration({ direction: "Revert" }, status))).toEqual({
      outcome: "stalled",
      reason: "Finalized",
      message:
        "flannel was removed by finalize, so that there is no way back; go to it with a new migration: kubectl cni-migrate start --target flannel",
    });
  });

  it("does not begin while the nodes are a finished one's, and says whose", async () => {
    const scope = testScope();
    const over = { observedGeneration: 2, conditions: [condition("Succeeded", "True")] };
    scope.stores.migrations.put(migration({}, over));
    scope.stores.nodeMigrations.put(nodeMigration("n1", "Done"));
    const context = { scope, migration: newer } as unknown as MigrationContext;

    expect(await claim.run(context)).toEqual({
      outcome: "stalled",
      reason: "AnotherMigrationActive",
      message:
        "the nodes still have their part in CniMigration flannel-to-calico, which is over; this one begins when its record is removed: kubectl delete cnimigration flannel-to-calico",
      afterSeconds: 30,
    });
    expect(await claim.run({ ...context, migration: migration() })).toEqual({ outcome: "next" });
  });

  it.each([
    ["a migration that is not there", "earlier"],
    ["this one, without being owned by it", "flannel-to-calico"],
  ])("names a NodeMigration that a hand has made for %s", async (_what, migrationName) => {
    const part = nodeMigration("n1", "LeaveSource");
    const scope = testScope();
    scope.stores.migrations.put(migration());
    scope.stores.nodeMigrations.put({
      ...part,
      metadata: { ...part.metadata, ownerReferences: [] },
      spec: { ...part.spec, migrationName },
    });

    expect(await claim.run({ scope, migration: migration() } as unknown as MigrationContext)).toMatchObject({
      outcome: "stalled",
      message:
        "NodeMigration n1 is of no migration there is; this one begins when it is removed: kubectl delete nodemigration n1",
    });
  });

  it.each([
    ["a pair without a way", { source: "calico", target: "calico" }, "there is no way from calico to calico"],
  ] as const)("refuses %s in a line", async (_what, spec, message) => {
    expect(await run(migration(spec))).toEqual({ outcome: "stalled", reason: "NotSupportedYet", message });
  });
});
