import { expect } from "vitest";
import { networkLabel } from "../crds/names.ts";
import type { UnknownObject } from "../kube/types.ts";
import { eachNode, type Part, pathsOf, type TargetPart, type Test, workOf } from "./contract.part.suite.ts";
import type { PlanContext } from "./contract.ts";
import { nodesOwn } from "./dual-overlay.ts";
import { footprintOf } from "./footprints.ts";
import type { HostOp } from "./host-ops.ts";
import { heldTo } from "./workloads.ts";

/** Tests of a network's part where two overlays stand side by side: docs/decisions/0007-two-overlays-side-by-side.md. */

/** The target's manifests and objects. */
export function testBeside({ network, context, manifests: own }: TargetPart, test: Test): void {
  const port = (objects: readonly UnknownObject[], overlay = context.overlay) => network.tunnelPort?.(objects, overlay);
  const templatesIn = (form?: "final") =>
    network
      .transformManifests(own, context, form)
      .filter((o) => o.kind === "DaemonSet" && network.isAgent(o))
      .map((o) => (o.spec as { template: { metadata?: { annotations?: object }; spec: object } }).template);

  test("asks nothing of a single node, which is switched by the network's label alone", () => {
    const bare = { ...context, source: { ...context.source, vteps: {} } };

    expect(eachNode(context).flatMap((node) => network.prepareNode(bare, node))).toEqual([]);
    expect(network.prepare(context).filter((change) => JSON.stringify(change).includes(networkLabel))).not.toEqual([]);
  });

  test("its tunnel has a port of its own, whatever the source's is", () => {
    const usual = port([], { ...context.overlay, port: 1 });

    expect(usual).toBeGreaterThan(0);
    expect(port(own)).not.toBe(context.overlay.port);
    expect(port(own, { ...context.overlay, port: usual ?? 0 })).not.toBe(usual);
  });

  test("takes no range but the second overlay's, in both forms", () => {
    const ranges = context.second?.cidrs ?? [];
    const other = { ...context, second: { cidrs: ["10.99.0.0/16"], subnetLen: 24 } };

    expect(ranges.length).toBeGreaterThan(0);
    for (const form of [undefined, "final"] as const) {
      expect(JSON.stringify(network.transformManifests(own, context, form))).toContain(`"${ranges.join(" ")}"`);
      expect(JSON.stringify(network.transformManifests(own, other, form))).not.toContain(`"${ranges.join(" ")}"`);
    }
  });

  test("its agents restart once when the first form gives way to the final one, by the user's own strategy", () => {
    const strategies = network
      .transformManifests(own, context, "final")
      .filter((o) => o.kind === "DaemonSet" && network.isAgent(o));

    expect(templatesIn().map((t) => t.metadata?.annotations)).not.toEqual(
      templatesIn("final").map((t) => t.metadata?.annotations),
    );
    expect(strategies.map(heldTo)).toEqual(strategies.map(() => undefined));
  });
}

/** Files a node's runtime would start pods by: all that goes while the agent goes on. */
function onlyConfigurations(ops: readonly HostOp[], { source }: PlanContext): boolean {
  return ops.every((op) => op.op === "removeFile" && op.path.startsWith(`${source.cniConfDir}/`));
}

/** The target's work on a node. */
export function testOwnDevice(part: Part, test: Test): void {
  const { network, context } = part;

  test("leaves its overlay on the node, whichever way it goes: nothing but CNI configurations is touched", () => {
    const { leave, join } = workOf(part);

    expect([leave, join].map((ops) => onlyConfigurations(ops, context))).toEqual([true, true]);
    expect(leave.length).toBeGreaterThan(0);
  });

  test("waits for a file only a new agent writes before it asks what the earlier one would answer, too", () => {
    const { awaited } = workOf(part);
    const waits = awaited.map(({ op }) => op);

    expect(waits.indexOf("awaitFile")).toBe(0);
    expect(awaited.every((op) => "timeoutSeconds" in op)).toBe(true);
  });

  test("what is one node's own affair of its footprint is what it waits for, and no link, rule or directory", () => {
    const { awaited } = workOf(part);
    const own = nodesOwn(network.footprint({ ...context.source, overlay: context.overlay }), context.source.cniConfDir);

    expect(own.files).toEqual(expect.arrayContaining(awaited.flatMap(pathsOf)));
    expect(own).toEqual(footprintOf(network.id, { files: own.files, filePrefixes: own.filePrefixes }));
  });
}

/** The source's. */
export function testLeftBeside({ network, context }: Part, test: Test): void {
  test("left for a network beside it, its overlay stays: nothing but CNI configurations goes from the node", () => {
    const beside = { ...context, second: { cidrs: ["10.99.0.0/16"], subnetLen: context.overlay.subnetLen } };
    const ops = network.leave(beside, eachNode(beside)[0]);

    expect(onlyConfigurations(ops, beside)).toBe(true);
    expect(ops.length).toBeGreaterThan(0);
  });
}
