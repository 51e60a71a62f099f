import { describe, expect, it } from "vitest";
import type { CniMigration, NodeMigration } from "../../crds/index.ts";
import { finalizer, networkLabel } from "../../crds/names.ts";
import type { KubeObject, Resource, UnknownObject } from "../../kube/types.ts";
import { flannelOverlay, migration, node, nodeMigration, testScope } from "../testing.ts";
import { preparePhase } from "./prepare.ts";

const facts = {
  sourceAgent: { namespace: "kube-system", daemonSets: ["canal"], podLabels: {} },
  overlay: flannelOverlay,
  cniConfDir: "/etc/cni/net.d",
  cniBinDir: "/opt/cni/bin",
} as const satisfies NonNullable<NonNullable<CniMigration["status"]>["facts"]>;

/** What is written of a Canal cluster of one node without a label, in order, until the agent's DaemonSet is looked for. */
async function writes(part: NodeMigration): Promise<string[]> {
  const written: string[] = [];
  const write = (verb: string, resource: Resource<KubeObject>, name: string, object: unknown) => {
    written.push(`${verb} ${resource.plural} ${name}`);
    return object as never;
  };
  const scope = testScope({
    get: async (resource: Resource<KubeObject>) => {
      if (resource.plural === "daemonsets") throw new Error("far enough");
      return undefined;
    },
    create: async (resource: Resource<KubeObject>, object: UnknownObject) =>
      write("create", resource, object.metadata.name, object),
    patch: async (resource: Resource<KubeObject>, { name }: { name: string }, patch: { metadata?: unknown }) =>
      write(`patch ${JSON.stringify((patch.metadata as { labels?: unknown })?.labels)}`, resource, name, node("n1")),
  } as never);
  const context = {
    scope,
    migration: migration({ source: "canal" }, { facts }, { finalizers: [finalizer] }),
    nodes: [node("n1")],
    nodeMigrations: [part],
    record: async () => undefined,
  };
  await preparePhase.run(context).catch(() => undefined);
  return written.filter((line) => !line.endsWith("default-ipv4-ippool"));
}

/** It went to the target and back; a person sends the migration forward again. */
function returned(): NodeMigration {
  const part = nodeMigration("n1", "Done", { status: { step: "Done", direction: "Revert" } });
  return { ...part, spec: { ...part.spec, direction: "Revert" } };
}

describe("controller/migration/prepare", () => {
  it.each<[string, NodeMigration]>([
    ["has not begun", nodeMigration("n1")],
    ["came back", returned()],
  ])("a node that %s gets the source's label, and before it what its agent needs", async (_, part) => {
    const [first, second] = await writes(part);

    expect(first).toBe("create felixconfigurations node.n1");
    expect(second).toMatch(/^patch .* nodes n1$/);
    expect(second).toContain(`"${networkLabel}":"canal"`);
  });

  it("a node that has begun and lost its label is not said to be on the source", async () => {
    const lines = await writes(nodeMigration("n1", "JoinTarget"));

    expect(lines.filter((line) => line.includes(networkLabel))).toEqual([]);
  });
});
