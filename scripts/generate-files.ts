import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { renderCliDocs } from "../plugin/docs.ts";
import { stepsPage, troubleshootingPage } from "./generate-docs.ts";
import { type Crd, typesOf } from "./generate-types.ts";

const notice = "// Made by `npm run generate` from the schemas in crds/. Do not edit.\n";

/** The schemas, the source of all types: in the order `install` applies them. */
const crdFiles = ["crds/cnimigrations.yaml", "crds/nodemigrations.yaml"] as const;

/** Everything that is generated: path from the project's root -> content. The schemas are read below `root`. */
export async function generatedFiles(root: string): Promise<Record<string, string>> {
  const crds = crdFiles.map((file) => parse(readFileSync(join(root, file), "utf8")) as Crd);
  return {
    "crds/generated/types.ts": `${notice}import type { ObjectMeta } from "../metadata.ts";\n\n${await typesOf(crds)}`,
    "crds/generated/manifests.ts": manifests(crds),
    "docs/cli.md": renderCliDocs(),
    "docs/steps.md": stepsPage(),
    "docs/troubleshooting.md": troubleshootingPage(),
  };
}

/** The schemas as a module, so that they are in the bundle as well as in a run from source. */
function manifests(crds: readonly Crd[]): string {
  return [
    `${notice}import type { CrdObject } from "../metadata.ts";`,
    "",
    "/** The CustomResourceDefinitions, as `install` applies them. */",
    `export const crdObjects: readonly CrdObject[] = ${JSON.stringify(crds, null, 2)};`,
    "",
  ].join("\n");
}
