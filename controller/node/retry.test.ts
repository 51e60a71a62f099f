import { describe, expect, it } from "vitest";
import type { NodeMigration } from "../../crds/index.ts";
import { retryAnnotation } from "../../crds/names.ts";
import type { KubeClient, ObjectKey, PatchOptions, Resource } from "../../kube/types.ts";
import { migration, nodeMigration, testScope } from "../testing.ts";
import { reconcileNode } from "./reconcile.ts";

describe("retry of a stalled node", () => {
  const facts = {
    sourceAgent: { namespace: "kube-flannel", daemonSets: ["kube-flannel-ds"], podLabels: { app: "flannel" } },
    overlay: {
      encapsulation: "vxlan" as const,
      vni: 1,
      port: 8472,
      mtu: 1450,
      cidrs: ["10.244.0.0/16"],
      subnetLen: 24,
      masquerade: true,
    },
  };

  type Patch = { metadata?: object; status?: object };

  /** A stalled node that stalls again at once, since its Node is not there; the time at which a person asked, if one did. */
  async function reconcile(asked: string | undefined) {
    const patches: string[] = [];
    let stored: NodeMigration = nodeMigration("n1", "Drain", { stalled: "as it was" });
    if (asked !== undefined) stored.metadata.annotations = { [retryAnnotation]: asked };
    const client = {
      async patch(_resource: Resource, _key: ObjectKey, patch: Patch, options: PatchOptions = {}) {
        patches.push(options.subresource ?? JSON.stringify(patch.metadata));
        const resourceVersion = String(Number(stored.metadata.resourceVersion) + 1);
        const { annotations: before = {} } = stored.metadata;
        const annotations = options.subresource === "status" ? before : {};
        stored = { ...stored, metadata: { ...stored.metadata, annotations, resourceVersion } };
        if (options.subresource === "status") stored = { ...stored, status: { ...stored.status, ...patch.status } };
        return stored;
      },
    };
    const scope = testScope(client as unknown as Partial<KubeClient>);
    scope.stores.migrations.put(migration({}, { facts }));
    scope.stores.nodeMigrations.put(stored);
    await reconcileNode(scope, "n1");
    return { patches, status: stored.status, annotations: stored.metadata.annotations };
  }

  it("begins the step anew once, also for one whose clock is ahead", async () => {
    const { patches, status, annotations } = await reconcile("2099-01-01T00:00:00.000Z");

    expect(patches).toEqual([
      "status",
      JSON.stringify({ uid: "uid-nm-n1", resourceVersion: "6", annotations: { [retryAnnotation]: null } }),
      "status",
    ]);
    expect(status).toMatchObject({ step: "Cordon", attempts: 1, summary: "Stalled" });
    expect(annotations).toEqual({});
  });

  it.each([
    ["nobody asked", undefined],
    ["it was asked before the node stalled", "2029-12-31T23:59:59.999Z"],
  ])("does nothing when %s", async (_what, asked) => {
    expect((await reconcile(asked)).patches).toEqual([]);
  });
});
