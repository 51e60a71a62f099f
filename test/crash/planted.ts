import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { root } from "../../scripts/project.ts";

/** A mistake a controller could make, put into a copy of it, and cuts of which one has to show it. */
export interface Planted {
  name: string;
  /** The source it is put into. */
  file: string;
  /** Each stands in the source exactly once. */
  changes: readonly (readonly [from: string, to: string])[];
  /** What the points look like at which it shows. */
  points: RegExp;
}

const perProcess = "String(process.pid)";

export const plantedBugs: readonly Planted[] = [
  {
    name: "a node is uncordoned only by the process that has cordoned it",
    file: "controller/nodes.ts",
    changes: [
      [
        "export function cordonPatch(node: Node, ownerUID: string): Record<string, unknown> {",
        "$&\n  process.env.CORDONED = ownerUID;",
      ],
      [
        "export function uncordonPatch(node: Node, ownerUID: string): Record<string, unknown> | undefined {",
        "$&\n  if (process.env.CORDONED !== ownerUID) return undefined;",
      ],
    ],
    points: /^after patch nodes n2 .*unschedulable.*@n2 Cordon/,
  },
  {
    name: "pods are evicted by name only",
    file: "kube/client.ts",
    changes: [
      [
        "deleteOptions: { preconditions: { uid }, gracePeriodSeconds, dryRun }",
        "deleteOptions: { gracePeriodSeconds, dryRun }",
      ],
    ],
    points: /^before evict .*@n2 Drain/,
  },
  {
    name: "a host task is made before it is recorded",
    file: "controller/node/switch.ts",
    changes: [
      [
        '  await arm(context, "CleanUp", request);\n  const task = await ensureTask(scope, request);',
        '  const task = await ensureTask(scope, request);\n  await arm(context, "CleanUp", request);',
      ],
    ],
    points: /^after create pods cleanup-n2/,
  },
  {
    name: "a host task's name differs from process to process",
    file: "controller/tasks.ts",
    changes: [["const suffix = shortHash(", `const suffix = shortHash(${perProcess} + `]],
    points: /^after create pods switch-n2/,
  },
  {
    name: "which pods have to be made anew is remembered, not recorded",
    file: "controller/node/switch.ts",
    changes: [
      [
        "await context.record({ recycle: podsOnOldNetwork(context).map(podReference) });",
        "context.nodeMigration.status = { ...context.nodeMigration.status, recycle: podsOnOldNetwork(context).map(podReference) };",
      ],
    ],
    points: /^after create pods join-n2/,
  },
];

/** Builds the controller with the mistake in it; gives the path. Throws when the source has changed so that it does not fit. */
export async function buildPlanted(bug: Planted, folder: string, index: number): Promise<string> {
  const path = join(root, bug.file);
  const changed = bug.changes.reduce(
    (text, [from, to]) => {
      if (text.split(from).length !== 2) throw new Error(`"${bug.name}" does not fit ${bug.file} any more: ${from}`);
      return text.replace(
        from,
        to.replace("$&", () => from),
      );
    },
    readFileSync(path, "utf8"),
  );
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [join(root, "controller/main.ts")],
    bundle: true,
    platform: "node",
    format: "cjs",
    outfile: "planted.cjs",
    write: false,
    logLevel: "error",
    plugins: [
      {
        name: "plant",
        setup: ({ onLoad }) =>
          onLoad({ filter: /\.ts$/ }, (file) => (file.path === path ? { contents: changed, loader: "ts" } : undefined)),
      },
    ],
  });
  const made = join(folder, `planted-${index}.cjs`);
  writeFileSync(made, outputFiles[0]?.contents ?? "");
  return made;
}
