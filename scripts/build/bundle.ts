import { join } from "node:path";
import { type BuildOptions, build, type Metafile, type Plugin } from "esbuild";
import { root, ScriptError, version } from "../project.ts";

/**
 * Modules that a bundle is better off without.
 * - whatwg-url (through node-fetch 2) brings its own Unicode tables and Node's deprecated punycode, which prints a warning
 *   on every start; Node's own URL does the same.
 * - The others are optional native helpers and encodings, asked for in a try block by packages that do without them.
 */
const replacements: Readonly<Record<string, string>> = {
  "whatwg-url": "module.exports = { URL, URLSearchParams };",
  encoding: "throw new Error('not bundled');",
  bufferutil: "throw new Error('not bundled');",
  "utf-8-validate": "throw new Error('not bundled');",
  "supports-color": "throw new Error('not bundled');",
};

const replace: Plugin = {
  name: "replace",
  setup(build) {
    const filter = new RegExp(`^(${Object.keys(replacements).join("|")})$`);
    build.onResolve({ filter }, ({ path }) => ({ path, namespace: "replacement" }));
    build.onLoad({ filter, namespace: "replacement" }, ({ path }) => ({ contents: replacements[path] ?? "" }));
  },
};

/** Programs ask package.json for their version alone; its list of tools for building is none of a user's business. */
const onlyVersion: Plugin = {
  name: "only-version",
  setup(build) {
    const path = join(root, "package.json");
    build.onLoad({ filter: /package\.json$/ }, (file) =>
      file.path === path ? { contents: JSON.stringify({ version }), loader: "json" } : undefined,
    );
  },
};

/** In the oldest JavaScript there is: it has to be understood by the Node it turns away. */
const versionGuard = `(function () {
  var parts = process.versions.node.split(".");
  if (+parts[0] > 20 || (+parts[0] === 20 && +parts[1] >= 19)) return;
  process.stderr.write("kubectl cni-migrate needs Node 20.19 or newer, but " + process.execPath + " is " + process.version + "; put a newer one first on the PATH\\n");
  process.exit(2);
})();`;

const shared = {
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  target: "node20.19",
  format: "cjs",
  charset: "utf8",
  // Names stay as written, so that a stack trace in a bug report can be read. Minifying saves no start-up time.
  minifySyntax: true,
  legalComments: "none", // NOTICES holds the licences whole
  plugins: [replace, onlyVersion],
  metafile: true,
  write: false,
  logLevel: "warning",
} as const satisfies BuildOptions;

export interface Bundle {
  text: Uint8Array;
  /** Files that went into it, relative to the root. */
  inputs: string[];
}

/** One CommonJS file that runs without node_modules. What does not build is said on standard error first. */
export async function bundle(entry: string, options: { executable: boolean }): Promise<Bundle> {
  const banner = `${options.executable ? "#!/usr/bin/env node\n" : ""}"use strict";\n${versionGuard}`;
  const result = await build({
    ...shared,
    entryPoints: [join(root, entry)],
    outfile: "bundle.cjs",
    banner: { js: banner },
  }).catch((cause: unknown) => {
    throw new ScriptError(`${entry} does not build, for the reasons above`, { cause });
  });
  const [file] = result.outputFiles;
  if (file === undefined) throw new Error(`esbuild gave no output for ${entry}`);
  return { text: file.contents, inputs: used(result.metafile) };
}

function used(metafile: Metafile): string[] {
  return Object.values(metafile.outputs).flatMap((output) => Object.keys(output.inputs));
}
