import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { networkLabel } from "../crds/names.ts";
import { apiVersionOf } from "../kube/resources.ts";
import type { UnknownObject } from "../kube/types.ts";
import { testBeside, testLeftBeside, testOwnDevice } from "./contract.beside.suite.ts";
import type { ApiChange, Network, NetworkId, Overrides, PlanContext, PlanNode, RecordedChange } from "./contract.ts";
import { NetworkNotSupportedError } from "./detect-only.ts";
import { footprintOf } from "./footprints.ts";
import { allowedPaths, type Footprint, type HostOp } from "./host-ops.ts";
import { networkById, networks } from "./index.ts";
import { snapshotOf } from "./snapshot.ts";
import { deepFrozen, mayDo, withoutEachField } from "./testing.ts";
import { heldTo } from "./workloads.ts";

/** What a network needs to play a part in a migration. */
export interface Part {
  network: Network;
  installed: () => UnknownObject[];
  /** An override for each setting it can be told. */
  overrides: Overrides;
  /** Manifests of its own, as a user would give them; none for a network that can only be left. */
  manifests?: readonly UnknownObject[];
  /** A migration it takes part in. */
  context: PlanContext;
  /** The network whose member of spec its overrides are; its own when absent. */
  settingsOf?: NetworkId;
  /** Networks that have some of the very same things on a node, because they run the same agents. */
  sharesWith?: readonly NetworkId[];
}

/** One that can be gone to as well. */
export type TargetPart = Part & { manifests: readonly UnknownObject[] };

export type Test = (name: string, body: () => void) => void;

/** The tests of a network that is source or target: overrides, manifests, preparation, work on a node, footprint. */
export function testPart(part: Part, test: Test): void {
  const { manifests, network, context } = part;
  const beside = context.second !== undefined;
  const asSource = network.plays.source ? [testOverrides, testLeftBeside] : [testNoSource];
  const work = beside ? testOwnDevice : testHandedDevice;
  for (const tests of [...asSource, testHostWork, work, testFootprint]) tests(part, test);
  if (manifests === undefined) testNoTarget(part, test);
  else
    for (const tests of [testManifests, testPreparation, beside ? testBeside : testVtep])
      tests({ ...part, manifests }, test);
}

function testNoSource({ network, context }: Part, test: Test): void {
  test("refuses to be the source, by a typed error", () => {
    expect(network.plays).toEqual({ source: false, target: true });
    expect(() => network.checkAsSource(snapshotOf({ objects: [] }), context.source)).toThrow(NetworkNotSupportedError);
  });
}

function testNoTarget({ network, context }: Part, test: Test): void {
  test("refuses to be the target, by a typed error", () => {
    const asked = [
      () => network.checkAsTarget(snapshotOf({ objects: [] }), context.source),
      () => network.checkManifests([]),
      () => network.agentOf([]),
      () => network.transformManifests([], context),
      () => network.prepare(context),
      () => network.prepareNode(context, eachNode(context)[0]),
    ];

    expect(network.plays).toEqual({ source: true, target: false });
    for (const ask of asked) expect(ask).toThrow(NetworkNotSupportedError);
  });
}

function testOverrides({ network, installed, overrides, settingsOf = network.id }: Part, test: Test): void {
  test("an override wins over everything that is found", () => {
    const found = network.detect(snapshotOf({ objects: installed() }), overrides);
    const told = Object.entries(overrides).filter(([name]) => name !== "daemonSet");

    expect(told.length).toBeGreaterThan(0);
    for (const [name, value] of told) {
      const detected = found.state === "found" ? found.facts.detected.find((d) => d.name === name) : undefined;
      expect(detected).toEqual({ name, value: String(value), from: `spec.${settingsOf}.${name}` });
    }
  });
}

function testManifests({ network, manifests: own, context }: TargetPart, test: Test): void {
  test("takes its own manifests", () => {
    expect(network.checkManifests(own).filter((f) => f.severity === "blocker")).toEqual([]);
    expect(network.agentOf(own).daemonSets.length).toBeGreaterThan(0);
  });

  test("refuses manifests of anything else in one line with a cure", () => {
    const foreign = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "shop", namespace: "default" } };

    for (const objects of [[], [foreign]]) {
      const [finding, ...more] = network.checkManifests(objects);
      expect(finding).toMatchObject({ severity: "blocker", reason: "ManifestsUnusable" });
      expect(`${finding?.what}${finding?.cure}`).not.toContain("\n");
      expect(finding?.cure).not.toBe("");
      expect(more).toEqual([]);
    }
  });

  test("gets by with any one field missing, in a user's manifests", () => {
    for (const objects of withoutEachField(own)) {
      const blocked = network.checkManifests(objects).some((f) => f.severity === "blocker");
      if (!blocked) expect(() => network.transformManifests(objects, context)).not.toThrow();
    }
  });

  test("transforms manifests without touching what it was given, and to the same when done twice", () => {
    const given = deepFrozen(structuredClone(own)) as UnknownObject[];

    const once = network.transformManifests(given, context);
    const twice = network.transformManifests(deepFrozen(structuredClone(once)), context);

    expect(twice).toEqual(once);
  });

  test("holds its agent to nodes of its own label, restarted by that only", () => {
    const agents = network.transformManifests(own, context).filter((o) => o.kind === "DaemonSet" && network.isAgent(o));

    expect(agents.map(heldTo)).toEqual(agents.map(() => network.id));
    expect(agents.map((ds) => (ds.spec as { updateStrategy: unknown }).updateStrategy)).toEqual(
      agents.map(() => ({ type: "OnDelete" })),
    );
    expect(agents.length).toBeGreaterThan(0);
  });

  test("leaves objects alone that are neither its agent nor its settings", () => {
    const service = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "x", namespace: "y" },
      spec: { ports: [{ port: 1 }] },
    };

    expect(network.transformManifests([...own, service], context)).toContainEqual(service);
  });
}

export function eachNode(context: PlanContext): readonly [PlanNode, ...PlanNode[]] {
  const [first, ...others] = context.nodes;
  if (first === undefined) throw new Error("the plan has no node");
  return [first, ...others];
}

function testPreparation({ network, context }: Part, test: Test): void {
  const changes = (): RecordedChange[] => {
    const plan = deepFrozen(structuredClone(context));
    return [...network.prepare(plan), ...eachNode(plan).flatMap((node) => network.prepareNode(plan, node))];
  };

  test("prepares the same each time, and no object twice but a node", () => {
    const names = changes()
      .filter((c) => c.resource.plural !== "nodes")
      .map((c) => `${c.resource.plural}/${c.change === "create" ? c.object.metadata.name : c.key.name}`);

    expect(JSON.stringify(changes())).toBe(JSON.stringify(changes()));
    expect(new Set(names).size).toBe(names.length);
    expect(changes().length).toBeGreaterThan(0);
  });

  test("may make what it prepares, and take it back", () => {
    for (const { resource } of changes()) {
      const needed = resource.plural === "nodes" ? ["get", "patch"] : ["get", "create", "patch", "delete"];
      expect(needed.filter((verb) => !mayDo(network, resource, verb))).toEqual([]);
    }
  });

  test("objects to make are whole, and accepted when they are there already", () => {
    for (const change of changes()) {
      const object = change.change === "create" ? change.object : "orCreate" in change ? change.orCreate : undefined;
      if (object !== undefined) {
        expect(object).toMatchObject({ apiVersion: apiVersionOf(change.resource), kind: change.resource.kind });
        expect(object.metadata.name).toMatch(/^[a-z0-9][-a-z0-9.]{0,252}$/);
      }
      if (change.change === "create") expect(change.accepts(structuredClone(change.object))).toBeUndefined();
    }
  });
}

/** A node's share of an overlay that is taken over. */
function testVtep({ network, context }: TargetPart, test: Test): void {
  test("a node without a tunnel endpoint is refused, not guessed at", () => {
    const bare = { ...context, source: { ...context.source, vteps: {} } };

    expect(() => network.prepareNode(bare, eachNode(context)[0])).toThrow(/no tunnel endpoint/);
  });
}

export function pathsOf(op: HostOp): string[] {
  return "path" in op ? [op.path] : [];
}

export function workOf({ network, context }: Part) {
  const [node] = eachNode(context);
  return {
    leave: network.leave(context, node),
    join: network.join(context, node),
    awaited: network.awaitJoined(context, node),
  };
}

function testHandedDevice(part: Part, test: Test): void {
  const { network, context } = part;

  test("leaves the overlay's device alone, which is handed over, and waits for it with its marks", () => {
    const { leave, join, awaited } = workOf(part);
    const device = network.linkName(context.overlay);

    expect([...leave, ...join].filter((op) => "name" in op && op.name === device)).toEqual([]);
    expect(awaited).toContainEqual({
      op: "awaitVxlan",
      name: device,
      marks: {
        vni: context.overlay.vni,
        port: context.overlay.port,
        mac: context.source.vteps[eachNode(context)[0].name]?.mac,
      },
      timeoutSeconds: expect.any(Number),
    });
  });
}

function testHostWork(part: Part, test: Test): void {
  const { network, context } = part;
  const work = () => workOf(part);

  test("touches files only below the allowed directories", () => {
    const { leave, join, awaited } = work();
    const paths = [...leave, ...join, ...awaited].flatMap(pathsOf);

    expect(paths.filter((path) => !allowedPaths.some((root) => path.startsWith(`${root}/`)))).toEqual([]);
    expect(paths.length).toBeGreaterThan(0);
  });

  test("every file it waits for is removed before its agent starts: an old one would prove nothing", () => {
    const { join, awaited } = work();
    const removed = join.flatMap((op) => (op.op === "removeFile" ? [op.path] : []));
    const waited = awaited.flatMap((op) => (op.op === "awaitFile" ? [op.path] : []));

    expect(waited.length).toBeGreaterThan(0);
    expect(waited.filter((path) => !removed.includes(path))).toEqual([]);
  });

  test("objects of a node are its network's own, may be made and taken away, and go when it leaves", () => {
    const [node] = eachNode(context);
    const [arriving, gone] = (["in", "out"] as const).map((state) => network.nodeObjects(context, node, state));
    const name = (c: ApiChange) =>
      `${c.resource.plural}/${c.change === "create" ? c.object.metadata.name : c.key.name}`;

    expect(gone?.map(name)).toEqual(arriving?.map(name));
    expect(gone?.filter((c) => c.change !== "delete")).toEqual([]);
    for (const change of arriving ?? []) {
      expect(name(change)).toContain(node.name);
      for (const verb of ["get", "create", "delete"]) expect(mayDo(network, change.resource, verb)).toBe(true);
    }
  });

  test("reserves a node's range with objects of its own name or range only, which it may make and take back", () => {
    const [node] = eachNode(context);
    const changes = [...network.reserve(context), ...network.reserveNode(context, node)];

    for (const { resource } of changes)
      for (const verb of ["get", "create", "patch", "delete"]) expect(mayDo(network, resource, verb)).toBe(true);
    for (const change of network.reserveNode(context, node)) {
      if (change.change !== "create") throw new Error("a node's objects are made, not changed");
      expect(change.object).toMatchObject({ apiVersion: apiVersionOf(change.resource), kind: change.resource.kind });
      expect(change.accepts(structuredClone(change.object))).toBeUndefined();
    }
  });

  test("keeps the network's label out of its own labels", () => {
    for (const state of ["in", "out"] as const) expect(network.nodeLabels(state)).not.toHaveProperty([networkLabel]);
    expect(network.agentProcesses.length).toBeGreaterThan(0);
  });
}

/** Plugins every network uses: none may remove them. */
const sharedPlugins = ["bandwidth", "bridge", "host-local", "loopback", "portmap", "tuning"];

function testFootprint({ network, context, sharesWith = [] }: Part, test: Test): void {
  const named = (f: Footprint): string[] => [
    ...f.links.map((link) => `link ${link.name}`),
    ...f.chains.map((chain) => `chain ${chain}`),
    ...f.comments.map((comment) => `comment ${comment}`),
    ...f.nftTables.map((table) => `table ${table}`),
    ...f.ipsets.map((set) => `set ${set}`),
    ...f.routeProtocols.map((protocol) => `protocol ${protocol}`),
    ...f.tunnelRoutes.map(
      ({ within, prefix, straight }) => `${straight ? "straight " : ""}routes of ${prefix} in ${within}`,
    ),
    ...f.policyRules.map(({ preference, table }) => `preference ${preference}, table ${table}`),
    ...f.bpfFilters.map((filter) => `filter ${filter}`),
    ...[...f.files, ...f.mounts, ...f.directories].map((path) => `path ${path}`),
    ...f.filePrefixes.map(({ dir, prefix }) => `path ${dir}/${prefix}`),
  ];
  const of = (n: Network) => n.footprint({ ...context.source, overlay: context.overlay });

  test("its footprint names nothing of another network but what both have, in the same words, and no plugin they share", () => {
    const own = named(of(network));
    const others = networks.filter((n: Network) => n.id !== network.id && (n.plays.source || n.plays.target));
    const reaches = (n: Network) => {
      const theirs = named(of(n));
      const alone = sharesWith.includes(n.id) ? own.filter((entry) => !theirs.includes(entry)) : own;
      return alone.filter((entry) => theirs.some((other) => covers(entry, other) || covers(other, entry)));
    };

    expect(others.flatMap(reaches)).toEqual([]);
    for (const id of sharesWith) expect(named(of(networkById(id))).some((entry) => own.includes(entry))).toBe(true);
    expect(of(network).files.filter((path) => sharedPlugins.some((plugin) => path.endsWith(`/${plugin}`)))).toEqual([]);
    expect(own.length).toBeGreaterThan(0);
  });

  test("what lingers is a part of what it leaves, and is nothing a pod of the other network could meet first", () => {
    const facts = { ...context.source, overlay: context.overlay };
    const part = footprintOf(network.id, network.lingers(facts));

    expect(named(part).filter((entry) => !named(of(network)).includes(entry))).toEqual([]);
    expect({ ...part, routeProtocols: [], tunnelRoutes: [] }).toEqual(footprintOf(network.id, {}));
  });

  test("its README names all that it leaves on a node", () => {
    const readme = readFileSync(new URL(`${network.id}/README.md`, import.meta.url), "utf8");

    expect(named(of(network)).filter((entry) => !readme.includes(text(entry)))).toEqual([]);
  });

  test("its footprint holds the device it makes and the files it waits for", () => {
    const { links, files, directories } = of(network);
    const waited = network
      .awaitJoined(context, eachNode(context)[0])
      .flatMap((op) => (op.op === "awaitFile" ? [op.path] : []));

    expect(links).toContainEqual({ name: network.linkName(context.overlay), kind: "vxlan" });
    expect(
      waited.filter((path) => !files.includes(path) && !directories.some((dir) => path.startsWith(`${dir}/`))),
    ).toEqual([]);
  });
}

/** The name as a person reads it: without its kind, and without the marks of this suite. */
function text(entry: string): string {
  return entry.replace(/^(link|chain|comment|table|set|filter|path) /, "");
}

/** "cali*" covers "cali12" and "cali*"; a directory covers what is in it. */
function covers(pattern: string, name: string): boolean {
  const prefix = pattern.endsWith("*") ? pattern.slice(0, -1) : undefined;
  if (prefix !== undefined) return name.startsWith(prefix);
  return name === pattern || (pattern.startsWith("path ") && name.startsWith(`${pattern}/`));
}
